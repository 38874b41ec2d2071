// The sessions of all users.
import { choices, field, filters, listOf, sessionRow } from './admin-parts.js';
import { text } from './page.js';

export async function sessions({ query: { state, user_id }, go, again }) {
  const list = await listOf({
    path: '/api/v1/admin/sessions', query: { state, user_id }, row: sessionRow({ again, withUser: true }),
    none: text('admin-sessions-none'), label: text('admin-sessions'),
  });
  const states = ['live', 'revoked', 'expired'].map((name) => [name, text(`state-${name}`)]);
  return {
    parts: [
      filters(go, field('filter-state', text('admin-state'), choices('state', [['', text('admin-state-any')], ...states], state))),
      ...list,
    ],
  };
}
