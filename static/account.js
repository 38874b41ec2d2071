// The user's profile, sessions and recent activity. The server renders this page without the user's data.
import { isPhone } from './device.js';
import {
  announce, confirmed, create, deviceOf, element, fact, firstPage, focus, heirloom, press, request, start, submits, text,
  time, wordsFor, wrapping,
} from './page.js';
import { clearFactors, loadFactors, showFactors, whenChanged } from './factors.js';
import { clearIdentities, loadIdentities, showIdentities, whenChanged as whenIdentitiesChanged } from './identities.js';
import { clearPasskeys, showPasskeys, whenChanged as whenPasskeysChanged } from './my-passkeys.js';
import { fresh } from './step-up.js';

const list = element('sessions');
let hasAddress = true;
const pictures = {
  phone: 'M7 3h10v18H7zM11 18h2',
  desktop: 'M4 5h16v11H4zM2 19h20',
};

async function allSessions() {
  const items = [];
  let cursor = null;
  do {
    const query = cursor ? `?${new URLSearchParams({ cursor })}` : '';
    const page = await request(`/api/v1/me/sessions${query}`);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  const newestFirst = (one, other) => other.last_used_at.localeCompare(one.last_used_at);
  return items.sort((one, other) => other.current - one.current || newestFirst(one, other));
}

const again = start(async () => {
  const events = firstPage({
    path: '/api/v1/me/events', query: { limit: 20 }, list: element('events'), more: element('more-events'),
    none: element('no-events'), row: eventRow,
  });
  const [{ user, has_password: hasPassword, pending_email: pending }, factors, identities, sessions, showEvents] = await Promise.all([
    request('/api/v1/me'), loadFactors(), loadIdentities(), allSessions(), events,
  ]);
  return () => {
    showUser(user);
    showPasswordForm(hasPassword);
    showPending(pending);
    showFactors(factors);
    showPasskeys(factors, user);
    showIdentities(identities);
    list.replaceChildren(...sessions.map(sessionRow));
    count();
    showEvents();
  };
}, () => {
  for (const place of [element('name'), element('email'), list, element('events')]) place.replaceChildren();
  suggest(element('new-name'), '');
  element('pending-text').textContent = '';
  clearFactors();
  clearPasskeys();
  clearIdentities();
});
whenChanged(again);
whenPasskeysChanged(again);
whenIdentitiesChanged(again);

function showUser(user) {
  element('name').replaceChildren(...wrapping(user.name || user.email || text('account-no-address')));
  element('email').replaceChildren(...wrapping(user.name ? user.email ?? text('account-no-address') : ''));
  suggest(element('new-name'), user.name ?? '');
  element('username').value = user.email ?? '';
  hasAddress = user.email !== null;
  element('password-section').hidden = !hasAddress;
  element('admin').hidden = !user.roles.includes('admin');
  // Not on the page where addresses are not verified.
  if (element('unverified')) element('unverified').hidden = user.email_verified || !hasAddress;
}

/** Fills in a value, except where the user has typed another one. */
function suggest(input, value) {
  if (input.value === input.defaultValue) input.value = value;
  input.defaultValue = value;
}

element('verify')?.addEventListener('click', ({ currentTarget }) => press(currentTarget, async () => {
  await request('/api/v1/me/email/verification', 'POST');
  announce(text('account-verify-sent'));
}));

// ---- sessions

function count() {
  const isAlone = list.children.length < 2;
  element('alone').hidden = !isAlone;
  element('revoke-others').hidden = isAlone;
}

function icon(kind) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  const path = document.createElementNS(space, 'path');
  for (const [name, value] of [['class', 'device'], ['viewBox', '0 0 24 24'], ['width', 28], ['height', 28], ['aria-hidden', true]]) {
    svg.setAttribute(String(name), String(value));
  }
  path.setAttribute('d', pictures[kind]);
  svg.append(path);
  return svg;
}

