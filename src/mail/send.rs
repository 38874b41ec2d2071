use super::{
    letter,
    model::{ATTEMPTS, wait_after},
    room::{Mail, Post},
    store::{self, Due},
};
use crate::{kernel::Duration, pages::Pages, postgres::DatabaseError};
use lettre::AsyncTransport;

/// How often the outbox is looked into.
const EVERY: Duration = Duration::from_secs(2);
/// How often what is over is forgotten: each so many looks.
const FORGET_EACH: u32 = 1_800;

/// Sends what is due, for ever. An outage, of the database or of the mail server, is told and waited out.
pub async fn keep_sending(mail: Mail, pages: Pages) {
    let Some(post) = mail.post() else { return };
    for look in 0_u32.. {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = send_all(&mail, post, &pages).await {
            tracing::warn!(error = error.chain(), "mail.outbox_unreachable");
        }
        if look % FORGET_EACH == 0
            && let Err(error) = mail.world().db.run(|connection| Box::pin(store::forget(connection))).await
        {
            tracing::warn!(error = error.chain(), "mail.forgetting_failed");
        }
    }
}

async fn send_all(mail: &Mail, post: &Post, pages: &Pages) -> Result<(), DatabaseError> {
    loop {
        let take = mail.world().db.run(|connection| Box::pin(store::take(connection, wait_after(1))));
        let Some(due) = take.await? else { return Ok(()) };
        let (id, attempt) = (due.id, due.attempt);
        let outcome = send(mail, post, pages, &due).await;
        mail.world().metrics.mailed(if outcome.is_ok() { "sent" } else { "failed" });
        match outcome {
            Ok(()) => mail.world().db.run(move |connection| Box::pin(store::sent(connection, id))).await?,
            Err(why) => {
                let wait = wait_after(attempt);
                let (letter, given_up) = (id.to_string(), attempt >= ATTEMPTS);
                tracing::warn!(letter, attempt, given_up, why, "mail.not_sent");
                mail.world().db.run(move |connection| Box::pin(store::failed(connection, id, wait))).await?;
            }
        }
    }
}

/// Sends one letter. The error says why not, without naming anybody.
async fn send(mail: &Mail, post: &Post, pages: &Pages, due: &Due) -> Result<(), String> {
    let letter = letter::write(mail, post, pages, due)?;
    match post.transport.send(letter).await {
        Ok(_accepted) => Ok(()),
        // What the mail server says may quote the address.
        Err(error) if error.is_permanent() => Err("the mail server refuses it".to_owned()),
        Err(error) if error.is_timeout() => Err("the mail server does not answer in time".to_owned()),
        Err(error) if error.is_transient() => Err("the mail server does not take it now".to_owned()),
        Err(_unreachable) => Err("the mail server cannot be reached, or spoken with".to_owned()),
    }
}
