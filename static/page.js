// What the pages share that the server renders without the user's data: they sign in silently, call the API, show its
// answers as text (never as markup), and clear them when the user leaves.
import { deviceName } from './device.js';
import { HeirloomError, createHeirloom } from './heirloom.js';

/** @type {(id: string) => any} */
export const element = (id) => document.getElementById(id);

const language = document.documentElement.lang;
const texts = JSON.parse(element('texts').textContent);
const devices = JSON.parse(element('devices').textContent);
const dates = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
const ago = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
export const numbers = new Intl.NumberFormat(language);

/** A text in the page's language, with its placeholders filled. */
export const text = (name, values = {}) =>
  texts[name].replace(/\{\$(\w+)\}/g, (_whole, key) => values[key] ?? '');

/** The first of these texts that exists. */
export const firstText = (...names) => text(names.find((name) => name in texts));

const dashed = (code) => String(code).replaceAll('_', '-');

/** The text of a code within a group, or the code itself: a newer server may send unknown codes. */
export const textOfCode = (group, code) => texts[`${group}-${dashed(code)}`] ?? String(code);

/** All codes that have a text within a group. */
export const codesOf = (group) =>
  Object.keys(texts).filter((name) => name.startsWith(`${group}-`)).map((name) => name.slice(group.length + 1).replaceAll('-', '_'));

/** Creates an element. Children are elements, or strings that stay text. */
export function create(name, attributes = {}, ...children) {
  const created = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') created.addEventListener(key, value);
    else if (value === true) created.setAttribute(key, '');
    else if (value !== false && value != null) created.setAttribute(key, String(value));
  }
  created.append(...children.flat().filter((child) => child != null && child !== false));
  return created;
}

/** In the place of a provider's logo, which is its trademark: the first letter of its name. */
export const providerMark = (label) =>
  create('span', { class: 'mark', 'aria-hidden': 'true' }, [...label].slice(0, 1).join('').toUpperCase());

/** Words that break before an @ where a line is too short for an address. */
export const wrapping = (words) => words.split(/(?=@)/).flatMap((part, index) => (index ? [create('wbr'), part] : [part]));

/** A time in the user's zone: relative while that is more helpful, otherwise the date. */
export function time(moment, isRelative = false) {
  const date = new Date(moment);
  return create('time', { datetime: moment, title: dates.format(date) }, isRelative ? since(date) : dates.format(date));
}

function since(date) {
  const seconds = Math.max(0, (Date.now() - date.getTime()) / 1000);
  if (seconds < 60) return ago.format(0, 'second');
  if (seconds < 3_600) return ago.format(-Math.floor(seconds / 60), 'minute');
  if (seconds < 86_400) return ago.format(-Math.floor(seconds / 3_600), 'hour');
  if (seconds < 7 * 86_400) return ago.format(-Math.floor(seconds / 86_400), 'day');
  return dates.format(date);
}

/** The device's name as its user set it, or what its user agent reveals. */
export function deviceOf({ device_name: name = '', user_agent: userAgent = '' } = {}) {
  if (name) return name;
  const { browser, system } = deviceName(userAgent, devices);
  if (!browser || !system) return browser || system || text('device-unknown');
  return text('device-both', { browser, system });
}

/** "Label value", one of the facts of a row; nothing without a value. */
export const fact = (label, value) => value != null && value !== '' && create('span', {}, `${label} `, value);

// ---- requests

/** A problem in words. */
export function wordsFor(problem) {
  if (problem.errors?.length) return problem.errors.map(wordsForField).join(' ');
  const words = firstText(`problem-${dashed(problem.code)}`, 'problem-other');
  if (problem.status !== 429 || !problem.retryAfter) return words;
  const wait = problem.retryAfter > 90
    ? text('problem-wait-minutes', { number: Math.ceil(problem.retryAfter / 60) })
    : text('problem-wait-seconds', { number: problem.retryAfter });
  return `${words} ${wait}`;
}

const wordsForField = ({ field, code, advice }) => {
  const general = { new_password: 'password', reason: 'blocked_reason' }[field] ?? field;
  const words = firstText(`field-${dashed(general)}-${dashed(code)}`, 'field-other');
  return advice ? `${words} ${textOfCode('advice', advice)}` : words;
};

/** Where a problem has to be solved, if not here: links. */
function waysOutOf(problem) {
  const here = location.pathname + location.search;
  if (problem.code === 'origin_not_allowed') {
    const [url] = (document.body.dataset.origins ?? location.origin).split(' ');
    return [create('a', { class: 'button', href: url + here }, text('refused-open', { url }))];
  }
  const isHere = ['step_up_required', 'session_changed'].includes(problem.code);
  const isAboutUser = (problem.status === 401 || problem.status === 403) && !isHere;
  return isAboutUser ? [create('a', { class: 'button', href: loginUrl() }, text('refused-sign-in'))] : [];
}

