//! Every path, once. Who may call which is the table of `tests/spec/access.rs`, which fails when one is missing.

/// The prefix of the API: paths below it are for scripts, with CORS.
pub const API: &str = "/api";

macro_rules! paths {
    ($($name:ident = $path:literal [$($method:ident)+];)*) => {
        $(#[doc = concat!("`", $path, "`")] pub const $name: &str = $path;)*
        /// Every method and path there is.
        pub const ALL: &[(&str, &str)] = &[$($((stringify!($method), $path)),+),*];
    };
}

paths! {
    REGISTER = "/api/v1/auth/register" [POST];
    SIGN_IN = "/api/v1/auth/login" [POST];
    SIGN_IN_TOTP = "/api/v1/auth/login/totp" [POST];
    SIGN_IN_RECOVERY_CODE = "/api/v1/auth/login/recovery-code" [POST];
    ENROL_TOTP = "/api/v1/auth/enrol/totp" [POST];
    ENROL_TOTP_CONFIRM = "/api/v1/auth/enrol/totp/confirm" [POST];
    ENROL_PASSKEY_OPTIONS = "/api/v1/auth/enrol/passkeys/options" [POST];
    ENROL_PASSKEY = "/api/v1/auth/enrol/passkeys" [POST];
    RECOVER_FACTORS = "/api/v1/auth/factors/recover" [POST];
    PASSKEY_OPTIONS = "/api/v1/auth/passkeys/options" [POST];
    PASSKEY_VERIFY = "/api/v1/auth/passkeys/verify" [POST];
    SERVICE_TOKEN = "/api/v1/auth/token" [POST];
    REFRESH = "/api/v1/auth/refresh" [POST];
    STEP_UP = "/api/v1/auth/step-up" [POST];
    STEP_UP_BY_PROVIDER = "/api/v1/auth/step-up/{provider}" [POST];
    SIGN_OUT = "/api/v1/auth/logout" [POST];
    PROVIDERS = "/api/v1/auth/providers" [GET];
    UPSTREAM_TOKEN = "/api/v1/auth/upstream/{provider}/token" [POST];
    CHECK = "/api/v1/auth/check" [GET];
    REVOCATIONS = "/api/v1/revocations" [GET];
    REVOCATION_STREAM = "/api/v1/revocations/stream" [GET];
    KAKAO_EVENTS = "/api/v1/events/kakao" [POST];
    FORGOT_PASSWORD = "/api/v1/auth/password/forgot" [POST];
    CONFIRMATION_RESEND = "/api/v1/auth/confirmations/resend" [POST];
    CONFIRMATION_LOOK = "/api/v1/auth/confirmations/look" [POST];
    CONFIRMATION_USE = "/api/v1/auth/confirmations/use" [POST];
    ME = "/api/v1/me" [GET PATCH DELETE];
    MY_EMAIL = "/api/v1/me/email" [POST DELETE];
    MY_PASSWORD = "/api/v1/me/password" [POST];
    MY_EMAIL_VERIFICATION = "/api/v1/me/email/verification" [POST];
    MY_FACTORS = "/api/v1/me/factors" [GET];
    MY_TOTP = "/api/v1/me/factors/totp" [POST DELETE];
    MY_TOTP_CONFIRM = "/api/v1/me/factors/totp/confirm" [POST];
    MY_FACTOR_RECOVERY = "/api/v1/me/factors/recovery" [DELETE];
    MY_TRUSTED_DEVICES = "/api/v1/me/trusted-devices" [DELETE];
    MY_TRUSTED_DEVICE = "/api/v1/me/trusted-devices/{id}" [DELETE];
    MY_RECOVERY_CODES = "/api/v1/me/recovery-codes" [POST];
    MY_PASSKEYS = "/api/v1/me/passkeys" [POST];
    MY_PASSKEY_OPTIONS = "/api/v1/me/passkeys/options" [POST];
    MY_PASSKEY = "/api/v1/me/passkeys/{id}" [PATCH DELETE];
    MY_IDENTITIES = "/api/v1/me/identities" [GET];
    MY_IDENTITY = "/api/v1/me/identities/{provider}" [POST DELETE];
    MY_SESSIONS = "/api/v1/me/sessions" [GET DELETE];
    MY_SESSION = "/api/v1/me/sessions/{id}" [DELETE];
    MY_EVENTS = "/api/v1/me/events" [GET];
    ADMIN_OVERVIEW = "/api/v1/admin/overview" [GET];
    ADMIN_USERS = "/api/v1/admin/users" [GET POST];
    ADMIN_USER = "/api/v1/admin/users/{id}" [GET PATCH];
    ADMIN_PASSWORD_RESET = "/api/v1/admin/users/{id}/password-reset" [POST];
    ADMIN_FACTORS = "/api/v1/admin/users/{id}/factors" [GET DELETE];
    ADMIN_IDENTITIES = "/api/v1/admin/users/{id}/identities" [GET];
    ADMIN_IDENTITY = "/api/v1/admin/users/{id}/identities/{provider}" [DELETE];
    ADMIN_INVITATIONS = "/api/v1/admin/invitations" [GET];
    ADMIN_INVITATION = "/api/v1/admin/invitations/{id}" [GET DELETE];
    ADMIN_SESSIONS = "/api/v1/admin/sessions" [GET];
    ADMIN_REVOKE = "/api/v1/admin/revoke" [POST];
    ADMIN_AUDIT = "/api/v1/admin/audit" [GET];
    OPENAPI = "/api/openapi.json" [GET];
    DOCS_PAGE = "/docs" [GET];
    JWKS = "/.well-known/jwks.json" [GET];
    HEALTH = "/healthz" [GET];
    READY = "/readyz" [GET];
    LOGIN_PAGE = "/login" [GET POST];
    LOGIN_CODE_PAGE = "/login/code" [GET POST];
    LOGIN_ENROL_PAGE = "/login/enrol" [GET POST];
    LOGIN_RECOVER_PAGE = "/login/recover" [GET POST];
    UPSTREAM_PAGE = "/auth/upstream/{provider}" [GET];
    UPSTREAM_CALLBACK_PAGE = "/auth/upstream/{provider}/callback" [GET POST];
    CONNECT_PAGE = "/connect" [GET POST];
    REGISTER_PAGE = "/register" [GET POST];
    FORGOT_PAGE = "/forgot" [GET POST];
    CONFIRM_PAGE = "/confirm" [GET POST];
    ACCOUNT_PAGE = "/account" [GET];
    CHANGE_ADDRESS_PAGE = "/account/address" [GET POST];
    SET_UP_APP_PAGE = "/account/app" [GET POST];
    DELETE_ACCOUNT_PAGE = "/account/delete" [GET POST];
    ADMIN_PAGE = "/admin" [GET];
    ADMIN_PEOPLE_PAGE = "/admin/people" [GET];
    ADMIN_PERSON_PAGE = "/admin/people/{id}" [GET];
    ADMIN_INVITATIONS_PAGE = "/admin/invitations" [GET];
    ADMIN_SESSIONS_PAGE = "/admin/sessions" [GET];
    ADMIN_AUDIT_PAGE = "/admin/audit" [GET];
    END_SESSIONS_PAGE = "/end-sessions" [GET POST];
    ASSET = "/static/{name}" [GET];
    CLIENT_FRAME = "/client/frame" [GET];
    HOME = "/" [GET];
}
