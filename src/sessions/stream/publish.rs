use crate::{config::FeedReaders, kernel::Duration, sessions::Sessions};
use tokio::time::MissedTickBehavior;

/// How often listeners hear that nothing else was revoked.
const BEAT: Duration = Duration::from_secs(1);
/// How long revocations are collected after an event, so that many at once share the next one; and the pause between two turns
/// of a beat.
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
    let mut do_some_wait = false;
    loop {
        let is_beat_due = tokio::select! {
            biased;
            _ = beats.tick() => true,
            () = revocations.changed() => false,
            () = std::future::ready(()), if do_some_wait => false,
        };
        do_some_wait = stream.publish(is_beat_due);
        if do_some_wait || !is_beat_due {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
