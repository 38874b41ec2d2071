// The front page of the administration: numbers, and the last day in three small charts.
import { revoke } from './admin-parts.js';
import { ask, make, numbers, say } from './page.js';

const SERIES = [['sign_ins', 'sign-ins'], ['refreshes', 'refreshes'], ['reuses', 'reuses']];
const HEIGHT = 100;
const hourWords = new Intl.DateTimeFormat(document.documentElement.lang, { hour: 'numeric', minute: '2-digit' });

export async function overview({ again }) {
  const counted = await ask('/api/v1/admin/overview');
  const hint = make('p', { class: 'hint' }, say('admin-chart-hint'));
  return {
    parts: [
      make('dl', { class: 'tiles' },
        tile('admin-live-sessions', counted.live_sessions),
        tile('admin-users', counted.users),
        tile('admin-blocked', counted.blocked_users)),
      make('section', {},
        make('h2', {}, say('admin-chart')),
        make('div', { class: 'charts' }, SERIES.map(([key, name]) => chart(counted.hours, key, name))),
        hint,
        table(counted.hours)),
      everyone(again),
    ],
  };
}

const tile = (name, number) => make('div', {}, make('dt', {}, say(name)), make('dd', {}, numbers.format(number)));
const hourOf = (hour) => hourWords.format(new Date(hour.begins_at));

function drawn(name, attributes, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Bars, one an hour; those who do not see them read the sum and the most, and the table below. */
function chart(hours, key, name) {
  const title = say(`admin-chart-${name}`);
  const counts = hours.map((hour) => hour[key]);
  const most = Math.max(1, ...counts);
  const total = say('admin-chart-total', { number: numbers.format(counts.reduce((sum, count) => sum + count, 0)) });
  const highest = say('admin-chart-most', { number: numbers.format(Math.max(0, ...counts)) });
  const bars = hours.map((hour, index) => {
    const height = hour[key] ? Math.max(1.5, (hour[key] / most) * HEIGHT) : 0;
    const told = drawn('title', {}, say('admin-chart-point', { hour: hourOf(hour), number: numbers.format(hour[key]) }));
    return drawn('rect', { x: index * 10 + 1, width: 8, y: HEIGHT - height, height }, told);
  });
  const width = hours.length * 10;
  return make('figure', {},
    make('figcaption', {}, make('span', { class: 'name' }, title), make('span', { class: 'hint' }, total)),
    drawn('svg', {
      class: 'chart', viewBox: `0 0 ${width} ${HEIGHT + 1}`, preserveAspectRatio: 'none', role: 'img',
      'aria-label': `${title}: ${total}, ${highest}`,
    }, drawn('g', { class: key === 'reuses' ? 'wrong' : '' }, ...bars), drawn('line', { x1: 0, x2: width, y1: HEIGHT, y2: HEIGHT })),
    make('p', { class: 'hint hours', 'aria-hidden': 'true' },
      make('span', {}, hourOf(hours[0])), make('span', {}, highest), make('span', {}, hourOf(hours.at(-1)))));
}

function table(hours) {
  const head = ['admin-chart-hour', ...SERIES.map(([, name]) => `admin-chart-${name}`)];
  return make('details', {},
    make('summary', {}, say('admin-chart-table')),
    make('div', { class: 'scrolls', tabindex: 0, role: 'region', 'aria-label': say('admin-chart') },
      make('table', {},
        make('thead', {}, make('tr', {}, head.map((name) => make('th', { scope: 'col' }, say(name))))),
        make('tbody', {}, hours.map((hour) => make('tr', {},
          make('th', { scope: 'row' }, hourOf(hour)),
          SERIES.map(([key]) => make('td', {}, numbers.format(hour[key])))))))));
}

function everyone(again) {
  const button = make('button', { type: 'button', class: 'danger' }, say('admin-everyone'));
  const word = say('admin-everyone-word');
  button.addEventListener('click', () => revoke(button, { everyone: true }, {
    title: say('admin-everyone-title'), text: say('admin-everyone-text'), yes: say('admin-everyone-yes'),
    label: say('admin-everyone-type', { word }), word,
  }, (number) => say('admin-everyone-done', { number }), again));
  return make('section', {},
    make('h2', {}, say('admin-everyone')),
    make('p', { class: 'hint' }, say('admin-everyone-text')),
    make('div', { class: 'actions' }, button));
}
