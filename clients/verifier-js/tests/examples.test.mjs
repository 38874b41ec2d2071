// The examples, run as their users run them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test from 'node:test';
import { AUDIENCE, digest, Stub, until } from './stub.mjs';

const example = (name) => new URL(`../examples/${name}.mjs`, import.meta.url);

/** `ask(path, token)` sends a request to the service. */
async function check(stub, ask) {
  const token = await stub.token({ sid: 'mine' });
  const good = await ask('/orders', token);
  assert.equal(good.status, 200);
  assert.deepEqual(await good.json(), { user: 'alice', orders: [] });

  const missing = await ask('/orders');
  assert.equal(missing.status, 401);
  assert.equal(missing.headers.get('www-authenticate'), 'Bearer');
  assert.equal((await missing.json()).code, 'unauthenticated');

  const expired = await ask('/orders', await stub.token({ exp: 1 }));
  assert.equal(expired.status, 401);
  assert.match(expired.headers.get('www-authenticate'), /^Bearer error="invalid_token", error_description="expired"$/);
  assert.equal((await expired.json()).code, 'expired');

  await stub.send('delta', { sessions: [digest('mine')] });
  await until(async () => {
    const answer = await ask('/orders', token);
    return answer.status === 401 && (await answer.json()).code === 'revoked';
  }, 'the revoked session is refused');

  await stub.stop();
  const other = await stub.token();
  await until(async () => (await ask('/orders', other)).status === 503, 'it becomes stale');
  const stale = await ask('/orders', other);
  assert.equal(stale.headers.get('retry-after'), '1');
  assert.equal((await stale.json()).code, 'stale');
}

const headers = (token) => (token ? { authorization: `Bearer ${token}` } : {});
const options = (stub) => ({ AUTH_ISSUER: stub.url, AUTH_AUDIENCE: AUDIENCE, AUTH_FEED_KEY: 'secret' });

test('Express', async (context) => {
  const stub = await new Stub().start();
  const program = spawn(process.execPath, [fileURLToPath(example('express'))],
    { env: { ...process.env, ...options(stub), PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] });
  context.after(() => program.kill());
  const [line] = await once(program.stdout, 'data');
  const port = /listening on (\d+)/.exec(String(line))[1];
  assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200);
  await check(stub, (path, token) => fetch(`http://127.0.0.1:${port}${path}`, { headers: headers(token) }));
});

test('Hono', async (context) => {
  const stub = await new Stub().start();
  Object.assign(process.env, options(stub));
  const { default: app, verifier } = await import(example('hono').href);
  context.after(() => verifier.close());
  assert.ok(await verifier.ready(60_000));
  assert.equal((await app.fetch(new Request('https://api.example.com/health'))).status, 200);
  await check(stub, (path, token) => app.fetch(new Request(`https://api.example.com${path}`, { headers: headers(token) })));
});

test('a worker', async () => {
  const stub = await new Stub().start();
  const { default: worker } = await import(example('worker').href);
  await check(stub, (path, token) => worker.fetch(new Request(`https://api.example.com${path}`, { headers: headers(token) }), options(stub)));
});
