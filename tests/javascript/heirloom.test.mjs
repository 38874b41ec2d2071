// The browser client: when it refreshes, when it tries again, and when it gives up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, ORIGIN, open, problem, settle, tokens } from './browser.mjs';

const REFRESH = `${ORIGIN}/api/v1/auth/refresh`;

/** A browser in which the user is signed in. */
async function signedIn(options) {
  const browser = new Browser(options);
  browser.server = () => tokens();
  return { browser, ...await open() };
}

test('a client signs in silently when it is created', async () => {
  const { browser, client, events } = await signedIn();
  assert.deepEqual(events.map(({ name }) => name), ['signedin']);
  assert.equal(browser.requests[0].url, REFRESH);
  assert.match(browser.requests[0].headers.get('Idempotency-Key'), /^[!-~]{16,255}$/);
  assert.match(await client.getAccessToken(), /^access-/);
  assert.equal(browser.refreshes, 1, 'a good token needs no request');
});

test('the client refreshes ahead of the expiry', async () => {
  const { browser, names } = await signedIn();
  await browser.pass(420);
  assert.equal(browser.refreshes, 1);
  await browser.pass(150);
  assert.equal(browser.refreshes, 2);
  assert.deepEqual(names(), ['signedin', 'refreshed']);
});

const REFUSALS = [
  [400, 'malformed_request'], [401, 'unauthenticated'], [401, 'access_token_invalid'], [401, 'access_token_expired'],
  [401, 'invalid_credentials'], [403, 'forbidden'], [403, 'origin_not_allowed'], [403, 'registration_closed'],
  [404, 'not_found'], [405, 'method_not_allowed'], [408, 'request_timeout'], [409, 'email_taken'], [409, 'last_admin'],
  [413, 'payload_too_large'], [415, 'unsupported_media_type'], [422, 'validation_failed'], [422, 'wrong_password'],
  [425, 'too_early'], [451, 'a_code_of_a_newer_server'],
];

for (const [status, code] of REFUSALS) {
  test(`after ${status} ${code} the client gives up and reports the reason`, async () => {
    const browser = new Browser();
    browser.server = () => problem(status, code, {}, { 'Retry-After': '1' });
    const { client, events, names } = await open();
    assert.deepEqual(names(), ['refused']);
    const { error } = events[0];
    assert.deepEqual([error.status, error.code, error.temporary], [status, code, false]);
    assert.equal(error.message, `The reason for ${code}.`);
    await assert.rejects(client.getAccessToken(), { code });
    await assert.rejects(client.fetch('/api/v1/me'), { code });
    await assert.rejects(client.refresh(), { code });
    await browser.happen('pageshow');
    await browser.pass(3_600);
    assert.equal(browser.refreshes, 1, 'no further request');
  });
}

test('a 4xx that is not a problem of this API is a refusal too', async () => {
  const browser = new Browser();
  browser.server = () => new Response('<h1>Not here</h1>', { status: 404 });
  const { events, names } = await open();
  await browser.pass(3_600);
  assert.deepEqual(names(), ['refused']);
  assert.deepEqual([events[0].error.code, events[0].error.message], ['unexpected_answer', 'Unexpected answer 404.']);
});

test('a refusal is not a dead end: later a call or a tab that wakes asks again', async () => {
  const browser = new Browser();
  browser.server = () => problem(403, 'origin_not_allowed');
  const { client, names } = await open();
  await browser.pass(61);
  await browser.happen('visibilitychange');
  assert.equal(browser.refreshes, 2);
  await browser.pass(61);
  browser.server = () => tokens();
  assert.match(await client.getAccessToken(), /^access-/);
  assert.deepEqual(names(), ['refused', 'refused', 'signedin']);
});

test('a refusal takes no valid access token away', async () => {
  const { browser, client, names } = await signedIn();
  browser.server = () => problem(403, 'origin_not_allowed');
  await browser.pass(560);
  assert.deepEqual(names(), ['signedin', 'refused']);
  assert.match(await client.getAccessToken(), /^access-/);
  await browser.pass(60);
  await assert.rejects(client.getAccessToken(), { code: 'origin_not_allowed' });
  assert.ok(client.session, 'the user stays signed in');
});

