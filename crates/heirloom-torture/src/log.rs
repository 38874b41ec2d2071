//! What happened in one session, with everything that a report shows of it.

use super::{
    client::{Answer, Reply},
    history::{Call, History, Stamp},
    lifetimes::{Beginning, Lifetimes},
    model::{Ask, KeyNo, Outcome, TokenNo},
    profile::{Place, Profile},
    report::{Action, CallOutcome, CallRecord, Token},
    secret::Guarded,
};
use std::collections::HashMap;

/// What one answer issued.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The refresh token.
    pub token: TokenNo,
    /// The access token, if there was one.
    pub access: Option<Guarded>,
    /// The scope, if the answer names it.
    pub scope: Option<String>,
    /// The promised lifetime of the refresh token, in seconds.
    pub expires_in: Option<u64>,
    /// Before the request that brought it was sent.
    pub asked: Stamp,
}

/// What a report shows of an answer.
#[derive(Debug, Clone, Default)]
pub struct Detail {
    /// A place among the instances.
    pub instance: Option<usize>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The code in the answer.
    pub code: Option<String>,
    /// What else is worth knowing.
    pub note: Option<String>,
    /// The answer in short, or why there was none.
    pub summary: String,
    /// Of the use of an access token: before the request that brought it was sent.
    pub granted: Option<Stamp>,
}

impl Detail {
    /// Of an answer.
    pub fn of(answer: &Answer, instance: usize, note: Option<&str>) -> Self {
        let (reply, cause) = match answer {
            Answer::Reply(reply) => (Some(reply), None),
            Answer::None(cause) => (None, Some(cause.to_string())),
        };
        Self {
            instance: Some(instance),
            status: reply.map(|reply| reply.status),
            code: reply.and_then(|reply| reply.shown_code().map(str::to_owned)),
            note: cause.or_else(|| note.map(str::to_owned)),
            summary: answer.summary(),
            granted: None,
        }
    }
}

/// Everything that happened in a session.
#[derive(Debug, Default)]
pub struct Log {
    /// By number.
    pub tokens: Vec<Guarded>,
    /// By number.
    pub keys: Vec<String>,
    /// In the order in which they finished.
    pub calls: Vec<Call>,
    /// In the order in which they arrived.
    pub grants: Vec<Grant>,
    /// Status and code of the last answer, or why there was none.
    pub last_answer: String,
    /// Of each call.
    details: Vec<Detail>,
    /// How the session began.
    begun: Option<(Stamp, Stamp, Detail)>,
    /// The session did not begin before; none: nobody knows when.
    since: Option<Stamp>,
    numbers: HashMap<[u8; 32], TokenNo>,
}

impl Log {
    /// The session has begun.
    pub fn begin(&mut self, since: Option<Stamp>, (sent, finished): (Stamp, Stamp), detail: Detail) {
        self.begun = Some((sent, finished, detail));
        self.since = since;
    }

    /// Adds a call.
    pub fn add(&mut self, ask: Ask, outcome: Outcome, (sent, finished): (Stamp, Stamp), detail: Detail) {
        self.calls.push(Call { number: self.details.len(), ask, outcome, sent, finished });
        self.details.push(detail);
    }

    /// The number of a token, a new one when it was not met before.
    pub fn number(&mut self, token: Guarded) -> TokenNo {
        let next = TokenNo(self.tokens.len());
        let number = *self.numbers.entry(token.digest()).or_insert(next);
        if number == next {
            self.tokens.push(token);
        }
        number
    }

    /// Notes what an answer issued: its refresh token, or else the one that was presented, where that stays valid.
    pub fn grant(
        &mut self,
        profile: &Profile,
        reply: &Reply,
        presented: Option<TokenNo>,
        asked: Stamp,
    ) -> Option<TokenNo> {
        let handed = reply.secret(&profile.answer.refresh_token).map(|token| self.number(token));
        let token = handed.or(presented)?;
        let pointers = &profile.answer;
        let access = pointers.access_token.as_ref().and_then(|pointer| reply.secret(pointer));
        let expires_in = pointers.refresh_expires_in.as_ref().and_then(|pointer| reply.number(pointer));
        let scope = reply.secret(&Place::scope()).map(|scope| scope.reveal().to_owned());
        self.grants.push(Grant { token, access, scope, expires_in, asked });
        Some(token)
    }

    /// The calls as they can be judged. A refusal proves nothing where the session may have expired, and the access token
    /// that came with a refresh token need not be the newest that came with it.
    pub fn history(&self, lifetimes: Lifetimes) -> History {
        self.history_since(self.since, lifetimes)
    }

    /// The same for what it puts to the test: a session of which nobody knows when it began does not expire by chance just when
    /// something is tried.
    pub fn evidence(&self, lifetimes: Lifetimes) -> History {
        self.history_since(self.since.or(self.begun.as_ref().map(|(sent, ..)| *sent)), lifetimes)
    }

    /// Whether the two differ.
    pub fn may_be_excused(&self) -> bool {
        self.since.is_none()
    }