function loginUrl(reason = '') {
  const query = new URLSearchParams({ return_to: location.pathname + location.search });
  if (reason) query.set('reason', reason);
  return `/login?${query}`;
}

/** Calls the API. Rejects with a `HeirloomError`. */
export async function request(path, method = 'GET', body = undefined) {
  const headers = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const answer = await heirloom.fetch(path, { method, headers, body: body && JSON.stringify(body) }).catch((error) => {
    throw error instanceof TypeError ? new HeirloomError({}) : error;
  });
  if (answer.status === 204) return null;
  const read = await answer.json().catch(() => null);
  // A network may give an answer of its own, or cut ours off: a success is JSON, except for work that follows.
  if (answer.ok && answer.status !== 202 && !read) throw new HeirloomError({});
  const content = read ?? {};
  // `methods`, of `step_up_required`: with what the user can confirm who they are.
  if (!answer.ok) throw Object.assign(new HeirloomError(content, answer), { methods: content.methods ?? [] });
  return content;
}

/** `path` with those parameters that have a value. */
export function withQuery(path, parameters) {
  const present = Object.entries(parameters).filter(([, value]) => value);
  return present.length ? `${path}?${new URLSearchParams(present)}` : path;
}

/** A list of the API, page by page: `more` loads the next one. */
export async function firstPage({ path, query = {}, list, more, none, row }) {
  const add = (page) => {
    list.append(...page.items.map(row));
    more.hidden = !page.next_cursor;
    more.onclick = () => press(more, async () => {
      const before = list.children.length;
      add(await request(withQuery(path, { ...query, cursor: page.next_cursor })));
      focus(list.children[before]);
    });
    none.hidden = list.children.length > 0;
  };
  const page = await request(withQuery(path, query));
  return () => {
    list.replaceChildren();
    add(page);
  };
}

/** Moves the focus to something that does not usually have it, so that it is read out. */
export function focus(place) {
  if (!place) return;
  place.tabIndex = -1;
  place.focus();
}

// ---- notices

/** Shows what an action did, or a problem with the ways out of it. */
export function announce(words, isProblem = false, ways = [], notice = element('notice')) {
  notice.replaceChildren(create('p', {}, words), ...ways);
  notice.classList.toggle('wrong', isProblem);
  notice.hidden = false;
  notice.scrollIntoView({ block: 'nearest' });
}

/** Runs an action once, however often the button is pressed. A failure is announced; `ending` completes its words. */
export async function press(button, work, failure = wordsFor, ending = '') {
  if (button.hasAttribute('aria-disabled')) return;
  const content = [...button.childNodes];
  button.setAttribute('aria-disabled', 'true');
  button.textContent = text('common-busy');
  // The page's notice is behind an open dialog.
  const notice = button.closest('dialog')?.querySelector('.message') ?? element('notice');
  notice.hidden = true;
  try {
    await work();
  } catch (problem) {
    const words = failure(problem);
    if (!isLeaving && words) announce(`${words} ${ending}`.trim(), true, waysOutOf(problem), notice);
  }
  button.removeAttribute('aria-disabled');
  button.replaceChildren(...content);
}

/**
 * Submits a form by `work`; field errors are shown beside their fields. `fields`: API field to input id. `ending` returns
 * what completes the words of another failure.
 */
export function submits(form, fields, work, ending = () => '') {
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
      element(fields[known[0].field]).focus(); // its error is read out with it
      return null;
    }, ending());
  });
}

// ---- the confirmation

const dialog = element('confirm');
const input = element('confirm-input');
const agree = element('confirm-yes');
let asked = { word: '', ending: '', work: async (_typed) => {} };
let isAtWork = false;

/**
 * Asks for confirmation, and then does the work, to which it passes what was typed. Returns whether it was done. A refusal
 * is shown in the dialog, which keeps what was typed; `ending` completes its words. With `label` there is an input, which
 * begins with `value`; with `word` the text must be that word.
 */
export function confirmed({ title, text: question, yes, label = '', value = '', word = '', ending = '', isHarmless = false }, work) {
  asked = { word, ending, work };
  element('confirm-title').textContent = title;
  element('confirm-text').textContent = question;
  element('confirm-label').textContent = label;
  element('confirm-field').hidden = !label;
  agree.textContent = yes;
  agree.classList.toggle('danger', !isHarmless);
  agree.classList.toggle('main', isHarmless);
  input.value = value;
  input.dispatchEvent(new Event('input', { bubbles: true })); // no error of an earlier question
  element('confirm-problem').hidden = true;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener('close', () => done(dialog.returnValue === 'yes'), { once: true });
  });
}

