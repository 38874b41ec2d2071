// Parts that several views of the administration share.
import { announce, confirmed, create, deviceOf, fact, firstPage, focus, press, request, text, textOfCode, time } from './page.js';
import { fresh } from './step-up.js';

/** A list with its "Show more" button and its text for an empty list; loaded before it is shown. */
export async function listOf({ path, query, row, none, label }) {
  const list = create('ul', { class: 'rows', 'aria-label': label });
  const more = create('button', { type: 'button', hidden: true }, text('common-more'));
  const empty = create('p', { class: 'hint detail', hidden: true }, none);
  try {
    (await firstPage({ path, query, list, more, none: empty, row }))();
  } catch (problem) {
    if (problem.status !== 422) throw problem;
    // A filter is not a valid id: the filters stay, so that the user can correct them.
    return [create('p', { class: 'message wrong', role: 'alert' }, text('problem-filter'))];
  }
  return [list, empty, create('div', { class: 'actions' }, more)];
}

/** A field of a form, with its label. */
export function field(id, label, input, ...rest) {
  input.id = id;
  return create('div', {}, create('label', { for: id }, label), input, ...rest);
}

export function choices(name, options, chosen) {
  const offered = options.map(([value, words]) => create('option', { value, selected: value === (chosen ?? '') }, words));
  return create('select', { name }, offered);
}

/** A form whose fields become the query of the URL. */
export function filters(go, ...fields) {
  const form = create('form', { class: 'filters', role: 'search' }, fields,
    create('button', { type: 'submit' }, text('admin-filter')));
  const apply = () => {
    const values = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]);
    const filled = values.filter(([, value]) => value);
    const query = new URLSearchParams(filled);
    return go(filled.length ? `${location.pathname}?${query}` : location.pathname, 'replaceState');
  };
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const focused = document.activeElement?.id;
    await apply();
    focusField(focused);
  });
  return form;
}

function focusField(id) {
  const place = id && document.getElementById(id);
  if (place) place.focus();
  else /** @type {any} */ (document.querySelector('.filters button'))?.focus();
}

export const userLink = (id, words) => create('a', { href: `/admin/people/${encodeURIComponent(id)}` }, words);

const tone = { live: null, revoked: 'wrong', expired: 'quiet' };

/** One session, with a button that revokes it. */
export function sessionRow({ again, withUser = false }) {
  return (session) => {
    const device = deviceOf(session);
    const isLive = session.state === 'live';
    const button = create('button', { type: 'button', 'aria-label': text('admin-revoke-label', { device }) }, text('admin-revoke'));
    button.addEventListener('click', () => press(button, async () => {
      await revokeNow({ session_id: session.id });
      await shown(text('admin-revoked-done', { device }), again);
    }));
    return create('li', {},
      create('div', {},
        create('p', { class: 'name' }, device, ' ', badge(text(`state-${session.state}`), tone[session.state])),
        create('p', { class: 'hint facts' },
          withUser && create('span', {}, userLink(session.user_id, text('admin-show-user'))),
          fact(text('admin-last-used'), time(session.last_used_at, true)),
          fact(text('admin-created'), time(session.created_at)),
          isLive && fact(text('admin-expires'), time(session.expires_at)),
          session.revoked_at && fact(text('admin-revoked'), time(session.revoked_at)),
          session.revoked_reason && create('span', {}, textOfCode('reason', session.revoked_reason)),
          fact(text('admin-ip'), session.ip),
          fact(text('admin-generation'), String(session.generation)),
          create('span', {}, create('a', { href: `/admin/audit?session_id=${encodeURIComponent(session.id)}` }, text('admin-events'))))),
      isLive && button);
  };
}

export const badge = (words, kind) => create('span', { class: kind ? `badge ${kind}` : 'badge' }, words);

/** Revokes after a confirmation, and announces the result. */
export async function revoke(what, question, done, again) {
  let revoked = 0;
  const work = async (reason) => { revoked = await revokeNow(question.word || !reason ? what : { ...what, reason }); };
  if (await confirmed(question, work)) await shown(done(revoked), again);
}

const revokeNow = async (what) => (await fresh(() => request('/api/v1/admin/revoke', 'POST', what))).revoked;

/** Shows the view as it is now, and what was done. */
export async function shown(words, again) {
  await again();
  announce(words);
  focus(document.getElementById('heading'));
}

/** One event of the audit log. */
export function eventRow(event) {
  const details = Object.entries(event.details ?? {}).filter(([, value]) => value !== null && String(value) !== '');
  return create('li', { class: /reused|ahead/.test(event.kind) ? 'alarming' : null },
    create('div', {},
      create('p', { class: 'name' }, textOfCode('audit', event.kind)),
      create('p', { class: 'hint facts' },
        create('span', {}, time(event.at)),
        event.user_id && fact(text('admin-user'), userLink(event.user_id, short(event.user_id))),
        event.actor_id && event.actor_id !== event.user_id && fact(text('admin-actor'), userLink(event.actor_id, short(event.actor_id))),
        event.session_id && fact(text('admin-session'), sessionLink(event.session_id)),
        fact(text('admin-ip'), event.ip),
        event.user_agent && create('span', {}, deviceOf(event)),
        event.request_id && fact(text('admin-request'), create('code', {}, event.request_id))),
      details.length > 0 && create('p', { class: 'hint facts details' }, details.map(([name, value]) => fact(textOfCode('detail', name), inWords(name, value))))));
}

/** The value of an event's detail in words; an unknown object as JSON. */
function inWords(name, value) {
  if (name === 'reason' || name === 'purpose') return textOfCode(name, value);
  if (Array.isArray(value)) return value.join(' ') || text('common-never');
  if (typeof value === 'boolean') return text(value ? 'detail-yes' : 'detail-no');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const sessionLink = (id) => create('a', { href: `/admin/audit?session_id=${encodeURIComponent(id)}` }, short(id));

/** The end of an id, which distinguishes two ids; the beginning is a time. */
const short = (id) => `…${id.slice(-8)}`;
