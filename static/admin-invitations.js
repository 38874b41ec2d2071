// Invitations: a form, and those that are open.
import { field, listOf } from './admin-parts.js';
import { announce, create, element, fact, focus, press, request, submits, text, time, wrapping } from './page.js';
import { fresh } from './step-up.js';

const PATH = '/api/v1/admin/invitations';

export async function invitations({ again }) {
  const list = await listOf({
    path: PATH, query: {}, row: invitationRow(again), none: text('admin-invitations-none'), label: text('admin-invitations'),
  });
  return { parts: [create('section', {}, invite(again)), create('section', {}, create('h2', {}, text('admin-invitations-open')), list)] };
}

const invitationRow = (again) => ({ id, email, roles, created_at: at, expires_at: until }) => {
  const button = create('button', { type: 'button', 'aria-label': text('admin-invitation-revoke-label', { email }) }, text('admin-invitation-revoke'));
  button.addEventListener('click', () => press(button, async () => {
    await request(`${PATH}/${encodeURIComponent(id)}`, 'DELETE').catch((problem) => {
      if (problem.status !== 404) throw problem; // used, expired or revoked meanwhile
    });
    await again();
    announce(text('admin-invitation-revoked', { email }));
    focus(element('heading'));
  }));
  return create('li', {},
    create('div', {},
      create('p', { class: 'name' }, wrapping(email)),
      create('p', { class: 'hint facts' },
        fact(text('admin-roles'), roles.join(' ')),
        fact(text('admin-invited'), time(at, true)),
        fact(text('admin-expires'), time(until)))),
    button);
};

function input(id, label, attributes, hint = '') {
  const described = hint ? `${id}-hint ${id}-error` : `${id}-error`;
  return create('div', { class: 'field' },
    field(id, label, create('input', { autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', 'aria-describedby': described, ...attributes }),
      hint && create('p', { class: 'hint', id: `${id}-hint` }, hint),
      create('p', { class: 'error', id: `${id}-error` })));
}

function invite(again) {
  const form = create('form', { class: 'narrow-form', novalidate: true },
    create('h2', {}, text('admin-invite')),
    create('p', { class: 'hint' }, text('admin-invite-text')),
    input('invite-email', text('admin-invite-email'), { type: 'email', required: true }),
    input('invite-roles', text('admin-roles'), { type: 'text' }, text('admin-roles-hint')),
    create('button', { type: 'submit' }, text('admin-invite-submit')));
  submits(form, { email: 'invite-email', roles: 'invite-roles' }, async () => {
    const [email, roles] = [element('invite-email').value, element('invite-roles').value.split(/[\s,]+/).filter(Boolean)];
    await fresh(() => request('/api/v1/admin/users', 'POST', { email, roles }));
    await again();
    announce(text('admin-invited-done', { email }));
    focus(element('heading'));
  });
  return form;
}
