use super::{ConfirmationProof, Lifecycle};
use crate::{
    audit,
    confirmations::{self, CODE_ATTEMPTS, CODE_LIFETIME, Confirmation, ConfirmationStanding, Named, Purpose},
    kernel::{Client, Duration, least_uuid},
    postgres::DatabaseError,
    work::Caller,
};
use serde_json::json;
use uuid::Uuid;

/// How a confirmation was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By the link of its email.
    Link,
    /// By the client that asked, with the code of its email.
    Code,
}

/// What a token or a code leads to.
#[derive(Debug)]
pub(super) enum Resolved {
    /// To a confirmation that waits.
    Waiting(Box<Confirmation>, Way),
    Unknown,
    /// What it was for, where that is known.
    Expired(Option<Purpose>),
    WrongCode {
        purpose: Purpose,
        attempts_left: i32,
    },
    Limited {
        purpose: Purpose,
        wait: Duration,
    },
}

impl Lifecycle {
    /// Finds what was presented. The refusals come in this order: not ours, expired, wrong code.
    pub(super) async fn resolve(
        &self,
        presented: &ConfirmationProof,
        client: &Client,
    ) -> Result<Resolved, DatabaseError> {
        match presented {
            ConfirmationProof::Token(token) => self.resolve_token(token).await,
            ConfirmationProof::Code { flow, code } => {
                let Some(id) = self.keys().read_flow(flow) else { return Ok(Resolved::Unknown) };
                let Some(confirmation) = self.flow_leads_to(id).await? else { return Ok(Resolved::Expired(None)) };
                if confirmation.standing != ConfirmationStanding::Waiting || !confirmation.has_code {
                    return Ok(Resolved::Expired(Some(confirmation.purpose)));
                }
                self.try_code(confirmation, code, client).await
            }
        }
    }

    async fn resolve_token(&self, token: &str) -> Result<Resolved, DatabaseError> {
        let Some(named) = self.keys().read_token(token) else { return Ok(Resolved::Unknown) };
        let found = self.find(named.id).await?.filter(|found| self.is_of(&named, found));
        Ok(match found {
            Some(found) if found.standing == ConfirmationStanding::Waiting => {
                Resolved::Waiting(Box::new(found), Way::Link)
            }
            Some(_) | None => Resolved::Expired(Some(named.purpose)),
        })
    }

    /// Whether a token was written for this row as it is now. One of an earlier version does not name the row's user and
    /// address: it is believed no longer than its links lived, by the time that its id was made.
    fn is_of(&self, named: &Named, found: &Confirmation) -> bool {
        let oldest = least_uuid(self.world().clock.now() - self.lifetime(named.purpose));
        found.purpose == named.purpose
            && self.keys().is_of(named, found.user, &found.email)
            && (!named.is_of_earlier_version() || named.id >= oldest)
    }

    /// The confirmation of a flow, or the one that was requested again.
    pub(super) async fn flow_leads_to(&self, id: Uuid) -> Result<Option<Confirmation>, DatabaseError> {
        let Some(first) = self.find(id).await? else { return Ok(None) };
        let renewed = if first.standing == ConfirmationStanding::Used { None } else { first.renewed() };
        match renewed {
            Some(successor) => Ok(self.find(successor).await?.or(Some(first))),
            None => Ok(Some(first)),
        }
    }

    async fn find(&self, id: Uuid) -> Result<Option<Confirmation>, DatabaseError> {
        self.world().db.run(move |connection| Box::pin(confirmations::find(connection, id))).await
    }

    /// Counts first, then compares: of many at once, on any instance, no more than the limit are compared.
    async fn try_code(
        &self,
        confirmation: Confirmation,
        code: &str,
        client: &Client,
    ) -> Result<Resolved, DatabaseError> {
        let (id, purpose) = (confirmation.id, confirmation.purpose);
        let counted =
            self.world().db.run(move |connection| Box::pin(confirmations::take_attempt(connection, id, CODE_ATTEMPTS)));
        let Some(attempts) = counted.await? else {
            // Another use may have voided it meanwhile.
            if self.find(id).await?.is_none() {
                return Ok(Resolved::Expired(Some(purpose)));
            }
            let until = confirmation.created_at + CODE_LIFETIME;
            let wait = (until - self.world().clock.now()).to_std().unwrap_or_default();
            return Ok(Resolved::Limited { purpose, wait: wait.max(Duration::from_secs(1)) });
        };
        let stored = confirmation.code_mac.as_deref().unwrap_or_default();
        if self.keys().is_code(purpose, &confirmation.email, code, stored) {
            self.world().db.run(move |connection| Box::pin(confirmations::give_attempt_back(connection, id))).await?;
            return Ok(Resolved::Waiting(Box::new(confirmation), Way::Code));
        }
        let (user, details) = (confirmation.user, json!({ "purpose": purpose.name(), "reason": "wrong_code" }));
        let recorded = self.world().run(Caller::anonymous(client), move |mut work| {
            Box::pin(async move { work.record(audit::Kind::ConfirmationFailed, user, details).await })
        });
        recorded.await?;
        Ok(Resolved::WrongCode { purpose, attempts_left: CODE_ATTEMPTS.saturating_sub(attempts) })
    }
}
