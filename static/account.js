// Who is signed in, where, and what happened. The server renders this page without knowing for whom.
import { isPhone } from './device.js';
import {
  ask, begin, confirmed, deviceOf, element, fact, firstPage, focus, heirloom, make, press, say, submits, tell, time,
} from './page.js';
import './password.js';

const list = element('sessions');
const picture = {
  phone: 'M7 3h10v18H7zM11 18h2',
  desktop: 'M4 5h16v11H4zM2 19h20',
};

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

const again = begin(async () => {
  const events = firstPage({
    path: '/api/v1/me/events', query: { limit: 20 }, list: element('events'), more: element('more-events'),
    none: element('no-events'), row: eventRow,
  });
  const [{ user }, sessions, showEvents] = await Promise.all([ask('/api/v1/me'), allSessions(), events]);
  return () => {
    showPerson(user);
    list.replaceChildren(...sessions.map(sessionRow));
    count();
    showEvents();
  };
}, () => {
  for (const place of [element('name'), element('email'), list, element('events')]) place.replaceChildren();
  for (const form of document.forms) form.reset();
  element('username').value = '';
});

function showPerson(user) {
  element('name').textContent = user.name || user.email;
  element('email').textContent = user.name ? user.email : '';
  element('new-name').value = user.name ?? '';
  element('username').value = user.email;
  element('admin').hidden = !user.roles.includes('admin');
}

// ---- sessions

function count() {
  const isAlone = list.children.length < 2;
  element('alone').hidden = !isAlone;
  element('end-others').hidden = isAlone;
}

function icon(kind) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  const path = document.createElementNS(space, 'path');
  for (const [name, value] of [['class', 'device'], ['viewBox', '0 0 24 24'], ['width', 28], ['height', 28], ['aria-hidden', true]]) {
    svg.setAttribute(name, value);
  }
  path.setAttribute('d', picture[kind]);
  svg.append(path);
  return svg;
}

function sessionRow(session) {
  const device = deviceOf(session);
  const end = make('button', { type: 'button', 'aria-label': say('account-end-label', { device }) }, say('account-end'));
  const row = make('li', {},
    icon(isPhone(session.user_agent) ? 'phone' : 'desktop'),
    make('div', {},
      make('p', { class: 'name' }, device, ' ', session.current && make('span', { class: 'badge' }, say('device-this'))),
      make('p', { class: 'hint facts' },
        fact(say('account-last-used'), time(session.last_used_at, true)),
        fact(say('account-since'), time(session.created_at)),
        fact(say('account-ip'), session.ip))),
    !session.current && end);
  end.addEventListener('click', () => endOne(end, row, session.id, device));
  return row;
}

const endOne = (button, row, id, device) => press(button, async () => {
  try {
    await ask(`/api/v1/me/sessions/${encodeURIComponent(id)}`, 'DELETE');
  } catch (problem) {
    if (problem.status !== 404) throw problem; // it had ended already
  }
  row.remove();
  count();
  tell(say('account-ended', { device }));
  focus(element('sessions-title'));
}, say('account-not-ended'));

element('sign-out').addEventListener('click', ({ currentTarget }) => {
  press(currentTarget, heirloom.signOut, say('account-not-signed-out'));
});

element('everywhere').addEventListener('click', async ({ currentTarget }) => {
  const question = { title: say('account-everywhere-title'), text: say('account-everywhere-text'), yes: say('account-everywhere') };
  if (await confirmed(question) === null) return;
  press(currentTarget, heirloom.signOutEverywhere, say('account-not-signed-out'));
});

element('end-others').addEventListener('click', async ({ currentTarget }) => {
  const question = { title: say('account-end-others-title'), text: say('account-end-others-text'), yes: say('account-end-others') };
  if (await confirmed(question) === null) return;
  press(currentTarget, async () => {
    await ask('/api/v1/me/sessions', 'DELETE');
    await again();
    tell(say('account-ended-others'));
    focus(element('sessions-title'));
  }, say('account-not-ended'));
});

// ---- name and password

submits(element('profile'), { name: 'new-name' }, async () => {
  const { user } = await ask('/api/v1/me', 'PATCH', { name: element('new-name').value });
  showPerson(user);
  tell(say('account-name-saved'));
});

submits(element('password'), { current_password: 'current-password', new_password: 'new-password' }, async (form) => {
  const [current, wanted] = [element('current-password'), element('new-password')];
  await ask('/api/v1/me/password', 'POST', { current_password: current.value, new_password: wanted.value });
  form.reset();
  await again();
  tell(say('account-password-saved'));
});

// ---- events

function wordsOf({ kind, by, reason, session, user_agent }) {
  const of = (name, who) => say(name, { device: deviceOf(who ?? {}) });
  const theSession = session ?? { user_agent };
  switch (kind) {
    case 'signed_in': return of('event-signed-in', theSession);
    case 'sign_in_failed': return of(reason === 'wrong_password' ? 'event-sign-in-failed' : 'event-sign-in-refused', { user_agent });
    case 'reauthentication_failed': return of('event-reauthentication-failed', theSession);
    case 'guessing_limited': return say('event-guessing-limited');
    case 'access_denied': return of('event-access-denied', theSession);
    case 'password_changed': return say(by === 'you' ? 'event-password-changed' : 'event-password-changed-for-you');
    case 'refresh_token_reused': return of('event-refresh-token-reused', session);
    case 'refresh_token_ahead': return of('event-refresh-token-ahead', session);
    case 'sessions_ended': return session
      ? of({
        signed_out: 'event-ended-signed-out',
        ended_by_user: 'event-ended-ended-by-user',
      }[reason] ?? 'event-ended-by-admin', session)
      : say(reason === 'ended_by_user' ? 'event-ended-ended-by-user-all' : 'event-ended-by-admin-all');
    case 'user_added': return say('event-user-added');
    case 'roles_changed': return say('event-roles-changed');
    case 'claims_changed': return say('event-claims-changed');
    case 'user_blocked': return say('event-user-blocked');
    case 'user_unblocked': return say('event-user-unblocked');
    default: return say('event-other');
  }
}

const eventRow = (event) => make('li', { class: /reused|ahead|failed|limited/.test(event.kind) ? 'alarming' : null },
  make('div', {},
    make('p', {}, wordsOf(event)),
    make('p', { class: 'hint facts' }, make('span', {}, time(event.at, true)), fact(say('account-ip'), event.ip))));

document.addEventListener('visibilitychange', () => {
  const isBusy = element('confirm').open || element('content').contains(document.activeElement);
  if (!document.hidden && !element('content').hidden && !isBusy) again();
});
