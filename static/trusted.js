// The browsers in which the user is not asked for a second factor, on the account page.
import { announce, create, deviceOf, element, fact, focus, press, request, text, time } from './page.js';

const API = '/api/v1/me/trusted-devices';
let again = async () => {};

/** `reload`: loads and shows the page again. */
export const whenDistrusted = (reload) => { again = reload; };

export function showTrusted(devices) {
  element('trusted').hidden = !devices.length;
  element('trusted-devices').replaceChildren(...devices.map(row));
}

function row(device) {
  const words = deviceOf(device);
  const button = create('button', { type: 'button', 'aria-label': text('account-distrust-label', { device: words }) }, text('account-distrust'));
  button.addEventListener('click', () => press(button, () => distrust(`${API}/${device.id}`)));
  return create('li', {},
    create('div', {},
      create('p', { class: 'name' }, words),
      create('p', { class: 'hint facts' },
        fact(text('account-trusted-until'), time(device.expires_at)),
        fact(text('account-ip'), device.ip))),
    button);
}

async function distrust(path) {
  await request(path, 'DELETE');
  await again();
  announce(text('account-distrusted'));
  focus(element('factors-title'));
}

element('distrust-all').addEventListener('click', ({ currentTarget }) => press(currentTarget, () => distrust(API)));
