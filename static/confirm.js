// The page behind an email's link. The token is in the fragment of the address: no log of a server and no Referer holds it.
// Looking at it changes nothing: programs that scan emails run scripts too. The user confirms by typing.

/** @type {(id: string) => any} */
const element = (id) => document.getElementById(id);

/** Shows one of the parts, and hides the others. */
function show(part) {
  for (const id of ['loading', 'trouble', 'ask', 'expired']) element(id).hidden = id !== part;
}

async function look(token) {
  show('loading');
  const answer = await fetch('/api/v1/auth/confirmations/look', {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token }),
  }).catch(() => null);
  // 404, 410: not a link of this server, used, or expired.
  if (answer?.status === 404 || answer?.status === 410 || answer?.status === 422) return show('expired');
  const found = answer?.ok && await answer.json().catch(() => null);
  if (!found) return show('trouble');
  // What this version does not ask for, it does not confirm.
  if (found.purpose !== 'reset_password') return show('expired');
  element('token').value = token;
  element('for-email').textContent = found.email;
  element('for-device').textContent = found.device ?? '';
  element('for').hidden = false;
  show('ask');
  element('password').focus();
}

function begin() {
  const token = location.hash.slice(1);
  // After a refused password the server has put the token into the form again.
  if (!token && element('token').value) return;
  if (!token) return show('expired');
  // The other language is for the same link.
  for (const link of document.querySelectorAll('footer nav a')) /** @type {HTMLAnchorElement} */ (link).hash = token;
  look(token);
}

element('again').addEventListener('click', begin);
addEventListener('hashchange', begin); // another link was opened in the same tab
begin();
