//! How long a request waits for the database, added up wherever its units of work run.

use super::Duration;
use std::{cell::Cell, time::Instant};

tokio::task_local! {
    static WAITED: Cell<Duration>;
}

/// Does some work and returns how long it waited for the database meanwhile: for connections, statements and commits.
/// Units of work that ran side by side count each, so that it may be more than the time that passed.
pub async fn with_database_time<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let counted = async {
        let done = work.await;
        (done, WAITED.with(Cell::get))
    };
    WAITED.scope(Cell::new(Duration::ZERO), counted).await
}

/// Waits for the database, and adds the time to that of the work around it, if it is counted.
#[expect(clippy::disallowed_methods, reason = "a monotonic clock, to measure what an operator reads")]
pub async fn database_wait<T>(answer: impl Future<Output = T>) -> T {
    let asked = Instant::now();
    let answer = answer.await;
    // Background tasks are not counted.
    WAITED.try_with(|waited| waited.set(waited.get().saturating_add(asked.elapsed()))).unwrap_or_default();
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_are_added_up_where_they_are_counted() {
        let pause = || database_wait(tokio::time::sleep(Duration::from_millis(2)));
        let ((), nothing) = with_database_time(async {}).await;
        let ((), waited) = with_database_time(async {
            pause().await;
            pause().await;
        })
        .await;
        pause().await;
        assert_eq!(nothing, Duration::ZERO);
        assert!(waited > Duration::ZERO);
    }
}