input.addEventListener('input', () => { agree.disabled = Boolean(asked.word) && input.value.trim() !== asked.word; });
element('confirm-no').addEventListener('click', () => { if (!isAtWork) dialog.close(); });
dialog.addEventListener('cancel', (event) => { if (isAtWork) event.preventDefault(); }); // what was sent is not taken back
const fields = { email: 'confirm-input', name: 'confirm-input', reason: 'confirm-input', blocked_reason: 'confirm-input', email_code: 'confirm-input' };
submits(element('confirm-form'), fields, async () => {
  isAtWork = true;
  try {
    await asked.work(input.value.trim());
    dialog.close('yes');
  } finally {
    isAtWork = false;
  }
}, () => asked.ending);

// ---- the page's life

let isLeaving = false;
let wipe = () => {};
let load = async () => () => {};
/** @type {(problem: HeirloomError) => unknown} */
let showRefusal = refuse;
let attempt = 0; // number of the latest one: the result of an earlier one is dropped

export const heirloom = createHeirloom({ onSignedOut: leave });

function leave({ why, reason = '' }) {
  isLeaving = true;
  clear();
  location.replace(loginUrl(why === 'refresh_token_missing' ? '' : reason || why));
}

function clear() {
  attempt += 1;
  for (const id of ['content', 'notice', 'refused']) element(id).hidden = true;
  element('loading').hidden = false;
  for (const shown of document.querySelectorAll('dialog')) shown.close();
  for (const form of document.forms) form.reset();
  wipe();
}

/** Loads and shows everything. Tries again while the problem may pass; otherwise shows the refusal. */
export async function refresh() {
  const mine = ++attempt;
  element('content').setAttribute('aria-busy', 'true');
  for (let failures = 0; mine === attempt; failures += 1) {
    try {
      const show = await load();
      if (mine === attempt) appear(show);
      return;
    } catch (problem) {
      if (mine !== attempt || isLeaving) return;
      if (!(problem instanceof HeirloomError)) throw problem;
      if (!problem.temporary) return appear(() => showRefusal(problem));
      showTrouble(problem);
      const wait = Math.max(problem.retryAfter, Math.min(30, 2 ** failures));
      await new Promise((done) => setTimeout(done, wait * 1_000));
    }
  }
}

function appear(show) {
  element('refused').hidden = true;
  element('trouble').hidden = true;
  element('loading').hidden = true;
  element('content').hidden = false;
  element('content').removeAttribute('aria-busy');
  show();
}

/** A problem that may pass: the page tries again. */
function showTrouble({ status }) {
  // A success that is not ours: a network answered, and the server was not reached.
  const name = { 0: 'common-unreachable', 429: 'common-limited' }[status < 300 ? 0 : status] ?? 'common-unavailable';
  element('trouble-text').textContent = text(name);
  element('trouble').hidden = false;
}

/** A problem that stays: why, and what the user can do. */
function refuse(problem) {
  const again = create('button', { type: 'button', click: () => location.reload() }, text('refused-try-again'));
  element('refused-text').textContent = wordsFor(problem);
  element('refused-ways').replaceChildren(...waysOutOf(problem), again);
  element('refused').hidden = false;
  element('content').hidden = true;
  element('loading').hidden = true;
  element('trouble').hidden = true;
}

/**
 * Starts the page. `loaded` loads what the page shows and returns a function that shows it; `cleared` removes it;
 * `refused` shows a refusal in the page's own way, and returns whether it has one.
 */
export function start(loaded, cleared, refused = /** @type {(problem: HeirloomError) => boolean} */ (() => false)) {
  // What login.js keeps for the sign-in page: a user who is signed in does not need it, and the next user must not see it.
  try { sessionStorage.removeItem('heirloom-address'); } catch { /* nothing is kept */ }
  load = loaded;
  wipe = cleared;
  showRefusal = (problem) => refused(problem) || refuse(problem);
  heirloom.on('signedin', () => {
    clear(); // what an earlier user typed here
    refresh();
  });
  heirloom.on('refreshed', () => { element('trouble').hidden = true; });
  heirloom.on('unreachable', ({ error }) => {
    if (!heirloom.session) showTrouble(error);
  });
  heirloom.on('refused', ({ error }) => {
    if (!heirloom.session) refuse(error);
  });
  // No personal data stays in a page that the back button may restore.
  addEventListener('pagehide', clear);
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) refresh();
  });
  return refresh;
}
