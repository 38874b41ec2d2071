// What needs a fresh session: the dialog that asks for the password, or for a passkey or a code where the user has a second
// factor, in place, after which the work goes on.
import { create, element, heirloom, press, request, submits, wordsFor } from './page.js';
import { get, isCancelled, isSupported } from './passkeys.js';
import './password.js';

const dialog = element('step-up');
const [user, password, code] = [element('step-up-user'), element('step-up-password'), element('step-up-code')];
const passkey = element('step-up-passkey');
let byCode = false;

/** Runs what needs a fresh session. Where the server wants a proof first, the user types it, and the work goes on. */
export async function fresh(work) {
  try {
    return await work();
  } catch (problem) {
    if (problem.code !== 'step_up_required' || !await steppedUp()) throw problem;
    return work();
  }
}

async function steppedUp() {
  const { totp, passkeys, rp_id: offersPasskeys } = await request('/api/v1/me/factors');
  byCode = totp || passkeys.length > 0;
  passkey.hidden = !(isSupported && offersPasskeys && passkeys.length);
  element('step-up-by-password').hidden = byCode;
  element('step-up-by-code').hidden = !byCode;
  dialog.setAttribute('aria-describedby', byCode ? 'step-up-code-text' : 'step-up-text');
  if (!byCode) offerProviders();
  dialog.returnValue = '';
  element('step-up-problem').hidden = true;
  dialog.showModal();
  nameUser();
  return new Promise((done) => {
    dialog.addEventListener('close', () => {
      user.value = password.value = code.value = '';
      password.dispatchEvent(new Event('input', { bubbles: true })); // its error is gone
      done(dialog.returnValue === 'yes');
    }, { once: true });
  });
}

/** Tells password managers which account this is. The dialog does without it. */
async function nameUser() {
  const answer = await request('/api/v1/me').catch(() => null);
  if (answer && dialog.open) user.value = answer.user.email;
}

/** Who has no password signs in with the provider again: the new session is fresh. The dialog does without it. */
async function offerProviders() {
  const place = element('step-up-providers');
  place.hidden = true;
  const { items } = await request('/api/v1/me/identities').catch(() => ({ items: [] }));
  place.replaceChildren(place.firstChild, ...items.flatMap(({ provider, label }) => {
    const query = new URLSearchParams({ return_to: location.pathname });
    return [' ', create('a', { href: `/auth/upstream/${encodeURIComponent(provider)}?${query}` }, label)];
  }));
  place.hidden = !items.length;
}

/** Six digits are a code of the app; anything else is a recovery code. */
function proof() {
  if (!byCode) return { password: password.value };
  return /^\d{6}$/.test(code.value.replace(/[\s-]/g, '')) ? { totp: code.value } : { recovery_code: code.value };
}

passkey.addEventListener('click', () => press(passkey, async () => {
  const proof = await get(await request('/api/v1/auth/passkeys/options', 'POST', {}));
  await heirloom.stepUp({ passkey: proof });
  dialog.close('yes');
}, (problem) => (isCancelled(problem) ? '' : wordsFor(problem))));

submits(element('step-up-form'), { password: 'step-up-password', code: 'step-up-code' }, async () => {
  await heirloom.stepUp(proof());
  dialog.close('yes');
});

element('step-up-cancel').addEventListener('click', () => dialog.close());
