// What the pages share that the server renders without knowing for whom: signing in silently, asking the API, showing
// what it says as text (never as markup), and taking it out again when the page is left.
import { createHeirloom } from './heirloom.js';
import { browserOf, systemOf } from './device.js';

export const element = (id) => document.getElementById(id);

const language = document.documentElement.lang;
const texts = JSON.parse(element('texts').textContent);
const dates = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
const ago = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
export const numbers = new Intl.NumberFormat(language);

/** A text of the page's language, filled in. */
export const say = (name, filling = {}) =>
  texts[name].replace(/\{\$(\w+)\}/g, (_whole, key) => filling[key] ?? '');

/** The first text that there is. */
export const sayFirst = (...names) => say(names.find((name) => name in texts));

const dashed = (code) => String(code).replaceAll('_', '-');

/** The text that a code has within a group, or the code itself: a newer server may know more of them. */
export const sayCode = (group, code) => texts[`${group}-${dashed(code)}`] ?? String(code);

/** All codes that have a text within a group. */
export const codesOf = (group) =>
  Object.keys(texts).filter((name) => name.startsWith(`${group}-`)).map((name) => name.slice(group.length + 1).replaceAll('-', '_'));

/** An element. Children are elements, or texts that stay texts. */
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(key, value);
    else if (value === true) made.setAttribute(key, '');
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== false));
  return made;
}

/** A point in time in the reader's zone: how long ago while that says more, else the date. */
export function time(moment, isRelative = false) {
  const date = new Date(moment);
  return make('time', { datetime: moment, title: dates.format(date) }, isRelative ? since(date) : dates.format(date));
}

function since(date) {
  const seconds = Math.max(0, (Date.now() - date) / 1000);
  if (seconds < 60) return ago.format(0, 'second');
  if (seconds < 3_600) return ago.format(-Math.floor(seconds / 60), 'minute');
  if (seconds < 86_400) return ago.format(-Math.floor(seconds / 3_600), 'hour');
  if (seconds < 7 * 86_400) return ago.format(-Math.floor(seconds / 86_400), 'day');
  return dates.format(date);
}

/** What its owner called it, or as much as its browser says of itself. */
export function deviceOf({ device_name, user_agent } = {}) {
  if (device_name) return device_name;
  const browser = browserOf(user_agent);
  const system = systemOf(user_agent);
  if (!browser || !system) return browser || system || say('device-unknown');
  return say('device-both', { browser, system });
}

/** "Label value", as one of a row's facts; nothing without a value. */
export const fact = (label, value) => value != null && value !== '' && make('span', {}, `${label} `, value);

// ---- asking

/** A refusal of the server: what it is in words, and which fields it is about. */
export class Refusal extends Error {
  constructor({ code, errors = [] }, answer) {
    super(code);
    this.code = code;
    this.status = answer.status;
    this.errors = errors;
    this.retryAfter = Number(answer.headers.get('Retry-After')) || 0; // s
  }

  get isFinal() {
    return this.status >= 400 && this.status < 500 && ![401, 408, 429].includes(this.status);
  }
}

export function wordsFor(problem) {
  if (!(problem instanceof Refusal)) return say('problem-unreachable');
  if (problem.errors.length) return problem.errors.map(wordsForField).join(' ');
  const words = sayFirst(`problem-${dashed(problem.code)}`, 'problem-other');
  if (problem.status !== 429 || !problem.retryAfter) return words;
  const wait = problem.retryAfter > 90
    ? say('problem-wait-minutes', { number: Math.ceil(problem.retryAfter / 60) })
    : say('problem-wait-seconds', { number: problem.retryAfter });
  return `${words} ${wait}`;
}

const wordsForField = ({ field, code, advice }) => {
  const general = { new_password: 'password', reason: 'blocked_reason' }[field] ?? field;
  const words = sayFirst(`field-${dashed(general)}-${dashed(code)}`, 'field-other');
  return advice ? `${words} ${sayCode('advice', advice)}` : words;
};

export async function ask(path, method = 'GET', body = undefined) {
  const headers = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const answer = await heirloom.fetch(path, { method, headers, body: body && JSON.stringify(body) });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  throw new Refusal(await answer.json().catch(() => ({ code: 'other' })), answer);
}

/** `path` with those parameters that say something. */
export function withQuery(path, parameters) {
  const said = Object.entries(parameters).filter(([, value]) => value);
  return said.length ? `${path}?${new URLSearchParams(said)}` : path;
}

/** A list of the API, page after page: `more` asks for the next. */
export async function firstPage({ path, query = {}, list, more, none, row }) {
  const add = (page) => {
    list.append(...page.items.map(row));
    more.hidden = !page.next_cursor;
    more.onclick = () => press(more, async () => {
      const before = list.children.length;
      add(await ask(withQuery(path, { ...query, cursor: page.next_cursor })));
      focus(list.children[before]);
    });
    none.hidden = list.children.length > 0;
  };
  const page = await ask(withQuery(path, query));
  return () => {
    list.replaceChildren();
    add(page);
  };
}

