//! One session under test: every token issued for it, and every call in order.

use super::{
    client::{Answer, Asked, Manner, Reply},
    history::{Call, Stamp},
    kit::{Kit, Stop, lock, matches},
    log::{Detail, Grant, Log},
    model::{Ask, KeyNo, Outcome, TokenNo},
    owners::Owner,
    profile::{Profile, Sign},
    report::CallRecord,
    secret::Guarded,
    trial::Trial,
};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Tries until a call gets an answer.
const TRIES: u32 = 5;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(200);

/// A request and its result.
#[derive(Clone, Copy)]
struct Exchange<'a> {
    ask: Ask,
    sent: Stamp,
    answer: &'a Answer,
    instance: usize,
    manner: Manner,
    note: Option<&'a str>,
    /// Of an access token.
    granted: Option<Stamp>,
}

/// The use of an access token, or of something else as one.
#[derive(Clone, Copy)]
struct Used<'a> {
    ask: Ask,
    granted: Option<Stamp>,
    note: Option<&'a str>,
}

/// A redemption that is not the plain one.
#[derive(Debug, Clone, Default)]
pub struct Foreign {
    /// What is presented as the refresh token.
    pub text: String,
    /// Values in place of those of the command line.
    pub values: Vec<(&'static str, Guarded)>,
    /// One more member of the body.
    pub field: Option<(&'static str, String)>,
    /// What is foreign about it, for the report.
    pub what: String,
}

/// One session.
pub struct Family<'k> {
    kit: &'k Kit,
    trial: &'k Trial<'k>,
    owner: Owner,
    log: Mutex<Log>,
    /// How many redemptions have no answer yet.
    under_way: AtomicUsize,
}

impl<'k> Family<'k> {
    /// Begins a session.
    pub async fn open(trial: &'k Trial<'k>) -> Result<Self, Stop> {
        let kit = trial.kit;
        let begun = kit.begin_session().await?;
        let owner = kit.owners.owner();
        let is_new = begun.redeemed.iter().all(|token| kit.owners.claim(owner, token));
        let mut log = Log::default();
        let place = &kit.profile().answer.refresh_token;
        let absent = || Stop::Fail(format!("the answer that begins a session has no refresh token at {place}"));
        let has_none = begun.reply.secret(place).is_none();
        let redeemed = begun.redeemed.filter(|_| has_none && stands(kit, &begun.reply)).map(|token| log.number(token));
        log.grant(kit.profile(), &begun.reply, redeemed, begun.sent).ok_or_else(absent)?;
        if !is_new || !log.tokens.iter().all(|token| kit.owners.claim(owner, token)) {
            return Err(Stop::Fail("this sign-in returned the token of an earlier session".to_owned()));
        }
        let answer = Answer::Reply(begun.reply);
        log.begin(begun.since, (begun.sent, begun.finished), Detail::of(&answer, begun.instance, None));
        Ok(Self { kit, trial, owner, log: Mutex::new(log), under_way: AtomicUsize::default() })
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

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.log).calls.clone()
    }

    /// How many calls were made.
    pub fn len(&self) -> usize {
        lock(&self.log).calls.len()
    }

    /// Whether an answer has shown that the session is revoked or expired.
    pub fn is_revoked(&self) -> bool {
        let shows =
            |call: &Call| call.outcome == Outcome::SignedOut || call.redeems().is_some() && call.outcome.is_refusal();
        lock(&self.log).calls.iter().any(shows)
    }

    /// Redeems a token.
    pub async fn refresh(&self, token: TokenNo, key: Option<KeyNo>) -> Result<Outcome, Stop> {
        self.refresh_in(token, key, Manner::Patient).await
    }

    /// Redeems a token; the client may leave before the answer.
    pub async fn refresh_in(&self, token: TokenNo, key: Option<KeyNo>, manner: Manner) -> Result<Outcome, Stop> {
        let key_text = key.and_then(|key| lock(&self.log).keys.get(key.0).cloned());
        let profile = self.kit.profile();
        let retry = profile.retry.as_ref().map(|retry| retry.key_header.as_str());
        let header = retry.zip(key_text.as_deref());
        let values = vec![("refresh_token", self.token(token)?)];
        let asked = Asked { request: &profile.refresh.request, values, header };
        let (instance, sent) = (self.kit.next_instance(), self.kit.stamp());
        let is_newest = self.newest() == token;
        let others = self.under_way.fetch_add(1, Ordering::Relaxed);
        let answer = self.kit.send(instance, asked, manner).await;
        let is_alone = self.under_way.fetch_sub(1, Ordering::Relaxed) == 1 && others == 0;
        let answer = answer?;
        let outcome = match answer.reply() {
            Some(reply) if matches(&profile.refresh.rotated, reply) => {
                let presented = Some(token).filter(|_| stands(self.kit, reply));
                let handed = lock(&self.log).grant(profile, reply, presented, sent);
                handed.map_or(Outcome::Unforeseen, Outcome::Issued)
            }
            Some(reply) => refused(profile, reply),
            None => Outcome::Unknown,
        };
        if let Outcome::Issued(issued) = outcome {
            if is_newest && is_alone && self.is_first_answer(token, sent) {
                self.kit.rotation.note(issued != token);
            }
            if !self.kit.owners.claim(self.owner, &self.token(issued)?) {
                return Err(Stop::Fail("a sign-in returned the session of another one: they share a token".to_owned()));
            }
        }
        let ask = Ask::Refresh(token, key);
        self.note(Exchange { ask, sent, answer: &answer, instance, manner, note: None, granted: None }, outcome);
        Ok(outcome)
    }

