use super::Lifecycle;
use crate::{
    audit,
    confirmations::{self, Confirmation, Owner, Purpose},
    kernel::{Actor, Client, Duration, UserId},
    mail::{ConfirmationEmail, Notification},
    postgres::DatabaseError,
    users,
    work::{Caller, Work},
};
use serde_json::{Value, json};

/// How often requests are looked up. Not at once: what the request for a known address takes more must not fall into
/// the next request.
const EVERY: Duration = Duration::from_secs(1);

/// Looks up what was requested, and sends the emails of recoveries that are due, until the process stops. An outage is logged and waited out.
pub async fn keep_looking_up(room: Lifecycle) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = room.look_up_all().await {
            tracing::warn!(error = error.chain(), "lifecycle.look_up_failed");
        }
        if let Err(error) = room.send_due_of_recoveries().await {
            tracing::warn!(error = error.chain(), "lifecycle.recoveries_failed");
        }
    }
}

/// The email that fits a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fitting {
    email: Notification,
    /// Whether it holds a code.
    has_code: bool,
    /// Whether a change of the user voids the confirmation.
    is_versioned: bool,
}

impl Fitting {
    /// None: nobody is written to.
    fn of(purpose: Purpose, has_account: bool) -> Option<Self> {
        let fitting = |email, has_code| Some(Self { email, has_code, is_versioned: has_account && has_code });
        match (purpose, has_account) {
            (Purpose::Register, false) => fitting(Notification::ConfirmRegistration, true),
            (Purpose::Connect, false) => fitting(Notification::ConfirmConnection, true),
            (Purpose::Register | Purpose::Connect, true) => fitting(Notification::AlreadyRegistered, false),
            (Purpose::ResetPassword, true) => fitting(Notification::ResetPassword, true),
            (Purpose::EnrolFactor, true) => fitting(Notification::EnrolmentCode, true),
            (Purpose::VerifyEmail, true) => {
                Some(Self { email: Notification::VerifyEmail, has_code: false, is_versioned: true })
            }
            (Purpose::ResetPassword | Purpose::VerifyEmail | Purpose::EnrolFactor, false)
            // Their users are known when they are requested.
            | (
                Purpose::ChangeEmail
                | Purpose::UndoEmailChange
                | Purpose::CancelEmailChange
                | Purpose::Invite
                | Purpose::RecoverFactors
                | Purpose::CancelFactorRecovery,
                _,
            ) => None,
        }
    }
}

impl Lifecycle {
    /// Looks up all that waits, one after another, each in a transaction of its own.
    ///
    /// # Errors
    /// When the database fails: what was not looked up waits.
    async fn look_up_all(&self) -> Result<(), DatabaseError> {
        while self.look_up_next().await? {}
        Ok(())
    }

    /// False: nothing waits.
    async fn look_up_next(&self) -> Result<bool, DatabaseError> {
        let room = self.clone();
        let looked_up = self.world().transaction(Caller::server(), move |mut work| {
            Box::pin(async move {
                let Some(id) = confirmations::next_waiting(work.connection).await? else { return Ok(false) };
                if let Some(confirmation) = confirmations::find(work.connection, id).await? {
                    room.look_up(&mut work, &confirmation).await?;
                }
                Ok(true)
            })
        });
        looked_up.await
    }

    async fn look_up(&self, work: &mut Work<'_>, confirmation: &Confirmation) -> Result<(), DatabaseError> {
        let (id, purpose) = (confirmation.id, confirmation.purpose);
        if purpose == Purpose::ChangeEmail {
            return self.look_up_change(work, confirmation).await;
        }
        let found = confirmations::owner_of(work.connection, &confirmation.email).await?;
        // An account whose maker never showed to read the address does not count: who confirms takes it over.
        let found = found.filter(|found| purpose != Purpose::Connect || found.is_verified);
        let user = found.map(|found| found.user);
        let is_needed = purpose != Purpose::VerifyEmail || found.is_some_and(|found| !found.is_verified);
        // The user who had the address can have it back: nobody else registers it meanwhile.
        let is_reserved = matches!(purpose, Purpose::Register | Purpose::Connect)
            && user.is_none()
            && users::is_reserved(work.connection, &confirmation.email, None).await?;
        let fitting = Fitting::of(purpose, user.is_some() || is_reserved).filter(|_| is_needed);
        let owner = user.map(|user| Owner { user, is_versioned: fitting.is_some_and(|fitting| fitting.is_versioned) });
        let Some(Fitting { email, has_code, .. }) = fitting else {
            return confirmations::looked_up(work.connection, id, owner, None).await;
        };
        let recent = confirmations::recently_sent(work.connection, confirmation, user).await?;
        let code = has_code.then(|| self.keys().code(id));
        let own = code.map(|code| self.keys().code_mac(purpose, &confirmation.email, &code));
        let code_mac = recent.clone().filter(|mac| !mac.is_empty()).or(own.filter(|_| recent.is_none()));
        confirmations::looked_up(work.connection, id, owner, code_mac.as_deref()).await?;
        if recent.is_none() { self.write_to(work, confirmation, user, email).await } else { Ok(()) }
    }

    /// Enqueues the email, with the event that says so.
    async fn write_to(
        &self,
        work: &mut Work<'_>,
        confirmation: &Confirmation,
        user: Option<UserId>,
        email: Notification,
    ) -> Result<(), DatabaseError> {
        work.caller = Caller { actor: Actor::Anonymous, client: client_of(confirmation) };
        confirmations::mark_sent(work.connection, confirmation.id).await?;
        if user.is_some() {
            let details = json!({ "purpose": confirmation.purpose.name() });
            work.record(audit::Kind::ConfirmationRequested, user, details).await?;
        }
        let details = confirmation.payload.get("client").cloned().unwrap_or_default();
        work.enqueue_confirmation_email(ConfirmationEmail { confirmation: confirmation.id, user, email, details })
            .await?;
        self.world().metrics.confirmation(confirmation.purpose.name(), "sent");
        Ok(())
    }
}

/// The client that asked, as far as it was kept.
fn client_of(confirmation: &Confirmation) -> Client {
    let text = |name: &str| Some(confirmation.payload.get("client")?.get(name)?.as_str()?.to_owned());
    Client {
        ip: text("ip").and_then(|ip| ip.parse().ok()),
        user_agent: text("user_agent"),
        request_id: text("request_id").unwrap_or_default(),
        ..Client::default()
    }
}

/// What a payload says about the client that asked.
pub(super) fn user_agent(payload: &Value) -> Option<&str> {
    payload.get("client")?.get("user_agent")?.as_str()
}
