// The page's script calls the API by itself, with the token that came with the HTML.
const meta = (name) => /** @type {HTMLMetaElement} */ (document.querySelector(`meta[name="${name}"]`)).content;
const api = meta('api');
let token = meta('access-token');

function send(method, path, body) {
  const headers = { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) };
  return fetch(api + path, { method, headers, body: body && JSON.stringify(body) });
}

/** Calls the API. After a 401 it asks the app for another token, once; the app knows whether the user is signed out. */
async function call(method, path, body) {
  let answer = await send(method, path, body);
  if (answer.status === 401) {
    const renewed = await fetch('/token', { method: 'POST' });
    const content = await renewed.json().catch(() => ({}));
    if (renewed.status === 401) location.assign(`/?${new URLSearchParams({ why: content.code })}`);
    if (!renewed.ok) throw new Error(content.message);
    token = content.access_token;
    answer = await send(method, path, body);
  }
  if (!answer.ok) throw new Error(answer.status === 503 ? 'The service cannot be reached at the moment. Try again soon.' : await answer.text());
}

/** Does what a button is for, then shows the page as it is now. */
async function attempt(button, work) {
  button.disabled = true;
  try {
    await work();
    location.reload();
  } catch (error) {
    document.getElementById('status').textContent = error.message;
    button.disabled = false;
  }
}

document.getElementById('add').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = new FormData(/** @type {HTMLFormElement} */ (event.target)).get('text');
  attempt(event.submitter, () => call('POST', '/notes', { text }));
});

document.getElementById('notes').addEventListener('click', ({ target }) => {
  const button = /** @type {HTMLElement} */ (target).closest('button');
  if (button) attempt(button, () => call('DELETE', `/notes/${button.dataset.id}`));
});
