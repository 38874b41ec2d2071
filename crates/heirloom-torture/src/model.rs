//! The sequential specification: what a server may answer if calls come one after another.

use super::property::Property;

/// A token of one family, numbered in the order in which the kit met it; 0 is the sign-in's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenNo(pub usize);

/// A key that a client of the family chose for its retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyNo(pub usize);

/// What was asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Redeem a token, perhaps with a key.
    Refresh(TokenNo, Option<KeyNo>),
    /// Redeem a token that was never issued.
    RefreshForged,
    /// Sign out with a token.
    SignOut(TokenNo),
    /// Use the access token that came with this token; none: a newer one came with the same token.
    UseAccess(Option<TokenNo>),
    /// Use something that is not an access token. It changes nothing.
    UseForgedAccess,
    /// Restart the server.
    Restart,
}

impl Ask {
    /// Something is presented as a refresh token.
    #[must_use]
    pub fn is_refresh(self) -> bool {
        matches!(self, Self::Refresh(..) | Self::RefreshForged)
    }
}

/// The outcome, as far as the client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A refresh token was issued.
    Issued(TokenNo),
    /// Refused as used before.
    Reused,
    /// Refused because the session is revoked or expired.
    Ended,
    /// Refused as not issued by the server.
    Invalid,
    /// Refused by a server that does not report which of these it was.
    Denied,
    /// Signed out.
    SignedOut,
    /// The access token works.
    Alive,
    /// The access token is rejected.
    Dead,
    /// No answer, or an outage: it may have been executed, may still be, or never.
    Unknown,
    /// An answer that the profile does not know.
    Unforeseen,
    /// It happened: a restart.
    Done,
}

impl Outcome {
    /// The token that was issued.
    #[must_use]
    pub fn issued(self) -> Option<TokenNo> {
        if let Self::Issued(token) = self { Some(token) } else { None }
    }

    /// In a word, for counts.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Issued(_) => "issued",
            Self::Reused => "reused",
            Self::Ended => "ended",
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::SignedOut => "signed out",
            Self::Alive => "access alive",
            Self::Dead => "access rejected",
            Self::Unknown => "no answer",
            Self::Unforeseen => "unforeseen",
            Self::Done => "done",
        }
    }

    /// A refusal of a refresh token.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Reused | Self::Ended | Self::Invalid | Self::Denied)
    }
}

/// What happens to a family when a token other than its newest signs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StaleSignOut {
    /// It is revoked.
    Ends,
    /// It lives on.
    Nothing,
    /// Either is right.
    #[default]
    Either,
}

/// Servers count a leeway in seconds, and round.
const ROUNDING: u64 = 1000;

/// Where correct servers may differ.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Milliseconds in which the same request gets the same successor once more; 0: never.
    pub retry_window: u64,
    /// The same for requests without a key.
    pub leeway: u64,
    /// Sign-out by a stale token.
    pub stale_sign_out: StaleSignOut,
    /// A refresh returns the token that was presented.
    pub keeps_tokens: bool,
    /// A refresh issues another token, and the one that was presented works on.
    pub old_tokens_stay: bool,
    /// A property that may be violated: what explains a history only then, shows that violation.
    pub allowing: Option<Property>,
}

impl Rules {
    /// No token is ever stale: reuse is not a sign of a thief, and two live tokens are not a fork.
    #[must_use]
    pub fn retires_nothing(self) -> bool {
        self.keeps_tokens || self.old_tokens_stay
    }

    /// From when on, in milliseconds after a rotation, no leeway is left in any case; 0 where there is none.
    #[must_use]
    pub fn leeway_end(self) -> u64 {
        if self.leeway == 0 { 0 } else { self.leeway.saturating_add(ROUNDING) }
    }
}

/// When something happened, as exactly as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// Not before, in milliseconds.
    pub earliest: u64,
    /// Not after; `u64::MAX` if unknown.
    pub latest: u64,
    /// The same in ticks, which are never the same twice.
    pub ticks: (u64, u64),
}

impl Span {
    /// Neither came before the other; of a call without an answer that is not known.
    fn overlaps_surely(&self, other: &Self) -> bool {
        self.ticks.1 != u64::MAX && self.ticks.0 < other.ticks.1 && other.ticks.0 < self.ticks.1
    }
}

/// A family between two calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum State {
    /// One token would rotate.
    Live {
        /// Which; `None` if the answer with it was lost.
        newest: Option<TokenNo>,
        /// The rotation that made it.
        last: Option<Rotation>,
    },
    /// No token will ever rotate again.
    Revoked,
    /// A crash lost something: anything may be.
    Lost,
}

/// The rotation that made the newest token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rotation {
    retired: TokenNo,
    key: Option<KeyNo>,
    at: Span,
}

