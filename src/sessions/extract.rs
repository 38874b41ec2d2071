use super::{Sessions, model::Freshness, revocations::TokenStanding, store};
use crate::{
    audit::{self, About},
    http::{FromClient, Json, Problem, StepUp, kind, note_user},
    identity::Provable,
    kernel::{Client, Duration, SessionId, UserId},
    keys::{AccessTokenError, Verified},
    postgres::DatabaseError,
    work::{Caller, Work},
};
use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web::Data};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::{future::Future, pin::Pin, sync::Arc};

/// How often the same session's denied requests become an event.
const DENIED_AGAIN: Duration = Duration::from_mins(1);

/// The role that administrators have.
const ADMIN: &str = "admin";

/// Proof that the request bears an access token of a live session.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The user.
    pub user: UserId,
    /// Their session.
    pub session: SessionId,
    /// Their roles.
    pub(super) roles: Vec<String>,
}

/// Proof that the request bears an administrator's access token.
#[derive(Debug, Clone)]
pub struct Admin(pub(super) SignedIn);

/// Proof that the request bears an administrator's access token of a fresh session: for what a stolen access token must not
/// do to others, such as to block them or to give roles.
#[derive(Debug, Clone)]
pub struct FreshAdmin(pub(super) Admin);

impl From<FreshAdmin> for Admin {
    /// Proof of less, for what needs no more.
    fn from(FreshAdmin(admin): FreshAdmin) -> Self {
        admin
    }
}

/// Proof that the request bears an access token of a live session whose user showed a moment ago who they are: by the sign-in
/// or a step-up. A stolen access token alone cannot be made fresh (RFC 9470).
#[derive(Debug, Clone)]
pub struct Fresh(SignedIn);

impl Fresh {
    /// Whose session it is.
    #[must_use]
    pub fn signed_in(&self) -> &SignedIn {
        &self.0
    }

    /// Locks the user until the caller's transaction ends, and checks again: a revocation or a deletion that came first
    /// decides.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lock(&self, work: &mut Work<'_>) -> Result<bool, DatabaseError> {
        Ok(self.0.locked(work).await?.is_some_and(|found| found.is_fresh))
    }
}

impl SignedIn {
    /// Locks the user until the caller's transaction ends, and checks that the session is still live.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lock(&self, work: &mut Work<'_>) -> Result<bool, DatabaseError> {
        Ok(self.locked(work).await?.is_some())
    }

    /// The same, with how fresh the session is. None if it is not live.
    pub(super) async fn locked(&self, work: &mut Work<'_>) -> Result<Option<Freshness>, DatabaseError> {
        if store::lock_user(work.connection, self.user).await?.is_none() {
            return Ok(None);
        }
        store::freshness(work.connection, self.session, &work.world.config).await
    }
}

/// Locks a user until the caller's transaction ends, and checks that a session of theirs is still live: of a request that comes
/// without an access token, such as a browser that is back from another provider.
///
/// # Errors
/// When the database fails.
pub async fn lock_live(work: &mut Work<'_>, user: UserId, session: SessionId) -> Result<bool, DatabaseError> {
    SignedIn { user, session, roles: Vec::new() }.lock(work).await
}

pub(super) type Extraction<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl FromRequest for SignedIn {
    type Error = Problem;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let sessions = request.app_data::<Data<Sessions>>().cloned();
        let (token, request) = (bearer(request), request.clone());
        Box::pin(async move {
            let sessions = sessions.ok_or_else(Problem::internal)?;
            let signed_in = sessions.authenticate(token?.as_deref()).await?;
            note_user(&request, signed_in.user);
            Ok(signed_in)
        })
    }
}

impl FromRequest for Fresh {
    type Error = Problem;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let signed_in = SignedIn::from_request(request, payload);
        let sessions = request.app_data::<Data<Sessions>>().cloned();
        Box::pin(async move {
            let signed_in = signed_in.await?;
            sessions.ok_or_else(Problem::internal)?.require_fresh(signed_in).await
        })
    }
}

