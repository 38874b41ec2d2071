// The verifier against a server that is cut off, silent, restarted, misconfigured or hostile.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Expired, Invalid, Outdated, Revoked, Stale, VerificationError, Verifier } from 'heirloom-verifier';
import { AUDIENCE, CHECK, digest, JWKS, SNAPSHOT, STREAM, Stub, until } from './stub.mjs';

const code = (verifier, token) => verifier.verify(token).then(() => 'good', (error) => {
  if (!(error instanceof VerificationError)) throw error;
  return error.code;
});

/** A token with another header; its signature is another's then. */
async function headed(stub, members) {
  const [, ...rest] = (await stub.token()).split('.');
  const header = { typ: 'at+jwt', alg: 'ES256', kid: 'unknown', ...members };
  return [Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.');
}

/** A test with a stub of its own and a verifier, both ended afterwards. */
function driver(name, options, run) {
  test(name, async (context) => {
    const stub = new Stub(), states = [], verifiers = [];
    const { before = () => {}, fresh = true, ...rest } = options;
    before(stub);
    await stub.start();
    const verifier = (more = {}) => {
      const issuer = stub.url, onState = (...state) => states.push(state);
      const one = new Verifier({ issuer, audience: AUDIENCE, feedKey: 'secret', onState, ...rest, ...more });
      verifiers.push(one);
      return one;
    };
    context.after(async () => {
      for (const each of verifiers) each.close();
      await stub.stop();
    });
    const first = fresh ? verifier() : undefined;
    if (first) assert.ok(await first.ready(60_000));
    const reason = () => (states.at(-1)?.[1] ?? '').split(':')[0];
    const revoke = (sid) => stub.send('delta', { sessions: [digest(sid)] });
    const revoked = async (sid) => until(async () => await code(first, await stub.token({ sid })) === 'revoked', 'the revocation arrives');
    await run({ stub, states, verifier: first, another: verifier, reason, revoke, revoked });
  });
}

driver('a token is good until its session is revoked', {}, async ({ stub, states, verifier, revoke, revoked }) => {
  const token = await stub.token({ sid: 'mine' });
  assert.equal((await verifier.verify(token)).sub, 'alice');
  assert.deepEqual(states, [['fresh', '']]);
  await revoke('mine');
  await revoked('mine');
  await assert.rejects(verifier.verify(token), Revoked);
  assert.equal(await code(verifier, await stub.token()), 'good');
});

const KNOWN = { sessions: [digest('mine')], access: [[digest('alice'), 4]] };
for (const mode of ['stream', 'poll']) {
  driver(`${mode}: what was revoked before the start is in the snapshot`, { mode, before: (stub) => { stub.known = KNOWN; } },
    async ({ stub, verifier }) => {
      await assert.rejects(verifier.verify(await stub.token({ sid: 'mine' })), Revoked);
      await assert.rejects(verifier.verify(await stub.token()), Outdated);
      assert.equal((await verifier.verify(await stub.token({ rev: 4 }))).rev, 4);
    });
}

const MANY = { sessions: Array.from({ length: 250_000 }, (_, i) => digest(`session ${i}`)) };
driver('a snapshot of 250,000 sessions is taken', { before: (stub) => { stub.known = MANY; } }, async ({ stub, verifier }) => {
  assert.equal(await code(verifier, await stub.token({ sid: 'session 249999' })), 'revoked');
  assert.equal(await code(verifier, await stub.token({ sid: 'session 250000' })), 'good');
});

driver('expired and invalid tokens are refused', {}, async ({ stub, verifier }) => {
  await assert.rejects(verifier.verify(await stub.token({ exp: 1 })), Expired);
  await assert.rejects(verifier.verify(await stub.token({ aud: 'https://other.example.com' })), Invalid);
  const injected = `${await stub.token()}\r\nX-Injected: 1`;
  for (const text of ['', 'a.b.c', '['.repeat(5000), '\ud800.x.y', injected, undefined, null, {}]) {
    await assert.rejects(verifier.verify(text), Invalid);
  }
});

driver('a cut cable is stale, and the return of a restarted server is good', {}, async ({ stub, states, verifier, reason, revoke, revoked }) => {
  const token = await stub.token();
  await revoke('mine');
  await revoked('mine');
  await stub.stop();
  await until(async () => await code(verifier, token) === 'stale', 'it becomes stale');
  await until(() => reason() === 'unreachable', 'it is reported as unreachable');
  stub.known = {};
  await stub.restart();
  await until(async () => await code(verifier, token) === 'good', 'it becomes fresh again');
  await revoked('mine');
  assert.deepEqual(states.at(-1), ['fresh', '']);
});

driver('silence is noticed, and another connection is tried', {}, async ({ stub, verifier, reason }) => {
  const token = await stub.token(), connections = stub.count(STREAM);
  stub.beats = false;
  await until(async () => await code(verifier, token) === 'stale', 'it becomes stale');
  await until(() => reason() === 'silence', 'silence is reported');
  await until(() => stub.count(STREAM) > connections, 'it connects again');
  stub.beats = true;
  stub.drop();
  await until(async () => await code(verifier, token) === 'good', 'it becomes fresh again');
});

driver('the loss is reported even when nobody verifies', {}, async ({ stub, states }) => {
  stub.beats = false;
  await until(() => states.at(-1)[0] === 'stale', 'it is reported');
});

driver('a server that sends comments only is stale', {}, async ({ stub, verifier }) => {
  const token = await stub.token();
  stub.beats = false;
  await until(async () => {
    stub.sendText(': still here\n\n');
    return await code(verifier, token) === 'stale';
  }, 'it becomes stale');
});

//
driver('a server that ends each connection after its snapshot is left in peace', { fresh: false }, async ({ stub, another }) => {
  stub.ends = true;
  const began = performance.now(), verifier = another();
  await until(() => stub.count(STREAM) >= 9, 'nine connections');
  // The pauses before eight of them: 0.1 s and then the double, up to 2 s, or half of it.
  assert.ok(performance.now() - began > 4_500);
  stub.ends = false;
  await until(async () => await code(verifier, await stub.token()) === 'good', 'it becomes fresh');
});

driver('a gap leads to another connection', {}, async ({ stub, verifier, revoked }) => {
  await stub.send('delta', { sessions: [digest('mine')] }, 1);
  await revoked('mine');
  assert.equal(await code(verifier, await stub.token()), 'good');
});

driver('a forged event changes nothing', {}, async ({ stub, verifier }) => {
  const connections = stub.count(STREAM);
  const event = await stub.event('delta', stub.n + 1, { sessions: [digest('mine')] });
  stub.sendText(`data: ${event.slice(0, -8)}AAAAAAAA\n\n`);
  await until(() => stub.count(STREAM) > connections, 'it connects again');
  assert.equal(await code(verifier, await stub.token({ sid: 'mine' })), 'good');
});

for (const mode of ['stream', 'poll']) {
  driver(`${mode}: a redirect is not followed`, { mode, fresh: false }, async ({ stub, another, reason }) => {
    const elsewhere = await new Stub().start();
    try {
      stub.status = 307;
      stub.location = elsewhere.url + (mode === 'poll' ? SNAPSHOT : STREAM);
      const verifier = another();
      await until(async () => await code(verifier, await stub.token()) === 'stale' && reason() === 'refused', 'it is reported');
      assert.deepEqual(elsewhere.requests, []);
    } finally {
      await elsewhere.stop();
    }
  });

  driver(`${mode}: a wrong feed key and a server without the stream are reported`, { mode, fresh: false }, async ({ stub, another, states }) => {
    const seen = (text) => async () => {
      await code(verifier, await stub.token());
      return states.some(([, reason]) => reason.includes(text));
    };
    let verifier = another({ feedKey: 'wrong' });
    await until(seen('401'), '401 is reported');
    await assert.rejects(verifier.verify(await stub.token()), Stale);
    stub.status = 404;
    verifier = another();
    await until(seen('404'), '404 is reported');
  });

  driver(`${mode}: a server that does not trust itself is tried again`, { mode, fresh: false }, async ({ stub, another, reason }) => {
    stub.status = 503;
    const verifier = another(), token = await stub.token();
    await until(async () => await code(verifier, token) === 'stale' && reason() === 'refused', 'it is reported');
    stub.status = 200;
    await until(async () => await code(verifier, token) === 'good', 'it becomes fresh');
  });

  driver(`${mode}: unknown keys cause two fetches a minute`, { mode }, async ({ stub, verifier }) => {
    const before = stub.count(JWKS);
    await stub.addKey('stranger', false);
    const tokens = await Promise.all(Array.from({ length: 20 }, () => stub.token({}, 'stranger')));
    for (const token of tokens.slice(10)) assert.equal(await code(verifier, token), 'invalid');
    assert.ok((await Promise.all(tokens.map((token) => code(verifier, token)))).every((each) => each === 'invalid'));
    assert.equal(stub.count(JWKS) - before, 2);
  });

  driver(`${mode}: a token that names no key as it should causes no fetch`, { mode }, async ({ stub, verifier }) => {
    const before = stub.count(JWKS);
    for (const header of [{ kid: undefined }, { kid: 7 }, { kid: null }, { kid: 'x', typ: undefined }, { kid: 'x', crit: ['x'], x: 1 }]) {
      assert.equal(await code(verifier, await headed(stub, header)), 'invalid', JSON.stringify(header));
    }
    assert.equal(stub.count(JWKS) - before, 0);
  });

  driver(`${mode}: a new key is fetched, and a known one is not`, { mode }, async ({ stub, verifier, revoke }) => {
    const before = stub.count(JWKS);
    await stub.addKey('second');
    assert.equal(await code(verifier, await stub.token({}, 'second')), 'good');
    stub.signer = 'second';
    await revoke('mine');
    await until(async () => await code(verifier, await stub.token({ sid: 'mine' }, 'first')) === 'revoked', 'the event is taken');
    assert.equal(stub.count(JWKS) - before, 1);
  });

  driver(`${mode}: a new key is known after half a minute, whatever strangers use up`, { mode }, async ({ stub, verifier }) => {
    await stub.addKey('stranger', false);
    for (let i = 0; i < 3; i++) assert.equal(await code(verifier, await stub.token({}, 'stranger')), 'invalid');
    const before = stub.count(JWKS), { now } = performance;
    await stub.addKey('second');
    // The clock goes on, and nobody has a token of the new key yet.
    performance.now = () => now.call(performance) + 31_000;
    try {
      await until(async () => {
        await code(verifier, await stub.token());
        return stub.count(JWKS) > before;
      }, 'the keys are fetched');
      await until(async () => await code(verifier, await stub.token({}, 'second')) === 'good', 'the key is known');
    } finally {
      performance.now = now;
    }
  });

  driver(`${mode}: without keys nothing is known about a token`, { mode, fresh: false }, async ({ stub, another, reason }) => {
    stub.jwksStatus = 503;
    const verifier = another(), token = await stub.token();
    assert.equal(await code(verifier, token), 'stale');
    assert.equal(await code(verifier, 'not a token'), 'invalid');
    await until(() => reason() === 'unreachable', 'it is reported');
    for (const header of [{ kid: undefined }, { kid: 7 }, { kid: null }, { typ: undefined }, { alg: 7 }, { crit: ['x'], x: 1 }]) {
      assert.equal(await code(verifier, await headed(stub, header)), 'invalid', JSON.stringify(header));
    }
    stub.jwksStatus = 200;
    await until(async () => await code(verifier, token) === 'good', 'it becomes fresh');
  });
}

for (const mode of ['stream', 'poll']) {
  driver(`${mode}: an outage of the JWKS alone ends nothing`, { mode }, async ({ stub, verifier, revoke, revoked }) => {
    await stub.addKey('stranger', false);
    const path = mode === 'poll' ? SNAPSHOT : STREAM, before = stub.count(path);
    stub.jwksStatus = 503;
    assert.equal(await code(verifier, await stub.token({}, 'stranger')), 'stale', 'nobody knows whether the server has this key');
    stub.drop();
    await until(async () => {
      await code(verifier, await stub.token());
      return stub.count(path) > before;
    }, 'it connects again');
    await revoke('mine');
    await revoked('mine');
    assert.equal(await code(verifier, await stub.token()), 'good');
  });

  driver(`${mode}: a JWKS without a usable key takes none away`, { mode }, async ({ stub, verifier }) => {
    await stub.addKey('stranger', false);
    stub.published = [];
    assert.equal(await code(verifier, await stub.token({}, 'stranger')), 'stale');
    assert.equal(await code(verifier, await stub.token()), 'good');
  });

  driver(`${mode}: tokens of strangers use up no fetch that an event needs`, { mode }, async ({ stub, verifier, revoke }) => {
    const known = await stub.token({ sid: 'mine' });
    await stub.addKey('stranger', false);
    for (let i = 0; i < 3; i++) assert.equal(await code(verifier, await stub.token({}, 'stranger')), 'invalid');
    const connections = stub.count(STREAM);
    await stub.addKey('second');
    stub.signer = 'second';
    await revoke('mine');
    await until(async () => await code(verifier, known) === 'revoked', 'the revocation arrives');
    assert.equal(stub.count(STREAM), connections);
  });
}

driver('a line without an end is not kept', {}, async ({ stub }) => {
  const connections = stub.count(STREAM);
  stub.sendText(`data: ${'A'.repeat(25 << 20)}`);
  await until(() => stub.count(STREAM) > connections, 'it connects again');
});

// What is more than the limit stays with the sender and in the buffers between.
for (const mode of ['stream', 'poll']) {
  driver(`${mode}: keys without an end are not kept`, { mode, fresh: false }, async ({ stub, another, reason }) => {
    stub.endless = JWKS;
    const verifier = another(), token = await stub.token();
    await until(async () => await code(verifier, token) === 'stale' && reason() === 'unreachable', 'it is reported');
    await until(() => !stub.endless, 'the connection ends');
    assert.ok(stub.sent < 64 << 20, `${stub.sent}`);
    await until(async () => await code(verifier, token) === 'good', 'it becomes fresh');
  });
}

driver('poll: a snapshot without an end is not kept', { mode: 'poll', fresh: false }, async ({ stub, another }) => {
  stub.endless = SNAPSHOT;
  const verifier = another(), token = await stub.token();
  await until(async () => await code(verifier, token) === 'stale' && !stub.endless, 'the connection ends');
  assert.ok(stub.sent < 64 << 20, `${stub.sent}`);
  await until(async () => await code(verifier, token) === 'good', 'it becomes fresh');
});

driver('ask: an answer without an end is not kept', { fresh: false, onStale: 'ask' }, async ({ stub, another }) => {
  stub.status = 503;
  const verifier = another();
  await until(async () => await code(verifier, await stub.token()) === 'good', 'the server answers');
  stub.endless = CHECK;
  assert.equal(await code(verifier, await stub.token()), 'stale');
  await until(() => !stub.endless, 'the connection ends');
  assert.ok(stub.sent < 64 << 20, `${stub.sent}`);
});

driver('ask asks the server while the stream is lost', { fresh: false, onStale: 'ask' }, async ({ stub, another }) => {
  stub.status = 503;
  const verifier = another();
  await until(async () => await code(verifier, await stub.token()) === 'good', 'the server answers');
  const answers = [
    [{ status: 204, audience: 'https://other.example.com' }, 'stale'], [{ status: 204 }, 'stale'],
    [{ status: 401, code: 'session_revoked' }, 'revoked'], [{ status: 401, code: 'access_token_expired' }, 'outdated'],
    [{ status: 401, code: 'access_token_invalid' }, 'invalid'], [{ status: 401, code: 'unauthenticated' }, 'stale'],
    [{ status: 401 }, 'stale'], [{ status: 503 }, 'stale'], [{ status: 302 }, 'stale']];
  for (const [answer, verdict] of answers) {
    stub.check = answer;
    assert.equal(await code(verifier, await stub.token()), verdict, JSON.stringify(answer));
  }
  const asked = stub.count(CHECK);
  assert.equal(await code(verifier, await stub.token({ exp: 1 })), 'expired');
  assert.equal(stub.count(CHECK), asked, 'an expired token needs no question');
});

driver('ask asks about no token that is known to be refused', { onStale: 'ask' }, async ({ stub, verifier, revoke, revoked }) => {
  const mine = await stub.token({ sid: 'mine' }), outdated = await stub.token({ sub: 'bob' });
  await stub.send('delta', { access: [[digest('bob'), 4]] });
  await revoke('mine');
  await revoked('mine');
  stub.status = 503;
  stub.drop();
  // A question shows that it is stale.
  await until(async () => await code(verifier, await stub.token()) === 'good' && stub.count(CHECK), 'it becomes stale');
  const asked = stub.count(CHECK);
  await assert.rejects(verifier.verify(mine), Revoked);
  await assert.rejects(verifier.verify(outdated), Outdated);
  assert.equal(stub.count(CHECK), asked);
});

driver('accept goes on with what is known', { onStale: 'accept:600' }, async ({ stub, states, verifier, revoke, revoked }) => {
  await revoke('mine');
  await revoked('mine');
  stub.status = 503;
  stub.drop();
  await until(() => states.at(-1)[0] === 'stale', 'the loss is reported');
  assert.equal(await code(verifier, await stub.token()), 'good');
  await revoked('mine');
});

driver('poll: a second of requests costs one fetch, and what is newer counts', { mode: 'poll' }, async ({ stub, verifier, revoke, revoked }) => {
  const tokens = await Promise.all(Array.from({ length: 50 }, () => stub.token()));
  const before = stub.count(SNAPSHOT), began = performance.now();
  assert.ok((await Promise.all(tokens.map((token) => code(verifier, token)))).every((each) => each === 'good'));
  assert.ok(stub.count(SNAPSHOT) - before <= 1 + (performance.now() - began) / 1000);
  await revoke('mine');
  await revoked('mine');
});

/** Sends 500 tokens at once, which cost a snapshot a second and the keys hardly more, and returns the verdicts. */
async function burst(stub, verifier) {
  const tokens = await Promise.all(Array.from({ length: 500 }, () => stub.token()));
  const snapshots = stub.count(SNAPSHOT), jwks = stub.count(JWKS), began = performance.now();
  const verdicts = await Promise.all(tokens.map((token) => code(verifier, token)));
  const seconds = (performance.now() - began) / 1000;
  assert.ok(stub.count(SNAPSHOT) - snapshots <= 1 + seconds);
  assert.ok(stub.count(JWKS) - jwks <= 2 + seconds);
  return verdicts;
}

driver('poll: many requests at the start share one fetch', { mode: 'poll', fresh: false }, async ({ stub, another }) => {
  // The first fetch of a slow machine may take longer than a request may wait.
  await until(async () => (await burst(stub, another())).every((each) => each === 'good'), 'all of them are answered');
});

driver('poll: many requests after a rest share one fetch', { mode: 'poll' }, async ({ stub, verifier }) => {
  await until(async () => {
    await new Promise((resolve) => setTimeout(resolve, 5_500));
    return (await burst(stub, verifier)).every((each) => each === 'good');
  }, 'all of them are answered');
});

driver('poll: many requests of a new key share one fetch', { mode: 'poll' }, async ({ stub, verifier }) => {
  await stub.addKey('second');
  stub.signer = 'second';
  await until(async () => (await burst(stub, verifier)).every((each) => each === 'good'), 'all of them are answered');
});

for (const fresh of [false, true]) {
  driver(`poll: a server that does not answer holds few requests, ${fresh ? 'later' : 'at the start'}`, { mode: 'poll', fresh }, async ({ stub, another, verifier, reason }) => {
    const one = verifier ?? another();
    stub.hangs = true;
    await until(async () => (await burst(stub, one)).every((each) => each === 'stale'), 'nothing is known any longer');
    assert.equal(reason(), 'unreachable');
    stub.hangs = false;
    stub.server.closeAllConnections();
    await until(async () => (await burst(stub, one)).every((each) => each === 'good'), 'it becomes fresh again');
  });
}

driver('poll: nothing is fetched before the first verification', { mode: 'poll', fresh: false }, async ({ stub, another }) => {
  another();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(stub.requests, []);
});

driver('poll: a server that is away is not asked for each token', { mode: 'poll' }, async ({ stub, verifier }) => {
  const token = await stub.token();
  stub.status = 503;
  await until(async () => await code(verifier, token) === 'stale', 'it becomes stale');
  const before = stub.count(SNAPSHOT), began = performance.now();
  for (let i = 0; i < 50; i++) assert.equal(await code(verifier, token), 'stale');
  assert.ok(stub.count(SNAPSHOT) - before <= 1 + (performance.now() - began) / 1000);
});

driver('the server may be elsewhere than the issuer', { fresh: false }, async ({ stub, another }) => {
  const verifier = another({ issuer: 'https://auth.example.com', serverUrl: `${stub.url}/` });
  await until(() => stub.count(STREAM), 'it connects there');
  assert.equal(await code(verifier, await stub.token()), 'invalid', 'another issuer');
});

driver('options that make no sense are refused', { fresh: false }, async ({ another }) => {
  for (const options of [{ onStale: 'accept' }, { onStale: 'accept:-1' }, { onStale: 'ignore' }, { serverUrl: 'ftp://x' },
    { issuer: 'auth.example.com' }, { audience: '' }, { mode: 'push' }]) {
    assert.throws(() => another(options), TypeError, JSON.stringify(options));
  }
  for (const feedKey of ['secret\n', 'two words', 'sécret']) {
    assert.throws(() => another({ feedKey }), (error) => error instanceof TypeError && !error.message.includes('cret'));
  }
});

driver('a wait in vain is forgotten', { fresh: false }, async ({ stub, another }) => {
  stub.status = 503;
  const verifier = another(), waited = [], { setTimeout: set } = globalThis;
  globalThis.setTimeout = (work, milliseconds, ...more) => {
    const timer = set(work, milliseconds, ...more);
    if (milliseconds === 7) waited.push(new WeakRef(timer));
    return timer;
  };
  try {
    for (let i = 0; i < 10; i++) assert.equal(await verifier.ready(7), false);
  } finally {
    globalThis.setTimeout = set;
  }
  assert.equal(waited.length, 10);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  await until(() => { collect(); return waited.every((each) => !each.deref()); }, 'nothing holds them');
  const ready = verifier.ready(60_000);
  stub.status = 200;
  assert.ok(await ready);
});

driver('without onState a loss is a line of the console', { fresh: false }, async ({ stub, another }) => {
  const lines = [], { warn } = console;
  console.warn = (line) => lines.push(line);
  try {
    stub.status = 503;
    another({ onState: undefined });
    await until(() => lines.some((line) => line.includes('stale refused: 503')), 'it is printed');
  } finally {
    console.warn = warn;
  }
});

driver('a callback that fails stops nothing', { fresh: false }, async ({ stub, another }) => {
  const verifier = another({ onState: () => { throw new Error('mine'); } });
  assert.ok(await verifier.ready(60_000));
  assert.equal(await code(verifier, await stub.token()), 'good');
});

driver('an asynchronous callback that fails stops nothing', { fresh: false }, async ({ stub, another }) => {
  const lines = [], { error } = console;
  console.error = (...line) => lines.push(line.join(' '));
  try {
    const verifier = another({ onState: async () => { throw new Error('mine'); } });
    assert.ok(await verifier.ready(60_000));
    await until(() => lines.some((line) => line.includes('onState failed') && line.includes('mine')), 'it is printed');
    assert.equal(await code(verifier, await stub.token()), 'good');
  } finally {
    console.error = error;
  }
});

driver('close ends the connection', {}, async ({ stub, verifier }) => {
  verifier.close();
  await until(() => stub.listeners.size === 0, 'the connection ends');
  await until(async () => await code(verifier, await stub.token()) === 'stale', 'tokens become stale');
});
