use super::verify::{Report, verify};
use crate::{
    kernel::{Duration, Stopwatch},
    postgres::{Connector, DatabaseError},
    world::World,
};

/// The shortest pause between two verifications.
const SHORTEST_PAUSE: Duration = Duration::from_mins(1);
/// A pause is as many times as long as the verification before it: verifying takes one percent of the time.
const PAUSES: u32 = 100;

/// Verifies the log again and again, until the server stops.
pub async fn keep_verified(world: World, connector: Connector) {
    let mut pause = SHORTEST_PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        let watch = Stopwatch::start();
        if let Err(error) = verify_again(&world, &connector).await {
            tracing::warn!(error = error.chain(), "audit.verification_failed");
        }
        pause = watch.elapsed().saturating_mul(PAUSES).max(SHORTEST_PAUSE);
    }
}

/// Verifies the log, and raises an alarm if anything is found that no operator has accepted.
///
/// # Errors
/// When the database fails.
pub async fn verify_again(world: &World, connector: &Connector) -> Result<Report, DatabaseError> {
    let report = verify(world, connector, None).await?;
    let alarming = report.alarming();
    world.metrics.audit().findings.set(i64::try_from(alarming).unwrap_or(i64::MAX));
    if alarming > 0 {
        let cases: Vec<_> = report.conclusions.iter().map(|conclusion| conclusion.case).collect();
        let cases = cases.join(", ");
        tracing::error!(findings = alarming, cases, "audit.findings: see `heirloom audit verify`");
    }
    Ok(report)
}
