// The audit log.
import { choices, eventRow, field, filters, listOf } from './admin-parts.js';
import { codesOf, create, text, textOfCode } from './page.js';

export async function audit({ query: { kind, since, user_id, session_id }, go }) {
  const query = { kind, user_id, session_id, since: midnight(since) };
  const list = await listOf({
    path: '/api/v1/admin/audit', query, row: eventRow, none: text('admin-audit-none'), label: text('admin-audit'),
  });
  const input = (name, value) => create('input', { type: 'text', name, value, autocomplete: 'off', spellcheck: 'false' });
  return {
    parts: [
      filters(go,
        field('filter-kind', text('admin-kind'), choices('kind', [['', text('admin-kind-any')], ...codesOf('audit').map((name) => [name, textOfCode('audit', name)])], kind)),
        field('filter-since', text('admin-from'), create('input', { type: 'date', name: 'since', value: since })),
        field('filter-user', text('admin-of-user'), input('user_id', user_id)),
        field('filter-session', text('admin-of-session'), input('session_id', session_id))),
      ...list,
    ],
  };
}

/** The beginning of a day in the user's zone. */
function midnight(day) {
  const date = new Date(`${day}T00:00`);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