const OUTAGES = {
  'a network error': () => { throw new TypeError('Failed to fetch'); },
  'a 429': () => problem(429, 'too_many_requests'),
  'a 500': () => problem(500, 'internal_error'),
  'a 503': () => problem(503, 'temporarily_unavailable'),
  'a 502 of a proxy': () => new Response('Bad gateway', { status: 502 }),
  'the page of a captive portal': () => new Response('<h1>Accept our terms</h1>', { status: 200 }),
  'an answer without tokens': () => Response.json({}),
};

for (const [name, server] of Object.entries(OUTAGES)) {
  test(`after ${name} the client tries again, and the user stays signed in`, async () => {
    const { browser, events, names } = await signedIn();
    browser.server = server;
    await browser.pass(560);
    assert.ok(browser.refreshes > 2, 'it has tried again');
    assert.ok(events.slice(1).every((event) => event.name === 'unreachable' && event.error.temporary), names().join());
    browser.server = () => tokens();
    await browser.pass(61);
    assert.equal(names().at(-1), 'refreshed');
  });
}

for (const status of [429, 503]) {
  test(`the client waits as long as Retry-After of a ${status} wants`, async () => {
    const browser = new Browser();
    browser.server = () => problem(status, 'too_many_requests', {}, { 'Retry-After': '90' });
    const { client, events } = await open();
    assert.ok(events[0].retry_in >= 90);
    await browser.happen('online');
    await assert.rejects(client.getAccessToken());
    await assert.rejects(client.refresh());
    await browser.pass(89);
    assert.equal(browser.refreshes, 1);
    browser.server = () => tokens();
    await browser.pass(10);
    assert.equal(browser.refreshes, 2);
  });
}

const SIGNED_OUT = [
  [401, 'refresh_token_invalid'], [401, 'refresh_token_reused'], [401, 'session_expired'], [401, 'session_revoked'],
  [403, 'account_blocked'], [400, 'ambiguous_token'],
];

for (const [status, code] of SIGNED_OUT) {
  test(`${code} signs the user out, with the reason`, async () => {
    const { browser, client, events } = await signedIn();
    browser.server = () => problem(status, code, { reason: 'session_limit' });
    await browser.pass(660);
    assert.deepEqual(events.at(-1), { name: 'signedout', why: code, reason: 'session_limit' });
    assert.equal(client.session, null);
    assert.equal(await client.getAccessToken(), null);
    const before = browser.requests.length;
    await browser.pass(3_600);
    assert.equal(browser.requests.length, before, 'no further request');
  });
}

test('without a session the client reports that the user is not signed in, once', async () => {
  const browser = new Browser();
  const { events } = await open();
  await browser.pass(3_600);
  assert.deepEqual(events, [{ name: 'signedout', why: 'refresh_token_missing' }]);
});

test('the key is stored before it is sent, kept after a lost answer, and replaced after a success', async () => {
  const browser = new Browser();
  const stored = () => [...browser.storage.values()][0];
  const sent = [];
  browser.server = (request) => {
    sent.push(request.headers.get('Idempotency-Key'));
    assert.equal(stored(), sent.at(-1));
    throw new TypeError('the answer is lost');
  };
  await open();
  await browser.pass(10);
  assert.ok(sent.length > 2);
  assert.equal(new Set(sent).size, 1, 'the same request, every time');
  browser.server = () => tokens();
  await browser.pass(60);
  assert.notEqual(stored(), sent[0]);
});

test('a key that another tab has replaced meanwhile stays', async () => {
  const { browser, client } = await signedIn();
  const [name] = browser.storage.keys();
  browser.server = () => {
    browser.storage.setItem(name, 'the-key-of-another-tab');
    return tokens();
  };
  await client.refresh();
  assert.equal(browser.storage.getItem(name), 'the-key-of-another-tab');
});

test('a request that gets no answer is aborted and repeated', async () => {
  const { browser, client, names } = await signedIn();
  browser.server = () => new Promise(() => {});
  const refreshed = client.refresh();
  refreshed.catch(() => {});
  await browser.pass(16);
  await assert.rejects(refreshed, { code: 'unreachable', temporary: true });
  assert.deepEqual(names(), ['signedin', 'unreachable']);
  browser.server = () => tokens();
  await browser.pass(61);
  assert.equal(names().at(-1), 'refreshed');
});

