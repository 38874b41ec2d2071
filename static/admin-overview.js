// The overview of the administration: totals, and the last day as three small charts.
import { revoke } from './admin-parts.js';
import { create, numbers, request, text } from './page.js';

const SERIES = [['sign_ins', 'sign-ins'], ['refreshes', 'refreshes'], ['reuses', 'reuses']];
const HEIGHT = 100;
const hourWords = new Intl.DateTimeFormat(document.documentElement.lang, { hour: 'numeric', minute: '2-digit' });

export async function overview({ again }) {
  const counted = await request('/api/v1/admin/overview');
  const hint = create('p', { class: 'hint' }, text('admin-chart-hint'));
  return {
    parts: [
      create('dl', { class: 'tiles' },
        tile('admin-live-sessions', counted.live_sessions),
        tile('admin-users', counted.users),
        tile('admin-blocked', counted.blocked_users)),
      create('section', {},
        create('h2', {}, text('admin-chart')),
        create('div', { class: 'charts' }, SERIES.map(([key, name]) => chart(counted.hours, key, name))),
        hint,
        table(counted.hours)),
      everyone(again),
    ],
  };
}

const tile = (name, number) => create('div', {}, create('dt', {}, text(name)), create('dd', {}, numbers.format(number)));
const hourOf = (hour) => hourWords.format(new Date(hour.begins_at));

function drawn(name, attributes, ...children) {
  const created = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, String(value));
  created.append(...children);
  return created;
}

/** One bar per hour. Screen readers get the total and the maximum, and the table below. */
function chart(hours, key, name) {
  const title = text(`admin-chart-${name}`);
  const counts = hours.map((hour) => hour[key]);
  const most = Math.max(1, ...counts);
  const total = text('admin-chart-total', { number: numbers.format(counts.reduce((sum, count) => sum + count, 0)) });
  const highest = text('admin-chart-most', { number: numbers.format(Math.max(0, ...counts)) });
  const bars = hours.map((hour, index) => {
    const height = hour[key] ? Math.max(1.5, (hour[key] / most) * HEIGHT) : 0;
    const label = drawn('title', {}, text('admin-chart-point', { hour: hourOf(hour), number: numbers.format(hour[key]) }));
    return drawn('rect', { x: index * 10 + 1, width: 8, y: HEIGHT - height, height }, label);
  });
  const width = hours.length * 10;
  return create('figure', {},
    create('figcaption', {}, create('span', { class: 'name' }, title), create('span', { class: 'hint' }, total)),
    drawn('svg', {
      class: 'chart', viewBox: `0 0 ${width} ${HEIGHT + 1}`, preserveAspectRatio: 'none', role: 'img',
      'aria-label': `${title}: ${total}, ${highest}`,
    }, drawn('g', { class: key === 'reuses' ? 'wrong' : '' }, ...bars), drawn('line', { x1: 0, x2: width, y1: HEIGHT, y2: HEIGHT })),
    create('p', { class: 'hint hours', 'aria-hidden': 'true' },
      create('span', {}, hourOf(hours[0])), create('span', {}, highest), create('span', {}, hourOf(hours.at(-1)))));
}

function table(hours) {
  const head = ['admin-chart-hour', ...SERIES.map(([, name]) => `admin-chart-${name}`)];
  return create('details', {},
    create('summary', {}, text('admin-chart-table')),
    create('div', { class: 'scrolls', tabindex: 0, role: 'region', 'aria-label': text('admin-chart') },
      create('table', {},
        create('thead', {}, create('tr', {}, head.map((name) => create('th', { scope: 'col' }, text(name))))),
        create('tbody', {}, hours.map((hour) => create('tr', {},
          create('th', { scope: 'row' }, hourOf(hour)),
          SERIES.map(([key]) => create('td', {}, numbers.format(hour[key])))))))));
}

function everyone(again) {
  const button = create('button', { type: 'button', class: 'danger' }, text('admin-everyone'));
  const word = text('admin-everyone-word');
  button.addEventListener('click', () => revoke({ everyone: true }, {
    title: text('admin-everyone-title'), text: text('admin-everyone-text'), yes: text('admin-everyone-yes'),
    label: text('admin-everyone-type', { word }), word,
  }, (number) => text('admin-everyone-done', { number }), again));
  return create('section', {},
    create('h2', {}, text('admin-everyone')),
    create('p', { class: 'hint' }, text('admin-everyone-text')),
    create('div', { class: 'actions' }, button));
}
