// The types of heirloom.js.

/** A refusal of the server, by its stable `code`, or that the server could not be asked. */
export class HeirloomError extends Error {
  /** The problem's stable code (`invalid_credentials`, …), or `unreachable`. */
  readonly code: string;
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Which fields are wrong. */
  readonly errors: ReadonlyArray<{ field: string; code: string; message: string }>;
  /** Seconds to wait before trying again; 0 when the server named none. */
  readonly retryAfter: number;
  /** True when trying again later may succeed: nothing is wrong with what was sent, and nobody was signed out. */
  readonly temporary: boolean;
}

/** One sign-in on this browser. It holds no token. */
export interface Session {
  readonly session_id: string;
  /** When the access token at hand ends. It is replaced before that. */
  readonly expires_at: Date;
  /** When the sign-in ends unless it is used before. */
  readonly refresh_expires_at: Date;
}

/** Why nobody is signed in. */
export interface SignedOut {
  /**
   * `signed_out` when it was asked for, here or in another tab; `refresh_token_missing` when nobody was signed in;
   * else what the server said. `refresh_token_reused`: a second holder of the refresh token was seen.
   */
  readonly why:
    | 'signed_out'
    | 'refresh_token_missing'
    | 'refresh_token_invalid'
    | 'refresh_token_reused'
    | 'session_expired'
    | 'session_revoked'
    | 'account_blocked';
}

/** The server could not be reached, or not now. Nobody is signed out; it is tried again. */
export interface Unreachable {
  readonly error: HeirloomError;
  /** Seconds until then; sooner when the tab wakes or the network comes back. */
  readonly retry_in: number;
}

export interface HeirloomEvents {
  /** A session began, was found on load, or took the place of another. */
  signedin: Session;
  /** The access token was replaced. */
  refreshed: Session;
  signedout: SignedOut;
  unreachable: Unreachable;
}

export interface HeirloomOptions {
  /** Where the server is. Default: the page's own origin. Another origin must stand in HEIRLOOM_ALLOWED_ORIGINS. */
  baseUrl?: string | URL;
  /** Called once each time that nobody is signed in any more, and on load when nobody was. */
  onSignedOut?: (event: SignedOut) => void;
}

export interface SignIn {
  email: string;
  password: string;
  /** Whether the sign-in outlives the browser. Default: true. */
  remember?: boolean;
  /** What this device is to be called in the list of sessions. */
  deviceName?: string;
}

export interface Heirloom {
  /** The session; null when nobody is signed in, or before that is known. */
  readonly session: Session | null;
  /** Signs in. Rejects with a `HeirloomError`, for instance `invalid_credentials`. */
  signIn(request: SignIn): Promise<Session>;
  /** Ends this session, in all tabs. Rejects when the server could not be reached: then it goes on. */
  signOut(): Promise<void>;
  /** Ends all sessions of this person. Answers how many there were. */
  signOutEverywhere(): Promise<number>;
  /**
   * `fetch`, with the access token for addresses of the server's own origin and never for others. After a 401 it
   * refreshes and tries once more; calls that meet a 401 together share one refresh. Rejects with a `HeirloomError`
   * when a token is needed and the server could not be reached.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** A valid access token; null when nobody is signed in. Rejects when the server could not be reached. */
  getAccessToken(): Promise<string | null>;
  /** Listens; the function answered stops that. */
  on<E extends keyof HeirloomEvents>(event: E, listener: (detail: HeirloomEvents[E]) => void): () => void;
}

/** Begins: refreshes silently at once, ahead of each expiry, and when the tab wakes or the network comes back. */
export function createHeirloom(options?: HeirloomOptions): Heirloom;
