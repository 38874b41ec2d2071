// heirloom.js is what heirloom.d.ts declares: the compiler compares the two. (An import of heirloom.js would be answered
// from the declarations, so script/check-javascript compiles a copy of the script under another name.)
import type { Heirloom } from '../../static/heirloom.js';
import { createHeirloom, HeirloomError } from '../../target/javascript/client.js';

type Same<A, B> = [keyof A, keyof B] extends [keyof B, keyof A] ? true : never;
export const sameMembers: Same<ReturnType<typeof createHeirloom>, Heirloom> = true;
export const isClient: Heirloom = createHeirloom();
export const error: { code: string; status: number; retryAfter: number; temporary: boolean } = new HeirloomError({}, undefined);
