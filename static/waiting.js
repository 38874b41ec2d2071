// The page that waits for an email's code. The link in the email may be used in another tab or on another device: this
// page notices, and goes on to the sign-in.

const EVERY = 4_000; // ms

/** @type {any} */
const form = document.getElementById('waiting');

async function status() {
  const answer = await fetch('/api/v1/auth/confirmations/look', {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ flow: form.elements.flow.value }),
  });
  return answer.ok ? (await answer.json()).status : 'waiting';
}

async function wait() {
  // Nobody looks at a hidden page.
  const found = document.hidden ? 'waiting' : await status().catch(() => 'waiting');
  if (found === 'completed') location.replace(form.dataset.next);
  else if (found === 'waiting') setTimeout(wait, EVERY);
}

setTimeout(wait, EVERY);
