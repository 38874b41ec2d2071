use super::{ProblemKind, kind};
use crate::{
    kernel::{Duration, Moment},
    postgres::DatabaseError,
};
use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use serde::Serialize;
use std::fmt;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// An answer that is not what the client wanted: RFC 9457 `application/problem+json`.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What is the same each time.
    pub kind: ProblemKind,
    /// Describes this occurrence to a reader. Never contains a secret.
    pub detail: String,
    /// Which fields are wrong.
    pub errors: Vec<FieldError>,
    /// What only some problems state. Boxed: most results have a problem as their error, so it must stay small.
    pub more: Option<Box<More>>,
    /// Headers that belong to the answer.
    pub headers: Vec<(header::HeaderName, String)>,
}

/// What only some problems state.
#[derive(Debug, Clone, Default)]
pub struct More {
    /// The code of the reason for which a session was revoked: stable, for programs.
    reason: Option<&'static str>,
    /// How many wrong codes are accepted still.
    attempts_left: Option<u32>,
    /// What makes the session fresh.
    step_up: Option<StepUp>,
    /// What the second step of a sign-in needs.
    second_factor: Option<SecondFactorWanted>,
}

/// What the second step of a sign-in needs.
#[derive(Clone)]
pub struct SecondFactorWanted {
    /// To be sent back with the code.
    pub challenge: Zeroizing<String>,
    /// The names of the factors that the user may present.
    pub factors: Vec<&'static str>,
    /// Seconds for which the challenge can be used.
    pub expires_in: u64,
    /// Of an enrolment: whether a code that was sent by email is needed too.
    pub email_code_required: Option<bool>,
    /// When the factors can be removed, if someone began to wait for that.
    pub recovery_ready_at: Option<Moment>,
}

impl fmt::Debug for SecondFactorWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecondFactorWanted").field("factors", &self.factors).finish_non_exhaustive()
    }
}

/// What makes a session fresh (RFC 9470 §3).
#[derive(Debug, Clone)]
pub struct StepUp {
    /// How long ago the user may have proved who they are.
    pub max_age: Duration,
    /// Which levels will do, separated by spaces.
    pub acr_values: String,
    /// With what the user can prove it: members of the request to step up.
    pub methods: Vec<&'static str>,
}

/// One field that is wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's path, dots between its parts.
    #[schema(example = "password")]
    pub field: String,
    /// Stable, for programs.
    #[schema(example = "too_short")]
    pub code: &'static str,
    /// A message for readers.
    pub message: String,
    /// What makes it so, or would help: stable, for programs. Only of passwords that are easy to guess.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<&'static str>,
}

impl FieldError {
    /// An error without advice.
    #[must_use]
    pub fn new(field: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), code, message: message.into(), advice: None }
    }
}

/// What went wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Body<'a> {
    /// `urn:heirloom:problem:` and the code.
    #[schema(example = "urn:heirloom:problem:validation_failed")]
    pub r#type: String,
    /// A title for readers, the same for every occurrence.
    pub title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// Describes this occurrence to a reader. Not stable.
    pub detail: &'a str,
    /// Stable, for programs.
    pub code: &'a str,
    /// Which fields are wrong; absent where none is.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    #[schema(required = false)]
    pub errors: &'a [FieldError],
    /// With `session_revoked`: why the session was revoked, where that is known. With `passkey_invalid`: `unknown_passkey` where
    /// the server has no such passkey. Stable, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "session_limit")]
    pub reason: Option<&'a str>,
    /// With `code_invalid` and `passkey_invalid`: how many wrong ones are accepted still.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 4)]
    pub attempts_left: Option<u32>,
    /// With `step_up_required`: how many seconds ago the user may have proved who they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 600)]
    pub max_age: Option<u64>,
    /// With `step_up_required`: which `acr` will do, separated by spaces, as in the challenge (RFC 9470 §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "urn:heirloom:acr:1")]
    pub acr_values: Option<&'a str>,
    /// With `step_up_required`: with what this user can prove it, each a member of the request to step up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["password"]))]
    pub methods: Option<&'a [&'a str]>,
    /// With `second_factor_required` and `second_factor_enrolment_required`: to be sent back with a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<&'a str>,
    /// With `second_factor_required`: which factors the user may present. With `second_factor_enrolment_required`: which the user
    /// may set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["totp", "passkey", "recovery_code"]))]
    pub factors: Option<&'a [&'static str]>,
    /// With a `challenge`: for how many seconds it can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 300)]
    pub expires_in: Option<u64>,
    /// With `second_factor_enrolment_required`: whether the code of an email is needed too, which was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_code_required: Option<bool>,
    /// With `second_factor_required`: when the factors can be removed, if someone with the password began to wait for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub recovery_ready_at: Option<Moment>,
}

/// Seconds after which a client may try again when we were busy or the database was away.
const RETRY_AFTER: &str = "2";

