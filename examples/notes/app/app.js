import { api, auth } from './config.js';
// Or from the package `heirloom-client`.
import { createHeirloom } from './heirloom.js';

/** @returns {any} */
const find = (id) => document.getElementById(id);
const heirloom = createHeirloom({ baseUrl: auth, apis: [api] });

const WHY = {
  refresh_token_missing: '', // was not signed in
  signed_out: 'You are signed out.',
  session_expired: 'Your session has expired. Sign in again.',
  refresh_token_reused: 'Your sign-in was used on another device too, perhaps by a thief. Sign in again.',
};

const WRONG = {
  invalid_credentials: 'Incorrect email address or password.',
  email_taken: 'There is an account with this address already.',
};

function say(text) {
  find('status').textContent = text;
}

function report(error) {
  if (error.isShown) return;
  if (error.status === 503 || error.temporary) return say('The service cannot be reached at the moment. Try again soon.');
  say(WRONG[error.code] ?? error.errors?.[0]?.message ?? error.message);
}

/** Asks with the user's token. An answer to one user is not shown to the next, who signed in in another tab meanwhile. */
async function ask(url, init) {
  const asked = heirloom.session?.session_id;
  const answer = await heirloom.fetch(url, init);
  const isOld = heirloom.session?.session_id !== asked;
  if (answer.ok && !isOld) return answer;
  // The event `signedout` or `signedin` comes before such an answer, and shows more.
  const isShown = isOld || (answer.status === 401 && !heirloom.session);
  throw Object.assign(new Error(`The API answered ${answer.status}.`), { status: answer.status, isShown });
}

/** Calls the API. */
function call(method, path, body) {
  const headers = body ? { 'Content-Type': 'application/json' } : {};
  return ask(api + path, { method, headers, body: body && JSON.stringify(body) });
}

function show(notes) {
  find('notes').replaceChildren(...notes.map(itemOf));
  find('empty').hidden = notes.length > 0;
}

function itemOf({ id, text }) {
  const item = document.createElement('li');
  const words = document.createElement('p');
  words.textContent = text;
  const button = Object.assign(document.createElement('button'), { type: 'button', className: 'quiet', textContent: 'Delete' });
  button.setAttribute('aria-label', `Delete: ${text.slice(0, 40)}`);
  button.addEventListener('click', () => attempt(button, async () => {
    await call('DELETE', `/notes/${id}`);
    await load();
    find('text').focus();
  }));
  item.append(words, button);
  return item;
}

async function load() {
  show(await (await call('GET', '/notes')).json());
}

/** Does what a button is for, once at a time. */
async function attempt(button, work) {
  button.disabled = true;
  say('');
  await work().catch(report);
  button.disabled = false;
}

function onSubmit(form, work) {
  find(form).addEventListener('submit', (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.target, event.submitter));
    attempt(event.submitter, () => work(fields, event.target));
  });
}

onSubmit('sign-in', async ({ email, password, new: isNew }, form) => {
  if (isNew) {
    const answer = await heirloom.register({ email, password });
    if ('status' in answer) return say('We have sent you an email. Follow its link, then sign in.');
  }
  await heirloom.signIn({ email, password }).catch((error) => {
    // Heirloom's own page asks for the second factor, and leads back.
    if (!/^second_factor/.test(error.code)) throw error;
    location.assign(find('other-ways').href);
  });
  form.reset();
  find('text').focus();
});

onSubmit('add', async ({ text }, form) => {
  await call('POST', '/notes', { text });
  form.reset();
  await load();
});

find('sign-out').addEventListener('click', (event) => attempt(event.target, async () => {
  await heirloom.signOut();
  find('address').focus();
}));
find('other-ways').href = `${auth}/login?${new URLSearchParams({ return_to: location.href })}`;
find('email').href = `${auth}/account`;

// Also on load, where the browser holds a session, and when a user signs in in another tab.
heirloom.on('signedin', async () => {
  say('');
  show([]);
  find('empty').hidden = true;
  find('add').reset();
  find('signed-out').hidden = true;
  find('signed-in').hidden = find('account').hidden = false;
  try {
    const { user } = await (await ask(`${auth}/api/v1/me`)).json();
    find('email').textContent = user.email ?? 'Account';
    await load();
  } catch (error) {
    report(error);
  }
});

heirloom.on('signedout', ({ why, reason }) => {
  show([]);
  find('signed-in').hidden = find('account').hidden = true;
  find('signed-out').hidden = false;
  say(WHY[reason ?? why] ?? 'You were signed out on another device, or by an administrator. Sign in again.');
});
heirloom.on('refreshed', () => say(''));
heirloom.on('unreachable', ({ error }) => report(error));
heirloom.on('refused', ({ error }) => report(error));
