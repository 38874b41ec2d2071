// The frame of the browser client: which pages it serves, who has the turn, and when a turn is lost. Real locks and storage are
// in tests/browser/origins.rs; here a page can stand still at any moment.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, ORIGIN, load, settle } from './browser.mjs';

const NAME = `heirloom ${ORIGIN}/api/v1`;
const APP = 'https://one.example.com';
const KEY = 'a-key-of-all-origins-of-the-site';
const TAKEN_OVER = Object.assign(new Error('taken over'), { name: 'AbortError' });

/** Web Locks (W3C): exclusive ones of several clients, in the order of the queue. */
class SharedLocks {
  held = [];
  #queue = [];

  of(clientId) {
    return {
      query: async () => ({ held: this.held.map(({ name, clientId }) => ({ name, clientId })) }),
      request: (name, ...rest) => {
        const work = rest.at(-1);
        const { signal, steal } = rest.length > 1 ? rest[0] : {};
        return new Promise((done, fail) => {
          const lock = { name, clientId, work, done, fail };
          signal?.addEventListener('abort', () => {
            if (!this.#queue.includes(lock)) return;
            this.#queue.splice(this.#queue.indexOf(lock), 1);
            fail(signal.reason);
          });
          if (steal) {
            this.held.filter((held) => held.name === name).forEach((held) => {
              this.#release(held);
              held.fail(TAKEN_OVER);
            });
            this.#queue.unshift(lock);
          } else {
            this.#queue.push(lock);
          }
          this.#grant();
        });
      },
    };
  }

  #release(lock) { this.held = this.held.filter((held) => held !== lock); }

  #grant() {
    for (const lock of [...this.#queue]) {
      if (this.held.some(({ name }) => name === lock.name)) continue;
      this.#queue.splice(this.#queue.indexOf(lock), 1);
      this.held.push(lock);
      queueMicrotask(() => Promise.resolve(lock.work()).then(lock.done, lock.fail).finally(() => {
        this.#release(lock);
        this.#grant();
      }));
    }
  }
}

let pages = 0;

/** A site with one browser. */
class Site {
  browser = new Browser();
  locks = new SharedLocks();
  #listeners = [];

