// Pieces that several views of the administration are made of.
import { ask, confirmed, deviceOf, fact, firstPage, focus, make, press, say, sayCode, tell, time } from './page.js';

/** A list with its "Show more" and what stands there when it is empty; loaded before it is shown. */
export async function listOf({ path, query, row, none, label }) {
  const list = make('ul', { class: 'rows', 'aria-label': label });
  const more = make('button', { type: 'button', hidden: true }, say('common-more'));
  const empty = make('p', { class: 'hint detail', hidden: true }, none);
  try {
    (await firstPage({ path, query, list, more, none: empty, row }))();
  } catch (problem) {
    if (problem.status !== 422) throw problem;
    // What was typed into the filters is no id: they stay, to be put right.
    return [make('p', { class: 'message wrong', role: 'alert' }, say('problem-filter'))];
  }
  return [list, empty, make('div', { class: 'actions' }, more)];
}

/** A field of a form, with its label. */
export function field(id, label, input, ...rest) {
  input.id = id;
  return make('div', {}, make('label', { for: id }, label), input, ...rest);
}

export function choices(name, options, chosen) {
  const offered = options.map(([value, words]) => make('option', { value, selected: value === (chosen ?? '') }, words));
  return make('select', { name }, offered);
}

/** A form whose fields become the query of the address. */
export function filters(go, ...fields) {
  const form = make('form', { class: 'filters', role: 'search' }, fields,
    make('button', { type: 'submit' }, say('admin-filter')));
  const apply = () => {
    const said = [...new FormData(form)].filter(([, value]) => value.trim());
    const query = new URLSearchParams(said.map(([name, value]) => [name, value.trim()]));
    return go(said.length ? `${location.pathname}?${query}` : location.pathname, 'replaceState');
  };
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const had = document.activeElement?.id;
    await apply();
    focusField(had);
  });
  return form;
}

function focusField(id) {
  const place = id && document.getElementById(id);
  if (place) place.focus();
  else document.querySelector('.filters button')?.focus();
}

export const personLink = (id, words) => make('a', { href: `/admin/people/${encodeURIComponent(id)}` }, words);

const tone = { live: null, revoked: 'wrong', expired: 'quiet' };

/** One session: what it is, and a button that ends it. */
export function sessionRow({ again, withPerson = false }) {
  return (session) => {
    const device = deviceOf(session);
    const isLive = session.state === 'live';
    const end = make('button', { type: 'button', 'aria-label': say('admin-revoke-label', { device }) }, say('admin-revoke'));
    end.addEventListener('click', () => endNow(end, { session_id: session.id }, () => say('admin-revoked-done', { device }), again));
    return make('li', {},
      make('div', {},
        make('p', { class: 'name' }, device, ' ', badge(say(`state-${session.state}`), tone[session.state])),
        make('p', { class: 'hint facts' },
          withPerson && make('span', {}, personLink(session.user_id, say('admin-show-person'))),
          fact(say('admin-last-used'), time(session.last_used_at, true)),
          fact(say('admin-created'), time(session.created_at)),
          isLive && fact(say('admin-expires'), time(session.expires_at)),
          session.revoked_at && fact(say('admin-ended'), time(session.revoked_at)),
          session.revoked_reason && make('span', {}, sayCode('reason', session.revoked_reason)),
          fact(say('admin-ip'), session.ip),
          fact(say('admin-generation'), String(session.generation)),
          make('span', {}, make('a', { href: `/admin/audit?session_id=${encodeURIComponent(session.id)}` }, say('admin-events'))))),
      isLive && end);
  };
}

export const badge = (words, kind) => make('span', { class: kind ? `badge ${kind}` : 'badge' }, words);

/** Ends what is named, after a question, and says how it went. */
export async function revoke(button, what, question, done, again) {
  const reason = await confirmed(question);
  if (reason === null) return;
  await endNow(button, question.word || !reason ? what : { ...what, reason }, done, again);
}

const endNow = (button, what, done, again) => press(button, async () => {
  const { revoked } = await ask('/api/v1/admin/revoke', 'POST', what);
  await again();
  tell(done(revoked));
  focus(document.getElementById('heading'));
});

/** One event of the audit log. */
export function eventRow(event) {
  const told = Object.entries(event.details ?? {}).filter(([, value]) => value !== null && String(value) !== '');
  return make('li', { class: /reused|ahead/.test(event.kind) ? 'alarming' : null },
    make('div', {},
      make('p', { class: 'name' }, sayCode('audit', event.kind)),
      make('p', { class: 'hint facts' },
        make('span', {}, time(event.at)),
        event.user_id && fact(say('admin-user'), personLink(event.user_id, short(event.user_id))),
        event.actor_id && event.actor_id !== event.user_id && fact(say('admin-actor'), personLink(event.actor_id, short(event.actor_id))),
        event.session_id && fact(say('admin-session'), sessionLink(event.session_id)),
        fact(say('admin-ip'), event.ip),
        event.user_agent && make('span', {}, deviceOf(event)),
        event.request_id && fact(say('admin-request'), make('code', {}, event.request_id))),
      told.length > 0 && make('p', { class: 'hint facts details' }, told.map(([name, value]) => fact(sayCode('detail', name), inWords(name, value))))));
}

/** What a detail of an event says; an object that this page does not know, as it is. */
function inWords(name, value) {
  if (name === 'reason') return sayCode('reason', value);
  if (Array.isArray(value)) return value.join(' ') || say('common-never');
  if (typeof value === 'boolean') return say(value ? 'detail-yes' : 'detail-no');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const sessionLink = (id) => make('a', { href: `/admin/audit?session_id=${encodeURIComponent(id)}` }, short(id));

/** The end of an id, which tells two apart; the beginning is a time. */
const short = (id) => `…${id.slice(-8)}`;
