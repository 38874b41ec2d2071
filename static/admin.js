// The administration: which view a URL names, and the way from one view to the next. Each view has its own file.
import { audit } from './admin-audit.js';
import { invitations } from './admin-invitations.js';
import { overview } from './admin-overview.js';
import { oneUser, users } from './admin-users.js';
import { sessions } from './admin-sessions.js';
import { create, element, focus, heirloom, press, start, text, wordsFor, wrapping } from './page.js';

/** @type {[RegExp, string, (of: any) => Promise<{ title?: string, parts: any[] }>][]} */
const VIEWS = [
  [/^\/admin$/, 'admin-overview', overview],
  [/^\/admin\/people$/, 'admin-users', users],
  [/^\/admin\/people\/([^/]+)$/, 'admin-user', oneUser],
  [/^\/admin\/invitations$/, 'admin-invitations', invitations],
  [/^\/admin\/sessions$/, 'admin-sessions', sessions],
  [/^\/admin\/audit$/, 'admin-audit', audit],
];

const content = element('content');
const product = document.title.split(' – ').at(-1);

/** The view of a URL; the overview for an unknown one. */
function viewOf({ pathname }) {
  for (const [pattern, title, view] of VIEWS) {
    const found = pattern.exec(pathname.replace(/(.)\/$/, '$1'));
    if (found) return { title, view, id: found[1] };
  }
  return { title: 'admin-overview', view: overview };
}

function name(title) {
  element('heading').replaceChildren(...wrapping(title));
  document.title = `${title} – ${product}`;
}

const again = start(async () => {
  const { title, view, id } = viewOf(location);
  const query = Object.fromEntries(new URLSearchParams(location.search));
  const shown = await view({ id, query, again, go });
  return () => {
    name(shown.title ?? text(title));
    mark();
    content.replaceChildren(...shown.parts);
  };
}, () => {
  name(text('admin-title'));
  content.replaceChildren();
}, (problem) => {
  if (problem.code !== 'forbidden') return false;
  name(text('admin-forbidden'));
  element('sections').hidden = true;
  content.replaceChildren(create('p', { class: 'detail' }, text('admin-forbidden-text')));
  return true;
});

/** Marks the current section. */
function mark() {
  for (const link of element('sections').children) {
    const path = new URL(link.href).pathname;
    const isHere = path === '/admin' ? location.pathname === path : location.pathname.startsWith(path);
    if (isHere) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

/** Shows another view: the URL changes, the page stays, and the heading is read out. */
async function go(address, how = 'pushState') {
  history[how](null, '', address);
  element('notice').hidden = true;
  await again();
  if (how === 'pushState') {
    scrollTo(0, 0);
    focus(element('heading'));
  }
}

document.addEventListener('click', (event) => {
  const link = /** @type {any} */ (event.target).closest?.('a[href]');
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !isPlain || event.defaultPrevented) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || !/^\/admin(\/|$)/.test(url.pathname) || url.searchParams.has('lang')) return;
  event.preventDefault();
  go(url.pathname + url.search);
});

addEventListener('popstate', again);

element('sign-out').addEventListener('click', ({ currentTarget }) => {
  press(currentTarget, heirloom.signOut, wordsFor, text('admin-still-signed-in'));
});
