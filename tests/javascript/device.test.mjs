// The names of devices. The same examples hold for the server, which names them in emails.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { load } from './browser.mjs';

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const table = read('../../locales/devices.json');
const { deviceName, isPhone } = await load('device.js');

for (const [userAgent, browser, system] of read('devices.json')) {
  test(`${browser} on ${system} is recognised: ${userAgent}`, () => {
    assert.deepEqual(deviceName(userAgent, table), { browser, system });
  });
}

test('a program that is not a browser goes by its first word', () => {
  assert.deepEqual(deviceName('curl/8.0', table), { browser: 'curl', system: null });
  assert.deepEqual(deviceName('my-tool on Linux', table), { browser: 'my-tool', system: 'Linux' });
  assert.deepEqual(deviceName(undefined, table), { browser: null, system: null });
});

test('phones and desktops are distinguished', () => {
  assert.ok(isPhone('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)'));
  assert.ok(!isPhone('Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0'));
  assert.ok(!isPhone(null));
});
