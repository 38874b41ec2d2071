use super::{
    Revocations,
    batches::Batches,
    model::{Grant, LiveSession},
    stream::Stream,
    token::{RefreshToken, TokenKeys},
};
use crate::{
    factors::Factors,
    identity::AuthenticationMethods,
    kernel::{Duration, MasterKeys, Moment, SessionId, Transport},
    keys::{Keys, SigningError, Subject},
    postgres::DatabaseError,
    world::World,
};
use serde_json::{Map, Value};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The sessions room: what its verbs need.
#[derive(Clone)]
pub struct Sessions(Arc<Room>);

struct Room {
    world: World,
    keys: Keys,
    factors: Factors,
    tokens: TokenKeys,
    revocations: Revocations,
    stream: Stream,
    counted: Counted,
    batches: Batches,
}

/// How many of this instance's rotations have been counted in.
#[derive(Debug, Default)]
pub(super) struct Counted(AtomicU64);

impl Counted {
    /// How many are to be counted in, of so many in all; they count as done from here on. None: nothing to do.
    pub fn due(&self, made: u64) -> Option<i64> {
        let before = self.0.swap(made, Ordering::AcqRel);
        i64::try_from(made.saturating_sub(before)).ok().filter(|fresh| *fresh > 0)
    }

    /// So many could not be counted in.
    pub fn give_back(&self, fresh: i64) {
        self.0.fetch_sub(fresh.unsigned_abs(), Ordering::AcqRel);
    }
}

/// Why a session could not be opened or rotated, apart from the outcomes that are answers.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The database failed; nothing was changed without the client's knowledge.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// No access token could be signed.
    #[error("no access token could be signed")]
    Signing(#[from] SigningError),
}

impl Sessions {
    /// The room, with an empty revocation set.
    #[must_use]
    pub fn new(world: World, keys: Keys, factors: Factors, masters: &MasterKeys) -> Self {
        let revocations = Revocations::new(&world.config.tokens);
        let (tokens, batches) = (TokenKeys::new(masters), Batches::new(world.clone()));
        let stream = Stream::new(world.clone(), keys.clone(), revocations.clone());
        Self(Arc::new(Room { world, keys, factors, tokens, revocations, stream, counted: Counted::default(), batches }))
    }

    /// The revocations of the last access token's lifetime.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.0.revocations
    }

    /// The stream of revocations, for other services.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.0.stream
    }

    /// Verifies access tokens.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// The world this room lives in.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.0.world
    }

    /// Second factors: what a sign-in or a step-up may need besides the password.
    #[must_use]
    pub fn factors(&self) -> &Factors {
        &self.0.factors
    }

    pub(super) fn counted(&self) -> &Counted {
        &self.0.counted
    }

    pub(super) fn batches(&self) -> &Batches {
        &self.0.batches
    }

    pub(super) fn tokens(&self) -> &TokenKeys {
        &self.0.tokens
    }

    /// Idle lifetime of a session.
    pub(super) fn idle_ttl(&self, remembered: bool) -> Duration {
        let options = &self.0.world.config.sessions;
        if remembered { options.idle_ttl } else { options.short_idle_ttl }
    }

    /// Signs the access token and lays out the answer. An access token does not outlive its session either, neither the
    /// idle nor the absolute lifetime (S-7): what has expired can be swept, and nothing of it lives on.
    pub(super) fn grant(
        &self,
        session: SessionId,
        live: LiveSession,
        transport: Transport,
        refresh_token: RefreshToken,
    ) -> Result<Grant, SessionError> {
        let left = |until: Moment| (until - live.now).to_std().unwrap_or_default();
        let (refresh_expires_in, in_all) = (left(live.idle_expires_at), left(live.absolute_expires_at));
        let expires_in = self.0.world.config.tokens.access_token_ttl.min(refresh_expires_in).min(in_all);
        let (remembered, now) = (live.remembered, live.now);
        let methods = AuthenticationMethods::from_names(&live.amr);
        let subject = Subject {
            user: live.user,
            session,
            authenticated_at: live.authenticated_at,
            acr: methods.acr(),
            amr: methods.names(),
            roles: live.roles,
            access_revision: live.access_revision,
            claims: match live.claims {
                Value::Object(claims) => claims,
                // The column holds objects only.
                _ => Map::new(),
            },
        };
        let access_token = self.0.keys.sign(&subject, now, expires_in)?;
        Ok(Grant { session, refresh_token, transport, remembered, refresh_expires_in, access_token, expires_in })
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}
