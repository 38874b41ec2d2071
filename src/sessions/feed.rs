use super::{
    Sessions,
    revocations::{Death, Revoked},
    store,
};
use crate::{
    kernel::Duration,
    postgres::{Connector, DatabaseError, now},
};
use sqlx::postgres::{PgListener, PgNotification};
use std::convert::Infallible;

/// The channel on which transactions that revoke tell every instance.
const REVOCATIONS: &str = "heirloom_revocations";
/// The channel on which a new signing key is told.
const SIGNING_KEYS: &str = "heirloom_signing_keys";

/// How often the listening connection is asked whether it is still there.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// A connection that died without a word is noticed after so long: until then a revocation may go unheard, after that
/// the database is asked.
const SILENCE: Duration = Duration::from_secs(5);
/// How often the listening task says that it is awake.
const TICK: Duration = Duration::from_millis(250);
/// A process that stood still (SIGSTOP) finds the set distrusted when it goes on, and asks the database until the task has
/// heard what was said meanwhile. For a machine that slept, whose clock of uptime slept too, [`SILENCE`] is the bound.
const ATTENTION: Duration = Duration::from_secs(1);
/// So long after the last tick, the process has stood still, or was very busy.
const STANDSTILL: Duration = Duration::from_millis(500);
/// Waits between attempts to connect: the first, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Keeps the revocation set whole, for ever: listens, and when the connection breaks, reconnects and loads what was
/// missed before the set is trusted again. In between, bearer requests ask the database.
pub async fn feed(sessions: Sessions, connector: Connector) {
    let mut wait = BACK_OFF.0;
    loop {
        let began = sessions.world().clock.uptime();
        let Err(error) = listen(&sessions, &connector).await;
        sessions.revocations().distrust();
        sessions.world().metrics.feed_lost();
        tracing::warn!(error = error.chain(), "sessions.feed_lost");
        let lasted = sessions.world().clock.uptime().saturating_sub(began);
        wait = if lasted > SILENCE { BACK_OFF.0 } else { (wait * 2).min(BACK_OFF.1) };
        tokio::time::sleep(wait).await;
    }
}

async fn listen(sessions: &Sessions, connector: &Connector) -> Result<Infallible, DatabaseError> {
    let mut listener = connector.listen(&[REVOCATIONS, SIGNING_KEYS]).await?;
    // Listening first and loading then leaves no gap: what commits in between is told.
    catch_up(sessions, &mut listener).await?;
    sessions.end_again().await?;
    reload_keys(sessions).await;
    let mut beat = beat(sessions, &mut listener).await?;
    trust(sessions, beat);
    tracing::info!(revocations = sessions.revocations().len(), "sessions.feed_listening");
    let mut awake = beat;
    loop {
        match tokio::time::timeout(TICK, listener.try_recv()).await {
            Ok(Ok(Some(notification))) => heed(sessions, &notification).await?,
            Ok(Ok(None)) => return Err(DatabaseError::TooSlow),
            Ok(Err(error)) => return Err(error.into()),
            Err(_elapsed) => {}
        }
        let uptime = sessions.world().clock.uptime();
        // After a standstill the tick may come before what lies in the socket: only an answer of the other end's tells
        // that nothing is left unheard.
        if uptime >= beat + HEARTBEAT || uptime >= awake + STANDSTILL {
            beat = self::beat(sessions, &mut listener).await?;
        }
        awake = uptime;
        if sessions.world().clock.uptime() < uptime + STANDSTILL {
            trust(sessions, beat);
        }
    }
}

/// Nothing is left unheard at this moment; the other end answered at `beat`.
fn trust(sessions: &Sessions, beat: Duration) {
    let uptime = sessions.world().clock.uptime();
    sessions.revocations().trust(beat, (uptime + ATTENTION).min(beat + SILENCE));
}

/// Loads everything that died within the last access token's lifetime.
async fn catch_up(sessions: &Sessions, listener: &mut PgListener) -> Result<(), DatabaseError> {
    let keep = sessions.revocations().keep();
    let connection = sqlx::Acquire::acquire(listener).await?;
    let loading = tokio::time::timeout(SILENCE, store::recent(connection, keep));
    for (revoked, at) in loading.await.map_err(|_elapsed| DatabaseError::TooSlow)?? {
        sessions.revocations().learn(&[revoked], Death::told(at, &sessions.world().clock));
    }
    Ok(())
}

/// Asks the database the time over the listening connection: that it answers is what makes the set trusted, and its
/// answer sets our clock. Returns when it was asked, on the clock of uptime.
async fn beat(sessions: &Sessions, listener: &mut PgListener) -> Result<Duration, DatabaseError> {
    let clock = &sessions.world().clock;
    let asked = clock.uptime();
    let connection = sqlx::Acquire::acquire(&mut *listener).await?;
    let answer = tokio::time::timeout(SILENCE.saturating_sub(HEARTBEAT), now(connection)).await;
    clock.heard(answer.map_err(|_elapsed| DatabaseError::TooSlow)??);
    while let Some(notification) = listener.next_buffered() {
        heed(sessions, &notification).await?;
    }
    sessions.revocations().prune(Death::now(clock));
    Ok(asked)
}

/// What fails here is tried again by the keys' own chore.
async fn reload_keys(sessions: &Sessions) {
    if let Err(error) = sessions.keys().reload().await {
        tracing::warn!(%error, "keys.reload_failed");
    }
}

/// A newer version may say what we do not understand: then the set is loaded anew before it is trusted again.
async fn heed(sessions: &Sessions, notification: &PgNotification) -> Result<(), DatabaseError> {
    match notification.channel() {
        REVOCATIONS => {}
        SIGNING_KEYS => {
            reload_keys(sessions).await;
            return Ok(());
        }
        // Another instance's greeting.
        _ => return Ok(()),
    }
    let revoked = Revoked::read(notification.payload());
    let revoked = revoked.ok_or(DatabaseError::Nonsense("a notification that this version does not understand"))?;
    sessions.revocations().learn(&revoked, Death::now(&sessions.world().clock));
    Ok(())
}
