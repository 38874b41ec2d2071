//! What happened in one session, with everything that a report shows of it.

use super::{
    client::{Answer, Reply},
    history::{Call, Stamp},
    model::{Ask, KeyNo, Outcome, TokenNo},
    profile::Profile,
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
    /// The promised lifetime of the refresh token, in seconds.
    pub expires_in: Option<u64>,
    /// Milliseconds, before the request that brought it.
    pub asked_at: u64,
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
    numbers: HashMap<[u8; 32], TokenNo>,
}

impl Log {
    /// The session has begun.
    pub fn begin(&mut self, sent: Stamp, finished: Stamp, detail: Detail) {
        self.begun = Some((sent, finished, detail));
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

    /// Notes what an answer issued. A server that returns no new token keeps the old one valid.
    pub fn grant(
        &mut self,
        profile: &Profile,
        reply: &Reply,
        presented: Option<TokenNo>,
        asked_at: u64,
    ) -> Option<TokenNo> {
        let handed = reply.secret(&profile.answer.refresh_token).map(|token| self.number(token));
        let token = handed.or(presented)?;
        let pointers = &profile.answer;
        let access = pointers.access_token.as_ref().and_then(|pointer| reply.secret(pointer));
        let expires_in = pointers.refresh_expires_in.as_ref().and_then(|pointer| reply.number(pointer));
        self.grants.push(Grant { token, access, expires_in, asked_at });
        Some(token)
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
