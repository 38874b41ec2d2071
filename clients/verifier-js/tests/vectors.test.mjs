// Every verifier gives these answers: clients/verifier-vectors.json.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

// What the package exports does not include the core: from its folder.
const folder = dirname(createRequire(import.meta.url).resolve('heirloom-verifier'));
const { Core, digest, webDigest } = await import(pathToFileURL(join(folder, 'core.js')).href);
const vectors = JSON.parse(readFileSync(process.env.VECTORS ?? new URL('../../verifier-vectors.json', import.meta.url), 'utf8'));

async function answer(core, step) {
  if (step.do === 'connect') return core.connected();
  if (step.do === 'event') return core.event(step.jws);
  if (step.do === 'poll') return core.poll(step.jws);
  assert.equal(step.do, 'verify');
  return core.verify(step.token).then(() => 'good', (error) => error.code ?? `${error}`);
}

test('there are cases', () => assert.ok(vectors.cases.length > 100));
for (const { name, on_stale: onStale, steps } of vectors.cases) {
  test(name, async () => {
    const clock = { mono: 0, wall: 0 };
    const accept = Number(onStale.split(':')[1] ?? 0);
    const core = new Core({ ...vectors, accept, monotonic: () => clock.mono, wall: () => clock.wall });
    await core.setKeys(vectors.jwks);
    for (const [number, step] of steps.entries()) {
      Object.assign(clock, step);
      assert.equal(await answer(core, step), step.then ?? step.verdict, `step ${number}: ${step.do}`);
    }
  });
}
test('both ways to hash give one name', async () => {
  for (const id of ['', 'a', 'Ä', '019abf3d-0000-7000-8000-000000000000', '019abf3d-0000-7000-8000-000000000001']) {
    assert.equal(await webDigest(id.toLowerCase()), await digest(id));
  }
});
