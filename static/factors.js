// The user's second factors on the account page: an authenticator app, and recovery codes. What the server shows once stays in
// its dialog, and goes when that closes.
import {
  announce, confirmed, create, element, fact, focus, press, request, submits, text, time,
} from './page.js';
import { fresh } from './step-up.js';
import { showTrusted, whenDistrusted } from './trusted.js';

const API = '/api/v1/me/factors';
const [setup, shown] = [element('totp'), element('codes')];
let again = async () => {};

/** `reload`: loads and shows the page again. */
export const whenChanged = (reload) => {
  again = reload;
  whenDistrusted(reload);
};

export const loadFactors = () => request(API);

export function showFactors({ totp, totp_since: since, recovery_codes_left: left, passkeys, trusted_devices: trusted, recovery }) {
  showRecovery(recovery);
  showTrusted(trusted);
  element('without-totp').hidden = totp;
  element('with-totp').hidden = !totp;
  element('with-codes').hidden = !totp && !passkeys.length;
  element('totp-facts').replaceChildren(totp ? fact(text('account-factors-since'), time(since)) : '');
  element('codes-left').replaceChildren(fact(text('account-factors-left'), left));
}

export function clearFactors() {
  showRecovery();
  showTrusted([]);
  for (const id of ['totp-facts', 'codes-left']) element(id).replaceChildren();
  for (const dialog of [setup, shown]) if (dialog.open) dialog.close();
}

// ---- the removal of factors that someone has lost, or stolen the password of

function showRecovery(recovery = undefined) {
  element('recovery').hidden = !recovery;
  element('recovery-text').textContent = recovery ? text('account-recovery', { at: time(recovery.ready_at).textContent }) : '';
}

element('cancel-recovery').addEventListener('click', ({ currentTarget }) => press(currentTarget, async () => {
  await request(`${API}/recovery`, 'DELETE');
  await again();
  announce(text('account-recovery-cancelled'));
  focus(element('factors-title'));
}));

// ---- the app

element('begin-totp').addEventListener('click', ({ currentTarget }) => press(currentTarget, async () => {
  const { secret, uri, qr_svg: picture, email_code_required: asksEmail } = await fresh(() => request(`${API}/totp`, 'POST'));
  element('totp-picture').src = `data:image/svg+xml,${encodeURIComponent(picture)}`;
  element('totp-secret').textContent = secret.match(/.{1,4}/g).join(' ');
  element('totp-uri').href = uri;
  element('totp-email').hidden = !asksEmail;
  element('totp-problem').hidden = true;
  setup.showModal();
  element('totp-code').focus();
}));

setup.addEventListener('close', () => {
  element('totp-picture').removeAttribute('src');
  element('totp-secret').textContent = '';
  element('totp-uri').removeAttribute('href');
  element('totp-form').reset();
});

element('totp-cancel').addEventListener('click', () => setup.close());

submits(element('totp-form'), { code: 'totp-code', email_code: 'totp-email-code' }, async () => {
  const [code, email] = [element('totp-code').value, element('totp-email-code').value];
  const typed = element('totp-email').hidden ? { code } : { code, email_code: email };
  const { recovery_codes: codes } = await fresh(() => request(`${API}/totp/confirm`, 'POST', typed));
  setup.close();
  showCodes(codes);
  again();
});

element('renew-codes').addEventListener('click', ({ currentTarget }) => {
  const question = { title: text('account-codes-renew-title'), text: text('account-codes-renew-text'), yes: text('account-codes-renew') };
  press(currentTarget, async () => {
    let codes = null;
    const isDone = await confirmed(question, async () => {
      ({ codes } = await fresh(() => request('/api/v1/me/recovery-codes', 'POST')));
    });
    if (!isDone) return;
    showCodes(codes);
    again();
  });
});

element('remove-totp').addEventListener('click', async () => {
  const question = { title: text('account-totp-remove-title'), text: text('account-totp-remove-text'), yes: text('account-totp-remove') };
  if (!await confirmed(question, () => fresh(() => request(`${API}/totp`, 'DELETE')))) return;
  await again();
  announce(text('account-totp-removed'));
  focus(element('factors-title'));
});

// ---- recovery codes, shown once

export function showCodes(codes) {
  element('code-list').replaceChildren(...codes.map((code) => create('li', {}, create('code', {}, code))));
  element('codes-done').hidden = true;
  shown.showModal();
}

const typedOut = () => [...element('code-list').children].map((row) => row.textContent).join('\n');

element('codes-copy').addEventListener('click', () => navigator.clipboard.writeText(typedOut()).then(
  () => { element('codes-done').hidden = false; },
  () => getSelection().selectAllChildren(element('code-list')), // the browser refuses: the user copies what is selected
));

element('codes-save').addEventListener('click', () => {
  const file = URL.createObjectURL(new Blob([`${typedOut()}\n`], { type: 'text/plain' }));
  create('a', { href: file, download: 'recovery-codes.txt' }).click();
  setTimeout(() => URL.revokeObjectURL(file), 1_000);
});

element('codes-close').addEventListener('click', () => shown.close());

shown.addEventListener('close', () => {
  element('code-list').replaceChildren();
  announce(text('account-factors-on'));
  focus(element('factors-title'));
});
