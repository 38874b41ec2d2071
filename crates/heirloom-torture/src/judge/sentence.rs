//! What is wrong, for a reader who does not know the kit.

use super::{
    super::{
        history::Call,
        model::{Ask, Outcome, TokenNo},
        property::Property,
    },
    forks,
};

/// One or two sentences about the calls that show a violation.
#[must_use]
pub fn sentence(property: Property, calls: &[Call]) -> String {
    let shown = Shown { calls };
    match property {
        Property::Fork => shown.fork(),
        Property::ReuseEndsSession => shown.lives_after_reuse(),
        Property::ReuseDetected => shown.unnoticed(),
        Property::LeewayEnds => shown.admitted_too_late(),
        Property::SignOutEndsSession => shown.lives_after_sign_out(),
        Property::CrashSafe => shown.lost_at_a_crash(),
        Property::ForgedRefused => shown.forged(),
        Property::RetryWithKey => shown.retry("with the same key"),
        Property::RetryInLeeway => shown.retry("inside the announced leeway"),
        Property::LiveSessionWorks => shown.disturbed(),
        other => format!("This does not hold: {}.", other.title()),
    }
}

struct Shown<'a> {
    calls: &'a [Call],
}

impl Shown<'_> {
    fn issued(&self) -> impl Iterator<Item = (&Call, TokenNo, TokenNo)> {
        self.calls.iter().filter_map(|call| Some((call, call.redeems()?, call.issued()?)))
    }

    /// The last token that was accepted.
    fn accepted(&self) -> String {
        name(self.issued().last().map(|(_, presented, _)| presented))
    }

    /// The first token that was refused.
    fn refused(&self) -> String {
        let refused = self.calls.iter().find(|call| call.outcome.is_refusal() && call.redeems().is_some());
        name(refused.and_then(Call::redeems))
    }

    fn ends_refused(&self) -> bool {
        self.calls.last().is_some_and(|call| call.outcome.is_refusal())
    }

    fn fork(&self) -> String {
        let issued: Vec<_> = self.issued().collect();
        let twice = issued.iter().enumerate().find_map(|(place, (_, token, one))| {
            let mut later = issued.iter().skip(place.saturating_add(1));
            later.find(|(_, other, new)| other == token && new != one).map(|(_, _, new)| (*token, *one, *new))
        });
        let Some((from, one, other)) = twice else { return "One refresh token led to two live ones.".to_owned() };
        if forks::fork(self.calls).is_none() {
            return format!(
                "The refresh token {} was redeemed twice. The server issued {} and {} for it, as if both clients had come \
                 first.",
                name(Some(from)),
                name(Some(one)),
                name(Some(other)),
            );
        }
        format!(
            "The refresh token {} was redeemed twice. The server issued {} and {} for it, and both were live at the same \
             time: a thief and the user keep the session side by side, and nobody notices.",
            name(Some(from)),
            name(Some(one)),
            name(Some(other)),
        )
    }

    fn lives_after_reuse(&self) -> String {
        format!(
            "The server refused {}, which was used before, and afterwards still refreshed the session with {}: the \
             session was not revoked, so a thief who came first keeps it.",
            self.refused(),
            self.accepted(),
        )
    }

    fn unnoticed(&self) -> String {
        let refused = self.calls.iter().any(|call| call.outcome.is_refusal());
        if refused && !self.ends_refused() {
            return format!(
                "The refresh token {} was used before. The server refused it and took no notice: the session still \
                 refreshes with {}, so a stolen token that was used first is never detected.",
                self.refused(),
                self.accepted(),
            );
        }
        let stale = self.issued().filter(|(call, ..)| call.successor().is_some()).find(|(call, presented, _)| {
            self.issued().any(|(other, again, _)| again == *presented && other.number != call.number)
        });
        let stale = stale.map_or_else(|| self.accepted(), |(_, presented, _)| name(Some(presented)));
        format!(
            "The refresh token {stale} had been replaced, and the server accepted it again: a copy of an old token still \
             refreshes the session."
        )
    }

    fn admitted_too_late(&self) -> String {
        format!(
            "The refresh token {} was accepted again outside the leeway that the profile announces: too late, or after its \
             successor was used.",
            self.accepted(),
        )
    }

    fn lives_after_sign_out(&self) -> String {
        format!(
            "The sign-out was answered with success, and afterwards the session was still refreshed with {}: signing out \
             does not end the session.",
            self.accepted(),
        )
    }

    fn lost_at_a_crash(&self) -> String {
        if self.ends_refused() {
            "After the restart the server does not know what it had answered before: the newest refresh token of a live \
             session is refused."
                .to_owned()
        } else {
            format!(
                "After the restart the server has forgotten what it had answered before: it accepts {} although that was \
                 replaced or revoked.",
                self.accepted(),
            )
        }
    }

    fn forged(&self) -> String {
        let accepted = self.calls.iter().any(|call| call.ask == Ask::RefreshForged && call.issued().is_some());
        if accepted {
            "The server issued tokens for a refresh token that it had never issued: its tokens can be forged."
                .to_owned()
        } else {
            "After a forged token was presented, the genuine session no longer works: a stranger can end it without any \
             secret."
                .to_owned()
        }
    }

    fn retry(&self, how: &str) -> String {
        let retried = self.calls.iter().find_map(|call| {
            let again = self.calls.iter().any(|other| other.ask == call.ask && other.number != call.number);
            again.then(|| call.redeems()).flatten()
        });
        format!(
            "A client repeated its refresh with {} {how}, as one does that lost an answer, and did not get the token that \
             was issued for it: an honest user is signed out.",
            retried.map_or_else(|| self.refused(), |token| name(Some(token))),
        )
    }

    fn disturbed(&self) -> String {
        if self.calls.last().is_some_and(|call| call.outcome == Outcome::Dead) {
            return "The newest access token of a live session is rejected.".to_owned();
        }
        format!(
            "The server refused {}, the newest refresh token of a session that nothing had ended: an honest user is signed \
             out.",
            self.refused(),
        )
    }
}

fn name(token: Option<TokenNo>) -> String {
    token.map_or_else(|| "a token".to_owned(), |token| format!("t{}", token.0))
}
