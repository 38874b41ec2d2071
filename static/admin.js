// The administration: which view the address names, and how one leads to the next. What a view shows is its own file.
import { audit } from './admin-audit.js';
import { overview } from './admin-overview.js';
import { people, person } from './admin-people.js';
import { sessions } from './admin-sessions.js';
import { begin, element, focus, heirloom, make, press, say, sayFirst } from './page.js';

const VIEWS = [
  [/^\/admin$/, 'admin-overview', overview],
  [/^\/admin\/people$/, 'admin-people', people],
  [/^\/admin\/people\/([^/]+)$/, 'admin-person', person],
  [/^\/admin\/sessions$/, 'admin-sessions', sessions],
  [/^\/admin\/audit$/, 'admin-audit', audit],
];

const content = element('content');
const product = document.title.split(' – ').at(-1);

/** The view of an address; the overview of an unknown one. */
function viewOf({ pathname }) {
  for (const [pattern, title, view] of VIEWS) {
    const found = pattern.exec(pathname.replace(/(.)\/$/, '$1'));
    if (found) return { title, view, id: found[1] };
  }
  return { title: 'admin-overview', view: overview };
}

function name(title) {
  element('heading').textContent = title;
  document.title = `${title} – ${product}`;
}

const again = begin(async () => {
  const { title, view, id } = viewOf(location);
  const query = Object.fromEntries(new URLSearchParams(location.search));
  const shown = await view({ id, query, again, go });
  return () => {
    name(shown.title ?? say(title));
    mark();
    content.replaceChildren(...shown.parts);
  };
}, () => {
  name(say('admin-title'));
  content.replaceChildren();
}, (problem) => {
  const isForbidden = problem.status === 403;
  name(isForbidden ? say('admin-forbidden') : say('admin-title'));
  element('sections').hidden = isForbidden;
  const words = isForbidden ? say('admin-forbidden-text') : sayFirst(`problem-${problem.code.replaceAll('_', '-')}`, 'problem-other');
  content.replaceChildren(make('p', { class: 'detail' }, words));
});

/** Where we are, in the list of sections. */
function mark() {
  for (const link of element('sections').children) {
    const path = new URL(link.href).pathname;
    const isHere = path === '/admin' ? location.pathname === path : location.pathname.startsWith(path);
    if (isHere) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

/** Shows another view: the address changes, the page stays, and the heading is read out. */
async function go(address, how = 'pushState') {
  history[how](null, '', address);
  element('told').hidden = true;
  await again();
  if (how === 'pushState') {
    scrollTo(0, 0);
    focus(element('heading'));
  }
}

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href]');
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !isPlain || event.defaultPrevented) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || !/^\/admin(\/|$)/.test(url.pathname) || url.searchParams.has('lang')) return;
  event.preventDefault();
  go(url.pathname + url.search);
});

addEventListener('popstate', again);

element('sign-out').addEventListener('click', ({ currentTarget }) => {
  press(currentTarget, heirloom.signOut, say('admin-not-signed-out'));
});
