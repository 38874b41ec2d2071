// Reads /api/openapi.json aloud, and lets people try it. Everything is put in as text, never as markup.

const find = (id) => document.getElementById(id);

function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(key, value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

// What stands between backticks is code.
const prose = (text) => text.split('`').map((part, place) => (place % 2 ? make('code', {}, part) : part));

const follow = (whole, part) => (part?.$ref ? part.$ref.slice(2).split('/').reduce((at, key) => at?.[key], whole) : part);

function parameters(whole, operation) {
  return (operation.parameters ?? []).map((one) => follow(whole, one)).filter((one) => one && one.in !== 'cookie');
}

function answers(whole, operation) {
  const rows = Object.entries(operation.responses ?? {}).map(([status, answer]) => {
    const { description = '', content = {} } = follow(whole, answer) ?? {};
    const codes = content['application/problem+json']?.schema?.allOf?.[1]?.properties?.code?.enum ?? [];
    return make('tr', {}, make('th', { scope: 'row' }, status), make('td', {}, prose(description)),
      make('td', {}, ...codes.flatMap((code) => [make('code', {}, code), ' '])));
  });
  return make('div', { class: 'table' }, make('table', {}, make('tbody', {}, ...rows)));
}

function example(operation) {
  const body = operation.requestBody?.content?.['application/json'];
  const given = body?.example ?? Object.values(body?.examples ?? {})[0]?.value;
  return body ? JSON.stringify(given ?? {}, null, 2) : null;
}

async function send(form, method, path, shown) {
  const given = new FormData(form);
  const headers = {};
  const query = new URLSearchParams();
  let target = path;
  for (const [key, value] of given) {
    const [place, name] = key.split(/:(.*)/s);
    if (value === '') continue;
    if (place === 'path') target = target.replace(`{${name}}`, encodeURIComponent(value));
    if (place === 'query') query.append(name, value);
    if (place === 'header') headers[name] = value;
  }
  const token = find('token').value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  const body = given.get('body:');
  if (body !== null) headers['Content-Type'] = 'application/json';
  shown.textContent = '…';
  try {
    const answer = await fetch(target + (query.size ? `?${query}` : ''), { method, headers, body, credentials: 'omit' });
    const text = await answer.text();
    const pretty = /json/.test(answer.headers.get('Content-Type') ?? '') ? JSON.stringify(JSON.parse(text), null, 2) : text;
    shown.textContent = `${answer.status} ${answer.statusText}\n${pretty}`;
  } catch (error) {
    shown.textContent = String(error);
  }
}

function attempt(whole, method, path, operation) {
  const shown = make('pre', { 'aria-live': 'polite', tabindex: '0', 'aria-label': 'Answer' });
  const fields = parameters(whole, operation).map((one) => make('label', {}, `${one.name} (${one.in})`,
    make('input', { name: `${one.in}:${one.name}`, autocomplete: 'off', required: one.required === true })));
  const body = example(operation);
  if (body !== null) {
    const text = make('textarea', { name: 'body:', rows: String(body.split('\n').length + 1), spellcheck: 'false' });
    text.value = body;
    fields.push(make('label', {}, 'Body (JSON)', text));
  }
  const form = make('form', { submit: (event) => {
    event.preventDefault();
    send(form, method, path, shown);
  } }, ...fields, make('button', { type: 'submit' }, 'Send'), shown);
  return form;
}

function shown(whole, method, path, operation) {
  return make('details', { class: 'operation', id: operation.operationId },
    make('summary', {}, make('code', {}, `${method} ${path}`), ' ', prose(operation.summary ?? '')),
    operation.description ? make('p', {}, prose(operation.description)) : null,
    answers(whole, operation), attempt(whole, method, path, operation));
}

const answer = await fetch('/api/openapi.json');
const whole = await answer.json();
const operations = Object.entries(whole.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => [method.toUpperCase(), path, operation]));
const content = find('content');
for (const { name, description } of whole.tags) {
  const ours = operations.filter(([, , operation]) => operation.tags?.includes(name));
  content.append(make('section', {}, make('h2', {}, prose(description)), ...ours.map((one) => shown(whole, ...one))));
}
find('about').append(...prose(whole.info.description));
content.hidden = false;