test('a page that is left aborts its request', async () => {
  const { browser, client } = await signedIn();
  browser.server = () => new Promise(() => {});
  const refreshed = client.refresh();
  refreshed.catch(() => {});
  await settle();
  await browser.happen('pagehide');
  await assert.rejects(refreshed, { code: 'unreachable' });
});

test('a client without storage and without locks works', async () => {
  const browser = new Browser({ storage: false, locks: false });
  browser.server = () => tokens();
  const { names } = await open();
  await browser.pass(1);
  assert.deepEqual(names(), ['signedin']);
});

for (const locks of [true, false]) {
  test(`tabs take turns ${locks ? 'by locks' : 'by notes in the storage'}`, async () => {
    const browser = new Browser({ locks });
    browser.server = () => tokens();
    const tabs = [await open()];
    await browser.pass(1);
    tabs.push(await open());
    await browser.pass(5);
    let underWay = 0;
    let most = 0;
    browser.server = async () => {
      most = Math.max(most, ++underWay);
      await settle();
      underWay -= 1;
      return tokens();
    };
    const before = browser.refreshes;
    const both = tabs.map(({ client }) => client.refresh());
    await browser.pass(2);
    await Promise.all(both);
    assert.equal(browser.refreshes - before, 2);
    assert.equal(most, 1, 'one at a time');
  });
}

test('a clock that was set back does not keep the tabs from their turns', async () => {
  const { browser, client } = await signedIn({ locks: false });
  await browser.pass(1);
  const [name] = browser.storage.keys();
  browser.storage.setItem(`${name} a-tab-that-crashed`, browser.now + 3_600_000);
  const refreshed = client.refresh();
  refreshed.catch(() => {});
  await browser.pass(2);
  assert.match(await refreshed, /^access-/);
});

test('a tab that is frozen in its turn is passed over', async () => {
  const { browser, client } = await signedIn();
  let answer;
  browser.server = () => new Promise((done) => { answer = done; });
  browser.isFrozen = true;
  const other = await open(); // its first refresh does not end
  browser.isFrozen = false;
  browser.server = () => tokens();
  const mine = client.refresh();
  await browser.pass(19);
  assert.equal(browser.refreshes, 2);
  await browser.pass(2);
  assert.match(await mine, /^access-/);
  answer(tokens());
  await settle();
  assert.equal(other.names().at(-1), 'signedin');
});

test('requests that meet a 401 at once share one refresh, and are repeated once', async () => {
  const { browser, client } = await signedIn();
  const good = new Set();
  browser.server = async (request) => {
    if (request.url === REFRESH) {
      const answer = tokens();
      good.add(`Bearer ${(await answer.clone().json()).access_token}`);
      return answer;
    }
    return good.has(request.headers.get('Authorization')) ? Response.json({}) : problem(401, 'access_token_expired');
  };
  const answers = await Promise.all([1, 2, 3].map(() => client.fetch('/api/v1/me')));
  assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
  assert.equal(browser.refreshes, 2);
});

for (const code of ['session_revoked', 'access_token_expired']) {
  test(`a request that met ${code} is not repeated as another user`, async () => {
    const { browser, client, events } = await signedIn();
    browser.server = (request) => (request.url === REFRESH ? tokens('of another user') : problem(401, code));
    const answer = await client.fetch('/api/v1/me', { method: 'DELETE', body: '{}' });
    assert.deepEqual([answer.status, (await answer.json()).code], [401, 'session_changed']);
    assert.equal(browser.requests.filter(({ url }) => url.endsWith('/me')).length, 1);
    assert.deepEqual(events.at(-1).session_id, 'of another user');
    browser.server = () => Response.json({});
    assert.equal((await client.fetch('/api/v1/me')).status, 200, 'what is begun now is theirs');
  });
}

test('a 401 that stays is handed to the caller: no loop', async () => {
  const { browser, client } = await signedIn();
  browser.server = (request) => (request.url === REFRESH ? tokens() : problem(401, 'access_token_invalid'));
  assert.equal((await client.fetch('/api/v1/me')).status, 401);
  assert.equal(browser.requests.filter(({ url }) => url.endsWith('/me')).length, 2);
});

