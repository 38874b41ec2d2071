// The user's passkeys on the account page. Not on the page where they are switched off.
import { announce, confirmed, create, deviceOf, element, fact, focus, press, request, text, time, wordsFor } from './page.js';
import { create as createPasskey, isCancelled, isSupported, tellAll, tellUnknown, tellUser } from './passkeys.js';
import { showCodes } from './factors.js';
import { fresh } from './step-up.js';

const API = '/api/v1/me/passkeys';
const list = element('passkeys');
const add = element('add-passkey');
let again = async () => {};

/** `reload`: loads and shows the page again. */
export const whenChanged = (reload) => { again = reload; };

export function showPasskeys({ passkeys, rp_id: rpId, user_handle: handle }, user) {
  if (!list) return;
  list.replaceChildren(...passkeys.map(row));
  add.hidden = !isSupported;
  element('no-passkeys-here').hidden = isSupported;
  if (!rpId || !handle) return;
  tellAll(rpId, handle, passkeys.map((passkey) => passkey.credential_id));
  tellUser(rpId, handle, user.email || user.name || user.id, user.name || user.email || user.id);
}

export const clearPasskeys = () => list?.replaceChildren();

function row({ id, name, created_at: since, last_used_at: last, backed_up: isBackedUp }) {
  const called = name ?? text('account-passkey-unnamed');
  const act = (label, words, work) => create('button', { type: 'button', 'aria-label': text(label, { name: called }), click: work }, text(words));
  return create('li', {},
    create('div', {},
      create('p', { class: 'name' }, called, ' ', isBackedUp && create('span', { class: 'badge quiet' }, text('account-passkey-synced'))),
      create('p', { class: 'hint facts' },
        fact(text('account-passkey-since'), time(since)),
        fact(text('account-last-used'), last ? time(last, true) : text('common-never')))),
    act('account-passkey-rename-label', 'account-passkey-rename', () => rename(id, called)),
    act('account-passkey-remove-label', 'account-passkey-remove', () => remove(id, called)));
}

/** A lost answer is asked for again: the server answers the same request alike. */
async function register(body) {
  try {
    return await request(API, 'POST', body);
  } catch (problem) {
    if (!problem.temporary) throw problem;
    return request(API, 'POST', body);
  }
}

async function addOne() {
  const begun = await fresh(() => request(`${API}/options`, 'POST'));
  const made = await createPasskey(begun);
  const body = { ...made, name: deviceOf({ user_agent: navigator.userAgent }) };
  let codes;
  try {
    if (begun.email_code_required) codes = await withEmailCode(body);
    else ({ recovery_codes: codes } = await register(body));
  } catch (problem) {
    // The authenticator holds a passkey that the server will never know.
    if (!problem.temporary) await tellUnknown(begun.publicKey.rp.id, made.credential.id);
    throw problem;
  }
  await again();
  if (codes) return showCodes(codes);
  announce(text('account-passkey-added'));
  focus(element('passkeys-title'));
}

/** After an administrator's reset: the password alone adds nothing. */
async function withEmailCode(body) {
  const question = {
    title: text('account-passkey-add'), text: text('enrol-email-code-hint'), yes: text('account-passkey-add'),
    label: text('enrol-email-code'), isHarmless: true,
  };
  let codes;
  const isDone = await confirmed(question, async (code) => {
    ({ recovery_codes: codes } = await register({ ...body, email_code: code }));
  });
  if (!isDone) throw Object.assign(new Error('cancelled'), { name: 'AbortError' });
  return codes;
}

/** In words, also what the browser says. */
function failure(problem) {
  if (problem.name === 'InvalidStateError') return text('account-passkey-exists');
  if (isCancelled(problem)) return text('account-passkey-cancelled');
  return problem.code === 'challenge_expired' ? text('account-passkey-late') : wordsFor(problem);
}

add?.addEventListener('click', () => press(add, addOne, failure));

async function rename(id, called) {
  const question = {
    title: text('account-passkey-rename-title'), text: text('account-passkey-rename-text'), yes: text('common-save'),
    label: text('account-passkey-name'), value: called, isHarmless: true,
  };
  if (!await confirmed(question, (name) => fresh(() => request(`${API}/${id}`, 'PATCH', { name: name || null })))) return;
  await again();
  announce(text('account-passkey-renamed'));
  focus(element('passkeys-title'));
}

async function remove(id, name) {
  const question = {
    title: text('account-passkey-remove-title', { name }), text: text('account-passkey-remove-text'), yes: text('account-passkey-remove'),
  };
  if (!await confirmed(question, () => fresh(() => request(`${API}/${id}`, 'DELETE')))) return;
  await again(); // tells the browser which passkeys are left
  announce(text('account-passkey-removed'));
  focus(element('passkeys-title'));
}
