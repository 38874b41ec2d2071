// The types of heirloom.js.

/** Why a request failed: the server refused it, or could not be reached. */
export class HeirloomError extends Error {
  constructor(body: object, response?: Response);
  /**
   * The problem's stable code (`invalid_credentials`, …); `unreachable` without a usable answer; `unexpected_answer` for
   * a 4xx that is not a problem of this API.
   */
  readonly code: string;
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Which fields are wrong. */
  readonly errors: ReadonlyArray<{ field: string; code: string; message: string; advice?: string }>;
  /** With `session_revoked`: why the session was revoked, for instance `session_limit`. */
  readonly reason: string | undefined;
  /** With `code_invalid`: how many wrong codes are accepted still. */
  readonly attemptsLeft: number | undefined;
  /** Seconds to wait before the next attempt; 0 when the server named none. */
  readonly retryAfter: number;
  /**
   * True for a network error, 429, 5xx, and a 2xx that is not an answer of this API (a captive portal's page, a body that
   * broke off): a later attempt may succeed. Never true for any other 4xx.
   */
  readonly temporary: boolean;
}

/** One sign-in on this browser. It holds no token. */
export interface Session {
  readonly session_id: string;
  /** When the current access token expires. It is replaced before that. */
  readonly expires_at: Date;
  /** When the session expires if it is not refreshed before. */
  readonly refresh_expires_at: Date;
}

/** Why the user is signed out. */
export interface SignedOut {
  /**
   * `signed_out`: requested, here or in another tab. `refresh_token_missing`: the user was not signed in.
   * Otherwise the server's code. `refresh_token_reused`: the refresh token was used a second time, perhaps by a thief.
   */
  readonly why:
    | 'signed_out'
    | 'refresh_token_missing'
    | 'refresh_token_invalid'
    | 'refresh_token_reused'
    | 'session_expired'
    | 'session_revoked'
    | 'account_blocked'
    | 'ambiguous_token';
  /** With `session_revoked`, where the server knows it: `session_limit`, `password_changed`, `revoked_by_admin`, … */
  readonly reason?: string;
}

/** A network error, 429, 5xx, or an answer that cannot be read. The user stays signed in; the client tries again. */
export interface Unreachable {
  readonly error: HeirloomError;
  /** Seconds until the next attempt; sooner when the tab wakes or the network comes back. */
  readonly retry_in: number;
}

/** The server refused the refresh (any other 4xx). The client does not try again by itself. */
export interface Refused {
  readonly error: HeirloomError;
}

export interface HeirloomEvents {
  /** A session was opened, was found on load, or replaced another. */
  signedin: Session;
  /** The access token was replaced. */
  refreshed: Session;
  signedout: SignedOut;
  unreachable: Unreachable;
  refused: Refused;
  /** A link or a code was used in this tab. A session that it revoked is signed out after this. */
  confirmed: Confirmed;
}

export interface HeirloomOptions {
  /**
   * The server's URL. Default: the page's own origin. A page of another origin must be listed in HEIRLOOM_ALLOWED_ORIGINS; the
   * client adds a hidden frame of the server to its body, through which all origins of the site take turns to refresh.
   */
  baseUrl?: string | URL;
  /**
   * Your own APIs, by origin, as HEIRLOOM_AUDIENCES lists them: `fetch` sends them the token too. Where the server has tokens for
   * one service, each gets one of its own. So each has an origin of its own: `createHeirloom` throws a `TypeError` where an API shares
   * the server's origin, which receives the user's own token, or that of another API.
   */
  apis?: ReadonlyArray<string | URL>;
  /** Called each time the user is signed out, and on load if the user is not signed in. */
  onSignedOut?: (event: SignedOut) => void;
}

export interface SignIn {
  email: string;
  password: string;
  /** Whether the session outlives the browser. Default: true. */
  remember?: boolean;
  /** The name of this device in the list of sessions. */
  deviceName?: string;
}

/** An email follows, if one fits the address: the server does not tell. */
export interface ConfirmationSent {
  readonly status: 'confirmation_sent';
  /** Names the request: `confirm` takes it with the code of the email. */
  readonly flow: string;
  /** Seconds until the link in the email expires. The code works for ten minutes. */
  readonly expires_in: number;
}

/** The account exists. Nobody is signed in by it. */
export interface Registered {
  readonly user: { readonly id: string; readonly email: string; readonly name: string | null };
}

