// As much of a browser as heirloom.js needs: tabs that share storage, locks and messages, a clock that the test moves, and
// a server that answers what the test wants.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { webcrypto } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const ORIGIN = 'https://auth.example.com';

const copy = mkdtempSync(join(tmpdir(), 'heirloom-static-'));
process.on('exit', () => { rmSync(copy, { recursive: true, force: true }); });
cpSync(join(root, 'static'), copy, { recursive: true });
writeFileSync(join(copy, 'package.json'), '{ "type": "module" }');

/** A module of static/; one more instance of it for each query. */
export const load = (name, query = '') => import(pathToFileURL(join(copy, name)).href + query);

const set = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
const realImmediate = setImmediate;
const realConsole = console;
// Settled promises run, and what they start.
export const settle = async () => {
  for (let turn = 0; turn < 30; turn += 1) await new Promise((done) => { realImmediate(done); });
};

class Storage extends Map {
  get length() { return this.size; }
  key(index) { return [...this.keys()][index] ?? null; }
  getItem(name) { return this.get(name) ?? null; }
  setItem(name, value) { this.set(name, String(value)); }
  removeItem(name) { this.delete(name); }
}

class Locks {
  #last = Promise.resolve();

  async request(_name, { signal }, work) {
    const before = this.#last;
    let free;
    this.#last = new Promise((done) => { free = done; });
    const aborted = new Promise((_done, fail) => { signal.addEventListener('abort', () => fail(signal.reason)); });
    try {
      await Promise.race([before, aborted]);
    } catch (error) {
      before.then(free);
      throw error;
    }
    try {
      return await work();
    } finally {
      free();
    }
  }
}

/** One end of a channel: what is posted at the other one arrives here. */
class Port {
  /** What has arrived. */
  got = [];
  onmessage = null;

  postMessage(data) {
    queueMicrotask(() => {
      this.other.got.push(data);
      this.other.onmessage?.({ data });
    });
  }
}

class Frame {
  isConnected = false;
  /** What the page has posted: target and port. */
  greeted = [];
  contentWindow = { postMessage: (_data, target, [port]) => { this.greeted.push({ target, port }); } };

  remove() { this.isConnected = false; }
}

/** A browser. `fetch(request)` is the server: it returns a Response, or throws. */
export class Browser {
  requests = [];
  /** Whether the requests of a tab outlive its time limit: no timer runs in a frozen tab. */
  isFrozen = false;
  storage = new Storage();
  now = 1_800_000_000_000;
  #timers = new Map();
  #next = 1;
  #channels = new Set();
  #listeners = new Map();

  /** `page`: the origin of the page. */
  constructor({ locks = true, storage = true, page = ORIGIN } = {}) {
    const browser = this;
    set('crypto', webcrypto);
    set('location', Object.assign(new URL(`${page}/page`), { assign: (url) => browser.left.push(url) }));
    set('navigator', locks ? { locks: new Locks() } : {});
    set('document', {
      hidden: false,
      createElement: () => new Frame(),
      body: {
        append(frame) {
          frame.isConnected = true;
          browser.frames.push(frame);
        },
      },
    });
    set('MessageChannel', class {
      port1 = new Port();
      port2 = new Port();
      constructor() { [this.port1.other, this.port2.other] = [this.port2, this.port1]; }
    });
    set('console', Object.assign(Object.create(realConsole), { warn: (text) => browser.warnings.push(text) }));
    set('CustomEvent', class extends Event {
      constructor(name, { detail }) {
        super(name);
        this.detail = detail;
      }
    });
    if (storage) set('localStorage', this.storage);
    else Object.defineProperty(globalThis, 'localStorage', { get() { throw new Error('forbidden'); }, configurable: true });
    set('addEventListener', (name, listener) => {
      browser.#listeners.set(name, [...(browser.#listeners.get(name) ?? []), listener]);
    });
    set('BroadcastChannel', class {
      constructor() { browser.#channels.add(this); }
      postMessage(data) {
        for (const other of browser.#channels) if (other !== this) queueMicrotask(() => other.onmessage?.({ data }));
      }
    });
    set('setTimeout', (work, ms = 0) => {
      browser.#timers.set(browser.#next, { at: browser.now + ms, work });
      return browser.#next++;
    });
    set('clearTimeout', (id) => { browser.#timers.delete(id); });
    set('setInterval', (work, ms) => {
      const id = browser.#next++;
      const again = () => {
        browser.#timers.set(id, { at: browser.now + ms, work: () => { again(); work(); } });
      };
      again();
      return id;
    });
    set('clearInterval', clearTimeout);
    class FakeDate extends Date {
      constructor(...given) {
        if (given.length) super(...given);
        else super(browser.now);
      }
      static now() { return browser.now; }
    }
    set('Date', FakeDate);
    set('fetch', async (input, init) => {
      const request = new Request(new URL(input.url ?? input, ORIGIN), input.url ? input : { ...init, signal: undefined });
      browser.requests.push(request);
      const signal = browser.isFrozen ? null : init?.signal;
      const aborted = new Promise((_done, fail) => { signal?.addEventListener('abort', () => fail(signal.reason)); });
      return Promise.race([browser.server(request), aborted]);
    });
    const RealRequest = Browser.Request ??= globalThis.Request;
    set('Request', class extends RealRequest {
      constructor(input, init) { super(typeof input === 'string' ? new URL(input, ORIGIN) : input, init); }
    });
  }

  server = () => problem(401, 'refresh_token_missing');

  /** Where the page was left for. */
  left = [];

  /** The frames that the page has added, one after another. */
  frames = [];

  warnings = [];

  /** Something happens to the window: `pageshow`, `online`. */
  async happen(name) {
    for (const listener of this.#listeners.get(name) ?? []) listener({});
    await settle();
  }

  /** Moves the clock; timers that are due run in their order. */
  async pass(seconds) {
    const end = this.now + seconds * 1000;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, one], [, other]) => one.at - other.at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.now = Math.max(this.now, due[1].at);
      due[1].work();
      await settle();
    }
    this.now = end;
  }

  /** How many refreshes the server has received. */
  get refreshes() { return this.requests.filter(({ url }) => url.endsWith('/auth/refresh')).length; }
}

export const problem = (status, code, more = {}, headers = {}) => new Response(
  JSON.stringify({ status, code, detail: `The reason for ${code}.`, ...more }),
  { status, headers: { 'Content-Type': 'application/problem+json', ...headers } },
);

let issued = 0;
export const tokens = (session = 'one') => Response.json({
  access_token: `access-${++issued}`, token_type: 'Bearer', expires_in: 600, refresh_expires_in: 86_400, session_id: session,
});

/** A client with a list of its events. */
export async function open(options) {
  const { createHeirloom } = await load('heirloom.js');
  const client = createHeirloom(options);
  const events = [];
  for (const name of ['signedin', 'refreshed', 'signedout', 'unreachable', 'refused', 'confirmed']) {
    client.on(name, (detail) => events.push({ name, ...detail }));
  }
  await settle();
  return { client, events, names: () => events.map(({ name }) => name) };
}