impl Problem {
    /// A problem of a kind, with what is particular to it.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), more: None, headers: Vec::new() }
    }

    /// One wrong field.
    #[must_use]
    pub fn field(field: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self::fields(vec![FieldError::new(field, code, message)])
    }

    /// Several wrong fields.
    #[must_use]
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let detail = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect::<Vec<_>>();
        Self { errors, ..Self::new(kind::VALIDATION_FAILED, detail.join("; ")) }
    }

    /// An outage or a queue that is full: try again soon, everything presented is as good as before.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(kind::TEMPORARILY_UNAVAILABLE, detail).with_header(header::RETRY_AFTER, RETRY_AFTER)
    }

    /// A fault of the server. The log has the cause.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(kind::INTERNAL_ERROR, "Details are in the server log under this request id.")
    }

    /// Nothing of that name.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(kind::NOT_FOUND, format!("This {what} does not exist."))
    }

    /// Adds the code of the reason for which a session was revoked, where it is known.
    #[must_use]
    pub fn with_reason(self, code: Option<&'static str>) -> Self {
        let more = code.map(|code| More { reason: Some(code), ..More::default() });
        Self { more: more.map(Box::new), ..self }
    }

    /// States how many wrong codes are accepted still.
    #[must_use]
    pub fn with_attempts_left(self, attempts_left: u32) -> Self {
        Self { more: Some(Box::new(More { attempts_left: Some(attempts_left), ..More::default() })), ..self }
    }

    /// States what the second step of a sign-in needs.
    #[must_use]
    pub fn with_second_factor(self, wanted: SecondFactorWanted) -> Self {
        Self { more: Some(Box::new(More { second_factor: Some(wanted), ..More::default() })), ..self }
    }

    /// What the second step of a sign-in needs, where that is the problem.
    #[must_use]
    pub fn second_factor(&self) -> Option<&SecondFactorWanted> {
        self.more.as_ref()?.second_factor.as_ref()
    }

    /// The user must confirm that it is them, if they did not within this time (RFC 9470 §3).
    #[must_use]
    pub fn step_up_required(needed: StepUp) -> Self {
        let (seconds, acr) = (needed.max_age.as_secs(), &needed.acr_values);
        let detail = "Confirm that it is you at POST /api/v1/auth/step-up, and send this request again.";
        let challenge =
            format!("Bearer error=\"insufficient_user_authentication\", max_age={seconds}, acr_values=\"{acr}\"");
        let more = More { step_up: Some(needed), ..More::default() };
        Self { more: Some(Box::new(more)), ..Self::new(kind::STEP_UP_REQUIRED, detail) }
            .with_header(header::WWW_AUTHENTICATE, challenge)
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Seconds after which the client may try again.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        let (_, seconds) = self.headers.iter().find(|(name, _)| name == header::RETRY_AFTER)?;
        seconds.parse().ok()
    }

    /// Sets its headers on an answer that is not made of it.
    pub fn add_headers_to(&self, headers: &mut header::HeaderMap) {
        for (name, value) in &self.headers {
            if let Ok(value) = header::HeaderValue::from_str(value) {
                headers.append(name.clone(), value);
            }
        }
    }

    /// Adds RFC 6750 §3's challenge, for bearer endpoints.
    #[must_use]
    pub fn with_challenge(self) -> Self {
        let challenge = match self.kind {
            kind::UNAUTHENTICATED => "Bearer realm=\"heirloom\"".to_owned(),
            kind => {
                let described = kind.title;
                format!("Bearer realm=\"heirloom\", error=\"invalid_token\", error_description=\"{described}\"")
            }
        };
        self.with_header(header::WWW_AUTHENTICATE, challenge)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code, self.detail)
    }
}

/// The URI that names a kind.
#[must_use]
pub fn type_of(kind: ProblemKind) -> String {
    format!("urn:heirloom:problem:{}", kind.code)
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        for (name, value) in &self.headers {
            answer.append_header((name.clone(), value.as_str()));
        }
        let more = self.more.as_deref();
        let step_up = more.and_then(|more| more.step_up.as_ref());
        let body = Body {
            r#type: type_of(self.kind),
            title: self.kind.title,
            status: self.kind.status,
            detail: &self.detail,
            code: self.kind.code,
            errors: &self.errors,
            reason: more.and_then(|more| more.reason),
            attempts_left: more.and_then(|more| more.attempts_left),
            max_age: step_up.map(|needed| needed.max_age.as_secs()),
            acr_values: step_up.map(|needed| &*needed.acr_values),
            methods: step_up.map(|needed| &*needed.methods),
            challenge: self.second_factor().map(|wanted| wanted.challenge.as_str()),
            factors: self.second_factor().map(|wanted| wanted.factors.as_slice()),
            expires_in: self.second_factor().map(|wanted| wanted.expires_in),
            email_code_required: self.second_factor().and_then(|wanted| wanted.email_code_required),
            recovery_ready_at: self.second_factor().and_then(|wanted| wanted.recovery_ready_at),
        };
        answer.insert_header((header::CACHE_CONTROL, "no-store"));
        answer.content_type("application/problem+json").body(serde_json::to_string(&body).unwrap_or_default())
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        if error.is_outage() {
            tracing::warn!(error = error.chain(), "database.unavailable");
            return Self::unavailable("The database does not answer. Nothing was changed; try again.");
        }
        tracing::error!(error = error.chain(), "database.failed");
        Self::internal()
    }
}
