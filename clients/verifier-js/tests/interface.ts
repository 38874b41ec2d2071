// The code is what index.d.ts declares: the compiler compares the two.
import * as declared from '../src/index.js';
import * as errors from '../src/errors.js';
import { bearer, refusal } from '../src/refusal.js';
import { Verifier } from '../src/verifier.js';

type Instance = { [Member in keyof declared.Verifier]: declared.Verifier[Member] };
export const verifier: Instance = new Verifier({ issuer: 'https://auth.example.com', audience: 'https://api.example.com' });
export const asDeclared: Pick<typeof declared, 'bearer'> = { bearer };
export const answer: ReturnType<typeof declared.refusal> = refusal(new errors.Stale());
export const names: Record<Exclude<keyof typeof declared, 'Verifier' | 'bearer' | 'refusal'>, typeof errors.VerificationError> = {
  Expired: errors.Expired, Invalid: errors.Invalid, Outdated: errors.Outdated, Revoked: errors.Revoked, Stale: errors.Stale,
  VerificationError: errors.VerificationError,
};

// What a user of the package writes.
export async function use(token: string): Promise<string> {
  const one = new declared.Verifier({
    issuer: 'https://auth.example.com', audience: 'https://api.example.com', feedKey: 'key', onStale: 'accept:30',
    onState: (state, reason) => console.log(state, reason), serverUrl: 'http://heirloom:8080', mode: 'poll',
  });
  try {
    const { sub, roles } = await one.verify(token);
    return sub + roles.join();
  } catch (error) {
    return error instanceof declared.VerificationError ? error.code : 'unknown';
  } finally {
    one.close();
  }
}
// @ts-expect-error: seconds are missing
export const wrong: declared.OnStale = 'accept';