impl State {
    /// After a sign-in.
    #[must_use]
    pub fn new() -> Self {
        Self::Live { newest: Some(TokenNo(0)), last: None }
    }

    /// The states in which a call with this outcome may leave the family; none: the outcome is wrong. `at` is when the
    /// call was under way.
    #[must_use]
    pub fn after(&self, rules: Rules, ask: Ask, outcome: Outcome, at: Span) -> Vec<Self> {
        if *self == Self::Lost {
            return vec![Self::Lost];
        }
        match ask {
            Ask::Refresh(token, key) => self.after_refresh(rules, Redemption { token, key, at }, outcome),
            Ask::RefreshForged => self.after_forgery(rules, outcome),
            Ask::SignOut(token) => self.after_sign_out(rules, token, outcome, at),
            Ask::UseAccess(token) => self.after_use(rules, token, outcome),
            Ask::Restart if rules.allowing == Some(Property::CrashSafe) => vec![self.clone(), Self::Lost],
            Ask::Restart | Ask::UseForgedAccess => vec![self.clone()],
        }
    }

    fn unless_changed(&self, right: bool) -> Vec<Self> {
        if right { vec![self.clone()] } else { Vec::new() }
    }

    /// Any refusal will do, and nothing changes.
    fn after_forgery(&self, rules: Rules, outcome: Outcome) -> Vec<Self> {
        let mut states = self.unless_changed(outcome.is_refusal() || outcome == Outcome::Unknown);
        if rules.allowing == Some(Property::ForgedRefused) {
            states.extend([self.clone(), Self::Revoked]);
            if let Outcome::Issued(token) = outcome {
                states.push(Self::Live { newest: Some(token), last: None });
            }
        }
        states
    }

    /// Only the newest access token of a live session must work; others may live on.
    fn after_use(&self, rules: Rules, token: Option<TokenNo>, outcome: Outcome) -> Vec<Self> {
        let is_newest = matches!(self, Self::Live { newest, .. } if newest.is_some() && *newest == token);
        let broken = outcome == Outcome::Dead && is_newest && rules.allowing != Some(Property::LiveSessionWorks);
        self.unless_changed(matches!(outcome, Outcome::Alive | Outcome::Dead | Outcome::Unknown) && !broken)
    }

    fn after_refresh(&self, rules: Rules, redemption: Redemption, outcome: Outcome) -> Vec<Self> {
        let Self::Live { newest, last } = self else {
            return self.unless_changed(outcome.is_refusal() || outcome == Outcome::Unknown);
        };
        if *newest == Some(redemption.token) || rules.old_tokens_stay {
            return self.after_rotation(rules, &redemption, outcome);
        }
        let repeats = last.as_ref().map_or(Repeats::No, |last| redemption.repeats(last, rules));
        let mut states = Vec::new();
        if repeats != Repeats::No {
            states.extend(self.after_retry(rules, &redemption, outcome));
        } else if self.is_shared(&redemption, outcome) {
            states.push(self.clone());
        }
        if repeats != Repeats::Yes {
            states.extend(self.after_replay(outcome));
            states.extend(self.after_wrong_replay(rules, &redemption, outcome));
        }
        if repeats == Repeats::Perhaps && outcome.is_refusal() {
            // Refused without an alarm: a server need not use its leeway.
            states.push(self.clone());
        }
        states.dedup();
        states
    }

    /// Two redemptions that met were given the same successor. Nothing forks by that, and the next reuse shows that two
    /// have it.
    fn is_shared(&self, redemption: &Redemption, outcome: Outcome) -> bool {
        let Self::Live { newest: Some(newest), last: Some(last) } = self else { return false };
        let is_same = last.retired == redemption.token && last.key == redemption.key;
        is_same && last.at.overlaps_surely(&redemption.at) && outcome.issued() == Some(*newest)
    }

    /// The newest token is redeemed: its successor takes its place, or it stays the newest.
    fn after_rotation(&self, rules: Rules, redemption: &Redemption, outcome: Outcome) -> Vec<Self> {
        let last = (!rules.old_tokens_stay).then(|| redemption.rotation());
        let to = |newest| Self::Live { newest, last: last.clone() };
        match outcome {
            Outcome::Issued(token) if token != redemption.token => vec![to(Some(token))],
            // A server need not rotate each time (RFC 6749 §6).
            Outcome::Issued(_) => vec![self.clone()],
            Outcome::Unknown => vec![self.clone(), to(None)],
            refused if refused.is_refusal() && rules.allowing == Some(Property::LiveSessionWorks) => {
                vec![self.clone(), Self::Revoked]
            }
            _wrong => Vec::new(),
        }
    }

