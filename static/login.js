// The pages of signing in and up work without this. With it, the password can be shown, Caps Lock is pointed out, an
// empty field is noticed before the form is sent, and the button says that something is happening.
import './password.js';

function say(input, words) {
  document.getElementById(`${input.id}-error`).textContent = words;
  if (words) input.setAttribute('aria-invalid', 'true');
  else input.removeAttribute('aria-invalid');
}

for (const form of document.forms) {
  const button = form.querySelector('button[type=submit]');
  const idle = button.textContent;
  const rest = () => {
    button.removeAttribute('aria-disabled');
    button.textContent = idle;
  };

  form.addEventListener('submit', (event) => {
    const empty = [...form.querySelectorAll('[data-missing]')].filter((input) => !input.value);
    for (const input of empty) say(input, input.dataset.missing);
    if (empty.length || button.hasAttribute('aria-disabled')) {
      event.preventDefault();
      empty[0]?.focus();
      return;
    }
    button.setAttribute('aria-disabled', 'true');
    button.textContent = button.dataset.busy;
  });

  // What was wrong is no longer so once it is changed.
  form.addEventListener('input', ({ target }) => {
    if (target.hasAttribute('data-missing') && target.value) say(target, '');
  });

  addEventListener('pageshow', rest); // come back to by the back button
}
