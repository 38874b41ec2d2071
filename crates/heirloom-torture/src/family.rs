//! One session under test: every token issued for it, and every call in order.

use super::{
    client::{Answer, Asked, Manner, Reply},
    history::{Call, History, Stamp},
    kit::{Kit, Stop, lock, matches},
    model::{Ask, KeyNo, Outcome, TokenNo},
    profile::Profile,
    secret::Guarded,
    trial::Trial,
};
use std::time::Duration;
use std::{collections::HashMap, sync::Mutex};

/// Tries until a call gets an answer.
const TRIES: u32 = 5;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(200);

/// What one answer issued.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The refresh token.
    pub token: TokenNo,
    /// The access token, if there was one.
    pub access: Option<Guarded>,
    /// The promised lifetime of the refresh token, in seconds.
    pub expires_in: Option<u64>,
    /// Milliseconds, before the request that brought it.
    pub asked_at: u64,
}

/// A request and its result.
#[derive(Clone, Copy)]
struct Exchange<'a> {
    ask: Ask,
    sent: Stamp,
    answer: &'a Answer,
    manner: Manner,
}

/// One session.
pub struct Family<'k> {
    kit: &'k Kit,
    trial: &'k Trial<'k>,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    tokens: Vec<Guarded>,
    numbers: HashMap<[u8; 32], TokenNo>,
    keys: Vec<String>,
    calls: Vec<Call>,
    grants: Vec<Grant>,
    last_answer: String,
}

impl Log {
    /// The number of a token, a new one when it was not met before.
    fn number(&mut self, token: Guarded) -> TokenNo {
        let next = TokenNo(self.tokens.len());
        let number = *self.numbers.entry(token.digest()).or_insert(next);
        if number == next {
            self.tokens.push(token);
        }
        number
    }

    fn grant(
        &mut self,
        profile: &Profile,
        reply: &Reply,
        presented: Option<TokenNo>,
        asked_at: u64,
    ) -> Option<TokenNo> {
        let handed = reply.secret(&profile.answer.refresh_token).map(|token| self.number(token));
        // A server that returns no new one keeps the old one valid.
        let token = handed.or(presented)?;
        let pointers = &profile.answer;
        let access = pointers.access_token.as_ref().and_then(|pointer| reply.secret(pointer));
        let expires_in = pointers.refresh_expires_in.as_ref().and_then(|pointer| reply.number(pointer));
        self.grants.push(Grant { token, access, expires_in, asked_at });
        Some(token)
    }
}

impl<'k> Family<'k> {
    /// Begins a session.
    pub async fn open(trial: &'k Trial<'k>) -> Result<Self, Stop> {
        let kit = trial.kit;
        let asked_at = kit.stamp().millis;
        let reply = kit.begin_session().await?;
        let mut log = Log::default();
        let pointer = &kit.profile().answer.refresh_token;
        let absent = || Stop::Fail(format!("the answer that begins a session has no refresh token at {pointer}"));
        log.grant(kit.profile(), &reply, None, asked_at).ok_or_else(absent)?;
        Ok(Self { kit, trial, log: Mutex::new(log) })
    }

    /// A new key.
    pub fn new_key(&self, rng: &mut fastrand::Rng) -> Option<KeyNo> {
        self.kit.profile().retry.as_ref()?;
        let mut log = lock(&self.log);
        log.keys.push(format!("torture-{:016x}{:016x}", rng.u64(..), rng.u64(..)));
        Some(KeyNo(log.keys.len().saturating_sub(1)))
    }

    /// The token met last.
    pub fn newest(&self) -> TokenNo {
        TokenNo(lock(&self.log).tokens.len().saturating_sub(1))
    }

    /// What was issued so far.
    pub fn grants(&self) -> Vec<Grant> {
        lock(&self.log).grants.clone()
    }

    /// How many calls were made.
    pub fn len(&self) -> usize {
        lock(&self.log).calls.len()
    }

