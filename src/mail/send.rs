use super::{
    carrier::Carrier,
    delivery::NotSent,
    email::{ComposeError, compose},
    folder,
    model::{ATTEMPTS, LINK_LIFETIME, wait_after},
    room::Mail,
    store::{self, Due},
};
use crate::{config::MailTarget, kernel::Duration, pages::Pages, postgres::DatabaseError};

/// How often the outbox is read.
const EVERY: Duration = Duration::from_secs(2);
/// How often expired emails are deleted: each so many reads.
const FORGET_EACH: u32 = 1_800;

/// Sends what is due, for as long as the server runs. An outage, of the database or of the mail server, is logged and
/// waited out.
pub async fn keep_sending(mail: Mail, pages: Pages) {
    let sending = Sending { mail: &mail, pages: &pages };
    for read in 0_u32.. {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = sending.send_due().await {
            tracing::warn!(error = error.chain(), "mail.outbox_unreachable");
        }
        if read % FORGET_EACH == 0 {
            forget(&mail).await;
        }
    }
}

async fn forget(mail: &Mail) {
    let world = mail.world();
    if let Err(error) = world.db.run(|connection| Box::pin(store::forget(connection))).await {
        tracing::warn!(error = error.chain(), "mail.forgetting_failed");
    }
    if let MailTarget::Folder(folder) = &mail.options().target
        && let Err(error) = folder::forget(folder, world.clock.now() - LINK_LIFETIME).await
    {
        tracing::warn!(%error, ?folder, "mail.forgetting_failed");
    }
}

/// The outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Sent,
    /// Tried again later.
    Failed,
    /// Failed for the last time.
    Abandoned,
    /// Refused for good.
    Refused,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum AttemptError {
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error(transparent)]
    NotSent(#[from] NotSent),
}

struct Sending<'a> {
    mail: &'a Mail,
    pages: &'a Pages,
}

impl Sending<'_> {
    /// In rounds, of at most one email to each recipient: one with a long queue does not delay the others.
    async fn send_due(&self) -> Result<(), DatabaseError> {
        let mut carrier = Carrier::of(self.mail.options());
        let sent = self.send_rounds(&mut carrier).await;
        carrier.close().await;
        sent
    }

    async fn send_rounds(&self, carrier: &mut Carrier<'_>) -> Result<(), DatabaseError> {
        let db = &self.mail.world().db;
        loop {
            let round = db.run(|connection| Box::pin(store::next_round(connection))).await?;
            if round.is_empty() {
                return Ok(());
            }
            for id in round {
                let claim = db.run(move |connection| Box::pin(store::claim(connection, id, wait_after(1))));
                if let Some(due) = claim.await? {
                    self.send_one(carrier, due).await?;
                }
            }
        }
    }

    async fn send_one(&self, carrier: &mut Carrier<'_>, due: Due) -> Result<(), DatabaseError> {
        let attempted = self.attempt(carrier, &due).await;
        let outcome = Outcome::of(attempted, due.attempt);
        self.mail.world().metrics.mailed(outcome.name());
        if let Err(why) = attempted {
            let email = due.id.to_string();
            tracing::warn!(email, attempt = due.attempt, outcome = outcome.name(), why = %why, "mail.not_sent");
        }
        let (id, wait) = (due.id, wait_after(due.attempt));
        let record = self.mail.world().db.run(move |connection| {
            Box::pin(async move {
                match outcome {
                    Outcome::Sent => store::sent(connection, id).await,
                    Outcome::Failed => store::failed(connection, id, wait).await,
                    Outcome::Abandoned | Outcome::Refused => store::abandoned(connection, id).await,
                }
            })
        });
        record.await
    }

    async fn attempt(&self, carrier: &mut Carrier<'_>, due: &Due) -> Result<(), AttemptError> {
        let email = compose(self.mail, self.pages, due)?;
        Ok(carrier.send(&email, &folder::name_of(due.id, &due.notification, due.created_at)).await?)
    }
}

impl Outcome {
    fn of(attempted: Result<(), AttemptError>, attempt: i32) -> Self {
        match attempted {
            Ok(()) => Self::Sent,
            Err(why) if why.is_final() => Self::Refused,
            Err(_) if attempt >= ATTEMPTS => Self::Abandoned,
            Err(_) => Self::Failed,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
            Self::Refused => "refused",
        }
    }
}

impl AttemptError {
    fn is_final(self) -> bool {
        match self {
            Self::Compose(ComposeError::Mailbox) => true,
            Self::Compose(ComposeError::Kind | ComposeError::Template | ComposeError::Build) => false,
            Self::NotSent(why) => why.is_final(),
        }
    }
}
