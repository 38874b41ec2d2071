/** What to do while the stream is silent: throw `Stale`, ask the server about each token, or go on for some seconds. */
export type OnStale = 'refuse' | 'ask' | `accept:${number}`;

export interface VerifierOptions {
  /** The public URL of Heirloom, as in the tokens' `iss`. */
  issuer: string;
  /** The name of your service, as in the tokens' `aud`. */
  audience: string;
  /** One of the server's HEIRLOOM_FEED_KEYS; left out where the stream is open. */
  feedKey?: string;
  /** `refuse`, unless given. */
  onStale?: OnStale;
  /** Called when the stream is lost (`stale`, and why) and when it returns (`fresh`). The reason's part before a colon is stable.
   * Unless given, a line goes to `console.warn`. It may be asynchronous; what it throws or rejects with goes to `console.error`. */
  onState?: (state: 'fresh' | 'stale', reason: string) => unknown;
  /** Where the server is reached, if that differs from the issuer. */
  serverUrl?: string;
  /** `stream` listens in the background; `poll` fetches a snapshot, at most once a second, when a token is verified: see the README. */
  mode?: 'stream' | 'poll';
}

/** The content of an access token. Your users' own claims are beside these. */
export interface Claims {
  iss: string;
  /** The user's id. */
  sub: string;
  /** The session's id. */
  sid: string;
  aud: string | string[];
  exp: number;
  nbf: number;
  iat: number;
  rev?: number;
  roles: string[];
  [name: string]: unknown;
}

/** Verifies the access tokens of one issuer for one audience, and refuses revoked sessions within a second. */
export class Verifier {
  /** Starts by itself, and listens until `close`; one per process is enough. */
  constructor(options: VerifierOptions);
  /** The claims of a good token; else rejects with Invalid, Expired, Stale, Revoked or Outdated. */
  verify(token: string): Promise<Claims>;
  /** Waits for the first snapshot, and returns whether it has arrived: for the start of a program. */
  ready(milliseconds?: number): Promise<boolean>;
  /** Stops listening. From a few seconds later every token is refused as stale. */
  close(): void;
}

/** The base of all refusals. `code` is stable: compare it rather than the message. */
export class VerificationError extends Error {
  constructor(message?: string, options?: ErrorOptions);
  code: 'invalid' | 'expired' | 'revoked' | 'outdated' | 'stale';
  /** The HTTP status with which a service answers: 401, or 503 for Stale. */
  status: number;
}
/** Malformed, forged, of another kind, from another issuer or for another audience. */
export class Invalid extends VerificationError {}
/** The token's time has passed: the client refreshes it. */
export class Expired extends VerificationError {}
/** The session was revoked: the user signs in again. */
export class Revoked extends VerificationError {}
/** Roles or claims have changed since the token was issued: the client refreshes it. */
export class Outdated extends VerificationError {}
/** Revocations are not known, because the stream is silent. Says nothing about the token: answer 503. */
export class Stale extends VerificationError {}

/** The token of an Authorization header; undefined when it holds none. */
export function bearer(authorization?: string | null): string | undefined;

/** The answer to an error: 503 with Retry-After for Stale, else 401 with WWW-Authenticate. Without an error: to a request
 * without a token. */
export function refusal(error?: VerificationError): { status: number; headers: Record<string, string>; body: string };
