// What needs a fresh session: the dialog that asks for the password, or for a passkey or a code where the user has a second
// factor, in place, after which the work goes on. Who has neither signs in with a provider again, and comes back.
import { create, element, heirloom, press, providerMark, request, submits, text, wordsFor } from './page.js';
import { get, isCancelled, isSupported } from './passkeys.js';
import './password.js';

const dialog = element('step-up');
const [user, password, code] = [element('step-up-user'), element('step-up-password'), element('step-up-code')];
const [passkey, providers, submit] = [element('step-up-passkey'), element('step-up-providers'), element('step-up-submit')];
let byCode = false;

/** Runs what needs a fresh session. Where the server wants a proof first, the user types it, and the work goes on. */
export async function fresh(work) {
  try {
    return await work();
  } catch (problem) {
    if (problem.code !== 'step_up_required' || !await steppedUp(problem.methods)) throw problem;
    return work();
  }
}

/** `methods`: with what the user can confirm who they are. */
async function steppedUp(methods) {
  const has = (method) => methods.includes(method);
  byCode = has('recovery_code');
  passkey.hidden = !(isSupported && has('passkey'));
  const way = (byCode && 'code') || (has('password') && 'password') || (has('provider') && 'provider') || 'email';
  for (const one of ['code', 'password', 'provider', 'email']) element(`step-up-by-${one}`).hidden = one !== way;
  submit.hidden = way === 'provider' || way === 'email';
  dialog.setAttribute('aria-describedby', `step-up-${way}-text`);
  providers.hidden = !has('provider');
  if (has('provider')) await offerProviders();
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
  if (answer && dialog.open) user.value = answer.user.email ?? '';
}

/** The providers that open the account: after a new sign-in there, the user comes back to the same session, which is fresh. */
async function offerProviders() {
  const [offered, { items }] = await Promise.all([request('/api/v1/auth/providers'), request('/api/v1/me/identities')]);
  const connected = offered.filter(({ provider }) => items.some((item) => item.provider === provider));
  providers.replaceChildren(...connected.map(({ provider, label }) => {
    const button = create('button', { type: 'button', class: 'button' }, providerMark(label), text('account-step-up-with', { provider: label }));
    button.addEventListener('click', () => press(button, async () => {
      const there = `/api/v1/auth/step-up/${encodeURIComponent(provider)}`;
      location.assign((await request(there, 'POST', { return_to: location.pathname })).authorize_url);
    }));
    return button;
  }));
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