    fn history_since(&self, since: Option<Stamp>, lifetimes: Lifetimes) -> History {
        let judged = self.calls.iter().map(|call| {
            let mut call = call.clone();
            if self.may_be_replaced(&call) {
                call.ask = Ask::UseAccess(None);
            }
            if self.may_have_expired_before(&call, since, lifetimes) {
                call.outcome = Outcome::Unknown;
            }
            call
        });
        History { calls: judged.collect() }.as_far_as_understood()
    }

    /// The answer to a call in short, or why there was none.
    pub fn answer_to(&self, call: &Call) -> String {
        self.details.get(call.number).map(|detail| detail.summary.clone()).unwrap_or_default()
    }

    /// The HTTP status that a call was answered with, if it was answered.
    pub fn status_of(&self, call: &Call) -> Option<u16> {
        self.details.get(call.number).and_then(|detail| detail.status)
    }

    /// Whether a refusal may mean that the session has expired.
    pub fn may_have_expired(&self, lifetimes: Lifetimes) -> bool {
        self.calls.iter().any(|call| self.may_have_expired_before(call, self.since, lifetimes))
    }

    fn may_have_expired_before(&self, call: &Call, since: Option<Stamp>, lifetimes: Lifetimes) -> bool {
        let is_refusal = call.redeems().is_some() && call.outcome.is_refusal() || call.outcome == Outcome::Dead;
        let begun = self.begun.as_ref().map(|(sent, ..)| Beginning { since, used: *sent });
        is_refusal && begun.is_some_and(|begun| lifetimes.may_have_ended(begun, &self.calls, call))
    }

    /// Whether another request may have brought another access token with the same refresh token, before the one that is
    /// used was answered.
    fn may_be_replaced(&self, used: &Call) -> bool {
        let granted = self.details.get(used.number).and_then(|detail| detail.granted);
        let (Ask::UseAccess(Some(token)), Some(granted)) = (used.ask, granted) else { return false };
        let access = |tick| self.grants.iter().find(|grant| grant.asked.tick == tick)?.access.as_ref();
        let is_other = |call: &Call| {
            let (own, other) = (access(granted.tick), access(call.sent.tick));
            own.zip(other).is_some_and(|(own, other)| own.digest() != other.digest())
        };
        let presented = self.calls.iter().find(|call| call.sent.tick == granted.tick).and_then(Call::redeems);
        let may_bring = |call: &&Call| match call.redeems() {
            Some(redeemed) if !call.is_answered() => redeemed == token || Some(redeemed) == presented,
            _answered => call.issued() == Some(token) && is_other(call),
        };
        let is_beside = |call: &&Call| {
            let is_before = call.is_answered() && call.finished.tick < granted.tick;
            call.sent.tick != granted.tick && call.sent.tick < used.finished.tick && !is_before
        };
        self.calls.iter().filter(is_beside).any(|call| may_bring(&call))
    }

    /// The calls for a report, in the order in which they were sent, after the one that began the session.
    pub fn shown(&self, calls: &[Call]) -> Vec<CallRecord> {
        let zero = self.begun.as_ref().map_or(0, |(sent, ..)| sent.millis);
        let lanes = self.lanes();
        let mut records: Vec<_> = self.begun.iter().map(|begun| self.beginning(begun, zero)).collect();
        let mut sorted: Vec<&Call> = calls.iter().collect();
        sorted.sort_by_key(|call| call.sent.tick);
        records.extend(sorted.into_iter().map(|call| self.record(call, zero, lanes.get(&call.number).copied())));
        records
    }

    fn beginning(&self, (sent, finished, detail): &(Stamp, Stamp, Detail), zero: u64) -> CallRecord {
        CallRecord {
            client: 1,
            action: Action::Begin,
            token: None,
            key: None,
            sent_ms: sent.millis.saturating_sub(zero),
            finished_ms: finished.millis.saturating_sub(zero),
            instance: detail.instance,
            status: detail.status,
            code: detail.code.clone(),
            outcome: CallOutcome::Issued,
            issued: Some(self.token(TokenNo(0))),
            note: detail.note.clone(),
        }
    }

    fn record(&self, call: &Call, zero: u64, client: Option<usize>) -> CallRecord {
        let detail = self.details.get(call.number).cloned().unwrap_or_default();
        let (action, token, key) = asked(call.ask);
        CallRecord {
            client: client.unwrap_or_default(),
            action,
            token: token.map(|token| self.token(token)),
            key: key.map(|key| key.0),
            sent_ms: call.sent.millis.saturating_sub(zero),
            finished_ms: call.finished.millis.saturating_sub(zero),
            instance: detail.instance,
            status: detail.status,
            code: detail.code,
            outcome: outcome(call.outcome),
            issued: call.issued().map(|token| self.token(token)),
            note: detail.note,
        }
    }

    fn token(&self, token: TokenNo) -> Token {
        Token { number: token.0, digest: self.tokens.get(token.0).map(Guarded::tag).unwrap_or_default() }
    }

