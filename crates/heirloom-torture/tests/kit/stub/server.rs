//! What the stub does with tokens and sessions.
//!
//! Faults that need a race are planted by counting: the kit closes the connection after each request that races, and a
//! request with `Connection: close` waits until a second one has arrived. Both know then that they race.

mod text;

use super::{Fault, Kind};
use serde_json::{Value, json};
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// Looks whether it is ready that are refused while the server restarts. Until then, everything else is refused too.
const AWAY: usize = 12;
/// How long access tokens live on.
const DELAY: Duration = Duration::from_millis(200);
/// How long a request takes where those that meet are refused: longer than a client waits that goes away.
const BUSY: Duration = Duration::from_millis(30);
/// Between two rotations of a session.
const MINUTE: Duration = Duration::from_mins(1);
/// Longer than any test.
const LONG: Duration = Duration::from_hours(1);

pub struct Server {
    pub fault: Fault,
    pub kind: Kind,
    pub lifetime: Duration,
    pub idle: Duration,
    /// When this file appears, the server is restarted.
    pub restart: PathBuf,
    pub all: Mutex<All>,
}

#[derive(Default)]
pub struct All {
    sessions: Vec<Session>,
    tokens: Vec<Token>,
    refreshes: u64,
    /// Refreshes and sign-outs.
    requests: usize,
    /// Racing requests that have arrived, by session.
    racing: HashMap<usize, usize>,
    /// Tokens that were live when a second request with them arrived.
    raced: HashSet<usize>,
    /// Other requests that are under way, by session.
    beside: HashMap<usize, usize>,
    /// Looks that are still refused after a restart.
    away: usize,
    /// Whether it should have restarted, and did not.
    missed_restart: bool,
}

struct Session {
    begun: Instant,
    used: Instant,
    revoked: bool,
    by_sign_out: bool,
    /// It takes effect with the next refresh.
    leaving: bool,
    newest: usize,
    rotations: usize,
    /// When an access token was first used after it was revoked.
    ended: Option<Instant>,
}

struct Token {
    session: usize,
    generation: usize,
    live: bool,
    /// The token that took its place.
    successor: Option<usize>,
    key: Option<String>,
    rotated: Instant,
}

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    Reused,
    Ended,
    Invalid,
    Scope,
    Outage,
}

/// A redemption.
#[derive(Clone, Copy, Default)]
pub struct Asked<'a> {
    pub token: &'a str,
    pub key: Option<&'a str>,
    pub scope: Option<&'a str>,
    pub other_client: bool,
    pub racing: bool,
}

