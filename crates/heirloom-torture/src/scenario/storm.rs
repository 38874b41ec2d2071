//! Everything at once, at random, over all instances.

use super::{
    super::{
        client::Manner,
        family::Family,
        kit::{Settings, Source, Stop},
        model::{KeyNo, TokenNo},
        trial::Trial,
    },
    busy::{Left, refresh_on},
};
use futures_util::future::try_join_all;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;
use tokio::try_join;

/// Clients that share a session. More would tangle a history beyond what can be judged.
const SHARING: usize = 4;
/// Calls after which a session that still lives is ended.
const CALLS: usize = 120;
/// The longest that a client waits before it goes away, in microseconds.
const PATIENCE_MICROS: u64 = 15_000;
/// Sessions one after another, where each needs an initial token.
const IN_TURN: usize = 4;
/// Between two refreshes of a session that lives as long as the storm, and between two attacks on it.
const HOLD: Duration = Duration::from_millis(40);
const ATTACK: Duration = Duration::from_millis(25);

fn slots(settings: &Settings) -> usize {
    settings.clients.div_ceil(SHARING)
}

/// Sessions that it needs: initial tokens must be counted beforehand, sign-ins need not.
pub fn sessions(settings: &Settings) -> usize {
    slots(settings).saturating_mul(IN_TURN).saturating_add(1)
}

/// Sessions side by side until the time is over: some are shared by a few clients, friends and thieves, and soon
/// revoked; one is refreshed by its holder from the beginning to the end while others attack it.
pub async fn storm(trial: &Trial<'_>) -> Result<(), Stop> {
    let settings = &trial.kit.settings;
    let end = trial.kit.uptime().saturating_add(settings.storm);
    let shared = try_join_all((0..slots(settings)).map(|_| one_after_another(trial, end)));
    try_join!(shared, held(trial, end))?;
    Ok(())
}

async fn one_after_another(trial: &Trial<'_>, end: Duration) -> Result<(), Stop> {
    let counted = matches!(trial.kit.settings.source, Source::Tokens(_));
    let mut opened = 0_usize;
    while trial.kit.uptime() < end {
        if counted && opened >= IN_TURN {
            trial.remark("shared sessions were few: each needs an initial token");
            break;
        }
        opened = opened.saturating_add(1);
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

/// One holder refreshes on; others present forged tokens, use access tokens and repeat what the holder has sent.
async fn held(trial: &Trial<'_>, end: Duration) -> Result<(), Stop> {
    let family = Family::open(trial).await?;
    let stop = AtomicBool::new(false);
    let until_end = async {
        tokio::time::sleep(end.saturating_sub(trial.kit.uptime())).await;
        stop.store(true, Ordering::Relaxed);
        Ok(())
    };
    let holder = refresh_on(trial, &family, HOLD, &stop);
    let (left, ..) = try_join!(holder, attack(trial, &family, &stop), until_end)?;
    match left {
        Left::Open(token, key) => family.settle(token, key).await?,
        Left::Answered | Left::Refused => family.rotate(&mut trial.fork_rng()).await?,
    };
    family.close().await
}

async fn attack(trial: &Trial<'_>, family: &Family<'_>, stop: &AtomicBool) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    while !stop.load(Ordering::Relaxed) {
        let newest = family.newest();
        match rng.u32(..3) {
            0 if trial.can_use_access() => {
                let grant = family.grants().last().cloned();
                if let Some(grant) = grant.filter(|grant| grant.access.is_some()) {
                    // The holder may replace it meanwhile, and some servers end it then.
                    let text = grant.access.unwrap_or_else(|| super::super::secret::Guarded::new(String::new()));
                    family.use_forged_access(&text, "an access token of this session").await?;
                }
            }
            1 => {
                let text = format!("{}A", family.text(newest));
                family.refresh_forged(text, "the newest token, with a character more".to_owned()).await?;
            }
            _other => {
                let text = format!("x{:016x}", rng.u64(..));
                family.refresh_forged(text, "garbage".to_owned()).await?;
            }
        }
        tokio::time::sleep(ATTACK).await;
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
            98 => {
                let (text, what) = (format!("{}A", self.family.text(newest)), "with a character more".to_owned());
                self.family.refresh_forged(text, what).await.map(drop)
            }
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
        match rng.choice(&grants).filter(|grant| grant.access.is_some()) {
            Some(grant) => self.family.use_access(grant, trial.kit.next_instance()).await.map(drop),
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