function sessionRow(session) {
  const device = deviceOf(session);
  const revoke = create('button', { type: 'button', 'aria-label': text('account-revoke-label', { device }) }, text('account-revoke'));
  const row = create('li', {},
    icon(isPhone(session.user_agent) ? 'phone' : 'desktop'),
    create('div', {},
      create('p', { class: 'name' }, device, ' ', session.current && create('span', { class: 'badge' }, text('device-this'))),
      create('p', { class: 'hint facts' },
        fact(text('account-last-used'), time(session.last_used_at, true)),
        fact(text('account-since'), time(session.created_at)),
        fact(text('account-ip'), session.ip))),
    !session.current && revoke);
  revoke.addEventListener('click', () => revokeOne(revoke, row, session.id, device));
  return row;
}

const revokeOne = (button, row, id, device) => press(button, async () => {
  try {
    await request(`/api/v1/me/sessions/${encodeURIComponent(id)}`, 'DELETE');
  } catch (problem) {
    if (problem.status !== 404) throw problem; // already revoked
  }
  row.remove();
  count();
  announce(text('account-revoked', { device }));
  focus(element('sessions-title'));
});

element('sign-out').addEventListener('click', ({ currentTarget }) => {
  press(currentTarget, heirloom.signOut, wordsFor, text('account-still-signed-in'));
});

element('everywhere').addEventListener('click', async () => {
  const question = {
    title: text('account-everywhere-title'), text: text('account-everywhere-text'), yes: text('account-everywhere'),
    ending: text('account-still-signed-in'),
  };
  await confirmed(question, heirloom.signOutEverywhere);
});

element('revoke-others').addEventListener('click', async () => {
  const question = { title: text('account-revoke-others-title'), text: text('account-revoke-others-text'), yes: text('account-revoke-others') };
  if (!await confirmed(question, () => request('/api/v1/me/sessions', 'DELETE'))) return;
  await again();
  announce(text('account-revoked-others'));
  focus(element('sessions-title'));
});

// ---- name and password

submits(element('profile'), { name: 'new-name' }, async () => {
  await request('/api/v1/me', 'PATCH', { name: element('new-name').value });
  await again(); // also tells the browser what to call the user's passkeys
  announce(text('account-name-saved'));
});

/** Who came from another provider has no password, and sets the first one. */
function showPasswordForm(hasPassword) {
  element('with-password').hidden = !hasPassword;
  element('current-password').disabled = !hasPassword;
  const [title, hint, save] = hasPassword
    ? ['account-password', 'account-password-hint', 'account-password-save']
    : ['account-password-first', 'account-password-first-hint', 'account-password-first'];
  element('password-title').textContent = text(title);
  element('password-hint').textContent = text(hint);
  element('save-password').textContent = text(save);
}

submits(element('password'), { current_password: 'current-password', new_password: 'new-password' }, async (form) => {
  const [current, wanted] = [element('current-password'), element('new-password')];
  const passwords = { new_password: wanted.value };
  if (!current.disabled) passwords.current_password = current.value;
  await fresh(() => request('/api/v1/me/password', 'POST', passwords));
  form.reset();
  await again();
  announce(text('account-password-saved'));
});

// ---- the address, and the end of the account

function showPending(pending) {
  element('pending').hidden = !pending;
  element('pending-text').replaceChildren(...wrapping(pending ? text('account-address-pending', { email: pending.email }) : ''));
}

submits(element('address'), { email: 'new-email' }, async (form) => {
  const email = element('new-email').value;
  await fresh(() => request('/api/v1/me/email', 'POST', { email }));
  form.reset();
  await again();
  announce(text('account-address-sent'));
});

element('cancel-change').addEventListener('click', ({ currentTarget }) => press(currentTarget, async () => {
  await request('/api/v1/me/email', 'DELETE');
  await again();
  announce(text('account-address-cancelled'));
  focus(element('address-title'));
}));

element('delete').addEventListener('click', async () => {
  const question = {
    title: text('account-delete-title'), text: text(hasAddress ? 'account-delete-text' : 'account-delete-hint'),
    yes: text('account-delete'), label: hasAddress ? text('account-delete-label') : '',
  };
  const isDeleted = await confirmed(question, (email) => fresh(() => request('/api/v1/me', 'DELETE', hasAddress ? { email } : {})));
  if (isDeleted) location.replace('/login?reason=account_deleted');
});