impl Server {
    pub fn all(&self) -> MutexGuard<'_, All> {
        let mut all = self.all.lock().unwrap();
        if std::fs::remove_file(&self.restart).is_ok() {
            self.forget(&mut all);
        }
        all
    }

    /// It restarts, and loses what it should have written.
    fn forget(&self, all: &mut All) {
        if let Fault::TurnsAwayInsteadOfRestart { .. } = self.fault {
            all.missed_restart = true;
            return;
        }
        all.away = AWAY;
        for (number, session) in all.sessions.iter_mut().enumerate() {
            match self.fault {
                Fault::RevocationLostAtRestart if !session.by_sign_out => session.revoked = false,
                Fault::SignOutLostAtRestart if session.by_sign_out => session.revoked = false,
                Fault::SessionsLostAtRestart => session.revoked = true,
                Fault::RotationLostAtRestart => {
                    for token in all.tokens.iter_mut().filter(|token| token.session == number) {
                        token.live = token.generation == 0;
                    }
                }
                Fault::KeysLostAtRestart => all.tokens.iter_mut().for_each(|token| token.key = None),
                _ => {}
            }
        }
    }

    /// Whether it serves: for a while after a restart it does not.
    pub fn serves(&self) -> bool {
        self.all().away == 0
    }

    /// The same for a look whether it is ready.
    pub fn is_ready(&self) -> bool {
        let mut all = self.all();
        if all.away > 0 {
            all.away -= 1;
            return false;
        }
        !(self.fault == Fault::EveryThirdAway && all.is_third())
    }

    pub fn should_have_restarted(&self) -> bool {
        self.all().missed_restart
    }

    /// One more refresh or sign-out: how many there were.
    pub fn count_request(&self) -> usize {
        let mut all = self.all();
        all.requests += 1;
        all.requests
    }

    /// Where requests that meet are refused, each takes a while.
    pub async fn linger(&self) {
        if let Kind::LeewayBesideNone { .. } = self.kind {
            tokio::time::sleep(BUSY).await;
        }
    }

    /// Two requests of one session that race wait for each other.
    pub async fn meet(&self, token: &str, racing: bool) -> bool {
        if self.fault == Fault::ForkUnlessUsedAtOnce && !racing {
            self.expect_nobody_beside(token).await;
        }
        let may_meet = racing && self.kind != Kind::AwayInRaces;
        let Some(id) = self.read(token).filter(|_| may_meet) else { return false };
        let (session, place) = {
            let mut all = self.all();
            let session = all.tokens[id].session;
            let place = all.racing.entry(session).or_default();
            *place += 1;
            (session, *place)
        };
        while self.all().racing[&session] < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if self.fault == Fault::ForkOnceSuccessorIsUsed && place > 1 {
            self.wait_for_the_first(id).await;
        }
        true
    }

    /// The first to arrive has the lock; the others wait.
    async fn wait_for_the_first(&self, id: usize) {
        {
            let mut all = self.all();
            if all.tokens[id].live {
                all.raced.insert(id);
            }
        }
        tokio::time::sleep(BUSY).await;
    }

    /// Revokes the session if another request of it comes meanwhile.
    async fn expect_nobody_beside(&self, token: &str) {
        let Some(id) = self.read(token) else { return };
        let session = self.all().tokens[id].session;
        *self.all().beside.entry(session).or_default() += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
        let mut all = self.all();
        all.sessions[session].revoked |= all.beside[&session] > 1;
        *all.beside.entry(session).or_default() -= 1;
    }

    pub fn open(&self) -> Value {
        let mut all = self.all();
        if self.fault == Fault::SignInEndsOthers {
            all.sessions.iter_mut().for_each(|session| session.revoked = true);
        }
        let shared = all.sessions.last().filter(|session| self.kind == Kind::OneSessionPerUser && !session.revoked);
        if let Some(newest) = shared.map(|session| session.newest) {
            return self.grant(&all, newest);
        }
        let (now, number) = (Instant::now(), all.sessions.len());
        all.sessions.push(Session {
            begun: now,
            used: now,
            revoked: false,
            by_sign_out: false,
            leaving: false,
            newest: 0,
            rotations: 0,
            ended: None,
        });
        let first = all.issue(number, 0);
        all.sessions[number].newest = first;
        self.grant(&all, first)
    }

    /// The answer that hands out a token.
    fn grant(&self, all: &All, id: usize) -> Value {
        let token = &all.tokens[id];
        let session = &all.sessions[token.session];
        let age = if self.fault == Fault::PromisesTooMuch { 0 } else { session.begun.elapsed().as_secs() };
        json!({
            "access_token": self.write("access", id),
            "refresh_token": self.write("refresh", id),
            "refresh_expires_in": self.lifetime.as_secs().saturating_sub(age),
            "scope": "read",
        })
    }

    pub fn redeem(&self, asked: Asked<'_>) -> Result<Value, Refused> {
        let id = match self.read(asked.token) {
            Some(id) => id,
            None if self.fault == Fault::AccessForForgedTag && self.all_but_tag("refresh", asked.token).is_some() => {
                return Ok(json!({ "access_token": "of-nobody" }));
            }
            None => return Err(Refused::Invalid),
        };
        let mut all = self.all();
        if asked.other_client && self.fault != Fault::AcceptsOtherClient {
            return Err(Refused::Invalid);
        }
        let widens = matches!(self.fault, Fault::GrantsAnyScope | Fault::GrantsLastScope);
        if asked.scope.is_some() && !widens {
            return Err(Refused::Scope);
        }
        if self.fault == Fault::EveryThirdAway && all.is_third() {
            return Err(Refused::Outage);
        }
        if !asked.racing {
            all.refreshes += 1;
            match (self.fault, all.refreshes % 7) {
                (Fault::Outages, 0) => return Err(Refused::Outage),
                (Fault::OutageReportedAsReuse, 0) if all.tokens[id].live => return Err(Refused::Reused),
                _ => {}
            }
        }
        self.expect_live(&mut all, id, asked)?;
        let is_stale = !all.tokens[id].live;
        let issued = if is_stale { self.replay(&mut all, id, asked)? } else { self.rotate(&mut all, id, asked) };
        let mut answer = self.grant(&all, issued);
        if let Some(members) = answer.as_object_mut() {
            let token = members.remove("refresh_token");
            match (self.kind, self.fault) {
                (Kind::NoTokenInAnswer, _) => {}
                (_, Fault::AccessForStale) if is_stale => {}
                (_, Fault::MovesToken) => drop(members.insert("next_refresh_token".to_owned(), token.into())),
                _ => drop(members.insert("refresh_token".to_owned(), token.into())),
            }
        }
        if let Some(scope) = asked.scope {
            let last = scope.split_whitespace().last().unwrap_or_default();
            answer["scope"] = if self.fault == Fault::GrantsLastScope { last } else { scope }.into();
        }
        Ok(answer)
    }

    /// The session is not revoked, and not too old.
    fn expect_live(&self, all: &mut All, id: usize, asked: Asked<'_>) -> Result<(), Refused> {
        let session = &mut all.sessions[all.tokens[id].session];
        let absolute = if self.fault == Fault::SlidesAbsoluteLifetime { session.used } else { session.begun };
        let is_idle = session.used.elapsed() > self.idle && self.fault != Fault::NeverIdle;
        if absolute.elapsed() > self.lifetime || is_idle {
            return Err(Refused::Ended);
        }
        if self.fault == Fault::FiftyRotations && session.rotations >= 50 {
            return Err(Refused::Ended);
        }
        let misses = match self.fault {
            Fault::RevocationMissesSuccessor => !session.by_sign_out,
            Fault::SignOutMissesSuccessor => session.by_sign_out,
            _ => false,
        };
        if session.revoked && misses && asked.racing && id == session.newest {
            // It had looked before the revocation was written.
            session.revoked = false;
            return Ok(());
        }
        if session.leaving {
            session.leaving = false;
            session.revoked = true;
            return Ok(());
        }
        if session.revoked { Err(Refused::Ended) } else { Ok(()) }
    }

    fn rotate(&self, all: &mut All, id: usize, asked: Asked<'_>) -> usize {
        let (session, now) = (all.tokens[id].session, Instant::now());
        all.sessions[session].used = now;
        let second = |at: Instant| at.duration_since(all.sessions[session].begun).as_secs();
        let is_kept = match self.kind {
            Kind::NoRotation | Kind::NoTokenInAnswer => true,
            // `rotated` is when it was issued.
            Kind::JwtPerSecond => second(all.tokens[id].rotated) == second(now),
            Kind::RotatesOncePerMinute => all.tokens[id].generation > 0 && all.tokens[id].rotated.elapsed() < MINUTE,
            _ => false,
        };
        if is_kept {
            return id;
        }
        let generation = all.tokens[id].generation + 1;
        let issued = all.issue(session, generation);
        all.sessions[session].newest = issued;
        all.sessions[session].rotations += 1;
        let token = &mut all.tokens[id];
        (token.live, token.successor, token.key, token.rotated) =
            (self.kind == Kind::StaysValid, Some(issued), asked.key.map(str::to_owned), now);
        issued
    }

    /// A token that was redeemed before.
    fn replay(&self, all: &mut All, id: usize, asked: Asked<'_>) -> Result<usize, Refused> {
        let token = &all.tokens[id];
        let (session, generation, was_replaced) = (token.session, token.generation, token.successor.is_some());
        let newest = all.sessions[session].newest;
        let age = all.tokens[newest].generation.saturating_sub(generation);
        let unused = token.successor.filter(|successor| all.tokens[*successor].live);
        let same_key = asked.key.is_some() && token.key.as_deref() == asked.key;
        if let (true, Some(successor)) = (same_key, unused) {
            return self.retry(all, session, successor, asked.racing);
        }
        if self.is_busy(&all.tokens[id]) {
            return Err(Refused::Reused);
        }
        if let Some(issued) = self.within_leeway(all, id, asked) {
            return Ok(issued);
        }
        if self.kind == Kind::Shared && asked.racing && age == 1 {
            return Ok(newest);
        }
        let beside = asked.racing && age > 1;
        match self.fault {
            Fault::ForkUnlessUsedAtOnce if asked.racing && age == 1 => Ok(all.issue(session, generation + 1)),
            Fault::ForkInRace if asked.racing => Ok(all.issue(session, generation + 1)),
            Fault::ForkInFewRaces if asked.racing => {
                all.tokens[newest].live = session % 60 == 59;
                Ok(all.issue(session, generation + 1))
            }
            Fault::ForkInFewWhereLosersLeave if asked.racing => {
                if session % 60 == 59 {
                    Ok(all.issue(session, generation + 1))
                } else {
                    Err(Refused::Reused)
                }
            }
            Fault::ForkOnReplay => Ok(all.issue(session, generation + 1)),
            Fault::ForkBesideRedemption if beside => Ok(all.issue(session, generation + 1)),
            Fault::ForkOnceSuccessorIsUsed if beside && all.raced.contains(&id) => {
                Ok(all.issue(session, generation + 1))
            }
            Fault::GraceForEveryone if age == 1 => Ok(newest),
            Fault::NothingIsStale | Fault::AccessForStale => Ok(newest),
            Fault::StaleTokenRotates if age == 1 && was_replaced => {
                all.tokens[newest].live = false;
                Ok(self.rotate(all, id, asked))
            }
            Fault::AnyKeyIsRight if asked.key.is_some() && unused.is_some() => Ok(newest),
            Fault::LateRetryAdmitted if same_key => Ok(newest),
            Fault::ReuseRolledBack | Fault::NoReuseDetection => Err(Refused::Reused),
            Fault::OldReuseRolledBack | Fault::OldTokensForgotten if age > 1 => Err(Refused::Reused),
            Fault::LoserLeavesSession if asked.racing && age == 1 => Err(Refused::Reused),
            Fault::ReplayBesideRedemption | Fault::RevocationMissesSuccessor
                if asked.racing && generation == 0 && age > 1 =>
            {
                // Where the replay came first, the redemption does not find the session revoked.
                all.sessions[session].revoked = self.fault == Fault::RevocationMissesSuccessor && age == 2;
                Err(Refused::Reused)
            }
            _ => {
                all.sessions[session].revoked = true;
                Err(Refused::Reused)
            }
        }
    }

    /// The same request once more: the same successor.
    fn retry(&self, all: &mut All, session: usize, successor: usize, racing: bool) -> Result<usize, Refused> {
        match self.fault {
            Fault::ForkOnRetry => {
                let generation = all.tokens[successor].generation;
                Ok(all.issue(session, generation))
            }
            Fault::DeadTokenOnRetry => {
                let generation = all.tokens[successor].generation;
                let issued = all.issue(session, generation);
                all.tokens[issued].live = false;
                Ok(issued)
            }
            Fault::RetryRefused => Err(Refused::Reused),
            Fault::AlarmOnRetry => {
                all.sessions[session].revoked = true;
                Err(Refused::Reused)
            }
            Fault::AlarmOnRacingRetry if racing => {
                all.sessions[session].revoked = true;
                Err(Refused::Reused)
            }
            _ => Ok(successor),
        }
    }

    /// Whether the request that rotated this token is still under way, where no other is served meanwhile.
    fn is_busy(&self, token: &Token) -> bool {
        matches!(self.kind, Kind::LeewayBesideNone { .. }) && token.rotated.elapsed() < BUSY
    }

    /// What a stale token is issued inside the leeway, if it is.
    fn within_leeway(&self, all: &mut All, id: usize, asked: Asked<'_>) -> Option<usize> {
        let (seconds, same) = match self.kind {
            Kind::Leeway { seconds, same } => (seconds, same),
            Kind::LeewayBesideNone { seconds } => (seconds, true),
            _ => return None,
        };
        let token = &all.tokens[id];
        let (session, generation, rotated, successor) =
            (token.session, token.generation, token.rotated, token.successor?);
        let announced = Duration::from_secs(seconds);
        let leeway = match self.fault {
            Fault::LeewayTooLong => LONG,
            Fault::LeewayTooShort => announced * 9 / 20,
            _ => announced,
        };
        let newest = all.sessions[session].newest;
        let age = all.tokens[newest].generation.saturating_sub(generation);
        let is_used = !all.tokens[successor].live;
        let admits_used = match self.fault {
            Fault::LeewayForOlder => true,
            Fault::LeewayAfterUse => age == 2,
            _ => false,
        };
        if asked.key.is_some() || rotated.elapsed() >= leeway || (is_used && !admits_used) {
            return None;
        }
        if is_used || same {
            return Some(newest);
        }
        let issued = all.issue(session, generation + 1);
        all.tokens[successor].live = self.fault == Fault::ForkInLeeway;
        all.tokens[id].successor = Some(issued);
        all.sessions[session].newest = issued;
        Some(issued)
    }

    /// Waits until a refresh beside it has replaced the token of a sign-out.
    pub async fn overtaken(&self, text: &str, racing: bool) {
        let Some(id) = self.read(text).filter(|_| racing && self.fault == Fault::SignOutOvertaken) else { return };
        while self.all().tokens[id].live {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// A sign-out. The answer is the same, whatever it does.
    pub fn end(&self, text: &str, racing: bool) {
        let Some(id) = self.read(text) else { return };
        let mut all = self.all();
        let overtaken = !all.tokens[id].live;
        let session = all.tokens[id].session;
        let session = &mut all.sessions[session];
        match self.fault {
            Fault::SignOutIgnored => {}
            Fault::SignOutTooLate => session.leaving = true,
            Fault::SignOutOvertaken | Fault::SignOutMissesSuccessor if racing && overtaken => {}
            Fault::SignOutOfStaleIgnored if overtaken && !racing => {}
            _ => (session.revoked, session.by_sign_out) = (true, true),
        }
    }

    /// Whether an access token works.
    pub fn admits(&self, text: &str) -> bool {
        let Some(id) = self.read_as("access", text) else { return false };
        let mut all = self.all();
        let session = all.tokens[id].session;
        let session = &mut all.sessions[session];
        if session.revoked && self.kind == Kind::Delayed {
            return session.ended.get_or_insert_with(Instant::now).elapsed() < DELAY;
        }
        let outlives = match self.fault {
            Fault::AccessOutlivesSignOut => session.by_sign_out,
            Fault::OldAccessOutlivesSignOut => session.by_sign_out && id != session.newest,
            Fault::AccessOutlivesReuse => !session.by_sign_out,
            _ => self.kind == Kind::Stateless,
        };
        !session.revoked || outlives
    }
}

impl All {
    /// Counts a request. Whether its number is a multiple of three.
    fn is_third(&mut self) -> bool {
        self.requests += 1;
        self.requests.is_multiple_of(3)
    }

    fn issue(&mut self, session: usize, generation: usize) -> usize {
        let (successor, key, rotated) = (None, None, Instant::now());
        self.tokens.push(Token { session, generation, live: true, successor, key, rotated });
        self.tokens.len() - 1
    }
}
