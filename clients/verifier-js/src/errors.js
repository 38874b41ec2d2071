// Why a token is refused.

/** The base of all refusals. `code` is stable: compare it rather than the message. */
export class VerificationError extends Error {
  static text = 'The access token is not valid.';
  /** `invalid`, `expired`, `revoked`, `outdated` or `stale`. */
  code = 'invalid';
  /** The HTTP status with which a service answers. */
  status = 401;

  /** @param {string} [message] @param {ErrorOptions} [options] */
  constructor(message, options) {
    super(message ?? new.target.text, options);
    this.name = new.target.name;
  }
}

/** Malformed, forged, of another kind, from another issuer or for another audience. */
export class Invalid extends VerificationError {}

/** The token's time has passed: the client refreshes it. */
export class Expired extends VerificationError {
  static text = 'The access token has expired.';
  code = 'expired';
}

/** The session was revoked: the user signs in again. */
export class Revoked extends VerificationError {
  static text = 'The session of the access token was revoked.';
  code = 'revoked';
}

/** Roles or claims have changed since the token was issued: the client refreshes it. */
export class Outdated extends VerificationError {
  static text = 'Roles or claims have changed since the access token was issued.';
  code = 'outdated';
}

/** Revocations are not known, because the stream is silent. Says nothing about the token: answer 503. */
export class Stale extends VerificationError {
  static text = 'Revocations are not known at the moment.';
  code = 'stale';
  status = 503;
}

/** Why there is no stream: `silence`, `unreachable: ...`, `refused: ...`, `clock`, `gap` or `forged`. */
export class Lost extends Error {}
