//! The sequential specification: what a server may answer if calls come one after another.

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
    /// Use an access token of the family.
    UseAccess,
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

/// Where correct servers may differ.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Milliseconds in which the same request gets the same successor once more; 0: never.
    pub retry_window: u64,
    /// The same for requests without a key.
    pub leeway: u64,
    /// Sign-out by a stale token.
    pub stale_sign_out: StaleSignOut,
}

/// When something happened, in milliseconds, as exactly as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// Not before.
    pub earliest: u64,
    /// Not after; `u64::MAX` if unknown.
    pub latest: u64,
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
        match ask {
            Ask::Refresh(token, key) => self.after_refresh(rules, Redemption { token, key, at }, outcome),
            Ask::RefreshForged => self.unless_changed(matches!(
                outcome,
                Outcome::Invalid | Outcome::Ended | Outcome::Denied | Outcome::Unknown
            )),
            Ask::SignOut(token) => self.after_sign_out(rules, token, outcome),
            Ask::UseAccess => {
                let dead_while_live = outcome == Outcome::Dead && *self != Self::Revoked;
                let answered = matches!(outcome, Outcome::Alive | Outcome::Dead | Outcome::Unknown);
                self.unless_changed(answered && !dead_while_live)
            }
        }
    }

    fn unless_changed(&self, right: bool) -> Vec<Self> {
        if right { vec![self.clone()] } else { Vec::new() }
    }

    fn after_refresh(&self, rules: Rules, redemption: Redemption, outcome: Outcome) -> Vec<Self> {
        let Self::Live { newest, last } = self else {
            let refused = matches!(outcome, Outcome::Reused | Outcome::Ended | Outcome::Denied | Outcome::Unknown);
            return self.unless_changed(refused);
        };
        if *newest == Some(redemption.token) {
            return self.after_rotation(&redemption, outcome);
        }
        let repeats = last.as_ref().map_or(Repeats::No, |last| redemption.repeats(last, rules));
        let mut states = Vec::new();
        if repeats != Repeats::No {
            states.extend(self.after_retry(outcome));
        }
        if repeats != Repeats::Yes {
            states.extend(self.after_replay(outcome));
        }
        states.dedup();
        states
    }

    /// The newest token is redeemed: its successor takes its place.
    fn after_rotation(&self, redemption: &Redemption, outcome: Outcome) -> Vec<Self> {
        let rotation = Rotation { retired: redemption.token, key: redemption.key, at: redemption.at };
        match outcome {
            Outcome::Issued(token) if token != redemption.token => {
                vec![Self::Live { newest: Some(token), last: Some(rotation) }]
            }
            Outcome::Unknown => vec![self.clone(), Self::Live { newest: None, last: Some(rotation) }],
            _wrong => Vec::new(),
        }
    }

    /// The same request once more: the same successor, and nothing changes.
    fn after_retry(&self, outcome: Outcome) -> Vec<Self> {
        match (self, outcome) {
            (Self::Live { newest: None, last }, Outcome::Issued(token)) => {
                vec![Self::Live { newest: Some(token), last: last.clone() }]
            }
            (Self::Live { newest: Some(newest), .. }, Outcome::Issued(token)) if *newest == token => vec![self.clone()],
            (_, Outcome::Unknown) => vec![self.clone()],
            _wrong => Vec::new(),
        }
    }

    /// A stale token: the family is revoked.
    fn after_replay(&self, outcome: Outcome) -> Vec<Self> {
        match outcome {
            Outcome::Reused | Outcome::Denied => vec![Self::Revoked],
            Outcome::Unknown => vec![self.clone(), Self::Revoked],
            _wrong => Vec::new(),
        }
    }

    fn after_sign_out(&self, rules: Rules, token: TokenNo, outcome: Outcome) -> Vec<Self> {
        let right = matches!(outcome, Outcome::SignedOut | Outcome::Unknown);
        let (Self::Live { newest, .. }, true) = (self, right) else { return self.unless_changed(right) };
        let stale = if *newest == Some(token) { StaleSignOut::Ends } else { rules.stale_sign_out };
        match stale {
            StaleSignOut::Nothing => vec![self.clone()],
            StaleSignOut::Ends if outcome == Outcome::SignedOut => vec![Self::Revoked],
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
    fn repeats(&self, last: &Rotation, rules: Rules) -> Repeats {
        if self.token != last.retired || self.key != last.key {
            return Repeats::No;
        }
        // A server with a leeway may refuse nevertheless: only a key gives a right to the same answer.
        let (window, in_time) =
            if self.key.is_some() { (rules.retry_window, Repeats::Yes) } else { (rules.leeway, Repeats::Perhaps) };
        let shortest = self.at.earliest.saturating_sub(last.at.latest);
        let longest = self.at.latest.saturating_sub(last.at.earliest);
        match (shortest < window, longest < window) {
            (true, true) => in_time,
            (true, false) => Repeats::Perhaps,
            (false, _) => Repeats::No,
        }
    }
}

#[cfg(test)]
mod tests;