    /// A client for each call: the first that has nothing else under way.
    fn lanes(&self) -> HashMap<usize, usize> {
        let (mut lanes, mut busy_until): (HashMap<usize, usize>, Vec<u64>) = (HashMap::new(), Vec::new());
        let mut sorted: Vec<&Call> = self.calls.iter().filter(|call| call.ask != Ask::Restart).collect();
        sorted.sort_by_key(|call| call.sent.tick);
        for call in sorted {
            let free = busy_until.iter().position(|until| *until < call.sent.tick);
            let lane = free.unwrap_or(busy_until.len());
            if lane == busy_until.len() {
                busy_until.push(0);
            }
            if let Some(until) = busy_until.get_mut(lane) {
                *until = call.finished.tick;
            }
            lanes.insert(call.number, lane.saturating_add(1));
        }
        lanes
    }
}

fn asked(ask: Ask) -> (Action, Option<TokenNo>, Option<KeyNo>) {
    match ask {
        Ask::Refresh(token, key) => (Action::Refresh, Some(token), key),
        Ask::RefreshForged => (Action::RefreshForged, None, None),
        Ask::SignOut(token) => (Action::SignOut, Some(token), None),
        Ask::UseAccess(token) => (Action::UseAccess, token, None),
        Ask::UseForgedAccess => (Action::UseForgedAccess, None, None),
        Ask::Restart => (Action::Restart, None, None),
    }
}

fn outcome(outcome: Outcome) -> CallOutcome {
    match outcome {
        Outcome::Issued(_) => CallOutcome::Issued,
        Outcome::Reused => CallOutcome::Reused,
        Outcome::Ended => CallOutcome::Ended,
        Outcome::Invalid => CallOutcome::Invalid,
        Outcome::Denied => CallOutcome::Denied,
        Outcome::SignedOut => CallOutcome::SignedOut,
        Outcome::Alive => CallOutcome::Alive,
        Outcome::Dead => CallOutcome::Dead,
        Outcome::Unknown => CallOutcome::NoAnswer,
        Outcome::Unforeseen => CallOutcome::Unforeseen,
        Outcome::Done => CallOutcome::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(millis: u64) -> Stamp {
        Stamp { tick: millis, millis }
    }

    /// A session of which the first access token is used from 100 to 110, after these calls. Each that was answered brings
    /// an access token of its own.
    fn used_beside(calls: &[(Ask, Outcome, u64, u64)]) -> Ask {
        let mut log = Log::default();
        log.begin(Some(stamp(1)), (stamp(1), stamp(2)), Detail::default());
        let mut grant = |token, text: &str, asked| {
            let access = Some(Guarded::new(text.to_owned()));
            log.grants.push(Grant { token, access, scope: None, expires_in: None, asked });
        };
        grant(TokenNo(0), "first", stamp(1));
        for (_, outcome, sent, _) in calls {
            outcome.issued().into_iter().for_each(|token| grant(token, &sent.to_string(), stamp(*sent)));
        }
        for (ask, outcome, sent, finished) in calls {
            log.add(*ask, *outcome, (stamp(*sent), stamp(*finished)), Detail::default());
        }
        let granted = Detail { granted: Some(stamp(1)), ..Detail::default() };
        log.add(Ask::UseAccess(Some(TokenNo(0))), Outcome::Dead, (stamp(100), stamp(110)), granted);
        log.history(Lifetimes::default()).calls.last().map_or(Ask::Restart, |call| call.ask)
    }

    #[test]
    fn an_access_token_is_the_newest_only_where_no_other_may_have_come_with_its_refresh_token() {
        let (first, newest) = (Ask::Refresh(TokenNo(0), None), Ask::UseAccess(Some(TokenNo(0))));
        let (kept, rotated) = (Outcome::Issued(TokenNo(0)), Outcome::Issued(TokenNo(1)));
        for (calls, expected) in [
            (&[][..], newest),
            (&[(first, rotated, 50, 60)], newest),
            // The server does not rotate: another access token comes with the same refresh token.
            (&[(first, kept, 50, 60)], Ask::UseAccess(None)),
            (&[(first, kept, 105, 200)], Ask::UseAccess(None)),
            (&[(first, kept, 111, 200)], newest),
            (&[(first, Outcome::Unknown, 50, 60)], Ask::UseAccess(None)),
            (&[(first, Outcome::Denied, 50, 60)], newest),
        ] {
            assert_eq!(used_beside(calls), expected, "{calls:?}");
        }
    }

    #[test]
    fn a_refusal_after_the_end_of_a_lifetime_proves_nothing() {
        let mut log = Log::default();
        log.begin(Some(stamp(1)), (stamp(1), stamp(2)), Detail::default());
        for at in [100, 9000] {
            log.add(Ask::Refresh(TokenNo(0), None), Outcome::Denied, (stamp(at), stamp(at + 10)), Detail::default());
            log.add(Ask::UseAccess(None), Outcome::Dead, (stamp(at + 20), stamp(at + 30)), Detail::default());
        }
        let judged = log.history(Lifetimes::new(Some(std::time::Duration::from_secs(8)), None));
        let outcomes: Vec<_> = judged.calls.iter().map(|call| call.outcome).collect();
        assert_eq!(outcomes, [Outcome::Denied, Outcome::Dead, Outcome::Unknown, Outcome::Unknown]);
    }
}
