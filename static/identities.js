// The user's accounts at other providers, on the account page.
import { announce, create, element, fact, focus, press, providerMark, request, text, time } from './page.js';
import { fresh } from './step-up.js';

const API = '/api/v1/me/identities';
let again = async () => {};

/** `reload`: loads and shows the page again. */
export const whenChanged = (reload) => { again = reload; };

/** What is connected, and what can be. */
export async function loadIdentities() {
  const [providers, { items }] = await Promise.all([request('/api/v1/auth/providers'), request(API)]);
  return { providers, items };
}

export function showIdentities({ providers, items }) {
  const others = providers.filter(({ provider }) => !items.some((item) => item.provider === provider));
  element('identities-section').hidden = !items.length && !others.length;
  element('identities').replaceChildren(...items.map(connected), ...others.map(other));
}

export const clearIdentities = () => showIdentities({ providers: [], items: [] });

function connected({ provider, label, email, created_at: since, last_used_at: used }) {
  const button = create('button', { type: 'button', 'aria-label': text('account-disconnect-label', { provider: label }) }, text('account-disconnect'));
  button.addEventListener('click', () => press(button, async () => {
    await fresh(() => request(`${API}/${encodeURIComponent(provider)}`, 'DELETE'));
    await again();
    announce(text('account-disconnected'));
    focus(element('identities-title'));
  }));
  return create('li', {},
    providerMark(label),
    create('div', {},
      create('p', { class: 'name' }, label),
      email && create('p', { class: 'hint' }, email),
      create('p', { class: 'hint facts' },
        fact(text('account-connected-since'), time(since)),
        used && fact(text('account-last-used'), time(used, true)))),
    button);
}

function other({ provider, label }) {
  const button = create('button', { type: 'button', 'aria-label': text('account-connect-label', { provider: label }) }, text('account-connect'));
  button.addEventListener('click', () => press(button, async () => {
    const { authorize_url: there } = await fresh(() => request(`${API}/${encodeURIComponent(provider)}`, 'POST', { return_to: '/account' }));
    location.assign(there);
  }));
  return create('li', {}, providerMark(label), create('div', {}, create('p', { class: 'name' }, label)), button);
}