test('the token goes to the own origin only', async () => {
  const { browser, client } = await signedIn();
  browser.server = () => Response.json({});
  await client.fetch('https://elsewhere.example/api/v1/me');
  assert.equal(browser.requests.at(-1).headers.get('Authorization'), null);
  await client.fetch('/api/v1/me');
  assert.match(browser.requests.at(-1).headers.get('Authorization'), /^Bearer access-/);
});

test('after a change of the password the client refreshes at once', async () => {
  const { browser, client } = await signedIn();
  const first = await client.getAccessToken();
  browser.server = ({ url }) => (url === REFRESH ? tokens() : new Response(null, { status: 204 }));
  const answer = await client.fetch('/api/v1/me/password', { method: 'POST', body: '{}' });
  assert.equal(answer.status, 204);
  assert.equal(browser.refreshes, 2);
  assert.notEqual(await client.getAccessToken(), first);
});

test('a change of the password that was refused, or whose refresh fails, is what the caller sees', async () => {
  const { browser, client } = await signedIn();
  browser.server = () => problem(422, 'wrong_password');
  assert.equal((await client.fetch('/api/v1/me/password', { method: 'POST', body: '{}' })).status, 422);
  assert.equal(browser.refreshes, 1);
  browser.server = ({ url }) => (url === REFRESH ? problem(503, 'temporarily_unavailable') : new Response(null, { status: 204 }));
  assert.equal((await client.fetch('/api/v1/me/password', { method: 'POST', body: '{}' })).status, 204);
});

test('a refresh that was under way before a call to refresh() does not count', async () => {
  const { browser, client } = await signedIn();
  const held = [];
  browser.server = () => new Promise((done) => held.push(done));
  const first = client.refresh();
  await settle();
  const second = client.refresh();
  held.shift()(tokens());
  await settle();
  assert.equal(browser.refreshes, 3);
  held.shift()(tokens());
  assert.notEqual(await first, await second);
});

for (const [status, code] of [[403, 'origin_not_allowed'], [429, 'too_many_requests'], [503, 'temporarily_unavailable']]) {
  test(`a sign-out that met ${code} rejects: the user is still signed in`, async () => {
    const { browser, client, names } = await signedIn();
    browser.server = () => problem(status, code);
    await assert.rejects(client.signOut(), { code, status });
    assert.ok(client.session);
    assert.deepEqual(names(), ['signedin']);
  });
}

const UNREADABLE = {
  'the page of a captive portal': () => new Response('<h1>Accept our terms</h1>'),
  'a body that broke off': () => new Response('{"purpose": "reset_'),
  'no body': () => new Response(''),
  'null': () => Response.json(null),
};

for (const [name, server] of Object.entries(UNREADABLE)) {
  test(`a 200 with ${name} confirms nothing: the caller may try again`, async () => {
    const { browser, client, names } = await signedIn();
    const before = client.session;
    browser.server = server;
    const again = { code: 'unreachable', temporary: true };
    await assert.rejects(client.signOut(), again);
    await assert.rejects(client.signOutEverywhere(), again);
    await assert.rejects(client.signIn({ email: 'mina@example.com', password: 'a quiet harbour at dawn' }), again);
    await assert.rejects(client.confirm({ flow: 'AZrK', code: '4821 0937' }), again);
    await assert.rejects(client.forgotPassword({ email: 'mina@example.com' }), again);
    await assert.rejects(client.stepUp({ password: 'a quiet harbour' }), again);
    assert.equal(client.session, before);
    assert.deepEqual(names(), ['signedin']);
  });
}

for (const expires_in of [undefined, null, 0, -1, 'soon']) {
  test(`no token is taken that expires in ${expires_in}, and the key stays`, async () => {
    const { browser, client, names } = await signedIn();
    const token = await client.getAccessToken();
    const stored = [...browser.storage];
    browser.server = () => Response.json({ access_token: 'not ours', expires_in, session_id: 'two' });
    const refused = { code: 'unreachable', temporary: true };
    await assert.rejects(client.signIn({ email: 'mina@example.com', password: 'a quiet harbour at dawn' }), refused);
    await assert.rejects(client.stepUp({ password: 'a quiet harbour' }), refused);
    await assert.rejects(client.refresh(), refused);
    assert.equal(await client.getAccessToken(), token);
    assert.deepEqual([...browser.storage], stored);
    assert.deepEqual(names(), ['signedin', 'unreachable']);
  });
}

