//! Every problem that a client may receive: its stable code, its status, its title.

/// One kind of problem (RFC 9457 §3.1): what is the same each time it occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemKind {
    /// HTTP status.
    pub status: u16,
    /// A stable code for programs.
    pub code: &'static str,
    /// A stable title for readers.
    pub title: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:literal $code:literal $title:literal;)*) => {
        $(#[doc = $title] pub const $name: ProblemKind = ProblemKind { status: $status, code: $code, title: $title };)*
        /// All of them.
        pub const ALL: &[ProblemKind] = &[$($name),*];
    };
}

kinds! {
    MALFORMED_REQUEST = 400 "malformed_request" "The request cannot be read";
    AMBIGUOUS_TOKEN = 400 "ambiguous_token" "More than one refresh token was presented";
    UNAUTHENTICATED = 401 "unauthenticated" "An access token is required";
    ACCESS_TOKEN_INVALID = 401 "access_token_invalid" "The access token is not valid";
    ACCESS_TOKEN_EXPIRED = 401 "access_token_expired" "The access token has expired";
    FEED_KEY_INVALID = 401 "feed_key_invalid" "The key for the stream of revocations is not valid";
    INVALID_CREDENTIALS = 401 "invalid_credentials" "Incorrect e-mail address or password";
    REFRESH_TOKEN_MISSING = 401 "refresh_token_missing" "A refresh token is required";
    REFRESH_TOKEN_INVALID = 401 "refresh_token_invalid" "The refresh token is not valid";
    REFRESH_TOKEN_REUSED = 401 "refresh_token_reused" "The refresh token has already been used";
    SESSION_EXPIRED = 401 "session_expired" "The session has expired";
    SESSION_REVOKED = 401 "session_revoked" "The session has been revoked";
    SECOND_FACTOR_REQUIRED = 401 "second_factor_required" "A second factor is required";
    SECOND_FACTOR_ENROLMENT_REQUIRED = 401 "second_factor_enrolment_required" "A second factor must be set up";
    STEP_UP_REQUIRED = 401 "step_up_required" "Confirm that it is you";
    ACCOUNT_BLOCKED = 403 "account_blocked" "The account is blocked";
    EMAIL_NOT_VERIFIED = 403 "email_not_verified" "The e-mail address is not verified";
    UPSTREAM_DENIED = 401 "upstream_denied" "The sign-in with the other provider was refused";
    FORBIDDEN = 403 "forbidden" "Not allowed";
    ORIGIN_NOT_ALLOWED = 403 "origin_not_allowed" "Origin not allowed";
    REGISTRATION_CLOSED = 403 "registration_closed" "Registration is closed";
    NOT_FOUND = 404 "not_found" "Not found";
    CONFIRMATION_INVALID = 404 "confirmation_invalid" "The link is not valid";
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "Method not allowed";
    REQUEST_TIMEOUT = 408 "request_timeout" "The request took too long to arrive";
    EMAIL_TAKEN = 409 "email_taken" "The e-mail address is already in use";
    IDENTITY_TAKEN = 409 "identity_taken" "The account at the other provider cannot be connected";
    LAST_CREDENTIAL = 409 "last_credential" "Nothing else opens the account";
    LINK_REQUIRED = 409 "link_required" "The e-mail address has an account already";
    EMAIL_REQUIRED = 409 "email_required" "An e-mail address is required";
    PASSWORD_REQUIRED = 409 "password_required" "A password is required";
    UNDO_PENDING = 409 "undo_pending" "A change of the address can still be undone";
    FACTOR_EXISTS = 409 "factor_exists" "This factor is already set up";
    LAST_FACTOR = 409 "last_factor" "The last factor cannot be removed";
    LAST_ADMIN = 409 "last_admin" "The last administrator cannot be removed";
    CONFIRMATION_EXPIRED = 410 "confirmation_expired" "The link or the code has expired or was used";
    CHALLENGE_EXPIRED = 410 "challenge_expired" "The sign-in took too long or had too many attempts";
    PAYLOAD_TOO_LARGE = 413 "payload_too_large" "The request body is too large";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "Unsupported content type";
    VALIDATION_FAILED = 422 "validation_failed" "A field of the request is not valid";
    AUDIENCE_UNKNOWN = 422 "audience_unknown" "There are no tokens for this service";
    CODE_INVALID = 422 "code_invalid" "The code is wrong";
    PASSKEY_INVALID = 422 "passkey_invalid" "The passkey was not accepted";
    WRONG_PASSWORD = 422 "wrong_password" "The current password is wrong";
    TOO_MANY_ATTEMPTS = 429 "too_many_attempts" "Too many failed attempts";
    TOO_MANY_REQUESTS = 429 "too_many_requests" "Too many requests";
    UPSTREAM_FAILED = 502 "upstream_failed" "The other provider does not answer as it should";
    INTERNAL_ERROR = 500 "internal_error" "Internal server error";
    TOO_MANY_LISTENERS = 503 "too_many_listeners" "Too many listeners";
    TEMPORARILY_UNAVAILABLE = 503 "temporarily_unavailable" "Temporarily unavailable";
}