  constructor() {
    globalThis.location = new URL(`${ORIGIN}/client/frame`);
    globalThis.window = globalThis;
    document.documentElement = { dataset: { origins: `${APP} https://two.example.com` } };
    globalThis.removeEventListener = (_name, listener) => { this.#listeners.splice(this.#listeners.indexOf(listener), 1); };
  }

  /** A page with the frame: what the frame gets, `port` to it, and `happen` for its window. */
  async page(origin = APP, { source, data = 'heirloom' } = {}) {
    const happenings = new Map();
    globalThis.parent = { page: pages += 1 };
    globalThis.navigator = { locks: this.locks.of(`page ${pages}`) };
    globalThis.addEventListener = (name, listener) => {
      happenings.set(name, listener);
      if (name === 'message') this.#listeners.push(listener);
    };
    await load('client-frame.js', `?page=${pages}`);
    const { port1, port2 } = new MessageChannel();
    happenings.get('message')?.({ source: source ?? parent, origin, data, ports: [port2] });
    await settle();
    const tell = async (...messages) => {
      messages.forEach((message) => port1.postMessage(message));
      await settle();
    };
    const turns = () => port1.got.filter(({ at }) => at);
    return { got: port1.got, tell, turns, happen: (name) => happenings.get(name)(), client: `page ${pages}` };
  }

  get holder() { return this.locks.held.find(({ name }) => name === NAME)?.clientId; }

  get key() { return this.browser.storage.getItem(NAME); }
}

test('C-38: it answers the page around it, if that page\'s origin is allowed', async () => {
  const site = new Site();
  assert.deepEqual((await site.page()).got, [{ hello: 1 }]);
  for (const origin of ['https://evil.example', 'https://one.example.com.evil.example', 'null', '', ORIGIN]) {
    assert.deepEqual((await site.page(origin)).got, [], origin);
  }
  assert.deepEqual((await site.page(APP, { source: { page: 'another' } })).got, [], 'not the page around it');
  assert.deepEqual((await site.page(APP, { data: { take: 1 } })).got, [], 'not a greeting');
});

test('pages have their turns one after another, with the key that the last one left', async () => {
  const site = new Site();
  const [one, two] = [await site.page(), await site.page('https://two.example.com')];
  await one.tell({ take: 1 });
  await two.tell({ take: 1 });
  assert.deepEqual([one.turns(), two.turns()], [[{ key: null, at: site.browser.now }], []]);
  await one.tell({ key: KEY }, { give: 1 });
  assert.deepEqual(two.turns(), [{ key: KEY, at: site.browser.now }]);
  await two.tell({ give: 1 });
  assert.equal(site.holder, undefined);
});

test('A-88: a turn ends after 20 s, and with the page', async () => {
  const site = new Site();
  const [one, two] = [await site.page(), await site.page()];
  await one.tell({ take: 1 });
  await two.tell({ take: 1 });
  await site.browser.pass(19);
  assert.equal(two.turns().length, 0);
  await site.browser.pass(2);
  assert.equal(two.turns().length, 1);
  two.happen('pagehide');
  await settle();
  assert.equal(site.holder, undefined);
});

test('a page that no longer wants its turn leaves the queue', async () => {
  const site = new Site();
  const [one, two, three] = [await site.page(), await site.page(), await site.page()];
  await one.tell({ take: 1 });
  await two.tell({ take: 1 });
  await three.tell({ take: 1 });
  await two.tell({ give: 1 });
  await one.tell({ give: 1 });
  assert.deepEqual([two.turns().length, three.turns().length], [0, 1]);
});

test('S-88: a page that stands still loses its turn to the one that waits', async () => {
  const site = new Site();
  site.locks.of('still').request(NAME, () => new Promise(() => {})).catch(() => {});
  const one = await site.page();
  await one.tell({ take: 1 });
  await site.browser.pass(21);
  assert.equal(one.turns().length, 0);
  await site.browser.pass(3);
  assert.equal(one.turns().length, 1);
  assert.equal(site.holder, one.client);
  await one.tell({ key: KEY });
  assert.equal(site.key, KEY);
});

test('S-88: a page that has its turn again and again is not one that stands still', async () => {
  const site = new Site();
  const pages = [];
  while (pages.length < 5) pages.push(await site.page());
  for (const page of pages) await page.tell({ take: 1 });
  for (let round = 0; round < 20; round += 1) {
    await site.browser.pass(10);
    const page = pages[round % pages.length];
    assert.equal(site.holder, page.client, `round ${round}`);
    await page.tell({ give: 1 });
    await page.tell({ take: 1 });
  }
});

test('S-88: a page whose turn came and went while it stood still waits for another', async () => {
  const site = new Site();
  const one = await site.page();
  const still = site.locks.of('still').request(NAME, () => new Promise((done) => { site.free = done; }));
  await one.tell({ take: 1 });
  // The lock is granted, and taken over before the page runs again.
  const { held } = site.locks;
  site.free();
  await still;
  while (site.holder !== one.client) await Promise.resolve();
  assert.notEqual(site.locks.held, held);
  const thief = site.locks.of('thief').request(NAME, { steal: true }, () => new Promise((done) => { site.free = done; }));
  await settle();
  assert.deepEqual([one.turns().length, site.holder], [0, 'thief']);
  site.free();
  await thief;
  await settle();
  assert.deepEqual([one.turns().length, site.holder], [1, one.client]);
});

test('S-88, A-88: a key counts in a turn only, and only one that the server takes', async () => {
  const site = new Site();
  const one = await site.page();
  await one.tell({ key: KEY });
  assert.equal(site.key, null);
  await one.tell({ take: 1 });
  for (const key of ['short', 'x'.repeat(256), 'with a space in the middle', ['an-array-of-one-key'], { length: 20 }, 1e20]) {
    await one.tell({ key });
    assert.equal(site.key, null);
  }
  await one.tell({ key: KEY });
  assert.equal(site.key, KEY);
  site.browser.now += 20_001; // it stood still
  await one.tell({ key: 'another-key-that-comes-late' });
  assert.equal(site.key, KEY);
});

test('A-88: news are passed on, and nothing else', async () => {
  const site = new Site();
  const [one, two] = [await site.page(), await site.page()];
  const odd = [null, 0, 'x', [], {}, { signedin: {} }, { signedin: '<b>' }, { signedin: '' }, { signedin: 'x'.repeat(65) },
    { signedout: 'x' }, { signedout: 'x', why: 'not a code' }, { hello: 2 }, { at: 5, key: 'short' }, { token: 'x' }];
  await one.tell(...odd);
  assert.deepEqual(two.got, [{ hello: 1 }]);
  await site.browser.pass(11);
  await one.tell({ signedin: 'session-1', token: 'x' }, { signedout: 'session-1', why: 'signed_out', reason: '<b>', at: 5 });
  assert.deepEqual(two.got.slice(1), [{ signedin: 'session-1' }, { signedout: 'session-1', why: 'signed_out', reason: undefined }]);
});

test('A-88: of a flood of news, few are passed on', async () => {
  const site = new Site();
  const [one, two] = [await site.page(), await site.page()];
  const flood = Array.from({ length: 500 }, (_, number) => ({ signedin: `session-${number}` }));
  await one.tell(...flood);
  assert.equal(two.got.length - 1, 20);
  await site.browser.pass(11);
  await one.tell({ signedout: 'session-1', why: 'signed_out' });
  assert.equal(two.got.length - 1, 21, 'and later news arrive again');
});
