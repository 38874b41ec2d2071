// Verifies Heirloom's access tokens, and refuses revoked sessions within a second. See the README.
export { Expired, Invalid, Outdated, Revoked, Stale, VerificationError } from './errors.js';
export { bearer, refusal } from './refusal.js';
export { Verifier } from './verifier.js';