test('a sign-in replaces the key', async () => {
  const { browser, client } = await signedIn();
  const [name] = browser.storage.keys();
  const before = browser.storage.getItem(name);
  browser.server = () => tokens('two');
  await client.signIn({ email: 'mina@example.com', password: 'a quiet harbour at dawn' });
  assert.notEqual(browser.storage.getItem(name), before);
});

test('a sign-out without a session to revoke is done', async () => {
  const { browser, client, events } = await signedIn();
  browser.server = () => problem(401, 'access_token_invalid');
  await client.signOut();
  assert.deepEqual(events.at(-1), { name: 'signedout', why: 'signed_out' });
});

test('the other tabs follow a sign-out and a sign-in', async () => {
  const { browser, client } = await signedIn();
  const other = await open();
  browser.server = () => new Response(null, { status: 204 });
  await client.signOut();
  await settle();
  assert.deepEqual(other.events.at(-1), { name: 'signedout', why: 'signed_out' });
  browser.server = () => tokens('two');
  await client.signIn({ email: 'mina@example.com', password: 'a quiet harbour at dawn' });
  await settle();
  assert.equal(other.client.session.session_id, 'two');
});

test('a sign-in in another tab ends the pause after a refusal', async () => {
  const { browser, client } = await signedIn();
  browser.server = () => problem(403, 'origin_not_allowed');
  const other = await open();
  assert.deepEqual(other.names(), ['refused']);
  browser.server = () => tokens('two');
  await client.signIn({ email: 'mina@example.com', password: 'a quiet harbour at dawn' });
  await settle();
  assert.equal(other.client.session?.session_id, 'two');
});

test('a sign-in that was refused rejects with code and fields', async () => {
  const browser = new Browser();
  const { client } = await open();
  const errors = [{ field: 'email', code: 'required', message: 'is required' }];
  browser.server = () => problem(422, 'validation_failed', { errors });
  await assert.rejects(client.signIn({ email: '', password: '' }), { code: 'validation_failed', errors, temporary: false });
});

/** A browser in which nobody is signed in. */
async function signedOut() {
  const browser = new Browser();
  browser.server = () => problem(401, 'refresh_token_missing');
  return { browser, ...await open() };
}

/** The bodies of the requests to a path. */
const bodiesTo = (browser, path) => Promise.all(browser.requests
  .filter(({ url }) => url === `${ORIGIN}/api/v1${path}`).map((request) => request.clone().json()));

test('the providers are listed without a token, and a list that cannot be fetched rejects', async () => {
  const { browser, client } = await signedIn();
  const known = [{ provider: 'kakao', label: 'Kakao', preset: 'kakao' }];
  browser.server = () => Response.json(known);
  assert.deepEqual(await client.providers(), known);
  const { url, method, headers } = browser.requests.at(-1);
  assert.deepEqual([url, method], [`${ORIGIN}/api/v1/auth/providers`, 'GET']);
  assert.equal(headers.get('Authorization'), null);
  browser.server = () => { throw new TypeError('no network'); };
  await assert.rejects(client.providers(), { code: 'unreachable', temporary: true });
});

test('a sign-in with a provider leaves for the server, which knows where to return', async () => {
  const { browser, client } = await signedIn();
  client.signInWith('kakao');
  client.signInWith('okta', { returnTo: '/home?a=1&b=2#c', remember: false });
  const [first, second] = browser.left.map((url) => new URL(url));
  assert.equal(first.origin + first.pathname, `${ORIGIN}/auth/upstream/kakao`);
  assert.deepEqual([...first.searchParams], [['return_to', `${ORIGIN}/page`], ['remember', 'true']]);
  assert.equal(second.pathname, '/auth/upstream/okta');
  assert.deepEqual([...second.searchParams], [['return_to', '/home?a=1&b=2#c'], ['remember', 'false']]);
});

