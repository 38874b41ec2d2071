// The list of users, and one user with all actions.
import { badge, choices, eventRow, field, filters, listOf, revoke, sessionRow, shown, userLink } from './admin-parts.js';
import { announce, confirmed, create, fact, press, request, submits, text, time, wrapping } from './page.js';
import { fresh } from './step-up.js';

export async function users({ query: { q, status, email_verified: verified }, go }) {
  const list = await listOf({
    path: '/api/v1/admin/users', query: { q, status, email_verified: verified }, row: userRow, none: text('admin-users-none'), label: text('admin-users'),
  });
  return {
    parts: [
      filters(go,
        field('filter-q', text('admin-search-label'), create('input', { type: 'search', name: 'q', value: q, autocomplete: 'off' })),
        field('filter-status', text('admin-status'), choices('status', [
          ['', text('admin-status-any')], ['active', text('admin-status-active')], ['blocked', text('admin-status-blocked')],
        ], status)),
        field('filter-verified', text('admin-verified'), choices('email_verified', [
          ['', text('admin-status-any')], ['true', text('admin-verified-yes')], ['false', text('admin-verified-no')],
        ], verified))),
      ...list,
    ],
  };
}

const marks = (user) => [
  ...user.roles.map((role) => badge(role)),
  user.blocked && badge(text('admin-blocked-now'), 'wrong'),
  !user.email_verified && badge(text('admin-unverified'), 'quiet'),
].flatMap((mark) => (mark ? [' ', mark] : []));

const userRow = (user) => create('li', {},
  create('div', {},
    create('p', { class: 'name' }, userLink(user.id, wrapping(user.name || user.email || user.id)), marks(user)),
    create('p', { class: 'hint facts' },
      user.name && user.email && create('span', {}, wrapping(user.email)),
      create('span', {}, text('admin-sessions-live', { number: user.live_sessions })),
      fact(text('admin-last-login'), user.last_login_at ? time(user.last_login_at, true) : text('common-never')))));

const factorsOf = ({ totp, passkeys, recovery_codes_left: codes }) => [
  totp && text('admin-factors-totp'),
  passkeys && text('admin-factors-passkeys', { number: passkeys }),
  (totp || passkeys) && text('admin-factors-codes', { number: codes }),
].filter(Boolean).join(', ') || text('admin-factors-none');

export async function oneUser({ id, again }) {
  const path = `/api/v1/admin/users/${encodeURIComponent(id)}`;
  const sessions = { path: '/api/v1/admin/sessions', query: { user_id: id }, row: sessionRow({ again }), none: text('admin-sessions-none'), label: text('admin-sessions') };
  const events = { path: '/api/v1/admin/audit', query: { user_id: id, limit: 20 }, row: eventRow, none: text('admin-audit-none'), label: text('admin-events') };
  const providers = { path: `${path}/identities`, query: {}, row: identityRow(path, again), none: text('admin-identities-none'), label: text('admin-identities') };
  const [{ user }, factors, theirProviders, theirSessions, theirEvents] = await Promise.all([
    request(path), request(`${path}/factors`), listOf(providers), listOf(sessions), listOf(events),
  ]);
  return {
    title: user.name || user.email || user.id,
    parts: [
      create('p', { class: 'hint' }, user.name && user.email && wrapping(`${user.email} `), marks(user)),
      create('p', { class: 'hint facts' },
        fact(text('admin-verified'), text(user.email_verified ? 'admin-verified-yes' : 'admin-verified-no')),
        fact(text('admin-since'), time(user.created_at)),
        fact(text('admin-last-login'), user.last_login_at ? time(user.last_login_at) : text('common-never')),
        fact(text('admin-factors'), factorsOf(factors)),
        user.blocked_reason && fact(text('admin-blocked-reason'), user.blocked_reason)),
      create('div', { class: 'actions' }, blocking(user, path, again), sendReset(path), resetFactors(path, again), revokeAll(user, again)),
      create('section', {}, roles(user, path, again)),
      create('section', {}, create('h2', {}, text('admin-identities')), theirProviders),
      create('section', {}, create('h2', {}, text('admin-sessions')), theirSessions),
      create('section', {}, create('h2', {}, text('admin-events')), theirEvents),
      create('p', { class: 'aside' }, create('a', { href: '/admin/people' }, text('admin-back'))),
    ],
  };
}

