//! The name of every option, once.

macro_rules! names {
    ($($(#[$doc:meta])* $constant:ident = $name:literal;)*) => {
        $($(#[$doc])* pub const $constant: &str = $name;)*
        /// Every option there is.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

names! {
    /// The Postgres URL; default: a private Postgres.
    DATABASE_URL = "DATABASE_URL";
    /// Around a pooler, for LISTEN and migrations.
    DATABASE_URL_DIRECT = "HEIRLOOM_DATABASE_URL_DIRECT";
    /// The owner of the tables, for migrations.
    DATABASE_URL_OWNER = "HEIRLOOM_DATABASE_URL_OWNER";
    /// Connections in the pool.
    DB_MAX_CONNECTIONS = "HEIRLOOM_DB_MAX_CONNECTIONS";
    /// The private Postgres and the generated master key.
    DATA_DIR = "HEIRLOOM_DATA_DIR";
    /// Postgres' server binaries.
    PG_BIN = "HEIRLOOM_PG_BIN";
    /// The root secret.
    MASTER_KEY = "HEIRLOOM_MASTER_KEY";
    /// Earlier root secrets that still verify.
    MASTER_KEY_PREVIOUS = "HEIRLOOM_MASTER_KEY_PREVIOUS";
    /// Where to listen.
    BIND = "HEIRLOOM_BIND";
    /// Where metrics are served.
    METRICS_BIND = "HEIRLOOM_METRICS_BIND";
    /// The URL that clients use.
    PUBLIC_URL = "HEIRLOOM_PUBLIC_URL";
    /// Other origins whose pages may call the API.
    ALLOWED_ORIGINS = "HEIRLOOM_ALLOWED_ORIGINS";
    /// Whether other providers are offered above the form.
    PROVIDERS_FIRST = "HEIRLOOM_PROVIDERS_FIRST";
    /// Whether passkeys are offered.
    PASSKEYS = "HEIRLOOM_PASSKEYS";
    /// The domain that passkeys are bound to.
    PASSKEY_RP_ID = "HEIRLOOM_PASSKEY_RP_ID";
    /// Other origins whose ceremonies count.
    PASSKEY_ORIGINS = "HEIRLOOM_PASSKEY_ORIGINS";
    /// Proxies that are believed.
    TRUSTED_PROXIES = "HEIRLOOM_TRUSTED_PROXIES";
    /// The header in which trusted proxies name the client.
    CLIENT_ADDRESS_HEADER = "HEIRLOOM_CLIENT_ADDRESS_HEADER";
    /// The cookie's path.
    COOKIE_PATH = "HEIRLOOM_COOKIE_PATH";
    /// The cookie's SameSite.
    COOKIE_SAMESITE = "HEIRLOOM_COOKIE_SAMESITE";
    /// Whether strangers may register.
    REGISTRATION = "HEIRLOOM_REGISTRATION";
    /// Whether a new user must show that they read their address.
    EMAIL_VERIFICATION = "HEIRLOOM_EMAIL_VERIFICATION";
    /// How long the link of a password reset works.
    RESET_LINK_TTL = "HEIRLOOM_RESET_LINK_TTL";
    /// How long the link that verifies an address works.
    CONFIRM_LINK_TTL = "HEIRLOOM_CONFIRM_LINK_TTL";
    /// How long an invitation works.
    INVITE_TTL = "HEIRLOOM_INVITE_TTL";
    /// How long a change of address can be undone from the old address.
    EMAIL_UNDO_TTL = "HEIRLOOM_EMAIL_UNDO_TTL";
    /// Whether accounts of other providers may be without an address.
    ALLOW_NO_EMAIL = "HEIRLOOM_ALLOW_NO_EMAIL";
    /// Emails an hour that may be requested for one address.
    MAIL_LIMIT_ADDRESS = "HEIRLOOM_MAIL_LIMIT_ADDRESS";
    /// Emails an hour that may be requested from one network.
    MAIL_LIMIT_NETWORK = "HEIRLOOM_MAIL_LIMIT_NETWORK";
    /// `aud` of access tokens.
    AUDIENCE = "HEIRLOOM_AUDIENCE";
    /// Services that have access tokens of their own.
    AUDIENCES = "HEIRLOOM_AUDIENCES";
    /// Who may listen to the stream of revocations.
    FEED_KEYS = "HEIRLOOM_FEED_KEYS";
    /// How many may listen at an instance.
    FEED_MAX_LISTENERS = "HEIRLOOM_FEED_MAX_LISTENERS";
    /// The claim that holds a user's own claims.
    CLAIMS_NAME = "HEIRLOOM_CLAIMS_NAME";
    /// How access tokens are signed.
    SIGNING_ALG = "HEIRLOOM_SIGNING_ALG";
    /// How often signing keys are replaced.
    SIGNING_KEY_ROTATION = "HEIRLOOM_SIGNING_KEY_ROTATION";
    /// Lifetime of access tokens.
    ACCESS_TOKEN_TTL = "HEIRLOOM_ACCESS_TOKEN_TTL";
    /// Idle lifetime of remembered sessions.
    SESSION_IDLE_TTL = "HEIRLOOM_SESSION_IDLE_TTL";
    /// Idle lifetime of sessions not remembered.
    SESSION_SHORT_IDLE_TTL = "HEIRLOOM_SESSION_SHORT_IDLE_TTL";
    /// Absolute lifetime of sessions.
    SESSION_ABSOLUTE_TTL = "HEIRLOOM_SESSION_ABSOLUTE_TTL";
    /// Grace for clients that cannot send a key.
    REUSE_LEEWAY = "HEIRLOOM_REUSE_LEEWAY";
    /// Grace for clients that send a key.
    RETRY_WINDOW = "HEIRLOOM_RETRY_WINDOW";
    /// Live sessions of one user.
    MAX_SESSIONS_PER_USER = "HEIRLOOM_MAX_SESSIONS_PER_USER";
    /// How long after a sign-in or a step-up a session is fresh.
    STEP_UP_MAX_AGE = "HEIRLOOM_STEP_UP_MAX_AGE";
    /// Roles whose users sign in with two factors only.
    SECOND_FACTOR_ROLES = "HEIRLOOM_SECOND_FACTOR_ROLES";
    /// How long a browser may stand for the second factor.
    TRUSTED_DEVICE_TTL = "HEIRLOOM_TRUSTED_DEVICE_TTL";
    /// How long the removal of lost second factors waits.
    FACTOR_RECOVERY_DELAY = "HEIRLOOM_FACTOR_RECOVERY_DELAY";
    /// The mail server; without it, emails are written to files.
    SMTP_URL = "HEIRLOOM_SMTP_URL";
    /// The sender of emails.
    MAIL_FROM = "HEIRLOOM_MAIL_FROM";
    /// Whether guessing and floods are bounded.
    RATE_LIMIT = "HEIRLOOM_RATE_LIMIT";
    /// The cost of bcrypt.
    BCRYPT_COST = "HEIRLOOM_BCRYPT_COST";
    /// What the product is called.
    BRAND_NAME = "HEIRLOOM_BRAND_NAME";
    /// Its logo.
    BRAND_LOGO = "HEIRLOOM_BRAND_LOGO";
    /// Its colour.
    BRAND_ACCENT = "HEIRLOOM_BRAND_ACCENT";
    /// Where its terms of use are.
    TERMS_URL = "HEIRLOOM_TERMS_URL";
    /// Templates that override the built-in ones.
    TEMPLATES_DIR = "HEIRLOOM_TEMPLATES_DIR";
    /// How long events are kept.
    AUDIT_RETENTION = "HEIRLOOM_AUDIT_RETENTION";
    /// Allows values that only tests need.
    INSECURE_FOR_TESTS = "HEIRLOOM_INSECURE_FOR_TESTS";
    /// Which log lines.
    LOG = "HEIRLOOM_LOG";
    /// Whether log lines name clients.
    LOG_CLIENTS = "HEIRLOOM_LOG_CLIENTS";
    /// How log lines look.
    LOG_FORMAT = "HEIRLOOM_LOG_FORMAT";
    /// Where spans go; OpenTelemetry's own name.
    OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT";
    /// What we are called there; OpenTelemetry's own name.
    SERVICE_NAME = "OTEL_SERVICE_NAME";
}