test('registering and asking for an email take what was typed, and sign nobody in', async () => {
  const { browser, client, names } = await signedOut();
  const sent = { status: 'confirmation_sent', flow: 'AZrK', expires_in: 1_800 };
  browser.server = () => Response.json(sent, { status: 202 });
  assert.deepEqual(await client.forgotPassword({ email: 'mina@example.com' }), sent);
  assert.deepEqual(await client.register({ email: 'mina@example.com', password: 'a quiet harbour' }), sent);
  assert.deepEqual(await bodiesTo(browser, '/auth/password/forgot'), [{ email: 'mina@example.com' }]);
  assert.deepEqual(await bodiesTo(browser, '/auth/register'), [{ email: 'mina@example.com', password: 'a quiet harbour' }]);
  assert.equal(client.session, null);
  assert.deepEqual(names(), ['signedout']);
});

test('a confirmation takes a link or a code, is an event, and signs nobody in', async () => {
  const { browser, client, events } = await signedOut();
  const done = { purpose: 'reset_password', user: { id: '1', email: 'mina@example.com' } };
  browser.server = () => Response.json(done);
  assert.deepEqual(await client.confirm({ flow: 'AZrK', code: '4821 0937', newPassword: 'nine lanterns' }), done);
  await client.confirm({ token: 'AZrK', newPassword: 'nine lanterns', name: 'Mina' });
  assert.deepEqual(await bodiesTo(browser, '/auth/confirmations/use'), [
    { flow: 'AZrK', code: '4821 0937', new_password: 'nine lanterns' },
    { token: 'AZrK', new_password: 'nine lanterns', name: 'Mina' },
  ]);
  assert.deepEqual(events.slice(1), [{ name: 'confirmed', ...done }, { name: 'confirmed', ...done }]);
  assert.equal(browser.refreshes, 1, 'no session is left to refresh');
});

test('a wrong code rejects with the attempts that are left', async () => {
  const { browser, client, names } = await signedOut();
  browser.server = () => problem(422, 'code_invalid', { attempts_left: 4 });
  const wrong = client.confirm({ flow: 'AZrK', code: '0000 0000', newPassword: 'nine lanterns' });
  await assert.rejects(wrong, { code: 'code_invalid', attemptsLeft: 4, temporary: false });
  browser.server = () => problem(429, 'too_many_requests', {}, { 'Retry-After': '60' });
  await assert.rejects(client.forgotPassword({ email: 'mina@example.com' }), { retryAfter: 60, temporary: true });
  assert.deepEqual(names(), ['signedout']);
});

test('a confirmation that revoked the session of this browser signs out', async () => {
  const { browser, client, names } = await signedIn();
  browser.server = ({ url }) => (url === REFRESH
    ? problem(401, 'session_revoked', { reason: 'password_changed' })
    : Response.json({ purpose: 'reset_password', user: { id: '1', email: 'mina@example.com' } }));
  await client.confirm({ token: 'AZrK', newPassword: 'nine lanterns' });
  await browser.pass(2);
  assert.deepEqual(names(), ['signedin', 'confirmed', 'signedout']);
  assert.equal(client.session, null);
});

const STEP_UP = `${ORIGIN}/api/v1/auth/step-up`;
const CHALLENGE = { 'WWW-Authenticate': 'Bearer error="insufficient_user_authentication", max_age=600' };

// S-84.
test('a request that needs the password again is returned as it is, and signs nobody out', async () => {
  const { browser, client, names } = await signedIn();
  browser.server = () => problem(401, 'step_up_required', { max_age: 600 }, CHALLENGE);
  const answer = await client.fetch('/api/v1/me', { method: 'DELETE', body: '{}' });
  assert.equal((await answer.json()).code, 'step_up_required');
  assert.equal(browser.requests.length, 2, 'it is neither refreshed nor repeated');
  assert.ok(client.session);
  assert.deepEqual(names(), ['signedin']);
});

// S-80.
test('a step-up is a refresh with the password, under the key of the next refresh', async () => {
  const { browser, client, names } = await signedIn();
  const before = await client.getAccessToken();
  assert.equal(await client.stepUp({ password: 'a quiet harbour' }), client.session);
  const sent = browser.requests.at(-1);
  assert.equal(sent.url, STEP_UP);
  assert.match(sent.headers.get('Idempotency-Key'), /^[!-~]{16,255}$/);
  assert.deepEqual(await sent.json(), { password: 'a quiet harbour' });
  assert.notEqual(await client.getAccessToken(), before);
  assert.deepEqual(names(), ['signedin', 'refreshed']);
  await client.refresh();
  assert.notEqual(browser.requests.at(-1).headers.get('Idempotency-Key'), sent.headers.get('Idempotency-Key'));
});

