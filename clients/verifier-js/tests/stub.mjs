// A small server that speaks the stream: what it sends and how it misbehaves is for the test to decide.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export const AUDIENCE = 'https://api.example.com';
export const STREAM = '/api/v1/revocations/stream', JWKS = '/.well-known/jwks.json';
export const CHECK = '/api/v1/auth/check', SNAPSHOT = '/api/v1/revocations';
export const digest = (id) => createHash('sha256').update(id).digest().subarray(0, 8).toString('base64url');

/** Waits for a condition: a slow machine only makes it longer. */
export async function until(condition, what, seconds = 60) {
  const end = performance.now() + seconds * 1000;
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`it never came to pass: ${what}`);
    await sleep(20);
  }
}

export class Stub {
  keys = new Map(); signer = 'first'; published = ['first'];
  listeners = new Set(); known = {}; requests = []; stream = 'stream-1'; n = 0;
  // How it misbehaves.
  status = 200; location = ''; beats = true; jwksStatus = 200; check = { status: 204, audience: AUDIENCE }; feedKey = 'secret'; hangs = false; ends = false; endless = ''; sent = 0;
  port = 0;

  async start() {
    if (!this.keys.size) await this.addKey('first', false);
    this.server = createServer((request, response) => { this.#answer(request, response); });
    await new Promise((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    this.timer = setInterval(() => this.beats && this.send('beat'), 1000);
    return this;
  }

  /** The cable is cut: connections end, and new ones are refused. */
  async stop() {
    clearInterval(this.timer);
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    this.listeners.clear();
    await closed;
  }

  /** Another instance at the same place: it begins another stream. */
  restart() {
    this.stream = `stream-${performance.now()}`; this.n = 0;
    return this.start();
  }

  drop() {
    for (const listener of this.listeners) listener.destroy();
    this.listeners.clear();
  }

  async addKey(kid, publish = true) {
    this.keys.set(kid, await generateKeyPair('ES256', { extractable: true }));
    if (publish) this.published.push(kid);
  }

  sign(typ, payload, kid = this.signer) {
    return new SignJWT(payload).setProtectedHeader({ typ, kid, alg: 'ES256' }).sign(this.keys.get(kid).privateKey);
  }

  token(claims = {}, kid = undefined) {
    const now = Math.floor(Date.now() / 1000);
    return this.sign('at+jwt', {
      iss: this.url, aud: AUDIENCE, sub: 'alice', sid: crypto.randomUUID(), iat: now, nbf: now, exp: now + 600,
      roles: ['editor'], rev: 3, ...claims }, kid);
  }

  event(kind, n, members = {}) {
    const now = Math.floor(Date.now() / 1000);
    return this.sign('heirloom-revocations+jwt', {
      iss: this.url, iat: now, exp: now + 5, kind, stream: this.stream, n, keep: 780, ...members });
  }

  #sending = Promise.resolve();
  /** An event to all listeners; after `skip` that are lost. */
  send(kind, members = {}, skip = 0) {
    this.#sending = this.#sending.then(async () => {
      Object.assign(this.known, members);
      const n = this.n + 1 + skip;
      const event = await this.event(kind, n, members);
      this.n = n;
      this.sendText(`data: ${event}\n\n`);
    });
    return this.#sending;
  }

  sendText(text) {
    for (const listener of this.listeners) listener.write(text);
  }

  count(path) { return this.requests.filter((each) => each === path).length; }

  async #answer(request, response) {
    this.requests.push(request.url);
    if (this.hangs) return;
    const json = (status, body, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(status === 204 ? '' : JSON.stringify(body));
    };
    if (request.url === this.endless) return this.#sendEndlessly(response);
    if (request.url === JWKS) {
      const keys = await Promise.all(this.published.map((kid) => this.#jwk(kid)));
      const unusable = [7, null, {}, { kid: 'a', alg: 'ES256' }, { kid: 'b', alg: 'ES256', kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }];
      return json(this.jwksStatus, { keys: [...unusable, ...keys] });
    }
    if (request.url === CHECK) {
      const { status, audience, code } = this.check;
      return json(status, { code }, audience ? { 'x-auth-audience': audience } : {});
    }
    if (request.url !== STREAM && request.url !== SNAPSHOT) return json(404, {});
    if (this.status !== 200) return json(this.status, {}, this.location ? { location: this.location } : {});
    if (request.headers.authorization !== `Bearer ${this.feedKey}`) return json(401, {});
    // After what is being sent: its n is counted, and this listener does not receive it.
    await this.#sending;
    const snapshot = await this.event('snapshot', this.n, this.known);
    if (request.url === SNAPSHOT) return response.writeHead(200, { 'content-type': 'application/jwt' }).end(snapshot);
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    const text = `: welcome\r\n\r\ndata: ${snapshot}\n\n`;
    if (this.beats) {
      // In two pieces: an event may arrive in many.
      response.write(text.slice(0, 100));
      response.write(text.slice(100));
    }
    if (this.ends) return response.end();
    this.listeners.add(response);
    response.on('close', () => this.listeners.delete(response));
  }

  /** Spaces until the other side closes. */
  async #sendEndlessly(response) {
    response.writeHead(200, { 'content-type': 'application/json' });
    const closed = once(response, 'close');
    while (!response.destroyed) {
      this.sent += 1 << 16;
      if (!response.write(' '.repeat(1 << 16))) await Promise.race([once(response, 'drain'), closed]);
    }
    this.endless = '';
  }

  async #jwk(kid) {
    return { ...await exportJWK(this.keys.get(kid).publicKey), kid, alg: 'ES256', use: 'sig' };
  }
}
