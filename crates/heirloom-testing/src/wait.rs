use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a condition may take. It ends a test that fails and measures nothing, so it is far longer than a busy
/// machine needs.
const LIMIT: Duration = Duration::from_mins(3);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until something holds.
///
/// # Panics
///
/// If it does not hold within three minutes.
pub async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(PAUSE).await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, waiting).await.is_ok(), "it did not happen within {LIMIT:?}: {what}");
}

/// The same where nothing is asynchronous.
///
/// # Panics
///
/// If it does not hold within three minutes.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < LIMIT, "it did not happen within {LIMIT:?}: {what}");
        thread::sleep(PAUSE);
    }
}
