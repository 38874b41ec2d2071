// Password fields: show the password, warn about Caps Lock.

for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll('[data-shows]'))) {
  /** @type {any} */
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
  // Browsers remember the values of text fields.
  input.form.addEventListener('submit', () => show(false));
}

for (const hint of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-caps]'))) {
  const input = hint.closest('.field').querySelector('input');
  const warn = (event) => {
    const on = event.type !== 'blur' && event.getModifierState?.('CapsLock');
    const words = on ? hint.dataset.caps : '';
    if (hint.textContent !== words) hint.textContent = words;
  };
  for (const type of ['keydown', 'keyup', 'pointerdown', 'blur']) input.addEventListener(type, warn);
}
