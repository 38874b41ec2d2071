// Who is signed in, and where. The server renders this page without knowing for whom: everything personal is fetched
// here, put in as text, and taken out again when the page is left.
import { createHeirloom } from './heirloom.js';
import { browserOf, isPhone, systemOf } from './device.js';

const element = (id) => document.getElementById(id);
const account = element('account');
const told = element('told');
const list = element('sessions');
const dialog = element('confirm');

const dates = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'short' });
const ago = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: 'auto' });

const heirloom = createHeirloom({ onSignedOut: leave });
heirloom.on('signedin', show);
heirloom.on('refreshed', () => { element('unreachable').hidden = true; });
heirloom.on('unreachable', () => { element('unreachable').hidden = Boolean(heirloom.session); });

let attempt = 0; // the newest one's number: what an older one finds is thrown away
let leaving = false;

function clear() {
  attempt += 1;
  account.hidden = true;
  element('loading').hidden = false;
  for (const place of [element('name'), element('email'), list]) place.replaceChildren();
  told.hidden = true;
}

function leave({ why }) {
  leaving = true;
  clear();
  const query = new URLSearchParams({ return_to: location.pathname });
  if (why !== 'refresh_token_missing') query.set('reason', why);
  location.replace(`/login?${query}`);
}

async function ask(path, method = 'GET') {
  const answer = await heirloom.fetch(path, { method, headers: { Accept: 'application/json' } });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  throw Object.assign(new Error(`${method} ${path} was answered ${answer.status}`), { status: answer.status });
}

async function allSessions() {
  const items = [];
  let cursor = null;
  do {
    const query = cursor ? `?${new URLSearchParams({ cursor })}` : '';
    const page = await ask(`/api/v1/me/sessions${query}`);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  const newestFirst = (one, other) => other.last_used_at.localeCompare(one.last_used_at);
  return items.sort((one, other) => other.current - one.current || newestFirst(one, other));
}

/** Fetches and shows everything; tries again until it is there. */
async function show() {
  const mine = ++attempt;
  for (let failures = 0; mine === attempt; failures += 1) {
    try {
      const [{ user }, sessions] = await Promise.all([ask('/api/v1/me'), allSessions()]);
      if (mine === attempt) fill(user, sessions);
      return;
    } catch {
      if (mine !== attempt) return;
      element('unreachable').hidden = false;
      await new Promise((done) => setTimeout(done, Math.min(30_000, 1_000 * 2 ** failures)));
    }
  }
}

function fill(user, sessions) {
  element('name').textContent = user.name || user.email;
  element('email').textContent = user.name ? user.email : '';
  list.replaceChildren(...sessions.map(row));
  count();
  element('unreachable').hidden = true;
  element('loading').hidden = true;
  account.hidden = false;
}

function count() {
  const isAlone = list.children.length < 2;
  element('alone').hidden = !isAlone;
  element('end-others').hidden = isAlone;
}

function row(session) {
  const item = element('session').content.cloneNode(true).firstElementChild;
  const slot = (name) => item.querySelector(`[data-slot=${name}]`);
  const device = deviceOf(session);
  slot('device').textContent = device;
  slot(isPhone(session.user_agent) ? 'desktop' : 'phone').remove();
  slot('current').hidden = !session.current;
  time(slot('used'), session.last_used_at, sinceThen);
  time(slot('created'), session.created_at, (moment) => dates.format(moment));
  if (session.ip) slot('ip').textContent = session.ip;
  else slot('ip').parentElement.remove();
  const end = slot('end');
  end.hidden = session.current;
  end.setAttribute('aria-label', end.dataset.label.replace('{device}', () => device));
  end.addEventListener('click', () => endOne(end, item, session.id, device));
  return item;
}

/** What its owner called it, or as much as its browser says of itself. */
function deviceOf({ device_name, user_agent }) {
  if (device_name) return device_name;
  const browser = browserOf(user_agent);
  const system = systemOf(user_agent);
  if (!browser || !system) return browser || system || account.dataset.deviceUnknown;
  return account.dataset.device.replace('{browser}', () => browser).replace('{system}', () => system);
}

function time(place, moment, words) {
  const date = new Date(moment);
  place.dateTime = moment;
  place.title = dates.format(date);
  place.textContent = words(date);
}

function sinceThen(moment) {
  const seconds = Math.max(0, (Date.now() - moment) / 1000);
  if (seconds < 60) return ago.format(0, 'second');
  if (seconds < 3_600) return ago.format(-Math.floor(seconds / 60), 'minute');
  if (seconds < 86_400) return ago.format(-Math.floor(seconds / 3_600), 'hour');
  if (seconds < 7 * 86_400) return ago.format(-Math.floor(seconds / 86_400), 'day');
  return dates.format(moment);
}

function tell(words, isWrong = false) {
  told.textContent = words;
  told.classList.toggle('wrong', isWrong);
  told.hidden = false;
  told.scrollIntoView({ block: 'nearest' });
}

/** Does it once, however often the button is pressed, and says so when it fails. */
async function press(button, work, failure) {
  if (button.hasAttribute('aria-disabled')) return;
  const idle = button.textContent;
  button.setAttribute('aria-disabled', 'true');
  button.textContent = account.dataset.busy;
  try {
    await work();
  } catch {
    if (!leaving) tell(failure, true);
  }
  button.removeAttribute('aria-disabled');
  button.textContent = idle;
}

const endOne = (button, item, id, device) => press(button, async () => {
  try {
    await ask(`/api/v1/me/sessions/${encodeURIComponent(id)}`, 'DELETE');
  } catch (error) {
    if (error.status !== 404) throw error; // it had ended already
  }
  item.remove();
  count();
  tell(told.dataset.ended.replace('{device}', () => device));
  element('sessions-title').focus();
}, told.dataset.notEnded);

/** Asks before something is lost. */
function confirmed({ dataset }) {
  element('confirm-title').textContent = dataset.title;
  element('confirm-text').textContent = dataset.text;
  element('confirm-yes').textContent = dataset.yes;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener('close', () => done(dialog.returnValue === 'yes'), { once: true });
  });
}

element('sign-out').addEventListener('click', ({ currentTarget }) => {
  press(currentTarget, heirloom.signOut, told.dataset.notSignedOut);
});

element('everywhere').addEventListener('click', async ({ currentTarget }) => {
  if (!await confirmed(currentTarget)) return;
  press(currentTarget, heirloom.signOutEverywhere, told.dataset.notSignedOut);
});

element('end-others').addEventListener('click', async ({ currentTarget }) => {
  if (!await confirmed(currentTarget)) return;
  press(currentTarget, async () => {
    await ask('/api/v1/me/sessions', 'DELETE');
    await show();
    tell(told.dataset.endedOthers);
    element('sessions-title').focus();
  }, told.dataset.notEnded);
});

// Nothing personal stays in a page that the back button may bring back.
addEventListener('pagehide', clear);
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) show();
});
document.addEventListener('visibilitychange', () => {
  const isBusy = dialog.open || list.contains(document.activeElement);
  if (!document.hidden && !account.hidden && !isBusy) show();
});
