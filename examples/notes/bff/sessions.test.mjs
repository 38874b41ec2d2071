// What a session must do when answers are lost or refused. Without Heirloom and without packages: node --test
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

process.env.AUTH_ISSUER = 'https://auth.example.com';
process.env.AUTH_AUDIENCE = 'https://api.example.com';
const sessions = await import('./sessions.mjs');

/** The requests so far, and how each refresh is answered; without a word, it succeeds. */
let requests, refreshes;
const lost = () => { throw new TypeError('fetch failed'); };
const refused = () => Response.json({ code: 'session_revoked', detail: 'The session was revoked.' }, { status: 401 });
const brokenOff = () => new Response('{"access_token": "eyJ');
const ofAProxy = () => new Response('<h1>Not Found</h1>', { status: 404 });
const overloaded = () => Response.json({ code: 'temporarily_unavailable', detail: 'Try again.' }, { status: 503 });
const pair = (number) => ({ access_token: `own ${number}`, refresh_token: `refresh ${number}`, refresh_expires_in: 1000 });

globalThis.fetch = async (url, { headers, body }) => {
  const path = String(url).replace('https://auth.example.com/api/v1/', '');
  requests.push({ path, key: headers['Idempotency-Key'], address: headers['X-Forwarded-For'], ...JSON.parse(body) });
  if (path === 'auth/token') return Response.json({ access_token: `for the API, of ${headers.Authorization}`, expires_in: 600 });
  if (path === 'auth/logout') return new Response(null, { status: 204 });
  return refreshes.shift()?.() ?? Response.json(pair(requests.filter((each) => each.path === 'auth/refresh').length));
};

const refreshed = () => requests.filter(({ path }) => path === 'auth/refresh');
let session;
beforeEach(async () => {
  requests = [];
  refreshes = [];
  session = await sessions.open(pair(0), 'alice@example.com', { 'X-Forwarded-For': '192.0.2.1' });
});

test('a page gets a token for the API, without a refresh while it is good', async () => {
  assert.equal(await sessions.tokenOf(session), 'for the API, of Bearer own 0');
  assert.deepEqual(refreshed(), []);
});

test('requests at the same time share one refresh', async () => {
  session.renewAt = 0;
  const tokens = await Promise.all([1, 2, 3].map(() => sessions.tokenOf(session)));
  assert.deepEqual(new Set(tokens), new Set(['for the API, of Bearer own 1']));
  assert.equal(refreshed().length, 1);
});

test('a refresh whose answer was lost is repeated with the same token and the same key', async () => {
  refreshes = [lost, overloaded];
  await sessions.refresh(session);
  const [first, second, third] = refreshed();
  assert.match(first.key, /^[!-~]{16,255}$/);
  assert.deepEqual([second, third], [first, first]);
  assert.equal(first.refresh_token, 'refresh 0');
});

test('an answer that breaks off, or is a proxy\'s own, loses nothing', async () => {
  refreshes = [brokenOff, ofAProxy];
  await sessions.refresh(session);
  const [first, second, third] = refreshed();
  assert.deepEqual([second, third], [first, first]);
  assert.equal(session.refreshToken, 'refresh 3');
  refreshes = [ofAProxy, ofAProxy, ofAProxy];
  await assert.rejects(sessions.refresh(session), { isRefusal: false });
  assert.equal(sessions.find(session.id), session);
});

test('over https no other host of the domain can set the cookie', () => {
  const { name, options } = sessions.cookieFor('https://app.example.com');
  assert.ok(name.startsWith('__Host-'));
  assert.deepEqual(options, { httpOnly: true, sameSite: 'lax', secure: true, path: '/' });
  assert.equal(sessions.cookieFor('http://127.0.0.1:8182').name, 'notes_session');
});

test('Heirloom learns whose browser it is with each refresh, not with the sign-in only', async () => {
  await sessions.refresh(session);
  session.browser = { 'X-Forwarded-For': '192.0.2.2' };
  await sessions.refresh(session);
  assert.deepEqual(refreshed().map(({ address }) => address), ['192.0.2.1', '192.0.2.2']);
});

test('the next token has another key', async () => {
  await sessions.refresh(session);
  await sessions.refresh(session);
  const [first, second] = refreshed();
  assert.deepEqual([first.refresh_token, second.refresh_token], ['refresh 0', 'refresh 1']);
  assert.notEqual(first.key, second.key);
});

test('an outage signs nobody out, and the key stays for the next attempt', async () => {
  refreshes = [lost, lost, lost];
  await assert.rejects(sessions.refresh(session), { isRefusal: false });
  assert.equal(sessions.find(session.id), session);
  await sessions.refresh(session);
  assert.equal(new Set(refreshed().map(({ key, refresh_token }) => `${key} ${refresh_token}`)).size, 1);
});

test('in an outage a page gets the old token until that expires', async () => {
  session.renewAt = 0;
  refreshes = [lost, lost, lost, lost, lost, lost];
  assert.equal(await sessions.tokenOf(session), 'for the API, of Bearer own 0');
  session.tokenExpiresAt = 0;
  await assert.rejects(sessions.tokenOf(session), { isRefusal: false });
});

test('a refusal signs out, and is not repeated', async () => {
  refreshes = [refused];
  await assert.rejects(sessions.refresh(session), { isRefusal: true, code: 'session_revoked' });
  assert.equal(sessions.find(session.id), undefined);
  assert.equal(refreshed().length, 1);
});

test('a sign-out presents the newest refresh token, also during a refresh', async () => {
  const refreshing = sessions.refresh(session);
  await sessions.close(session);
  await refreshing;
  const logout = { path: 'auth/logout', key: undefined, address: '192.0.2.1', refresh_token: 'refresh 1' };
  assert.deepEqual(requests.at(-1), logout);
  assert.equal(sessions.find(session.id), undefined);
});

test('a session that has expired is forgotten', async () => {
  session.expiresAt = Date.now() - 1;
  const next = await sessions.open(pair(0), 'bob@example.com');
  assert.equal(sessions.find(session.id), undefined);
  assert.equal(sessions.find(next.id), next);
});
