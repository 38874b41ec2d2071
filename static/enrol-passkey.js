// Setting up a passkey within a sign-in, whose user must have a second factor. Without this script the page asks for an app.
import { create, isCancelled, isSupported, tellUnknown } from './passkeys.js';

const element = (id) => /** @type {any} */ (document.getElementById(id));
const place = element('passkey');
const button = place?.querySelector('button');
const notice = element('passkey-problem');

async function post(path, body) {
  const answer = await fetch(`/api/v1/auth/enrol/passkeys${path}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  const content = await answer.json().catch(() => null);
  if (!answer.ok) throw Object.assign(new Error(content?.detail), { code: content?.code, status: answer.status });
  // A success without JSON is not the server's answer, which was lost: a network may give its own.
  if (!content) throw new Error('no answer');
  return content;
}

/** What the browser made waits for the code of the e-mail: a wrong one asks for no second passkey. */
let made = null;
/** Whether an answer was lost: the server may know the passkey, which is then the only factor. */
let mayBeKnown = false;
let rpId = '';

async function enrol(emailCode) {
  const { challenge } = place.dataset;
  if (!made) {
    const begun = await post('/options', { challenge });
    rpId = begun.publicKey.rp.id;
    made = await create(begun);
  }
  try {
    return await post('', { ...made, challenge, ...(emailCode && { email_code: emailCode }) });
  } catch (problem) {
    if (['passkey_invalid', 'challenge_expired', 'not_found'].includes(problem.code)) {
      // The authenticator holds a passkey that the server will never know.
      if (!mayBeKnown) await tellUnknown(rpId, made.credential.id);
      made = null;
      mayBeKnown = false;
    } else if (!(problem.status < 500)) {
      mayBeKnown = true;
    }
    throw problem;
  }
}

function show(words) {
  notice.textContent = '';
  notice.append(Object.assign(document.createElement('p'), { textContent: words }));
  notice.hidden = false;
}

function failure(problem) {
  const { missing, wrong, exists, cancelled, late, blocked, limited, failed } = place.dataset;
  if (problem.name === 'InvalidStateError') return exists;
  if (isCancelled(problem)) return cancelled;
  return { validation_failed: missing, code_invalid: wrong, challenge_expired: late, account_blocked: blocked, too_many_attempts: limited }[problem.code] ?? failed;
}

function finish(codes) {
  const row = (code) => {
    const item = document.createElement('li');
    item.append(Object.assign(document.createElement('code'), { textContent: code }));
    return item;
  };
  element('code-list').replaceChildren(...codes.map(row));
  element('enrolment').hidden = true;
  element('enrolled').hidden = false;
  document.title = element('enrolled-title').textContent;
  element('enrolled-title').focus();
}

button?.addEventListener('click', async () => {
  if (button.hasAttribute('aria-disabled')) return;
  notice.hidden = true;
  const field = element('email_code');
  if (field && !field.value.trim()) {
    show(place.dataset.missing);
    field.focus();
    return;
  }
  const label = button.textContent;
  button.setAttribute('aria-disabled', 'true');
  button.textContent = button.dataset.busy;
  try {
    finish((await enrol(field?.value)).recovery_codes);
    return;
  } catch (problem) {
    show(failure(problem));
  }
  button.removeAttribute('aria-disabled');
  button.textContent = label;
});

if (place && isSupported) place.hidden = false;