impl FromRequest for Admin {
    type Error = Problem;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let signed_in = SignedIn::from_request(request, payload);
        let sessions = request.app_data::<Data<Sessions>>().cloned();
        let (client, route) = (FromClient::extract(request).into_inner(), request.match_pattern());
        Box::pin(async move {
            let signed_in = signed_in.await?;
            if is_admin(&signed_in.roles) {
                return Ok(Self(signed_in));
            }
            if let (Some(sessions), Ok(FromClient(client))) = (sessions, client) {
                // In the background: a user without the role is refused before anything else in the request is read.
                let recording =
                    async move { sessions.record_denied(&signed_in, client, route.unwrap_or_default()).await };
                actix_web::rt::spawn(recording);
            }
            Err(Problem::new(kind::FORBIDDEN, "This is only for administrators.")
                .with_header(header::WWW_AUTHENTICATE, "Bearer realm=\"heirloom\", error=\"insufficient_scope\""))
        })
    }
}

impl FromRequest for FreshAdmin {
    type Error = Problem;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let admin = Admin::from_request(request, payload);
        let sessions = request.app_data::<Data<Sessions>>().cloned();
        Box::pin(async move {
            let admin = admin.await?;
            sessions.ok_or_else(Problem::internal)?.require_fresh_admin(admin).await
        })
    }
}

/// A JSON body, and a proof of identity that was checked again once the body had arrived: its
/// sender may take seconds, and the session may be revoked meanwhile.
#[derive(Debug)]
pub struct Asked<P, T>(pub P, pub T);

impl<P, T> FromRequest for Asked<P, T>
where
    P: FromRequest<Error = Problem> + 'static,
    T: DeserializeOwned + 'static,
{
    type Error = Problem;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (early, body) = (P::from_request(request, payload), Json::from_request(request, payload));
        let request = request.clone();
        Box::pin(async move {
            // The body of an anonymous client is not read at all.
            early.await?;
            let Json(body) = body.await?;
            Ok(Self(P::extract(&request).await?, body))
        })
    }
}

/// A proof of identity, and what is looked at only after it: a caller who may not call an endpoint is refused before
/// anything else in the request is looked at. As separate parameters, the first to fail would decide.
#[derive(Debug)]
pub struct After<P, T>(pub P, pub T);

impl<P, T> FromRequest for After<P, T>
where
    P: FromRequest<Error = Problem> + 'static,
    T: FromRequest<Error = Problem> + 'static,
{
    type Error = Problem;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (proof, request) = (P::from_request(request, payload), request.clone());
        Box::pin(async move { Ok(Self(proof.await?, T::extract(&request).await?)) })
    }
}

impl Sessions {
    /// The problem of a request whose session was fresh when it arrived, and not when it was to be carried out.
    pub async fn no_longer(&self, fresh: &Fresh) -> Problem {
        match self.freshness(&fresh.0).await {
            Ok(found) => self.step_up_required(&self.provable(&found)),
            Err(refused) => refused,
        }
    }

    /// The problem of a request whose session was live when it arrived, and not when it was to be carried out.
    #[must_use]
    pub fn ended_meanwhile(&self) -> Problem {
        ended()
    }

    /// The same of an administrator's request.
    pub async fn no_longer_admin(&self, admin: Admin) -> Problem {
        match self.freshness(&admin.0).await {
            Ok(found) if is_admin(&found.roles) => self.step_up_required(&self.provable(&found)),
            Ok(_) => outdated(),
            Err(refused) => refused,
        }
    }

    fn provable(&self, found: &Freshness) -> Provable {
        found.provable(self.factors().passkeys().is_enabled())
    }

    /// The problem of a session that is not fresh.
    fn step_up_required(&self, provable: &Provable) -> Problem {
        let max_age = self.world().config.sessions.step_up_max_age;
        let (acr_values, methods) = (provable.acr_values(), provable.methods());
        Problem::step_up_required(StepUp { max_age, acr_values, methods })
    }

    /// Records one event per session and minute. If that fails, the answer is the same.
    async fn record_denied(&self, signed_in: &SignedIn, client: Client, route: String) {
        let about = About::session(signed_in.user, signed_in.session);
        let recorded = self.world().transaction(Caller::user(signed_in.user, &client), move |mut work| {
            Box::pin(async move {
                let (kind, details) = (audit::Kind::AccessDenied, json!({ "reason": "not_admin", "route": route }));
                work.record_unless_recent(DENIED_AGAIN, kind, about, details).await
            })
        });
        if let Err(error) = recorded.await {
            tracing::warn!(error = error.chain(), "sessions.denial_not_recorded");
        }
    }