    /// Whether nothing is known but that a token was kept: neither was it redeemed without that, nor anything else meanwhile. What a
    /// stale token gets, and who loses a race, says nothing about rotation.
    fn is_first_answer(&self, token: TokenNo, sent: Stamp) -> bool {
        let says_nothing = |call: &Call| match call.redeems() {
            Some(redeemed) => {
                (redeemed == token && call.outcome != Outcome::Issued(token)) || call.finished.tick > sent.tick
            }
            None => false,
        };
        !lock(&self.log).calls.iter().any(says_nothing)
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
    pub async fn refresh_forged(&self, text: String, what: String) -> Result<Outcome, Stop> {
        let foreign = Foreign { text, what, ..Foreign::default() };
        Ok(self.refresh_foreign(foreign).await?.0)
    }

    /// Redeems something that must be refused. Returns the answer too.
    pub async fn refresh_foreign(&self, foreign: Foreign) -> Result<(Outcome, Answer), Stop> {
        let profile = self.kit.profile();
        let mut request = profile.refresh.request.clone();
        if let Some((name, value)) = foreign.field {
            request.add(name, value);
        }
        let mut values = vec![("refresh_token", Guarded::new(foreign.text))];
        values.extend(foreign.values);
        let asked = Asked { request: &request, values, header: None };
        let (instance, sent) = (self.kit.next_instance(), self.kit.stamp());
        let answer = self.kit.send(instance, asked, Manner::Patient).await?;
        let outcome = match answer.reply() {
            Some(reply) if matches(&profile.refresh.rotated, reply) => {
                // It was accepted, also where the answer has no more than an access token.
                let newest = Some(self.newest()).filter(|_| has_access_token(profile, reply));
                let handed = lock(&self.log).grant(profile, reply, newest, sent);
                handed.map_or(Outcome::Unforeseen, Outcome::Issued)
            }
            // Any refusal will do.
            Some(reply) if (400..500).contains(&reply.status) && !reply.is_outage() => match refused(profile, reply) {
                Outcome::Reused => Outcome::Reused,
                _refused => Outcome::Invalid,
            },
            Some(reply) => refused(profile, reply),
            None => Outcome::Unknown,
        };
        let (ask, manner, note) = (Ask::RefreshForged, Manner::Patient, Some(foreign.what.as_str()));
        self.note(Exchange { ask, sent, answer: &answer, instance, manner, note, granted: None }, outcome);
        Ok((outcome, answer))
    }

    /// The text of a token, to be mangled.
    pub fn text(&self, token: TokenNo) -> String {
        lock(&self.log).tokens.get(token.0).map(|token| token.reveal().to_owned()).unwrap_or_default()
    }

    fn token(&self, token: TokenNo) -> Result<Guarded, Stop> {
        let text = lock(&self.log).tokens.get(token.0).cloned();
        text.ok_or_else(|| Stop::Fail("there is no such token".to_owned()))
    }

    /// Signs out.
    pub async fn sign_out(&self, token: TokenNo) -> Result<Outcome, Stop> {
        self.sign_out_in(token, Manner::Patient).await
    }

    /// The same in a race.
    pub async fn sign_out_in(&self, token: TokenNo, manner: Manner) -> Result<Outcome, Stop> {
        self.trial.needs_sign_out()?;
        let Some(sign_out) = &self.kit.profile().sign_out else { return Ok(Outcome::Unknown) };
        let values = vec![("refresh_token", self.token(token)?)];
        let asked = Asked { request: &sign_out.request, values, header: None };
        let (instance, sent) = (self.kit.next_instance(), self.kit.stamp());
        let answer = self.kit.send(instance, asked, manner).await?;
        let outcome = meaning(&answer, &[(&sign_out.done, Outcome::SignedOut), (&sign_out.refused, Outcome::Denied)]);
        let ask = Ask::SignOut(token);
        self.note(Exchange { ask, sent, answer: &answer, instance, manner, note: None, granted: None }, outcome);
        Ok(outcome)
    }

    /// Tries the access token of a grant at one instance.
    pub async fn use_access(&self, grant: &Grant, instance: usize) -> Result<Outcome, Stop> {
        let Some(access) = &grant.access else { return Ok(Outcome::Unknown) };
        let used = Used { ask: Ask::UseAccess(Some(grant.token)), granted: Some(grant.asked), note: None };
        self.use_text(access, used, instance).await
    }

    /// Tries something else as an access token.
    pub async fn use_forged_access(&self, text: &Guarded, what: &str) -> Result<Outcome, Stop> {
        let used = Used { ask: Ask::UseForgedAccess, granted: None, note: Some(what) };
        self.use_text(text, used, self.kit.next_instance()).await
    }

    async fn use_text(&self, text: &Guarded, used: Used<'_>, instance: usize) -> Result<Outcome, Stop> {
        let Used { ask, granted, note } = used;
        let Some(profile) = &self.kit.profile().access else { return Ok(Outcome::Unknown) };
        let asked = Asked { request: &profile.request, values: vec![("access_token", text.clone())], header: None };
        let sent = self.kit.stamp();
        let answer = self.kit.send(instance, asked, Manner::Patient).await?;
        let mut outcome = meaning(&answer, &[(&profile.alive, Outcome::Alive), (&profile.dead, Outcome::Dead)]);
        if outcome == Outcome::Unforeseen && ask == Ask::UseForgedAccess {
            outcome = Outcome::Dead;
        }
        let manner = Manner::Patient;
        self.note(Exchange { ask, sent, answer: &answer, instance, manner, note, granted }, outcome);
        Ok(outcome)
    }

    /// The server was restarted between these stamps.
    pub fn restarted(&self, sent: Stamp, finished: Stamp) {
        lock(&self.log).add(Ask::Restart, Outcome::Done, (sent, finished), Detail::default());
    }

    fn note(&self, exchange: Exchange<'_>, outcome: Outcome) {
        let Exchange { ask, sent, answer, instance, manner, note, granted } = exchange;
        let mut summary = answer.summary();
        match outcome {
            Outcome::Unknown if matches!(manner, Manner::Patient) => self.trial.count_unanswered(summary.clone()),
            Outcome::Unforeseen => {
                let rotated = &self.kit.profile().refresh.rotated;
                if ask.is_refresh() && answer.reply().is_some_and(|reply| matches(rotated, reply)) {
                    summary.push_str(" without a token");
                }
                self.trial.count_unforeseen(summary.clone());
            }
            _nothing_to_count => {}
        }
        let mut log = lock(&self.log);
        log.last_answer = summary;
        let detail = Detail { granted, ..Detail::of(answer, instance, note) };
        log.add(ask, outcome, (sent, self.kit.stamp()), detail);
    }

    /// Whether a refusal may mean that the session has expired.
    pub fn may_have_expired(&self) -> bool {
        lock(&self.log).may_have_expired(self.kit.lifetimes())
    }

    /// Status and code of the last answer, or why there was none.
    pub fn last_answer(&self) -> String {
        lock(&self.log).last_answer.clone()
    }

    /// The answer to a call in short, or why there was none.
    pub fn answer_to(&self, call: &Call) -> String {
        lock(&self.log).answer_to(call)
    }

    /// The HTTP status that a call was answered with, if it was answered.
    pub fn status_of(&self, call: &Call) -> Option<u16> {
        lock(&self.log).status_of(call)
    }

    /// These calls for the report.
    pub fn shown(&self, is_shown: impl Fn(&Call) -> bool) -> Vec<CallRecord> {
        let log = lock(&self.log);
        log.shown(&log.calls.iter().filter(|call| is_shown(call)).cloned().collect::<Vec<_>>())
    }

    /// No refresh token of the family works any more.
    pub async fn expect_revoked(&self) -> Result<(), Stop> {
        let newest = self.newest().0;
        // The oldest and the newest; a family of a hundred generations has no other ones to show.
        let some = (0..=newest).filter(|number| *number < 2 || number.saturating_add(4) > newest);
        for number in some.rev() {
            self.settle(TokenNo(number), None).await?;
        }
        Ok(())
    }

    /// Signs out if the session is still live; its history is judged.
    pub async fn close(self) -> Result<(), Stop> {
        if !self.is_revoked() && self.trial.needs_sign_out().is_ok() {
            self.sign_out(self.newest()).await?;
        }
        self.trial.keep(&lock(&self.log));
        Ok(())
    }
}

fn meaning(answer: &Answer, known: &[(&Vec<Sign>, Outcome)]) -> Outcome {
    let Some(reply) = answer.reply() else { return Outcome::Unknown };
    let found = known.iter().find(|(signs, _)| matches(signs, reply)).map(|(_, outcome)| *outcome);
    found.unwrap_or(if reply.is_outage() { Outcome::Unknown } else { Outcome::Unforeseen })
}

/// Whether an answer without a refresh token leaves the one that was presented valid: it brings an access token. Where the
/// profile does not tell where that stands, only a server that does not rotate is known to answer so.
fn stands(kit: &Kit, reply: &Reply) -> bool {
    let profile = kit.profile();
    if profile.answer.access_token.is_some() { has_access_token(profile, reply) } else { kit.keeps_tokens() }
}

fn has_access_token(profile: &Profile, reply: &Reply) -> bool {
    profile.answer.access_token.as_ref().is_some_and(|place| reply.secret(place).is_some())
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
