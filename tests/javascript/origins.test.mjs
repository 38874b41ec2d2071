// The browser client at another origin than the server's: a frame of the server gives it turns, the key, and the news. The test
// is the frame here; tests/browser/origins.rs tests the real one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, ORIGIN, open, problem, settle, tokens } from './browser.mjs';

const APP = 'https://app.example.com';
const KEY = 'a-key-of-all-origins-of-the-site';
const REFRESH = `${ORIGIN}/api/v1/auth/refresh`;

/** Loads the last frame: the port at which it is met, whose greeting the client has. */
async function load(browser) {
  const frame = browser.frames.at(-1);
  frame.onload();
  const { port } = frame.greeted.at(-1);
  port.postMessage({ hello: 1 });
  await settle();
  return port;
}

/** Gives the turn. */
async function give(browser, port, at = browser.now, key = KEY) {
  port.postMessage({ key, at });
  await settle();
}

/** A page of an app whose client waits for the frame. */
async function opened(server = () => tokens()) {
  const browser = new Browser({ page: APP });
  browser.server = server;
  return { browser, ...await open({ baseUrl: ORIGIN }) };
}

/** One that has signed in silently. */
async function signedIn() {
  const page = await opened();
  const port = await load(page.browser);
  await give(page.browser, port);
  assert.deepEqual(page.names(), ['signedin']);
  port.got.length = 0;
  return { ...page, port };
}

test('a page of the server has no frame', async () => {
  const browser = new Browser();
  browser.server = () => tokens();
  const { names } = await open();
  assert.deepEqual([names(), browser.frames.length], [['signedin'], 0]);
});

test('a page of another origin sends nothing before it has the turn', async () => {
  const { browser } = await opened();
  const [frame] = browser.frames;
  assert.deepEqual([frame.src, frame.hidden], [`${ORIGIN}/api/v1/../../client/frame`, true]);
  const port = await load(browser);
  assert.deepEqual(frame.greeted.map(({ target }) => target), [ORIGIN], 'no other page gets the port');
  assert.deepEqual(port.got, [{ take: 1 }]);
  await browser.pass(10);
  assert.equal(browser.requests.length, 0);
});

test('the key is the frame\'s; after a success the frame gets the next one, and then the turn', async () => {
  const { browser, names } = await opened();
  const port = await load(browser);
  await give(browser, port);
  assert.equal(browser.requests[0].url, REFRESH);
  assert.equal(browser.requests[0].headers.get('Idempotency-Key'), KEY);
  assert.deepEqual(names(), ['signedin']);
  const keys = port.got.flatMap(({ key }) => key ?? []);
  assert.ok(keys.slice(0, -1).every((key) => key === KEY));
  assert.notEqual(keys.at(-1), KEY);
  assert.match(keys.at(-1), /^[!-~]{16,255}$/);
  assert.deepEqual(port.got.at(-1), { give: 1 });
});

test('where the frame has no key yet, the client chooses one before it sends it', async () => {
  const { browser } = await opened();
  const port = await load(browser);
  browser.server = (request) => {
    assert.equal(port.got.at(-1).key, request.headers.get('Idempotency-Key'));
    return tokens();
  };
  await give(browser, port, browser.now, null);
  assert.equal(browser.refreshes, 1);
});

test('after a lost answer the key stays, and the turn is given back', async () => {
  const { browser, names } = await opened(() => { throw new TypeError('the answer is lost'); });
  const port = await load(browser);
  await give(browser, port);
  assert.deepEqual(names(), ['unreachable']);
  assert.ok(port.got.every(({ key }) => key === undefined || key === KEY));
  assert.deepEqual(port.got.at(-1), { give: 1 });
});

test('S-88: a page that stood still in its turn sends nothing, and asks for another turn', async () => {
  const { browser, names } = await opened();
  const port = await load(browser);
  await give(browser, port, browser.now - 6_000);
  assert.deepEqual([browser.requests.length, names()], [0, ['unreachable']]);
  await browser.pass(2);
  assert.deepEqual(port.got.at(-1), { take: 1 });
  await give(browser, port);
  assert.deepEqual(names(), ['unreachable', 'signedin']);
});

test('S-88: nor does it repeat a request that was refused', async () => {
  const { browser, names } = await opened(() => problem(401, 'session_revoked'));
  const port = await load(browser);
  await give(browser, port);
  assert.equal(browser.refreshes, 1);
  browser.now += 60_000;
  await browser.pass(1);
  assert.deepEqual([browser.refreshes, names()], [1, ['unreachable']]);
  await browser.pass(2);
  await give(browser, port);
  await browser.pass(1);
  assert.equal(names().at(-1), 'signedout');
});

