// A service that verifies with the packed verifier: reads a token a line, and writes the verdict.
import { createInterface } from 'node:readline';
import { VerificationError, Verifier } from 'heirloom-verifier';

const [issuer, audience, feedKey, way = ''] = process.argv.slice(2);
const onState = (...state) => console.error(...state);
const ways = { '': { feedKey }, poll: { feedKey, mode: 'poll' }, ask: { feedKey: 'not-one-of-the-keys', onStale: 'ask' } };
const verifier = new Verifier({ issuer, audience, onState, ...ways[way] });
for await (const line of createInterface({ input: process.stdin })) {
  try {
    await verifier.verify(line.trim());
    console.log('good');
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    console.log(error.code);
  }
}
verifier.close();
