// The page behind an email's link. The token is in the fragment of the address: no log of a server and no Referer holds it.
// Looking at it changes nothing: programs that scan emails run scripts too. The user confirms by typing, or by a button in
// the browser that asked, or in one that is signed in: a program that scans emails is neither.

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

/** The access token of the user who is signed in here: the cookie is not sent to this page.
 * @type {() => Promise<string | null>} */
let bearer = async () => null;

async function signIn() {
  const { createHeirloom } = await import('./heirloom.js');
  const heirloom = createHeirloom();
  bearer = () => heirloom.getAccessToken().catch(() => null);
  return bearer();
}

/** The page as the server answers with it to what is sent, or nothing. */
async function send(body) {
  const token = await bearer();
  /** @type {Record<string, string>} */
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(`/confirm${location.search}`, { method: 'POST', headers, body }).catch(() => null);
  const isPage = answer && answer.status < 500 && answer.headers.get('Content-Type')?.startsWith('text/html');
  return isPage ? new DOMParser().parseFromString(await answer.text(), 'text/html') : null;
}

/** The page as the server shows it to those who hold this token. Where it asks for a password, the session may be enough. */
async function asked(token) {
  const body = new URLSearchParams({ step: 'look', token });
  const page = await send(body);
  if (!page?.querySelector('[data-asks-password]') || !await signIn()) return page;
  return await send(body) ?? page;
}

async function look(token) {
  show('loading');
  const page = await asked(token).catch(() => null);
  if (!page) return show('trouble');
  put(page);
}

function put(page) {
  document.title = page.title;
  element('main').replaceWith(page.getElementById('main'));
  begin();
}

/** With the form in the page. */
async function begin() {
  /** @type {any} */
  const form = document.querySelector('main form[data-signed-in]');
  if (form) return confirmSignedIn(form);
  await import('./login.js');
  const first = element('password') ?? document.querySelector('main form button');
  /** @type {HTMLElement | null} */ (first)?.focus();
}

/** The button sends the access token, which a form cannot. */
function confirmSignedIn(form) {
  const button = form.querySelector('button');
  const label = button.textContent;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.hasAttribute('aria-disabled')) return;
    button.setAttribute('aria-disabled', 'true');
    button.textContent = button.dataset.busy;
    const page = await send(new URLSearchParams({ token: form.elements.token.value })).catch(() => null);
    if (page) return put(page);
    button.removeAttribute('aria-disabled');
    button.textContent = label;
    element('unreachable').hidden = false;
  });
  button.focus();
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
