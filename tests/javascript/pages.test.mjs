// The scripts of the sign-in pages, where time or the network decide: the tests in tests/browser have a real browser.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, load, problem, settle } from './browser.mjs';

/** As much of an element as these scripts use. */
class Element extends EventTarget {
  dataset = {};
  elements = {};
  children = [];
  hidden = true;
  textContent = '';
  #attributes = new Map();

  /** `found`: what its selectors find. */
  constructor(found = {}) {
    super();
    this.found = found;
  }

  querySelector(selector) { return this.found[selector]; }
  querySelectorAll(selector) { return this.found[selector] ?? []; }
  hasAttribute(name) { return this.#attributes.has(name); }
  setAttribute(name, value) { this.#attributes.set(name, value); }
  removeAttribute(name) { this.#attributes.delete(name); }
  append(child) { this.children.push(child); }
}

let instances = 0;

/** A browser whose page has these elements, by id, and these forms, and runs this script. */
async function page(script, ids, forms = []) {
  const browser = new Browser();
  globalThis.document = Object.assign(new Element(), {
    forms, hidden: false, getElementById: (id) => ids[id] ?? null, createElement: () => new Element(),
  });
  location.replace = (url) => browser.left.push(url);
  const run = async () => {
    await load(script, `?${++instances}`);
    await settle();
  };
  return { browser, run };
}

const submit = () => new Event('submit', { cancelable: true });

/** The page that waits for an email's code, and where its flow stands. */
async function waiting() {
  const form = Object.assign(new Element(), { elements: { flow: { value: 'AZrK' } }, dataset: { next: '/login' } });
  const opened = await page('waiting.js', { waiting: form });
  const flow = { status: 'waiting' };
  opened.browser.server = () => Response.json(flow);
  await opened.run();
  return { ...opened, flow };
}

test('the page that waits goes on once the link was used elsewhere', async () => {
  const { browser, flow } = await waiting();
  await browser.pass(10);
  assert.deepEqual([browser.requests.length, browser.left], [2, []]);
  flow.status = 'completed';
  await browser.pass(4);
  assert.deepEqual(browser.left, ['/login']);
});

test('the page that waits does not leave while the user\'s own form is sent', async () => {
  const { browser, flow } = await waiting();
  document.dispatchEvent(submit());
  flow.status = 'completed'; // by that form
  await browser.pass(29);
  assert.deepEqual([browser.requests.length, browser.left], [0, []]);
  // The user has stopped the browser: the page is still there.
  await browser.pass(8);
  assert.deepEqual(browser.left, ['/login']);
});

test('the page that waits does not leave by a status that was on its way when the form was sent', async () => {
  const { browser } = await waiting();
  let answer;
  browser.server = () => new Promise((done) => { answer = done; });
  await browser.pass(5);
  document.dispatchEvent(submit());
  answer(Response.json({ status: 'completed' }));
  await browser.pass(20);
  assert.deepEqual(browser.left, []);
});

test('a form that was not sent, because a field is empty, does not keep the page', async () => {
  const { browser, flow } = await waiting();
  const refused = submit();
  refused.preventDefault();
  document.dispatchEvent(refused);
  flow.status = 'completed';
  await browser.pass(5);
  assert.deepEqual(browser.left, ['/login']);
});

/** A page with one form. */
async function withForm() {
  const button = Object.assign(new Element(), { textContent: 'Sign in', dataset: { busy: 'Signing in …' } });
  const form = new Element({ 'button[type=submit]': button });
  const opened = await page('login.js', {}, [form]);
  await opened.run();
  const send = () => {
    const event = submit();
    form.dispatchEvent(event);
    return !event.defaultPrevented;
  };
  return { ...opened, button, send, isBusy: () => button.hasAttribute('aria-disabled') };
}

test('a form is sent once, and again after the user has stopped the browser', async () => {
  const { browser, button, send, isBusy } = await withForm();
  assert.ok(send());
  assert.deepEqual([isBusy(), button.textContent], [true, 'Signing in …']);
  await browser.pass(19);
  assert.ok(!send(), 'it is under way');
  await browser.pass(2);
  assert.deepEqual([isBusy(), button.textContent], [false, 'Sign in']);
  assert.ok(send());
});

test('a page that comes back can send its form at once', async () => {
  const { browser, button, send, isBusy } = await withForm();
  send();
  await browser.pass(15);
  await browser.happen('pageshow');
  assert.deepEqual([isBusy(), button.textContent], [false, 'Sign in']);
  assert.ok(send());
  await browser.pass(10);
  assert.ok(isBusy(), 'the time of the first form does not count');
});

const OPTIONS = { ticket: 'a ticket', publicKey: { challenge: 'AAAA', rpId: 'example.com' } };
const PASSKEY = { id: 'AA', type: 'public-key', response: {}, getClientExtensionResults: () => ({}) };
const named = (name) => Object.assign(new Error(name), { name });

/** The sign-in page. `get`: what the browser answers when it is asked for a passkey; `routes`: what the server answers. */
async function withPasskeys(get, routes) {
  const button = Object.assign(new Element(), { textContent: 'Passkey', dataset: { busy: 'Waiting …' } });
  const place = Object.assign(new Element({ button }), { dataset: { returnTo: '/account', failed: 'It failed.', refused: 'Refused.' } });
  const notice = new Element();
  const opened = await page('login-passkey.js', { passkey: place, 'passkey-problem': notice, remember: { checked: true } });
  globalThis.PublicKeyCredential = { isConditionalMediationAvailable: async () => true };
  navigator.credentials = { get };
  opened.browser.server = ({ url }) => routes[url.split('/').at(-1)]();
  await opened.run();
  const press = async () => {
    button.dispatchEvent(new Event('click'));
    await settle();
  };
  return { ...opened, place, notice, press };
}

test('an offer beside the address that fails before a passkey was chosen shows no alert', async () => {
  const limited = await withPasskeys(() => assert.fail('never asked'), { options: () => problem(429, 'too_many_requests') });
  assert.ok(limited.notice.hidden && !limited.place.hidden);
  await limited.press();
  assert.ok(!limited.notice.hidden, 'the user has asked for it');
  assert.equal(limited.notice.children.at(-1).textContent, 'It failed.');
  for (const name of ['NotAllowedError', 'AbortError', 'SecurityError', 'UnknownError']) {
    const { notice } = await withPasskeys(() => Promise.reject(named(name)), { options: () => Response.json(OPTIONS) });
    assert.ok(notice.hidden, name);
  }
});

test('a passkey that was chosen beside the address and does not work shows why', async () => {
  const response = { clientDataJSON: new ArrayBuffer(1), authenticatorData: new ArrayBuffer(1), signature: new ArrayBuffer(1) };
  const get = async () => ({ ...PASSKEY, response });
  const verifications = [
    [() => problem(401, 'passkey_invalid'), 'Refused.'],
    [() => { throw new TypeError('no network'); }, 'It failed.'],
  ];
  for (const [verify, words] of verifications) {
    const { browser, notice } = await withPasskeys(get, { options: () => Response.json(OPTIONS), verify });
    assert.ok(!notice.hidden);
    assert.equal(notice.children.at(-1).textContent, words);
    assert.deepEqual(browser.left, []);
  }
  const { browser, notice } = await withPasskeys(get, { options: () => Response.json(OPTIONS), verify: () => Response.json({}) });
  assert.deepEqual([notice.hidden, browser.left], [true, ['/account']]);
});