    /// Whether an answer has shown that the session is revoked or expired.
    pub fn is_revoked(&self) -> bool {
        let ends = [Outcome::Reused, Outcome::Ended, Outcome::Denied, Outcome::SignedOut];
        let log = lock(&self.log);
        log.calls.iter().any(|call| ends.contains(&call.outcome) && call.ask != Ask::RefreshForged)
    }

    /// Redeems a token.
    pub async fn refresh(&self, token: TokenNo, key: Option<KeyNo>) -> Result<Outcome, Stop> {
        self.refresh_in(token, key, Manner::Patient).await
    }

    /// Redeems a token; the client may leave before the answer.
    pub async fn refresh_in(&self, token: TokenNo, key: Option<KeyNo>, manner: Manner) -> Result<Outcome, Stop> {
        let (text, key_text) = {
            let log = lock(&self.log);
            (log.tokens.get(token.0).cloned(), key.and_then(|key| log.keys.get(key.0).cloned()))
        };
        let text = text.ok_or_else(|| Stop::Fail("there is no such token".to_owned()))?;
        let profile = self.kit.profile();
        let retry = profile.retry.as_ref().map(|retry| retry.key_header.as_str());
        let header = retry.zip(key_text.as_deref());
        let asked = Asked { request: &profile.refresh.request, values: vec![("refresh_token", text)], header };
        let sent = self.kit.stamp();
        let answer = self.kit.send(self.kit.next_base(), asked, manner).await?;
        let mut log = lock(&self.log);
        let outcome = match answer.reply() {
            Some(reply) if matches(&profile.refresh.rotated, reply) => {
                let handed = log.grant(profile, reply, Some(token), sent.millis);
                handed.map_or(Outcome::Unforeseen, Outcome::Issued)
            }
            Some(reply) => refused(profile, reply),
            None => Outcome::Unknown,
        };
        drop(log);
        self.note(Exchange { ask: Ask::Refresh(token, key), sent, answer: &answer, manner }, outcome);
        Ok(outcome)
    }

