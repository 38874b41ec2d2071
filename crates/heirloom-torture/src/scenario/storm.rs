//! Everything at once, at random, over all instances.

use super::super::{
    client::Manner,
    family::Family,
    kit::{Settings, Stop},
    model::{KeyNo, TokenNo},
    trial::Trial,
};
use futures_util::future::try_join_all;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

/// Clients that share a session. More would tangle a history beyond what can be judged.
const SHARING: usize = 4;
/// Calls after which a session that still lives is ended.
const CALLS: usize = 120;
/// The longest that a client waits before it goes away, in microseconds.
const PATIENCE_MICROS: u64 = 15_000;

/// Sessions that live at once.
pub fn sessions(settings: &Settings) -> usize {
    settings.clients.div_ceil(SHARING)
}

/// Sessions side by side until the time is over, each shared by a few clients.
pub async fn storm(trial: &Trial<'_>) -> Result<(), Stop> {
    let settings = &trial.kit.settings;
    let end = trial.kit.uptime().saturating_add(settings.storm);
    try_join_all((0..sessions(settings)).map(|_| one_after_another(trial, end))).await?;
    Ok(())
}

async fn one_after_another(trial: &Trial<'_>, end: Duration) -> Result<(), Stop> {
    let mut opened = false;
    while trial.kit.uptime() < end {
        if opened && trial.kit.tokens_left() == Some(0) {
            trial.remark("ended early, for want of initial tokens");
            break;
        }
        opened = true;
        let shared =
            Shared { family: Family::open(trial).await?, keys: Mutex::default(), done: AtomicBool::new(false) };
        try_join_all((0..SHARING).map(|_| shared.client(trial, end))).await?;
        if shared.family.is_revoked() {
            shared.family.expect_revoked().await?;
        } else {
            shared.family.rotate(&mut trial.fork_rng()).await?;
        }
        shared.family.close().await?;
    }
    Ok(())
}

struct Shared<'k> {
    family: Family<'k>,
    /// The key with which a token is to be redeemed, the same for all its honest holders.
    keys: Mutex<Vec<(TokenNo, Option<KeyNo>)>>,
    done: AtomicBool,
}

impl Shared<'_> {
    async fn client(&self, trial: &Trial<'_>, end: Duration) -> Result<(), Stop> {
        let mut rng = trial.fork_rng();
        while !self.done.load(Ordering::Relaxed) {
            self.one_call(trial, &mut rng).await?;
            let enough = self.family.is_revoked() || self.family.len() >= CALLS || trial.kit.uptime() >= end;
            self.done.fetch_or(enough, Ordering::Relaxed);
        }
        // One more after the end, while others may still be under way.
        self.refresh_newest(&mut rng, Manner::Patient).await
    }

    async fn one_call(&self, trial: &Trial<'_>, rng: &mut fastrand::Rng) -> Result<(), Stop> {
        let newest = self.family.newest();
        let (before, any) = (TokenNo(newest.0.saturating_sub(1)), TokenNo(rng.usize(..=newest.0)));
        match rng.u32(..100) {
            0..50 => self.refresh_newest(rng, Manner::Patient).await,
            50..64 => {
                let patience = Duration::from_micros(rng.u64(..PATIENCE_MICROS));
                self.refresh_newest(rng, Manner::GoneAfter(patience)).await
            }
            64..82 => {
                let key = self.key_of(before, rng);
                self.family.refresh(before, key).await.map(drop)
            }
            82..95 => self.use_access(trial, rng).await,
            95 => self.family.refresh(newest, None).await.map(drop),
            96 | 97 => {
                let stranger = self.family.new_key(rng);
                self.family.refresh(any, stranger).await.map(drop)
            }
            98 => self.family.refresh_forged(format!("{}A", self.family.text(newest))).await.map(drop),
            _rare if trial.needs_sign_out().is_ok() => self.family.sign_out(any).await.map(drop),
            _rare => self.family.refresh(any, None).await.map(drop),
        }
    }

    async fn refresh_newest(&self, rng: &mut fastrand::Rng, manner: Manner) -> Result<(), Stop> {
        let newest = self.family.newest();
        let key = self.key_of(newest, rng);
        self.family.refresh_in(newest, key, manner).await.map(drop)
    }

    async fn use_access(&self, trial: &Trial<'_>, rng: &mut fastrand::Rng) -> Result<(), Stop> {
        let grants = if trial.can_use_access() { self.family.grants() } else { Vec::new() };
        match rng.choice(&grants).and_then(|grant| grant.access.as_ref()) {
            Some(access) => self.family.use_access(access, trial.kit.next_base()).await.map(drop),
            None => self.refresh_newest(rng, Manner::Patient).await,
        }
    }

    fn key_of(&self, token: TokenNo, rng: &mut fastrand::Rng) -> Option<KeyNo> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let known = keys.iter().find(|(of, _)| *of == token).map(|(_, key)| *key);
        known.unwrap_or_else(|| {
            let key = self.family.new_key(rng);
            keys.push((token, key));
            key
        })
    }
}
