// The page that waits for an email's code. The link in the email may be used in another tab or on another device: this
// page notices, and goes on to the sign-in.

const EVERY = 4_000; // ms
const SENDING_LIMIT = 30_000; // ms

/** @type {any} */
const form = document.getElementById('waiting');
let sending = null; // a timer, while a form of the user is under way

async function status() {
  const answer = await fetch('/api/v1/auth/confirmations/look', {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ flow: form.elements.flow.value }),
  });
  return answer.ok ? (await answer.json()).status : 'waiting';
}

async function wait() {
  // Nobody looks at a hidden page.
  const found = document.hidden || sending ? 'waiting' : await status().catch(() => 'waiting');
  // A form that was sent brings a page of its own: to leave now would lose it, also while the status was on its way.
  if (found === 'waiting' || sending) setTimeout(wait, EVERY);
  else if (found === 'completed') location.replace(form.dataset.next);
}

document.addEventListener('submit', ({ defaultPrevented }) => {
  if (defaultPrevented) return; // login.js: a field is empty
  clearTimeout(sending);
  sending = setTimeout(() => { sending = null; }, SENDING_LIMIT);
});

setTimeout(wait, EVERY);
