use super::{
    Sessions,
    everyone::CLOCK_LAG,
    revocations::{Death, Revocation},
    store,
    trust::{Hints, Rejection, Rejections},
};
use crate::{
    kernel::{Clock, Duration, Moment},
    postgres::{Channel, Connector, DatabaseError, ReceivedNotification, now},
};
use sqlx::postgres::{PgListener, PgNotification};
use std::convert::Infallible;

/// How often the listening connection is checked.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a broken connection can go unnoticed: until then a revocation may be missed, after that the
/// database is asked.
const SILENCE: Duration = Duration::from_secs(5);
/// How often the listening task confirms that it is awake.
const TICK: Duration = Duration::from_millis(250);
/// A process that stood still (SIGSTOP) finds the set distrusted when it goes on, and asks the database until the task
/// has read what arrived meanwhile. For a machine that slept, whose clock of uptime slept too, [`SILENCE`] is the
/// bound.
const ATTENTION: Duration = Duration::from_secs(1);
/// If the last tick is longer ago than this, the process was stopped or very busy.
const STANDSTILL: Duration = Duration::from_millis(500);
/// Waits between attempts to connect: the first, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// How far back the tables are read after a hint. A transaction that revokes one user's sessions takes 3 s at most, and
/// the hint is acted on within [`HEARTBEAT`]; the revocation of all sessions is read in any case.
const HINTED: Duration = Duration::from_mins(1);

/// Keeps the revocation set complete until the process stops: listens, and when the connection breaks, reconnects and
/// loads what was missed before the set is trusted again. In between, bearer requests ask the database.
pub async fn feed(sessions: Sessions, connector: Connector) {
    let mut feed = Feed { sessions, hints: Hints::default(), rejections: Rejections::default() };
    let clock = feed.sessions.world().clock.clone();
    let mut wait = BACK_OFF.0;
    loop {
        let began = clock.uptime();
        let Err(error) = feed.listen(&connector).await;
        feed.sessions.revocations().distrust();
        feed.sessions.world().metrics.feed_lost();
        tracing::warn!(error = error.chain(), "sessions.feed_lost");
        let lasted = clock.uptime().saturating_sub(began);
        wait = if lasted > SILENCE { BACK_OFF.0 } else { (wait * 2).min(BACK_OFF.1) };
        tokio::time::sleep(wait).await;
    }
}

struct Feed {
    sessions: Sessions,
    hints: Hints,
    rejections: Rejections,
}

impl Feed {
    async fn listen(&mut self, connector: &Connector) -> Result<Infallible, DatabaseError> {
        let primary = connector.primary_position();
        let mut listener = connector.listen(&Channel::ALL.map(Channel::name)).await?;
        // Listening first and loading then leaves no gap: what commits in between is notified.
        let keep = self.sessions.revocations().keep();
        self.load(&mut listener, keep).await?;
        self.sessions.end_again().await?;
        self.reload_keys().await;
        let mut beat = self.beat(&mut listener).await?;
        self.trust(beat);
        tracing::info!(revocations = self.sessions.revocations().len(), "sessions.feed_listening");
        let mut awake = beat;
        loop {
            match tokio::time::timeout(TICK, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => self.receive(&notification),
                Ok(Ok(None)) => return Err(DatabaseError::TooSlow),
                Ok(Err(error)) => return Err(error.into()),
                Err(_elapsed) => {}
            }
            // The old primary may go on and answer: it receives none of what is revoked on the new one.
            if connector.primary_position() != primary {
                return Err(DatabaseError::Moved);
            }
            let uptime = self.clock().uptime();
            // After a standstill the tick may come before what lies in the socket: only an answer from the other end
            // proves that everything has been read.
            if uptime >= beat + HEARTBEAT || uptime >= awake + STANDSTILL {
                beat = self.beat(&mut listener).await?;
            }
            awake = uptime;
            if self.clock().uptime() < uptime + STANDSTILL {
                self.trust(beat);
            }
        }
    }

    fn clock(&self) -> &Clock {
        &self.sessions.world().clock
    }

    /// Everything has been read at this moment; the other end answered at `beat`.
    fn trust(&self, beat: Duration) {
        let uptime = self.clock().uptime();
        self.sessions.revocations().trust(beat, (uptime + ATTENTION).min(beat + SILENCE));
    }