// S-81.
test('a wrong password uses up nothing: the next refresh has the same key', async () => {
  const { browser, client, names } = await signedIn();
  browser.server = () => problem(422, 'wrong_password');
  await assert.rejects(client.stepUp({ password: 'no' }), { code: 'wrong_password', temporary: false });
  browser.server = () => tokens();
  await client.refresh();
  const [wrong, next] = browser.requests.slice(-2).map(({ headers }) => headers.get('Idempotency-Key'));
  assert.equal(wrong, next);
  assert.deepEqual(names(), ['signedin', 'refreshed']);
});

test('a step-up of a session that was revoked signs out', async () => {
  const { browser, client, names } = await signedIn();
  browser.server = () => problem(401, 'session_revoked');
  const stepUp = client.stepUp({ password: 'a quiet harbour' });
  await browser.pass(2);
  assert.equal(await stepUp, null);
  assert.deepEqual(names(), ['signedin', 'signedout']);
});

const API = 'https://api.example.com';
const EXCHANGE = `${ORIGIN}/api/v1/auth/token`;
const bearerOf = (request) => request.headers.get('Authorization');

/** A browser whose user is signed in, an API beside it, and what the server answers to an exchange. */
async function withApi(exchange, api = () => Response.json({}), apis = [API]) {
  const browser = new Browser();
  browser.server = async (request) => {
    if (request.url === EXCHANGE) return exchange(request);
    if (request.url.startsWith(API)) return api(request);
    return tokens();
  };
  const opened = await open({ apis });
  const asked = (url) => browser.requests.filter((request) => request.url === url);
  return { browser, ...opened, exchanges: () => asked(EXCHANGE), calls: () => asked(`${API}/notes`) };
}

let services = 0;
const serviceToken = () => Response.json({ access_token: `service-${++services}`, token_type: 'Bearer', expires_in: 600 });
const notConfigured = () => problem(422, 'audience_unknown', { errors: [{ field: 'audience', code: 'not_configured' }] });

test('an API gets a token of its own, which is exchanged once for each of the user\'s', async () => {
  const { browser, client, exchanges, calls } = await withApi(serviceToken);
  const answers = await Promise.all([1, 2, 3].map(() => client.fetch(`${API}/notes`)));
  assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
  assert.equal(exchanges().length, 1);
  assert.deepEqual(await exchanges()[0].json(), { audience: API });
  const own = await client.getAccessToken();
  assert.equal(bearerOf(exchanges()[0]), `Bearer ${own}`);
  const used = new Set(calls().map(bearerOf));
  assert.equal(used.size, 1);
  assert.match([...used][0], /^Bearer service-/);
  assert.equal(await client.getAccessToken(), own, 'the user\'s own is as it was');
  // Both are replaced together, before either expires.
  await browser.pass(560);
  assert.equal(exchanges().length, 2);
  await client.fetch(`${API}/notes`);
  assert.equal(exchanges().length, 2);
  assert.ok(!used.has(bearerOf(calls().at(-1))));
});

test('the user\'s own token reaches no service that has one of its own', async () => {
  const { client, calls } = await withApi(serviceToken);
  await client.fetch(`${API}/notes`, { method: 'POST', body: 'a note' });
  await client.fetch('/api/v1/me');
  for (const call of calls()) assert.doesNotMatch(bearerOf(call), /access-/);
});

test('where one audience is for everything, the API gets the user\'s token', async () => {
  const { client, exchanges, calls } = await withApi(notConfigured);
  await client.fetch(`${API}/notes`);
  await client.fetch(`${API}/notes`);
  assert.equal(exchanges().length, 1);
  assert.equal(bearerOf(calls()[0]), `Bearer ${await client.getAccessToken()}`);
});

test('an API that the server does not list gets no token at all', async () => {
  const unlisted = () => problem(422, 'audience_unknown', { errors: [{ field: 'audience', code: 'unknown' }] });
  const { client, calls } = await withApi(unlisted);
  await assert.rejects(client.fetch(`${API}/notes`), { code: 'audience_unknown', temporary: false });
  assert.equal(calls().length, 0);
});

