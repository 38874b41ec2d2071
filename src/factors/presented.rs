//! A factor as a user presents it: a code, or what an authenticator signed.

use super::{
    CodeCheck, FactorCode, FactorKind, Factors, FactorsError, ProvenFactor,
    passkeys::{AssertionCheck, PresentedPasskey, ProvenPasskey, Refusal, RefusedAssertion},
};
use crate::{
    audit,
    guessing::Attempt,
    kernel::{Client, Duration, UserId},
    postgres::DatabaseError,
    work::Caller,
};
use serde_json::json;

/// What a user presents. Not to be logged: it may be right.
#[derive(Debug, Clone, Copy)]
pub enum PresentedFactor<'a> {
    /// A code.
    Code(FactorCode<'a>),
    /// What the browser answered.
    Passkey(&'a PresentedPasskey),
}

impl PresentedFactor<'_> {
    /// Of which kind.
    #[must_use]
    pub const fn kind(self) -> FactorKind {
        match self {
            Self::Code(code) => code.kind(),
            Self::Passkey(_) => FactorKind::Passkey,
        }
    }
}

/// The outcome of a factor that was presented by a known user.
#[must_use]
#[derive(Debug)]
pub enum FactorCheck {
    /// Right, and not used up yet. The attempt counts as a wrong one until it is forgiven.
    Right(ProvenFactor, Attempt),
    /// Wrong, or of a factor that the user does not have.
    Wrong,
    /// Not looked at: the ticket of the ceremony is not one, or has expired.
    TicketExpired,
    /// Not looked at: too many codes were wrong lately.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
}

/// The outcome of a passkey by which a user signs in.
#[must_use]
#[derive(Debug)]
pub enum PasskeyCheck {
    /// It verifies, and has verified its user.
    Right(ProvenPasskey),
    /// It does not.
    Wrong {
        /// Whether there is no such passkey here: its authenticator need not offer it again.
        is_unknown: bool,
    },
    /// The ticket of the ceremony is not one, or has expired.
    TicketExpired,
}

impl Factors {
    /// Looks at a factor that a known user presents. Nothing is used up by it.
    ///
    /// A signature cannot be guessed: only codes count as guesses at the account.
    ///
    /// # Errors
    /// When the database fails or the hashing threads have too much to do.
    pub async fn check_presented(
        &self,
        user: UserId,
        presented: PresentedFactor<'_>,
        client: &Client,
    ) -> Result<FactorCheck, FactorsError> {
        let passkey = match presented {
            PresentedFactor::Passkey(passkey) => passkey,
            PresentedFactor::Code(code) => {
                return Ok(match self.check(user, code, client).await? {
                    CodeCheck::Right(code, attempt) => FactorCheck::Right(ProvenFactor::Code(code), attempt),
                    CodeCheck::Wrong => FactorCheck::Wrong,
                    CodeCheck::Limited { wait } => FactorCheck::Limited { wait },
                });
            }
        };
        if !self.passkeys().is_enabled() {
            return Ok(FactorCheck::TicketExpired);
        }
        Ok(match self.passkeys().verify_assertion(Some(user), passkey).await? {
            AssertionCheck::Right(proven) => FactorCheck::Right(ProvenFactor::Passkey(proven), Attempt::default()),
            AssertionCheck::Expired => FactorCheck::TicketExpired,
            AssertionCheck::Refused(refused) => {
                self.note_if_cloned(refused, client).await?;
                self.note_wrong(user, FactorKind::Passkey, refused.refusal.name(), client).await?;
                FactorCheck::Wrong
            }
        })
    }

    /// Looks at a passkey by which a user signs in. What does not verify is not recorded: anyone can send it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn check_passkey(
        &self,
        presented: &PresentedPasskey,
        client: &Client,
    ) -> Result<PasskeyCheck, FactorsError> {
        Ok(match self.passkeys().verify_assertion(None, presented).await? {
            AssertionCheck::Right(proven) => PasskeyCheck::Right(proven),
            AssertionCheck::Expired => PasskeyCheck::TicketExpired,
            AssertionCheck::Refused(refused) => {
                self.note_if_cloned(refused, client).await?;
                self.world().metrics.second_factor(FactorKind::Passkey.name(), "wrong_code");
                PasskeyCheck::Wrong {
                    is_unknown: refused.passkey.is_none() && refused.refusal == Refusal::OtherCredential,
                }
            }
        })
    }

    /// The signature was right, so this is not just anyone's doing.
    async fn note_if_cloned(&self, refused: RefusedAssertion, client: &Client) -> Result<(), DatabaseError> {
        let (Refusal::Counter, Some((user, passkey))) = (refused.refusal, refused.passkey) else { return Ok(()) };
        let recorded = self.world().run(Caller::anonymous(client), move |mut work| {
            Box::pin(async move {
                work.record_refusal(audit::Kind::PasskeyCloned, user, json!({ "passkey": passkey })).await
            })
        });
        recorded.await
    }
}
