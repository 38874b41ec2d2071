use crate::{config::FeedReaders, kernel::Duration, sessions::Sessions};
use tokio::time::MissedTickBehavior;

/// How often listeners hear that nothing else was revoked.
const BEAT: Duration = Duration::from_secs(1);
/// How long revocations are collected after an event, so that many at once share the next one.
const PAUSE: Duration = Duration::from_millis(20);

/// Publishes the revocations that this instance learns of, until the process stops.
pub async fn publish(sessions: Sessions) {
    if matches!(sessions.world().config.feed.readers, FeedReaders::Nobody) {
        return;
    }
    let (revocations, stream) = (sessions.revocations(), sessions.stream());
    revocations.follow();
    let mut beats = tokio::time::interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_beat_due = tokio::select! {
            _ = beats.tick() => true,
            () = revocations.changed() => false,
        };
        stream.publish(is_beat_due);
        if !is_beat_due {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