    /// The same request once more: the same successor, and nothing changes. Inside a leeway it may be another one, which
    /// takes the first one's place.
    fn after_retry(&self, rules: Rules, redemption: &Redemption, outcome: Outcome) -> Vec<Self> {
        let Self::Live { newest, last } = self else { return Vec::new() };
        let own = if redemption.key.is_some() { Property::RetryWithKey } else { Property::RetryInLeeway };
        let allowed = rules.allowing == Some(own);
        let with = |token| Self::Live { newest: Some(token), last: last.clone() };
        match outcome {
            Outcome::Issued(token) if newest.is_none_or(|newest| newest == token) => vec![with(token)],
            Outcome::Unknown => vec![self.clone()],
            Outcome::Issued(token) if allowed => vec![self.clone(), with(token)],
            Outcome::Issued(token) if redemption.key.is_none() => vec![with(token)],
            _refused if allowed => vec![self.clone(), Self::Revoked],
            _wrong => Vec::new(),
        }
    }

    /// A stale token: the family is revoked.
    fn after_replay(&self, outcome: Outcome) -> Vec<Self> {
        match outcome {
            Outcome::Unknown => vec![self.clone(), Self::Revoked],
            refused if refused.is_refusal() => vec![Self::Revoked],
            _wrong => Vec::new(),
        }
    }

    /// What a server with a fault does with a stale token.
    fn after_wrong_replay(&self, rules: Rules, redemption: &Redemption, outcome: Outcome) -> Vec<Self> {
        let is_for_leeway = rules.leeway > 0 && redemption.key.is_none();
        let refused = outcome.is_refusal();
        match (rules.allowing, outcome) {
            (Some(Property::ReuseEndsSession), _) if refused => vec![self.clone()],
            (Some(Property::ReuseDetected), _) if refused && outcome != Outcome::Reused => vec![self.clone()],
            (Some(Property::ReuseDetected), Outcome::Issued(token)) if !is_for_leeway => {
                self.readmitted(redemption, token)
            }
            (Some(Property::LeewayEnds), Outcome::Issued(token)) if is_for_leeway => self.readmitted(redemption, token),
            _other => Vec::new(),
        }
    }

    /// A stale token is redeemed again: what is issued may live, or not.
    fn readmitted(&self, redemption: &Redemption, token: TokenNo) -> Vec<Self> {
        vec![self.clone(), Self::Live { newest: Some(token), last: Some(redemption.rotation()) }]
    }

    fn after_sign_out(&self, rules: Rules, token: TokenNo, outcome: Outcome, at: Span) -> Vec<Self> {
        let right = outcome.is_refusal() || matches!(outcome, Outcome::SignedOut | Outcome::Unknown);
        let (Self::Live { newest, last }, true) = (self, right) else { return self.unless_changed(right) };
        if outcome.is_refusal() {
            return vec![self.clone(), Self::Revoked];
        }
        // Who signs out with a token that a refresh replaces meanwhile means the session.
        let raced = last.as_ref().is_some_and(|last| last.retired == token && last.at.overlaps_surely(&at));
        let stale = if *newest == Some(token) || raced { StaleSignOut::Ends } else { rules.stale_sign_out };
        let ignored = rules.allowing == Some(Property::SignOutEndsSession);
        match stale {
            StaleSignOut::Nothing => vec![self.clone()],
            StaleSignOut::Ends if outcome == Outcome::SignedOut && !ignored => vec![Self::Revoked],
            StaleSignOut::Ends | StaleSignOut::Either => vec![self.clone(), Self::Revoked],
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug, Clone, Copy)]
struct Redemption {
    token: TokenNo,
    key: Option<KeyNo>,
    at: Span,
}

/// Whether a redemption is the last rotation's request come again, in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeats {
    Yes,
    /// Either answer is right: it may have come in time or too late, or has no key.
    Perhaps,
    No,
}

impl Redemption {
    fn rotation(&self) -> Rotation {
        Rotation { retired: self.token, key: self.key, at: self.at }
    }

    fn repeats(&self, last: &Rotation, rules: Rules) -> Repeats {
        if self.token != last.retired || self.key != last.key {
            return Repeats::No;
        }
        let shortest = self.at.earliest.saturating_sub(last.at.latest);
        let longest = self.at.latest.saturating_sub(last.at.earliest);
        if self.key.is_none() {
            // A server with a leeway may refuse nevertheless: only a key gives a right to the same answer.
            return if shortest < rules.leeway_end() { Repeats::Perhaps } else { Repeats::No };
        }
        match (shortest < rules.retry_window, longest < rules.retry_window) {
            (true, true) => Repeats::Yes,
            (true, false) => Repeats::Perhaps,
            (false, _) => Repeats::No,
        }
    }
}

#[cfg(test)]
mod tests;