/** What confirms: the token of a link (what follows the `#`), or a flow and the code of its email. */
export type Confirm = ({ token: string } | { flow: string; code: string }) & {
  /** The current password, where it is needed. */
  password?: string;
  /** The password from now on, where one is chosen. */
  newPassword?: string;
  /** The display name, where an account is created. */
  name?: string;
};

/** What was confirmed. Nobody is signed in by it. */
export interface Confirmed {
  /** `reset_password`, … */
  readonly purpose: string;
  readonly user: { readonly id: string; readonly email: string };
}

/** What an authenticator signed: the `ticket` of `POST /api/v1/auth/passkeys/options`, and `PublicKeyCredential.toJSON()`. */
export interface PasskeyProof {
  ticket: string;
  credential: object;
}

/** A provider with which users sign in. */
export interface Provider {
  /** Its name in the server's options: what `signInWith` takes. */
  readonly provider: string;
  /** What a button says: `Kakao`, … */
  readonly label: string;
  /** `kakao`, `naver`, `google`, `github`, `apple`, `microsoft`, `oidc` or `oauth2`. */
  readonly preset: string;
}

export interface SignInWith {
  /** Where the browser returns to: a page of the server, or of an origin in HEIRLOOM_ALLOWED_ORIGINS. Default: this page. */
  returnTo?: string | URL;
  /** Whether the session outlives the browser. Default: true. */
  remember?: boolean;
}

export interface Heirloom {
  /** The session; null when the user is signed out, or before that is known. */
  readonly session: Session | null;
  /** Signs in. Rejects with a `HeirloomError`, for instance `invalid_credentials`. */
  signIn(request: SignIn): Promise<Session>;
  /** The providers with which users sign in; none where the operator has named none. */
  providers(): Promise<ReadonlyArray<Provider>>;
  /**
   * Leaves the page for a provider. The browser comes back to `returnTo` signed in, to `/connect` of the server where something
   * is to be confirmed first, or to its `/login` with the reason.
   */
  signInWith(provider: string, options?: SignInWith): void;
  /** Creates an account. Rejects with a `HeirloomError`, for instance `email_taken`. */
  register(request: { email: string; password: string; name?: string }): Promise<Registered | ConfirmationSent>;
  /** Requests an email with a link and a code for a new password. The answer is the same for every address. */
  forgotPassword(request: { email: string }): Promise<ConfirmationSent>;
  /**
   * Confirms what an email asked for. Rejects with a `HeirloomError`: `code_invalid` with `attemptsLeft`,
   * `confirmation_invalid`, `confirmation_expired`, `validation_failed` where something has to be typed.
   */
  confirm(request: Confirm): Promise<Confirmed>;
  /**
   * Confirms that it is the user, after a `step_up_required`: the session is fresh for some minutes. With the password, or, where
   * the user has a second factor, with a code or a passkey. Rejects with a `HeirloomError`, for instance `wrong_password` or `code_invalid`; the
   * user then stays signed in. Null: the session was revoked or has expired.
   */
  stepUp(
    proof: { password: string } | { totp: string } | { recovery_code: string } | { passkey: PasskeyProof },
  ): Promise<Session | null>;
  /** Signs out, in all tabs. Rejects when the server did not confirm it: the user is then still signed in. */
  signOut(): Promise<void>;
  /** Revokes all sessions of the user. Returns their number. */
  signOutEverywhere(): Promise<number>;
  /**
   * `fetch`, with the access token for URLs of the server's own origin and of `apis`, and never for others. After a 401, other than
   * `step_up_required`, it refreshes and repeats the request once; concurrent 401s share one refresh. After a change of the password it refreshes at
   * once. Where another session has taken this one's place in the browser, perhaps another user's, the request is not sent as
   * that user: the answer is 401 `session_changed`. Rejects with a `HeirloomError` when it needs a token and gets none.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** A valid access token; null when the user is signed out. Rejects when a refresh is needed and fails. */
  getAccessToken(): Promise<string | null>;
  /**
   * Refreshes now, whatever the current token: after a change of roles or claims, for instance. Within the wait of
   * the last failure it rejects with that failure.
   */
  refresh(): Promise<string | null>;
  /** Adds a listener. The returned function removes it. */
  on<E extends keyof HeirloomEvents>(event: E, listener: (detail: HeirloomEvents[E]) => void): () => void;
}

/** Creates a client. It refreshes at once, ahead of each expiry, and when the tab wakes or the network comes back. */
export function createHeirloom(options?: HeirloomOptions): Heirloom;
