// Sessions of everybody.
import { choices, field, filters, listOf, sessionRow } from './admin-parts.js';
import { say } from './page.js';

export async function sessions({ query: { state, user_id }, go, again }) {
  const list = await listOf({
    path: '/api/v1/admin/sessions', query: { state, user_id }, row: sessionRow({ again, withPerson: true }),
    none: say('admin-sessions-none'), label: say('admin-sessions'),
  });
  const states = ['live', 'revoked', 'expired'].map((name) => [name, say(`state-${name}`)]);
  return {
    parts: [
      filters(go, field('state', say('admin-state'), choices('state', [['', say('admin-state-any')], ...states], state))),
      ...list,
    ],
  };
}