/** Moves the focus to something that is not usually focused, to be read out. */
export function focus(place) {
  if (!place) return;
  place.tabIndex = -1;
  place.focus();
}

// ---- telling

export function tell(words, isWrong = false) {
  const told = element('told');
  told.textContent = words;
  told.classList.toggle('wrong', isWrong);
  told.hidden = false;
  told.scrollIntoView({ block: 'nearest' });
}

/** Does it once, however often the button is pressed, and says so when it fails. */
export async function press(button, work, failure = wordsFor) {
  if (button.hasAttribute('aria-disabled')) return;
  const idle = button.textContent;
  button.setAttribute('aria-disabled', 'true');
  button.textContent = say('common-busy');
  element('told').hidden = true;
  try {
    await work();
  } catch (problem) {
    const words = typeof failure === 'string' ? failure : failure(problem);
    if (!isLeaving && words) tell(words, true);
  }
  button.removeAttribute('aria-disabled');
  button.textContent = idle;
}

/** Sends a form by `work`; what the server says of a field stands beside it. `fields`: its names for our inputs. */
export function submits(form, fields, work) {
  const button = form.querySelector('button[type=submit]');
  const mark = (id, words) => {
    element(`${id}-error`).textContent = words;
    if (words) element(id).setAttribute('aria-invalid', 'true');
    else element(id).removeAttribute('aria-invalid');
  };
  form.addEventListener('input', ({ target }) => {
    if (Object.values(fields).includes(target.id)) mark(target.id, '');
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    for (const id of Object.values(fields)) mark(id, '');
    press(button, () => work(form), (problem) => {
      const known = problem.errors?.filter(({ field }) => field in fields) ?? [];
      for (const error of known) mark(fields[error.field], wordsForField(error));
      if (!known.length) return wordsFor(problem);
      element(fields[known[0].field]).focus(); // what is wrong is read out with it
      return null;
    });
  });
}

/**
 * Asks before something is lost. With `label` there is something to type, and the answer is what was typed; with `word`
 * it has to be that. `null`: better not.
 */
export function confirmed({ title, text, yes, label, word }) {
  const dialog = element('confirm');
  const input = element('confirm-input');
  const agree = element('confirm-yes');
  element('confirm-title').textContent = title;
  element('confirm-text').textContent = text;
  element('confirm-label').textContent = label ?? '';
  element('confirm-field').hidden = !label;
  agree.textContent = yes;
  input.value = '';
  input.oninput = () => { agree.disabled = Boolean(word) && input.value.trim() !== word; };
  input.oninput();
  // The first button of a form is what Enter presses, and that is "Cancel".
  input.onkeydown = (event) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    agree.click();
  };
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener('close', () => done(dialog.returnValue === 'yes' ? input.value.trim() : null), { once: true });
  });
}

// ---- being signed in

let isLeaving = false;
let wipe = () => {};
let show = null;
let attempt = 0; // the newest one's number: what an older one finds is thrown away

export const heirloom = createHeirloom({ onSignedOut: leave });

function leave({ why }) {
  isLeaving = true;
  clear();
  const query = new URLSearchParams({ return_to: location.pathname + location.search });
  if (why !== 'refresh_token_missing') query.set('reason', why);
  location.replace(`/login?${query}`);
}

function clear() {
  attempt += 1;
  element('content').hidden = true;
  element('loading').hidden = false;
  element('told').hidden = true;
  if (element('confirm').open) element('confirm').close();
  wipe();
}

/** Fetches and shows everything; tries again until it is there, or refused. `fetched` answers how to show it. */
export async function refresh(refused = null) {
  const mine = ++attempt;
  element('content').setAttribute('aria-busy', 'true');
  for (let failures = 0; mine === attempt; failures += 1) {
    try {
      const fill = await show();
      if (mine === attempt) appear(fill);
      return;
    } catch (problem) {
      if (mine !== attempt || isLeaving) return;
      if (!(problem instanceof Refusal) && !(problem instanceof TypeError) && problem.code !== 'unreachable') throw problem;
      if (problem.isFinal && refused) return appear(() => refused(problem));
      element('unreachable').hidden = false;
      await new Promise((done) => setTimeout(done, Math.min(30_000, 1_000 * 2 ** failures)));
    }
  }
}

function appear(fill) {
  fill();
  element('content').removeAttribute('aria-busy');
  element('unreachable').hidden = true;
  element('loading').hidden = true;
  element('content').hidden = false;
}

/**
 * Begins. `fetched` fetches what the page shows and answers a function that shows it; `cleared` takes it out again;
 * `refused` shows why it cannot be had.
 */
export function begin(fetched, cleared, refused = null) {
  show = fetched;
  wipe = cleared;
  const again = () => refresh(refused);
  heirloom.on('signedin', again);
  heirloom.on('refreshed', () => { element('unreachable').hidden = true; });
  heirloom.on('unreachable', () => { element('unreachable').hidden = Boolean(heirloom.session); });
  // Nothing personal stays in a page that the back button may bring back.
  addEventListener('pagehide', clear);
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) again();
  });
  return again;
}
