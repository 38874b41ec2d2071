// People: the list of them, and one with everything that can be done for or against them.
import { badge, choices, eventRow, field, filters, listOf, personLink, revoke, sessionRow } from './admin-parts.js';
import { ask, confirmed, fact, focus, element, make, press, say, submits, tell, time } from './page.js';

export async function people({ query: { q, status }, go }) {
  const list = await listOf({
    path: '/api/v1/admin/users', query: { q, status }, row: personRow, none: say('admin-people-none'), label: say('admin-people'),
  });
  return {
    parts: [
      filters(go,
        field('q', say('admin-search-label'), make('input', { type: 'search', name: 'q', value: q, autocomplete: 'off' })),
        field('status', say('admin-status'), choices('status', [
          ['', say('admin-status-any')], ['active', say('admin-status-active')], ['blocked', say('admin-status-blocked')],
        ], status))),
      ...list,
    ],
  };
}

const marks = (user) => [
  ...user.roles.map((role) => badge(role)),
  user.blocked && badge(say('admin-blocked-now'), 'wrong'),
].flatMap((mark) => (mark ? [' ', mark] : []));

const personRow = (user) => make('li', {},
  make('div', {},
    make('p', { class: 'name' }, personLink(user.id, user.name || user.email), marks(user)),
    make('p', { class: 'hint facts' },
      user.name && make('span', {}, user.email),
      make('span', {}, say('admin-sessions-live', { number: user.live_sessions })),
      fact(say('admin-last-login'), user.last_login_at ? time(user.last_login_at, true) : say('common-never')))));

export async function person({ id, again }) {
  const path = `/api/v1/admin/users/${encodeURIComponent(id)}`;
  const sessions = { path: '/api/v1/admin/sessions', query: { user_id: id }, row: sessionRow({ again }), none: say('admin-sessions-none'), label: say('admin-sessions') };
  const events = { path: '/api/v1/admin/audit', query: { user_id: id, limit: 20 }, row: eventRow, none: say('admin-audit-none'), label: say('admin-events') };
  const [{ user }, theirSessions, theirEvents] = await Promise.all([ask(path), listOf(sessions), listOf(events)]);
  return {
    title: user.name || user.email,
    parts: [
      make('p', { class: 'hint' }, user.name && `${user.email} `, marks(user)),
      make('p', { class: 'hint facts' },
        fact(say('admin-since'), time(user.created_at)),
        fact(say('admin-last-login'), user.last_login_at ? time(user.last_login_at) : say('common-never')),
        user.blocked_reason && fact(say('admin-blocked-reason'), user.blocked_reason)),
      make('div', { class: 'actions' }, blocking(user, path, again), endAll(user, again)),
      make('section', {}, roles(user, path, again)),
      make('section', {}, make('h2', {}, say('admin-sessions')), theirSessions),
      make('section', {}, make('h2', {}, say('admin-events')), theirEvents),
      make('p', { class: 'aside' }, make('a', { href: '/admin/people' }, say('admin-back'))),
    ],
  };
}

async function change(path, body, words, again) {
  await ask(path, 'PATCH', body);
  await again();
  tell(words);
  focus(element('heading'));
}

function blocking(user, path, again) {
  const button = make('button', { type: 'button', class: user.blocked ? null : 'danger' }, say(user.blocked ? 'admin-unblock' : 'admin-block'));
  button.addEventListener('click', async () => {
    if (user.blocked) {
      await press(button, () => change(path, { blocked: false }, say('admin-unblocked-done'), again));
      return;
    }
    const reason = await confirmed({
      title: say('admin-block-title'), text: say('admin-block-text'), yes: say('admin-block'), label: say('admin-block-reason'),
    });
    if (reason === null) return;
    const body = reason ? { blocked: true, blocked_reason: reason } : { blocked: true };
    await press(button, () => change(path, body, say('admin-blocked-done'), again));
  });
  return button;
}

function endAll(user, again) {
  const button = make('button', { type: 'button', class: 'danger' }, say('admin-revoke-user'));
  button.addEventListener('click', () => revoke(button, { user_id: user.id }, {
    title: say('admin-revoke-user-title'), text: say('admin-revoke-user-text'), yes: say('admin-revoke-user'), label: say('admin-reason'),
  }, (number) => say('admin-revoke-user-done', { number }), again));
  return button;
}

function roles(user, path, again) {
  const input = make('input', {
    type: 'text', value: user.roles.join(' '), autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false',
    'aria-describedby': 'roles-hint roles-error',
  });
  const form = make('form', { class: 'narrow-form', novalidate: true },
    make('h2', {}, say('admin-access')),
    make('div', { class: 'field' },
      field('roles', say('admin-roles'), input,
        make('p', { class: 'hint', id: 'roles-hint' }, say('admin-roles-hint')),
        make('p', { class: 'error', id: 'roles-error' }))),
    make('button', { type: 'submit' }, say('common-save')));
  const words = () => input.value.split(/[\s,]+/).filter(Boolean);
  submits(form, { roles: 'roles' }, () => change(path, { roles: words() }, say('admin-roles-saved'), again));
  return form;
}