test('other origins get no token', async () => {
  const { browser, client, exchanges } = await withApi(serviceToken);
  for (const url of ['https://elsewhere.example/notes', 'http://api.example.com/notes', 'https://api.example.com:8443/notes']) {
    await client.fetch(url);
    assert.equal(bearerOf(browser.requests.at(-1)), null, url);
  }
  await client.fetch(`${API}/notes`, { headers: { Authorization: 'Basic bWU=' } });
  assert.equal(bearerOf(browser.requests.at(-1)), 'Basic bWU=', 'the caller\'s own is left alone');
  assert.equal(exchanges().length, 0);
});

test('a 401 of the API leads to one refresh and one repetition', async () => {
  let refusals = 1;
  const api = () => (refusals-- > 0 ? new Response('', { status: 401 }) : Response.json({}));
  const { browser, client, exchanges, calls } = await withApi(serviceToken, api);
  const answer = await client.fetch(`${API}/notes`, { method: 'POST', body: 'a note' });
  assert.equal(answer.status, 200);
  assert.deepEqual([browser.refreshes, exchanges().length, calls().length], [2, 2, 2]);
  assert.equal(await calls()[1].text(), 'a note');
  // A second 401 is the answer.
  refusals = 2;
  assert.equal((await client.fetch(`${API}/notes`)).status, 401);
  assert.equal(calls().length, 4);
});

test('where the session was revoked, a 401 of the API signs the user out', async () => {
  const api = () => new Response('', { status: 401 });
  const { browser, client, names } = await withApi(serviceToken, api);
  const { server } = browser;
  browser.server = (request) => (
    request.url === REFRESH ? problem(401, 'session_revoked', { reason: 'revoked_by_admin' }) : server(request));
  const answering = client.fetch(`${API}/notes`);
  await browser.pass(5);
  assert.equal((await answering).status, 401);
  assert.equal(names().at(-1), 'signedout');
});

test('a token that was revoked before the exchange is replaced as well', async () => {
  let refusals = 1;
  const exchange = () => (refusals-- > 0 ? problem(401, 'access_token_expired') : serviceToken());
  const { browser, client } = await withApi(exchange);
  assert.equal((await client.fetch(`${API}/notes`)).status, 200);
  assert.equal(browser.refreshes, 2);
});

test('an exchange that cannot be made rejects, and the next one is made again', async () => {
  let outages = 1;
  const exchange = () => (outages-- > 0 ? problem(503, 'temporarily_unavailable') : serviceToken());
  const { client, names } = await withApi(exchange);
  await assert.rejects(client.fetch(`${API}/notes`), { code: 'temporarily_unavailable', temporary: true });
  assert.equal((await client.fetch(`${API}/notes`)).status, 200);
  assert.deepEqual(names(), ['signedin']);
});

test('an API is named by its origin, with or without a slash', async () => {
  for (const api of [API, `${API}/`, new URL(API)]) {
    const { client, exchanges } = await withApi(serviceToken, undefined, [api]);
    await client.fetch(`${API}/notes`);
    assert.deepEqual(await exchanges()[0].json(), { audience: API });
  }
  const { client, exchanges } = await withApi(serviceToken, undefined, [`${API}/v1`]);
  await client.fetch(`${API}/notes`);
  assert.deepEqual(await exchanges()[0].json(), { audience: `${API}/v1` }, 'as the server lists it');
});

test('an API has an origin of its own, so that no token reaches another service', async () => {
  for (const apis of [[ORIGIN], [`${ORIGIN}/api`], [new URL('/api', ORIGIN)], [`${API}/notes`, `${API}/photos`], [API, `${API}/`]]) {
    const browser = new Browser();
    await assert.rejects(open({ apis }), { name: 'TypeError', message: /shares its origin/ }, `${apis}`);
    assert.deepEqual(browser.requests, []);
  }
  const { client, exchanges } = await withApi(serviceToken, undefined, [API, 'https://api.example.com:8443', 'http://api.example.com']);
  await client.fetch(`${API}/notes`);
  assert.deepEqual(await exchanges()[0].json(), { audience: API });
});