    /// The same until there is an answer. Without a key, a second try may be a replay: the specification knows.
    pub async fn settle(&self, token: TokenNo, key: Option<KeyNo>) -> Result<Outcome, Stop> {
        for _try in 1..TRIES {
            let outcome = self.refresh(token, key).await?;
            if outcome != Outcome::Unknown {
                return Ok(outcome);
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.refresh(token, key).await
    }

    /// The newest token, redeemed with a new key.
    pub async fn rotate(&self, rng: &mut fastrand::Rng) -> Result<Outcome, Stop> {
        let key = self.new_key(rng);
        self.settle(self.newest(), key).await
    }

    /// Redeems a token that was never issued.
    pub async fn refresh_forged(&self, text: String) -> Result<Outcome, Stop> {
        let profile = self.kit.profile();
        let values = vec![("refresh_token", Guarded::new(text))];
        let asked = Asked { request: &profile.refresh.request, values, header: None };
        let sent = self.kit.stamp();
        let answer = self.kit.send(self.kit.next_base(), asked, Manner::Patient).await?;
        let outcome = match answer.reply() {
            Some(reply) if matches(&profile.refresh.rotated, reply) => {
                let handed = lock(&self.log).grant(profile, reply, None, sent.millis);
                handed.map_or(Outcome::Unforeseen, Outcome::Issued)
            }
            // Any refusal will do, except as a replay.
            Some(reply) if (400..500).contains(&reply.status) && reply.status != 429 => match refused(profile, reply) {
                Outcome::Reused => Outcome::Reused,
                _refused => Outcome::Invalid,
            },
            Some(reply) => refused(profile, reply),
            None => Outcome::Unknown,
        };
        self.note(Exchange { ask: Ask::RefreshForged, sent, answer: &answer, manner: Manner::Patient }, outcome);
        Ok(outcome)
    }

    /// The text of a token, to be mangled.
    pub fn text(&self, token: TokenNo) -> String {
        lock(&self.log).tokens.get(token.0).map(|token| token.reveal().to_owned()).unwrap_or_default()
    }

    /// Signs out.
    pub async fn sign_out(&self, token: TokenNo) -> Result<Outcome, Stop> {
        self.trial.needs_sign_out()?;
        let Some(sign_out) = &self.kit.profile().sign_out else { return Ok(Outcome::Unknown) };
        let text = lock(&self.log).tokens.get(token.0).cloned();
        let values = text.into_iter().map(|text| ("refresh_token", text)).collect();
        let asked = Asked { request: &sign_out.request, values, header: None };
        let sent = self.kit.stamp();
        let answer = self.kit.send(self.kit.next_base(), asked, Manner::Patient).await?;
        let outcome = match answer.reply() {
            Some(reply) if matches(&sign_out.done, reply) => Outcome::SignedOut,
            Some(reply) if !reply.is_outage() => Outcome::Unforeseen,
            Some(_) | None => Outcome::Unknown,
        };
        self.note(Exchange { ask: Ask::SignOut(token), sent, answer: &answer, manner: Manner::Patient }, outcome);
        Ok(outcome)
    }

    /// Tries an access token at one instance.
    pub async fn use_access(&self, access: &Guarded, base: &str) -> Result<Outcome, Stop> {
        let Some(profile) = &self.kit.profile().access else { return Ok(Outcome::Unknown) };
        let asked = Asked { request: &profile.request, values: vec![("access_token", access.clone())], header: None };
        let sent = self.kit.stamp();
        let answer = self.kit.send(base, asked, Manner::Patient).await?;
        let outcome = match answer.reply() {
            Some(reply) if matches(&profile.alive, reply) => Outcome::Alive,
            Some(reply) if matches(&profile.dead, reply) => Outcome::Dead,
            Some(reply) if !reply.is_outage() => Outcome::Unforeseen,
            Some(_) | None => Outcome::Unknown,
        };
        self.note(Exchange { ask: Ask::UseAccess, sent, answer: &answer, manner: Manner::Patient }, outcome);
        Ok(outcome)
    }

    fn note(&self, exchange: Exchange<'_>, outcome: Outcome) {
        let Exchange { ask, sent, answer, manner } = exchange;
        match (ask, outcome) {
            (_, Outcome::Unknown) if matches!(manner, Manner::Patient) => self.trial.count_unanswered(answer.summary()),
            (_, Outcome::Unforeseen) => self.trial.count_unforeseen(answer.summary()),
            (Ask::Refresh(presented, _), Outcome::Issued(token)) if token != presented => self.trial.count_rotation(),
            _nothing_to_count => {}
        }
        let mut log = lock(&self.log);
        log.last_answer = answer.summary();
        log.calls.push(Call { ask, outcome, sent, finished: self.kit.stamp() });
    }

    /// Status and code of the last answer, or why there was none.
    pub fn last_answer(&self) -> String {
        lock(&self.log).last_answer.clone()
    }

    /// No refresh token of the family works any more.
    pub async fn expect_revoked(&self) -> Result<(), Stop> {
        let newest = self.newest().0;
        // The oldest and the newest; a family of a hundred generations has no other ones to show.
        let some = (0..=newest).filter(|number| *number < 3 || number.saturating_add(5) > newest);
        for number in some.rev() {
            self.settle(TokenNo(number), None).await?;
        }
        Ok(())
    }

    /// Signs out if the session is still live; its history goes to the trial.
    pub async fn close(self) -> Result<(), Stop> {
        if !self.is_revoked() && self.trial.needs_sign_out().is_ok() {
            self.sign_out(self.newest()).await?;
        }
        let log = self.log.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let tags: Vec<_> = log.tokens.iter().map(Guarded::tag).collect();
        self.trial.keep(&History { calls: log.calls }, &tags);
        Ok(())
    }
}

fn refused(profile: &Profile, reply: &Reply) -> Outcome {
    let refresh = &profile.refresh;
    let known = [
        (&refresh.reused, Outcome::Reused),
        (&refresh.ended, Outcome::Ended),
        (&refresh.invalid, Outcome::Invalid),
        (&refresh.denied, Outcome::Denied),
    ];
    let found = known.into_iter().find(|(signs, _)| matches(signs, reply)).map(|(_, outcome)| outcome);
    found.unwrap_or(if reply.is_outage() { Outcome::Unknown } else { Outcome::Unforeseen })
}