// ---- events

function wordsOf({ kind, by, reason, session, user_agent }) {
  const of = (name, who) => text(name, { device: deviceOf(who ?? {}) });
  const theSession = session ?? { user_agent };
  switch (kind) {
    case 'signed_in': return of('event-signed-in', theSession);
    case 'sign_in_failed': return of(reason === 'wrong_password' ? 'event-sign-in-failed' : 'event-sign-in-refused', { user_agent });
    case 'stepped_up': return of('event-stepped-up', theSession);
    case 'factor_added': return text('event-factor-added');
    case 'factor_removed': return text('event-factor-removed');
    case 'device_trusted': return of('event-device-trusted', { user_agent });
    case 'devices_distrusted': return text('event-devices-distrusted');
    case 'factor_recovery_started': return of('event-factor-recovery-started', { user_agent });
    case 'factor_recovery_cancelled': return text('event-factor-recovery-cancelled');
    case 'factor_recovery_completed': return text('event-factor-recovery-completed');
    case 'factors_reset': return text('event-factors-reset');
    case 'recovery_codes_renewed': return text('event-recovery-codes-renewed');
    case 'recovery_codes_removed': return text('event-recovery-codes-removed');
    case 'recovery_code_used': return text('event-recovery-code-used');
    case 'identity_linked': return text('event-identity-linked');
    case 'identity_unlinked': return text('event-identity-unlinked');
    case 'second_factor_failed': return of('event-second-factor-failed', { user_agent });
    case 'passkey_cloned': return text('event-passkey-cloned');
    case 'reauthentication_failed': return of('event-reauthentication-failed', theSession);
    case 'guessing_limited': return text('event-guessing-limited');
    case 'access_denied': return of('event-access-denied', theSession);
    case 'password_changed': return text(by === 'you' ? 'event-password-changed' : 'event-password-changed-for-you');
    case 'email_changed': return text('event-email-changed');
    case 'email_change_undone': return text('event-email-change-undone');
    case 'password_reset': return text('event-password-reset');
    case 'refresh_token_reused': return of('event-refresh-token-reused', session);
    case 'refresh_token_ahead': return of('event-refresh-token-ahead', session);
    case 'sessions_ended': return session
      ? of({
        signed_out: 'event-revoked-signed-out',
        ended_by_user: 'event-revoked-by-you',
        session_limit: 'event-revoked-session-limit',
        replaced: 'event-revoked-replaced',
        ended_by_provider: 'event-revoked-by-provider',
        revoked_by_admin: 'event-revoked-by-admin',
      }[reason] ?? 'event-revoked', session)
      : text({
        ended_by_user: 'event-revoked-by-you-all',
        ended_by_provider: 'event-revoked-by-provider',
        revoked_by_admin: 'event-revoked-by-admin-all',
      }[reason] ?? 'event-revoked-all');
    case 'confirmation_requested': return of('event-confirmation-requested', theSession);
    case 'confirmation_used': return of('event-confirmation-used', theSession);
    case 'confirmation_failed': return of('event-confirmation-failed', theSession);
    case 'registration_refused': return of('event-registration-refused', { user_agent });
    case 'user_added': return text('event-user-added');
    case 'roles_changed': return text('event-roles-changed');
    case 'claims_changed': return text('event-claims-changed');
    case 'user_blocked': return text('event-user-blocked');
    case 'user_unblocked': return text('event-user-unblocked');
    default: return text('event-other');
  }
}

const eventRow = (event) => create('li', { class: /reused|ahead|failed|limited|cloned/.test(event.kind) ? 'alarming' : null },
  create('div', {},
    create('p', {}, wordsOf(event)),
    create('p', { class: 'hint facts' }, create('span', {}, time(event.at, true)), fact(text('account-ip'), event.ip))));

document.addEventListener('visibilitychange', () => {
  const isBusy = document.querySelector('dialog[open]') || element('content').contains(document.activeElement);
  if (!document.hidden && !element('content').hidden && !isBusy) again();
});
