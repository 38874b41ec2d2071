// Fields for passwords: what was typed can be shown, and Caps Lock is pointed out.

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
