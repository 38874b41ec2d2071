// Shows /api/openapi.json, and sends requests to try it. Everything is inserted as text, never as markup.

/** @type {(id: string) => any} */
const find = (id) => document.getElementById(id);
const texts = JSON.parse(find('texts').textContent);

function create(name, attributes = {}, ...children) {
  const created = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') created.addEventListener(key, value);
    else if (value !== null && value !== false) created.setAttribute(key, value === true ? '' : String(value));
  }
  created.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return created;
}

// Text between backticks is code.
const prose = (words) => words.split('`').map((part, index) => (index % 2 ? create('code', {}, part) : part));

const resolve = (description, part) =>
  (part?.$ref ? part.$ref.slice(2).split('/').reduce((at, key) => at?.[key], description) : part);

function parameters(description, operation) {
  const resolved = (operation.parameters ?? []).map((one) => resolve(description, one));
  return resolved.filter((one) => one && one.in !== 'cookie');
}

function answers(description, operation) {
  const rows = Object.entries(operation.responses ?? {}).map(([status, answer]) => {
    const { description: words = '', content = {} } = resolve(description, answer) ?? {};
    const codes = content['application/problem+json']?.schema?.allOf?.[1]?.properties?.code?.enum ?? [];
    return create('tr', {}, create('th', { scope: 'row' }, status), create('td', {}, prose(words)),
      create('td', {}, ...codes.flatMap((code) => [create('code', {}, code), ' '])));
  });
  return create('div', { class: 'table' }, create('table', {}, create('tbody', {}, ...rows)));
}

function example(operation) {
  const body = operation.requestBody?.content?.['application/json'];
  const given = body?.example ?? Object.values(body?.examples ?? {})[0]?.value;
  return body ? JSON.stringify(given ?? {}, null, 2) : null;
}

async function send(form, method, path, output) {
  const given = new FormData(form);
  /** @type {Record<string, string>} */
  const headers = {};
  const query = new URLSearchParams();
  let target = path;
  for (const [key, value] of given) {
    const [place, name] = key.split(/:(.*)/s);
    if (value === '') continue;
    if (place === 'path') target = target.replace(`{${name}}`, encodeURIComponent(String(value)));
    if (place === 'query') query.append(name, String(value));
    if (place === 'header') headers[name] = String(value);
  }
  const token = find('token').value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  const body = given.get('body:');
  if (body !== null) headers['Content-Type'] = 'application/json';
  output.textContent = '…';
  try {
    const url = target + (query.toString() ? `?${query}` : '');
    const answer = await fetch(url, { method, headers, body, credentials: 'omit' });
    output.textContent = `${answer.status} ${answer.statusText}\n${pretty(await answer.text())}`;
  } catch (error) {
    output.textContent = `${texts['docs-not-sent']}\n${error}`;
  }
}

function pretty(words) {
  try {
    return JSON.stringify(JSON.parse(words), null, 2);
  } catch {
    return words;
  }
}

function attempt(description, method, path, operation) {
  const output = create('pre', { 'aria-live': 'polite', tabindex: '0', 'aria-label': texts['docs-answer'] });
  const fields = parameters(description, operation).map((one) => create('label', {}, `${one.name} (${one.in})`,
    create('input', { name: `${one.in}:${one.name}`, autocomplete: 'off', required: one.required === true })));
  const body = example(operation);
  if (body !== null) {
    const area = create('textarea', { name: 'body:', rows: body.split('\n').length + 1, spellcheck: 'false' });
    area.value = body;
    fields.push(create('label', {}, texts['docs-body'], area));
  }
  const form = create('form', { submit: (event) => {
    event.preventDefault();
    send(form, method, path, output);
  } }, ...fields, create('button', { type: 'submit' }, texts['docs-send']), output);
  return form;
}

function details(description, method, path, operation) {
  return create('details', { class: 'operation', id: operation.operationId },
    create('summary', {}, create('code', {}, `${method} ${path}`), ' ', prose(operation.summary ?? '')),
    operation.description ? create('p', {}, prose(operation.description)) : null,
    answers(description, operation), attempt(description, method, path, operation));
}

function show(description) {
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [method.toUpperCase(), path, operation]));
  const sections = description.tags.map(({ name, description: words }) => {
    const ours = operations.filter(([, , operation]) => operation.tags?.includes(name));
    const parts = ours.map(([method, path, operation]) => details(description, method, path, operation));
    return create('section', {}, create('h2', {}, prose(words)), ...parts);
  });
  find('content').replaceChildren(...sections);
  find('about').append(...prose(description.info.description));
  find('content').hidden = false;
}

async function load() {
  const answer = await fetch('/api/openapi.json');
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  show(await answer.json());
}

find('again').addEventListener('click', () => location.reload());
load().catch((error) => {
  find('failed-text').textContent = `${texts['docs-failed']} (${error.message})`;
  find('failed').hidden = false;
});
