// What needs a fresh session: the dialog that asks for the password in place, after which the work goes on.
import { element, heirloom, request, submits } from './page.js';
import './password.js';

const dialog = element('step-up');
const [user, password] = [element('step-up-user'), element('step-up-password')];

/** Runs what needs a fresh session. Where the server wants the password first, the user types it, and the work goes on. */
export async function fresh(work) {
  try {
    return await work();
  } catch (problem) {
    if (problem.code !== 'step_up_required' || !await steppedUp()) throw problem;
    return work();
  }
}

function steppedUp() {
  dialog.returnValue = '';
  element('step-up-problem').hidden = true;
  dialog.showModal();
  nameUser();
  return new Promise((done) => {
    dialog.addEventListener('close', () => {
      user.value = password.value = '';
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

submits(element('step-up-form'), { password: 'step-up-password' }, async () => {
  await heirloom.stepUp({ password: password.value });
  dialog.close('yes');
});

element('step-up-cancel').addEventListener('click', () => dialog.close());
