// The page behind an email's link. The token is in the fragment of the address: no log of a server and no Referer holds it.
// Looking at it changes nothing: programs that scan emails run scripts too. The user confirms by typing, or by a button in
// the browser that asked.

/** @type {(id: string) => any} */
const element = (id) => document.getElementById(id);

/** Shows one of the parts, and hides the others. */
function show(part) {
  for (const id of ['loading', 'trouble', 'expired']) element(id).hidden = id !== part;
}

/** The other language is for the same link. */
function keep(token) {
  for (const link of document.querySelectorAll('footer nav a')) /** @type {HTMLAnchorElement} */ (link).hash = token;
}

/** The page as the server shows it to those who hold this token, or nothing. */
async function asked(token) {
  const body = new URLSearchParams({ step: 'look', token });
  const answer = await fetch(`/confirm${location.search}`, { method: 'POST', body }).catch(() => null);
  const isAnswer = answer && (answer.ok || answer.status === 404 || answer.status === 410);
  return isAnswer ? new DOMParser().parseFromString(await answer.text(), 'text/html') : null;
}

async function look(token) {
  show('loading');
  const page = await asked(token).catch(() => null);
  if (!page) return show('trouble');
  document.title = page.title;
  element('main').replaceWith(page.getElementById('main'));
  begin();
}

/** With the form in the page. */
async function begin() {
  await import('./login.js');
  const first = element('password') ?? document.querySelector('main form button');
  /** @type {HTMLElement | null} */ (first)?.focus();
}

// After a refused password the server has put the token into the form again.
const token = location.hash.slice(1) || element('token')?.value;
if (token) keep(token);
if (element('token')) begin();
else if (!token) show('expired');
else {
  element('again').addEventListener('click', () => look(token));
  look(token);
}
addEventListener('hashchange', () => location.reload()); // another link was opened in the same tab
