// Passkeys on the pages of the sign-in. Without this script the pages ask for password and code.
import { get, isCancelled, isSupported, tellUnknown } from './passkeys.js';

const LIFETIME = 4 * 60_000; // ms, shorter than a ticket's

/** @type {any} */
const place = document.getElementById('passkey');
const button = place.querySelector('button');
const notice = document.getElementById('passkey-problem');
const { challenge, returnTo } = place.dataset;
let offer = new AbortController(); // what the browser offers beside the address

async function post(path, body) {
  const answer = await fetch(`/api/v1/auth/passkeys/${path}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  // A success without JSON is not the server's answer: a network may give its own.
  const content = await answer.json().catch(() => null);
  if (!answer.ok || !content) throw Object.assign(new Error(content?.detail), { code: content?.code, reason: content?.reason });
  return content;
}

/** @type {any} */
const remember = document.getElementById('remember');
/** @type {any} */
const trust = document.getElementById('trust_device');
const wishes = () => (challenge ? { challenge, trust_device: Boolean(trust?.checked) } : { transport: 'cookie', remember: remember.checked });

/** Asks the browser for a passkey. `how`: as of `get`. */
async function choose(how) {
  const { ticket, publicKey } = await post('options', challenge ? { challenge } : {});
  return { rpId: publicKey.rpId, proof: await get({ ticket, publicKey }, how) };
}

async function signIn({ rpId, proof }) {
  try {
    await post('verify', { ...proof, ...wishes() });
  } catch (problem) {
    if (problem.reason === 'unknown_passkey') await tellUnknown(rpId, proof.credential.id);
    throw problem;
  }
  location.assign(returnTo);
}

function show(problem) {
  const name = problem.reason === 'unknown_passkey' ? problem.reason : problem.code;
  const key = { account_blocked: 'blocked', email_not_verified: 'unverified', passkey_invalid: 'refused', unknown_passkey: 'unknown', challenge_expired: 'late' }[name];
  notice.textContent = '';
  notice.append(Object.assign(document.createElement('p'), { textContent: place.dataset[key ?? 'failed'] }));
  notice.hidden = false;
}

button.addEventListener('click', async () => {
  if (button.hasAttribute('aria-disabled')) return;
  const label = button.textContent;
  button.setAttribute('aria-disabled', 'true');
  button.textContent = button.dataset.busy;
  notice.hidden = true;
  offer.abort();
  try {
    await signIn(await choose());
    return;
  } catch (problem) {
    if (!isCancelled(problem)) show(problem);
  }
  button.removeAttribute('aria-disabled');
  button.textContent = label;
});

/** The browser offers passkeys beside the address, without a dialog, until the user does something else. */
async function offerBeside() {
  const canOffer = await PublicKeyCredential.isConditionalMediationAvailable?.();
  while (canOffer && !offer.signal.aborted) {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), LIFETIME);
    offer.signal.addEventListener('abort', () => late.abort(), { once: true });
    let chosen;
    try {
      chosen = await choose({ mediation: 'conditional', signal: late.signal });
      await signIn(chosen);
      return;
    } catch (problem) {
      // Before a passkey was chosen the user has asked for nothing: no alert.
      if (chosen && !offer.signal.aborted) show(problem);
      if (chosen || !late.signal.aborted) return;
    } finally {
      clearTimeout(timer);
    }
  }
}

if (isSupported) {
  place.hidden = false;
  if (!challenge) offerBeside().catch(() => { /* the button is there */ });
  addEventListener('pageshow', ({ persisted }) => { if (persisted) location.reload(); }); // with a ticket that works
}
