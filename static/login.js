// The pages of signing in and up work without this. With it, the password can be shown, Caps Lock is pointed out, an
// empty field is noticed before the form is sent, and the button says that something is happening.

for (const button of document.querySelectorAll('[data-shows]')) {
  const input = document.getElementById(button.dataset.shows);
  const show = (shown) => {
    input.type = shown ? 'text' : 'password';
    button.textContent = shown ? button.dataset.hide : button.dataset.show;
    button.setAttribute('aria-label', shown ? button.dataset.hideLabel : button.dataset.showLabel);
  };
  show(false);
  button.hidden = false;
  button.addEventListener('click', () => {
    const { selectionStart, selectionEnd } = input;
    show(input.type === 'password');
    input.focus();
    input.setSelectionRange(selectionStart, selectionEnd);
  });
  // Browsers remember what was typed into text fields.
  input.form.addEventListener('submit', () => show(false));
}

for (const hint of document.querySelectorAll('[data-caps]')) {
  const input = hint.closest('.field').querySelector('input');
  const tell = (event) => {
    const on = event.type !== 'blur' && event.getModifierState?.('CapsLock');
    const words = on ? hint.dataset.caps : '';
    if (hint.textContent !== words) hint.textContent = words;
  };
  for (const type of ['keydown', 'keyup', 'pointerdown', 'blur']) input.addEventListener(type, tell);
}

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