    /// Loads from the tables what was revoked within so long.
    async fn load(&self, listener: &mut PgListener, within: Duration) -> Result<(), DatabaseError> {
        let connection = sqlx::Acquire::acquire(listener).await?;
        let loading = tokio::time::timeout(SILENCE, store::recent(connection, within));
        for (revoked, at) in loading.await.map_err(|_elapsed| DatabaseError::TooSlow)?? {
            self.sessions.revocations().apply(&[revoked], Death::received(at, self.clock()));
        }
        Ok(())
    }

    /// Asks the database the time over the listening connection: that it answers is what makes the set trusted, and its
    /// answer sets our clock. Then follows up the hints that have come since the last time, however many there were.
    /// Returns when it was asked, on the clock of uptime.
    async fn beat(&mut self, listener: &mut PgListener) -> Result<Duration, DatabaseError> {
        let asked = self.clock().uptime();
        let connection = sqlx::Acquire::acquire(&mut *listener).await?;
        let answer = tokio::time::timeout(SILENCE.saturating_sub(HEARTBEAT), now(connection)).await;
        self.clock().synchronize(answer.map_err(|_elapsed| DatabaseError::TooSlow)??);
        while let Some(notification) = listener.next_buffered() {
            self.receive(&notification);
        }
        self.sessions.revocations().prune(Death::now(self.clock()));
        let hints = std::mem::take(&mut self.hints);
        if hints.revocations {
            self.load(listener, HINTED).await?;
        }
        if hints.signing_keys {
            self.reload_keys().await;
        }
        self.rejections.report(asked);
        Ok(asked)
    }

    /// What fails here is tried again by the keys' own background task.
    async fn reload_keys(&self) {
        if let Err(error) = self.sessions.keys().reload().await {
            tracing::warn!(%error, "keys.reload_failed");
        }
    }

    /// Reads no database: whatever a stranger sends costs us no more than its reading.
    fn receive(&mut self, received: &PgNotification) {
        let Some(channel) = Channel::from_name(received.channel()) else { return };
        let opened = self.sessions.world().notifications.open(channel, received.payload());
        match (channel, opened) {
            (_, None) => self.reject(channel, Rejection::NotGenuine),
            (_, Some(notification)) if self.is_stale(&notification) => self.reject(channel, Rejection::Stale),
            (Channel::Revocations, Some(notification)) => self.apply(&notification),
            (Channel::SigningKeys, Some(notification)) => {
                self.hints.signing_keys |= !self.sessions.keys().has(&notification.text);
            }
        }
    }

    /// Recorded and sent again, or sent right before the database's clock was set. A session revoked so long ago can
    /// no longer be presented.
    fn is_stale(&self, notification: &ReceivedNotification) -> bool {
        let age = (self.clock().now() - notification.sent_at).abs();
        age.to_std().is_ok_and(|age| age > self.sessions.revocations().keep())
    }

    /// The tables decide: an instance of an older version sends no sealed notifications, a clock may have been set, a
    /// newer version may say what we do not understand.
    fn reject(&mut self, channel: Channel, rejection: Rejection) {
        self.hints.revocations |= channel == Channel::Revocations;
        self.rejections.add(rejection);
        self.sessions.world().metrics.notification_rejected(channel.name(), rejection.name());
    }

    fn apply(&mut self, notification: &ReceivedNotification) {
        let (mut revoked, is_all) = Revocation::read(&notification.text);
        let (number, latest) = (revoked.len(), self.clock().now() + CLOCK_LAG);
        revoked.retain(|revoked| has_happened(revoked, latest));
        if !is_all || revoked.len() < number {
            self.reject(Channel::Revocations, Rejection::NotUnderstood);
        }
        self.sessions.revocations().apply(&revoked, Death::now(self.clock()));
    }
}

/// Sessions that have yet to be opened cannot have been revoked.
fn has_happened(revoked: &Revocation, latest: Moment) -> bool {
    match revoked {
        Revocation::Session(_) | Revocation::Access(..) => true,
        Revocation::Everyone(at) => *at <= latest,
    }
}