const patch = (path, body) => fresh(() => request(path, 'PATCH', body));

async function change(path, body, words, again) {
  await patch(path, body);
  await shown(words, again);
}

function blocking(user, path, again) {
  const button = create('button', { type: 'button', class: user.blocked ? null : 'danger' }, text(user.blocked ? 'admin-unblock' : 'admin-block'));
  button.addEventListener('click', async () => {
    if (user.blocked) {
      await press(button, () => change(path, { blocked: false }, text('admin-unblocked-done'), again));
      return;
    }
    const question = {
      title: text('admin-block-title'), text: text('admin-block-text'), yes: text('admin-block'), label: text('admin-block-reason'),
    };
    const block = (reason) => patch(path, reason ? { blocked: true, blocked_reason: reason } : { blocked: true });
    if (await confirmed(question, block)) await shown(text('admin-blocked-done'), again);
  });
  return button;
}

function sendReset(path) {
  const button = create('button', { type: 'button' }, text('admin-reset'));
  button.addEventListener('click', () => press(button, async () => {
    await request(`${path}/password-reset`, 'POST');
    announce(text('admin-reset-sent'));
  }));
  return button;
}

function resetFactors(path, again) {
  const button = create('button', { type: 'button', class: 'danger' }, text('admin-reset-factors'));
  button.addEventListener('click', async () => {
    const question = { title: text('admin-reset-factors-title'), text: text('admin-reset-factors-text'), yes: text('admin-reset-factors') };
    let removed = 0;
    const reset = async () => { ({ removed } = await fresh(() => request(`${path}/factors`, 'DELETE'))); };
    if (await confirmed(question, reset)) await shown(text(removed ? 'admin-reset-factors-done' : 'admin-reset-factors-none'), again);
  });
  return button;
}

const identityRow = (path, again) => ({ provider, email, created_at: since, last_used_at: last }) => create('li', {},
  create('div', {},
    create('p', { class: 'name' }, wrapping(provider)),
    create('p', { class: 'hint facts' },
      email && create('span', {}, wrapping(email)),
      fact(text('admin-since'), time(since)),
      fact(text('admin-last-login'), last ? time(last, true) : text('common-never')))),
  unlink(path, provider, again));

function unlink(path, provider, again) {
  const button = create('button', { type: 'button', class: 'danger', 'aria-label': `${text('admin-unlink')}: ${provider}` }, text('admin-unlink'));
  button.addEventListener('click', async () => {
    const question = { title: text('admin-unlink-title', { provider }), text: text('admin-unlink-text'), yes: text('admin-unlink') };
    let revoked = 0;
    const remove = async () => {
      ({ revoked } = await fresh(() => request(`${path}/identities/${encodeURIComponent(provider)}`, 'DELETE')));
    };
    if (await confirmed(question, remove)) await shown(text('admin-unlinked', { number: revoked }), again);
  });
  return button;
}

function revokeAll(user, again) {
  const button = create('button', { type: 'button', class: 'danger' }, text('admin-revoke-user'));
  button.addEventListener('click', () => revoke({ user_id: user.id }, {
    title: text('admin-revoke-user-title'), text: text('admin-revoke-user-text'), yes: text('admin-revoke-user'), label: text('admin-reason'),
  }, (number) => text('admin-revoke-user-done', { number }), again));
  return button;
}

function roles(user, path, again) {
  const input = create('input', {
    type: 'text', value: user.roles.join(' '), autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false',
    'aria-describedby': 'user-roles-hint user-roles-error',
  });
  const form = create('form', { class: 'narrow-form', novalidate: true },
    create('h2', {}, text('admin-access')),
    create('div', { class: 'field' },
      field('user-roles', text('admin-roles'), input,
        create('p', { class: 'hint', id: 'user-roles-hint' }, text('admin-roles-hint')),
        create('p', { class: 'error', id: 'user-roles-error' }))),
    create('button', { type: 'submit' }, text('common-save')));
  const words = () => input.value.split(/[\s,]+/).filter(Boolean);
  submits(form, { roles: 'user-roles' }, () => change(path, { roles: words() }, text('admin-roles-saved'), again));
  return form;
}