    /// Verifies an access token and that its session is live. Reads the database only if the set of revocations
    /// cannot be trusted at the moment.
    pub(super) async fn authenticate(&self, token: Option<&str>) -> Result<SignedIn, Problem> {
        let token = token.ok_or_else(unauthenticated)?;
        self.signed_in(self.keys().verify(token).map_err(refused)?).await
    }

    /// Whose token it is, if its session is live.
    pub(super) async fn signed_in(&self, verified: Verified) -> Result<SignedIn, Problem> {
        match self.standing_of(&verified).await? {
            TokenStanding::Good => {
                let Verified { user, session, roles, .. } = verified;
                Ok(SignedIn { user, session, roles })
            }
            TokenStanding::SessionEnded => Err(ended()),
            TokenStanding::Outdated => Err(outdated()),
        }
    }

    /// The session of a user who is signed in, if it is fresh: for what only some requests to an endpoint need.
    ///
    /// # Errors
    /// When it is not, or is no longer live.
    pub async fn require_fresh(&self, signed_in: SignedIn) -> Result<Fresh, Problem> {
        let found = self.freshness(&signed_in).await?;
        if found.is_fresh { Ok(Fresh(signed_in)) } else { Err(self.step_up_required(&self.provable(&found))) }
    }

    /// An administrator whose session is fresh, for what only some requests to an endpoint need.
    ///
    /// # Errors
    /// When it is not, or the user is no longer an administrator, or the session is no longer live.
    pub async fn require_fresh_admin(&self, admin: Admin) -> Result<FreshAdmin, Problem> {
        let found = self.freshness(&admin.0).await?;
        if !is_admin(&found.roles) {
            return Err(outdated());
        }
        if found.is_fresh { Ok(FreshAdmin(admin)) } else { Err(self.step_up_required(&self.provable(&found))) }
    }

    /// Asks the session's row: an access token says what was true when it was signed.
    pub(super) async fn freshness(&self, signed_in: &SignedIn) -> Result<Freshness, Problem> {
        let (session, config) = (signed_in.session, Arc::clone(&self.world().config));
        let found = self
            .world()
            .db
            .run(move |connection| Box::pin(async move { store::freshness(connection, session, &config).await }));
        found.await?.ok_or_else(ended)
    }

    async fn standing_of(&self, verified: &Verified) -> Result<TokenStanding, DatabaseError> {
        // Before the set is read: a thread that is held up in between must not take old content for complete.
        let is_trusted = self.revocations().is_trusted(self.world().clock.uptime());
        let known = self.revocations().standing_of(verified);
        if known != TokenStanding::Good || is_trusted {
            return Ok(known);
        }
        let (session, revision) = (verified.session, verified.access_revision);
        self.world().db.run(move |connection| Box::pin(store::token_standing(connection, session, revision))).await
    }
}

/// Whether these roles are those of an administrator.
pub(super) fn is_admin(roles: &[String]) -> bool {
    roles.iter().any(|role| role == ADMIN)
}

/// What the user may do has changed since the access token was signed (S-62).
fn outdated() -> Problem {
    Problem::new(kind::ACCESS_TOKEN_EXPIRED, "Roles or claims have changed. Refresh the token.").with_challenge()
}

pub(super) fn unauthenticated() -> Problem {
    Problem::new(kind::UNAUTHENTICATED, "Send `Authorization: Bearer` and an access token.").with_challenge()
}

fn ended() -> Problem {
    Problem::new(kind::SESSION_REVOKED, "This session was revoked. Sign in again.").with_challenge()
}

pub(super) fn refused(error: AccessTokenError) -> Problem {
    let (kind, detail) = match error {
        AccessTokenError::Invalid => (kind::ACCESS_TOKEN_INVALID, "Malformed, invalid signature, or wrong audience."),
        AccessTokenError::Expired => (kind::ACCESS_TOKEN_EXPIRED, "Refresh it."),
    };
    Problem::new(kind, detail).with_challenge()
}

/// The token of `Authorization: Bearer` (RFC 6750 §2.1). None if the header is missing or has another scheme.
///
/// # Errors
/// When there are two, or one is not text.
pub(super) fn bearer(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let Some(header) = headers.next() else { return Ok(None) };
    let invalid = || refused(AccessTokenError::Invalid);
    let text = header.to_str().map_err(|_not_ascii| invalid())?;
    if headers.next().is_some() {
        return Err(invalid());
    }
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    Ok(Some(token.trim().to_owned()))
}
