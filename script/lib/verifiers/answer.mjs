// A service that verifies with the packed verifier: reads a token a line, and writes the verdict. After the line `compare`, what the
// verification of the next token costs, as a multiple of one by jose alone.
import { createInterface } from 'node:readline';
import { VerificationError, Verifier } from 'heirloom-verifier';
import { createLocalJWKSet, jwtVerify } from 'jose';

const [issuer, serverUrl, audience, feedKey, way = ''] = process.argv.slice(2);
const onState = (...state) => console.error(...state);
const ways = { '': { feedKey }, poll: { feedKey, mode: 'poll' }, ask: { feedKey: 'not-one-of-the-keys', onStale: 'ask' } };
const verifier = new Verifier({ issuer, serverUrl, audience, onState, ...ways[way] });

async function compare(token) {
  const keys = createLocalJWKSet(await (await fetch(`${serverUrl}/.well-known/jwks.json`)).json());
  const seconds = async (verify) => {
    const began = performance.now();
    for (let time = 0; time < 500; time += 1) await verify();
    return performance.now() - began;
  };
  const ratios = [];
  for (let round = 0; round < 15; round += 1) {
    const alone = await seconds(() => jwtVerify(token, keys, { issuer, audience, algorithms: ['ES256'] }));
    ratios.push(await seconds(() => verifier.verify(token)) / alone);
  }
  return ratios.sort((one, other) => one - other)[7].toFixed(2);
}

let compares = false;
for await (const line of createInterface({ input: process.stdin })) {
  if (compares || line === 'compare') {
    if (compares) console.log(await compare(line));
    compares = !compares;
    continue;
  }
  try {
    await verifier.verify(line.trim());
    console.log('good');
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    console.log(error.code);
  }
}
verifier.close();
