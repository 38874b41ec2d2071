// The sign-in and registration pages work without this script. It adds: show the password, warn about Caps Lock, find
// an empty field before the form is sent, and show progress on the button. The page that waits for an email leads to the
// sign-in: the address is filled in there.
import './password.js';

const TYPED = 'heirloom-address'; // in this tab only: no address of a page holds it
const SENDING_LIMIT = 20_000; // ms

/** @type {any} */
const email = document.getElementById('email');
const isSignIn = location.pathname === '/login';

function fillIn() {
  const typed = sessionStorage.getItem(TYPED);
  sessionStorage.removeItem(TYPED);
  if (!typed || email.value) return;
  email.value = typed;
  document.getElementById('password').focus();
}

// A browser may refuse to store anything.
try { if (email && isSignIn) fillIn(); } catch { /* the user types it */ }

function mark(input, words) {
  document.getElementById(`${input.id}-error`).textContent = words;
  if (words) input.setAttribute('aria-invalid', 'true');
  else input.removeAttribute('aria-invalid');
}

for (const form of document.forms) {
  /** @type {HTMLButtonElement} */
  const button = form.querySelector('button[type=submit]');
  const label = button.textContent;
  let limit;
  const reset = () => {
    clearTimeout(limit);
    button.removeAttribute('aria-disabled');
    button.textContent = label;
  };

  form.addEventListener('submit', (event) => {
    const inputs = /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll('[data-missing]'));
    const empty = [...inputs].filter((input) => !input.value);
    for (const input of empty) mark(input, input.dataset.missing);
    if (empty.length || button.hasAttribute('aria-disabled')) {
      event.preventDefault();
      empty[0]?.focus();
      return;
    }
    if (email && !isSignIn) try { sessionStorage.setItem(TYPED, email.value); } catch { /* the user types it again */ }
    button.setAttribute('aria-disabled', 'true');
    button.textContent = button.dataset.busy;
    limit = setTimeout(reset, SENDING_LIMIT); // no event reports that the user has stopped the browser
  });

  // A changed field is no longer wrong.
  form.addEventListener('input', (/** @type {any} */ { target }) => {
    if (target.hasAttribute('data-missing') && target.value) mark(target, '');
  });

  addEventListener('pageshow', reset); // the back button restores the page
}
