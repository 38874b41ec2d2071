// The audit log.
import { choices, eventRow, field, filters, listOf } from './admin-parts.js';
import { codesOf, make, say, sayCode } from './page.js';

export async function audit({ query: { kind, since, user_id, session_id }, go }) {
  const query = { kind, user_id, session_id, since: midnight(since) };
  const list = await listOf({
    path: '/api/v1/admin/audit', query, row: eventRow, none: say('admin-audit-none'), label: say('admin-audit'),
  });
  const text = (name, value) => make('input', { type: 'text', name, value, autocomplete: 'off', spellcheck: 'false' });
  return {
    parts: [
      filters(go,
        field('kind', say('admin-kind'), choices('kind', [['', say('admin-kind-any')], ...codesOf('audit').map((name) => [name, sayCode('audit', name)])], kind)),
        field('since', say('admin-from'), make('input', { type: 'date', name: 'since', value: since })),
        field('user_id', say('admin-of-user'), text('user_id', user_id)),
        field('session_id', say('admin-of-session'), text('session_id', session_id))),
      ...list,
    ],
  };
}

/** The beginning of a day in the reader's zone. */
function midnight(day) {
  const date = new Date(`${day}T00:00`);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