test('S-88: nor when it was left in between, without the frame that gave it the turn', async () => {
  const { browser, names } = await opened(() => problem(401, 'session_revoked'));
  const port = await load(browser);
  await give(browser, port);
  assert.equal(browser.refreshes, 1);
  await browser.happen('pagehide'); // into the back/forward cache
  browser.now += 60_000;
  await browser.pass(1);
  assert.deepEqual([browser.refreshes, names()], [1, ['unreachable']]);
});

test('a turn without the frame has no such limit', async () => {
  const { browser, client, names } = await signedIn();
  browser.frames[0].remove();
  const refreshed = client.refresh();
  await browser.pass(11);
  assert.match(await refreshed, /^access-/);
  assert.deepEqual([names(), browser.warnings.length], [['signedin', 'refreshed'], 1]);
});

test('turns of one page follow one another', async () => {
  const { browser, client, port } = await signedIn();
  const both = Promise.all([client.refresh(), client.stepUp({ password: 'a quiet harbour at dawn' })]);
  await settle();
  assert.deepEqual(port.got, [{ take: 1 }]);
  await give(browser, port);
  assert.deepEqual(port.got.slice(-2), [{ give: 1 }, { take: 1 }]);
  await give(browser, port);
  await both;
});

test('the news go through the frame, both ways', async () => {
  const { browser, client, events, port } = await signedIn();
  port.postMessage({ signedout: 'another', why: 'signed_out' });
  await settle();
  assert.ok(client.session, 'another session');
  port.postMessage({ signedout: 'one', why: 'session_revoked', reason: 'session_limit' });
  await settle();
  assert.deepEqual(events.at(-1), { name: 'signedout', why: 'session_revoked', reason: 'session_limit' });
  browser.server = () => tokens('two');
  port.postMessage({ signedin: 'two' });
  await settle();
  await give(browser, port);
  assert.equal(client.session.session_id, 'two');
  assert.ok(port.got.some(({ signedin }) => signedin === 'two'));
  const done = client.signOut();
  await settle();
  browser.server = () => new Response(null, { status: 204 });
  await give(browser, port);
  await done;
  assert.ok(port.got.some(({ signedout, why }) => signedout === 'two' && why === 'signed_out'));
});

for (const [name, happen] of Object.entries({
  'cannot be loaded': ({ frames: [frame] }) => frame.onload(),
  'loads without end': () => {},
})) {
  test(`where the frame ${name}, the client goes on alone, and warns`, async () => {
    const { browser, names } = await opened();
    happen(browser);
    await browser.pass(11);
    assert.deepEqual(names(), ['signedin']);
    assert.match(browser.warnings.join(), /https:\/\/auth\.example\.com\/.*client\/frame/);
  });
}

test('a frame that could not be loaded is tried again with the next refresh', async () => {
  const { browser, client, names } = await opened();
  await browser.pass(11);
  const refreshed = client.refresh();
  await settle();
  assert.deepEqual(browser.frames.map(({ isConnected }) => isConnected), [false, true]);
  const port = await load(browser);
  await give(browser, port);
  await refreshed;
  assert.deepEqual([names(), browser.warnings.length], [['signedin', 'refreshed'], 1]);
});

test('a frame that the page has removed is replaced', async () => {
  const { browser, client } = await signedIn();
  browser.frames[0].remove();
  const refreshed = client.refresh();
  await settle();
  assert.equal(browser.frames.length, 2);
  const port = await load(browser);
  await give(browser, port);
  assert.match(await refreshed, /^access-/);
  assert.equal(browser.warnings.length, 0);
});

test('a turn that never comes is an outage', async () => {
  const { browser, client, names } = await signedIn();
  const refreshed = client.refresh();
  refreshed.catch(() => {});
  await browser.pass(61);
  await assert.rejects(refreshed, { code: 'unreachable', temporary: true });
  await browser.pass(2);
  assert.equal(browser.frames.length, 2, 'another frame may know more');
  const port = await load(browser);
  await give(browser, port);
  assert.deepEqual(names(), ['signedin', 'unreachable', 'refreshed']);
});

test('a page that is left gives up its wait, and asks again when it is shown again', async () => {
  const { browser, client } = await signedIn();
  const refreshed = client.refresh();
  refreshed.catch(() => {});
  await settle();
  await browser.happen('pagehide');
  await assert.rejects(refreshed, { code: 'unreachable' });
  assert.equal(browser.refreshes, 1);
  await browser.happen('pageshow');
  const port = await load(browser);
  await give(browser, port);
  assert.equal(browser.refreshes, 2);
});

test('without locks, over plain http, there is no frame', async () => {
  const browser = new Browser({ page: 'http://app.example.com', locks: false });
  browser.server = () => tokens();
  const { names } = await open({ baseUrl: 'http://auth.example.com' });
  await browser.pass(1);
  assert.deepEqual([names(), browser.frames.length], [['signedin'], 0]);
});
