//! Browsers on which a user is not asked for a second factor for some days. A session that is opened so has one factor, and is
//! never fresh.

use super::{
    Factors, OpenChallenge,
    store::trusted_devices::{self as store, NewTrustedDevice, TrustedDevice},
};
use crate::{
    audit,
    config::FactorOptions,
    kernel::{Client, Digest32, TrustedDeviceId, UserId, sha256},
    postgres::DatabaseError,
    work::Caller,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use std::fmt;
use zeroize::Zeroizing;

/// Random bytes of a cookie.
const LENGTH: usize = 32;

/// What the cookie of a trusted device holds. Only its digest is stored.
pub struct TrustToken(Zeroizing<String>);

impl TrustToken {
    /// As the cookie holds it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TrustToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrustToken(…)")
    }
}

/// What is stored of a client's cookie. None: it sent none, or not one of ours, or no device is trusted.
#[must_use]
pub fn trusted_by(client: &Client, options: &FactorOptions) -> Option<Digest32> {
    let token = client.trusted.as_ref().filter(|_| !options.trusted_device_ttl.is_zero())?;
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    (bytes.len() == LENGTH).then(|| sha256(token.as_bytes()))
}

impl Factors {
    /// Trusts the browser in which a second factor was just presented, in place of what it was before. None: no device is
    /// trusted, or password or factors have changed since.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn trust(&self, challenge: &OpenChallenge, client: &Client) -> Result<Option<TrustToken>, DatabaseError> {
        let lifetime = self.world().config.factors.trusted_device_ttl;
        if lifetime.is_zero() {
            return Ok(None);
        }
        let token = TrustToken(Zeroizing::new(URL_SAFE_NO_PAD.encode(self.world().rng.bytes::<LENGTH>())));
        let pending = &challenge.pending;
        let new = NewTrustedDevice {
            id: TrustedDeviceId::new(self.world().clock.now(), &self.world().rng),
            user: pending.user,
            password_version: pending.password_version,
            factor_version: pending.factor_version,
            hash: sha256(token.as_str().as_bytes()),
            replaces: trusted_by(client, &self.world().config.factors),
            client: client.clone(),
            lifetime,
        };
        let user = pending.user;
        let added = self.world().transaction(Caller::user(user, client), move |mut work| {
            Box::pin(async move {
                let is_added = store::add(work.connection, new).await?;
                if is_added {
                    work.record(audit::Kind::DeviceTrusted, user, json!({})).await?;
                }
                Ok(is_added)
            })
        });
        Ok(added.await?.then_some(token))
    }

    /// The devices that a user trusts and that count still, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn trusted_devices(&self, user: UserId) -> Result<Vec<TrustedDevice>, DatabaseError> {
        if self.world().config.factors.trusted_device_ttl.is_zero() {
            return Ok(Vec::new());
        }
        self.world().db.run(move |connection| Box::pin(store::list(connection, user))).await
    }

    /// Trusts a device of a user no longer, or all of them. Returns how many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn distrust(
        &self,
        user: UserId,
        device: Option<TrustedDeviceId>,
        client: &Client,
    ) -> Result<u64, DatabaseError> {
        let removed = self.world().transaction(Caller::user(user, client), move |mut work| {
            Box::pin(async move {
                let removed = store::remove(work.connection, user, device).await?;
                if removed > 0 {
                    work.record(audit::Kind::DevicesDistrusted, user, json!({ "devices": removed })).await?;
                }
                Ok(removed)
            })
        });
        removed.await
    }
}
