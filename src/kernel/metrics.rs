//! What is counted: numbers for an operator, labels from short fixed lists, never a name, an address or a token.

use super::{AuditMetrics, Duration, tasks::Tasks};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
};

/// Upper bounds of the request histogram, in seconds: from a rotation on a quiet machine to the five of S-37.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Upper bounds of the histogram of batches, in rotations.
const BATCH_SIZES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// The process's metrics (OpenMetrics 1.0). Code increments counters as events occur; gauges are sampled at scrape time.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
    rotations: Family<OutcomeLabels, Counter>,
    batches: Histogram,
    sign_ins: Family<OutcomeLabels, Counter>,
    second_factors: Family<FactorLabels, Counter>,
    refused: Family<LimitLabels, Counter>,
    ended: Family<ReasonLabels, Counter>,
    mails: Family<OutcomeLabels, Counter>,
    confirmations: Family<ConfirmationLabels, Counter>,
    upstream: Family<UpstreamLabels, Counter>,
    swept: Counter,
    feed_losses: Counter,
    notifications_rejected: Family<RejectionLabels, Counter>,
    streamed: Family<EventLabels, Counter>,
    tasks: Tasks,
    task_age: Family<TaskLabels, Level>,
    task_interval: Family<TaskLabels, Level>,
    gauges: Gauges,
    audit: AuditMetrics,
}

/// The outcome of a successful refresh.
pub const ROTATED: &str = "rotated";

/// A gauge in seconds or another fractional unit.
pub type Level = Gauge<f64, AtomicU64>;

/// Gauges, sampled at scrape time.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Entries in the revocation set.
    pub revocations: Gauge,
    /// Seconds since the set was last known to be complete.
    pub revocations_age: Level,
    /// Whether bearer requests are answered from the set (1) or from the database (0).
    pub revocations_trusted: Gauge,
    /// Who listens to the stream of revocations.
    pub listeners: Gauge,
    /// Connections in the pool.
    pub connections: Gauge,
    /// Idle connections of the pool.
    pub connections_idle: Gauge,
    /// Maximum size of the pool.
    pub connections_max: Gauge,
    /// Passwords waiting to be hashed.
    pub hashing_queued: Gauge,
    /// Passwords being hashed.
    pub hashing_running: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpstreamLabels {
    preset: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConfirmationLabels {
    purpose: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FactorLabels {
    factor: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RejectionLabels {
    channel: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskLabels {
    task: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    limit: &'static str,
}

impl Metrics {
    /// All counters at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("heirloom"),
            requests: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            rotations: Family::default(),
            batches: Histogram::new(BATCH_SIZES),
            sign_ins: Family::default(),
            second_factors: Family::default(),
            refused: Family::default(),
            ended: Family::default(),
            mails: Family::default(),
            confirmations: Family::default(),
            upstream: Family::default(),
            swept: Counter::default(),
            feed_losses: Counter::default(),
            notifications_rejected: Family::default(),
            streamed: Family::default(),
            tasks: Tasks::default(),
            task_age: Family::default(),
            task_interval: Family::default(),
            gauges: Gauges::default(),
            audit: AuditMetrics::default(),
        };
        inner.register();
        Self(Arc::new(inner))
    }

    /// A request was answered. `route` is the pattern that matched, never the path.
    pub fn answered(&self, method: &str, route: Option<String>, status: u16, elapsed: Duration) {
        let route = route.unwrap_or_else(|| "-".to_owned());
        let labels = RequestLabels { method: known_method(method), route, status };
        self.0.requests.get_or_create(&labels).observe(elapsed.as_secs_f64());
    }

    /// A refresh token was presented: an outcome of S-16 to S-26, or `unavailable`.
    pub fn rotated(&self, outcome: &'static str) {
        self.0.rotations.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Rotations were sent to the database in one statement.
    pub fn batched(&self, rotations: usize) {
        self.0.batches.observe(f64::from(u32::try_from(rotations).unwrap_or(u32::MAX)));
    }

    /// How many refresh tokens were rotated.
    #[must_use]
    pub fn rotations(&self) -> u64 {
        self.0.rotations.get_or_create(&OutcomeLabels { outcome: ROTATED }).get()
    }

    /// A sign-in was attempted.
    pub fn signed_in(&self, outcome: &'static str) {
        self.0.sign_ins.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// The code of a second factor was presented.
    pub fn second_factor(&self, factor: &'static str, outcome: &'static str) {
        self.0.second_factors.get_or_create(&FactorLabels { factor, outcome }).inc();
    }

    /// A rate limit rejected a request.
    pub fn limited(&self, limit: &'static str) {
        self.0.refused.get_or_create(&LimitLabels { limit }).inc();
    }

    /// Live sessions were revoked.
    pub fn ended(&self, reason: &'static str, sessions: u64) {
        self.0.ended.get_or_create(&ReasonLabels { reason }).inc_by(sessions);
    }

    /// An email was sent, was not, or was not enqueued.
    pub fn mailed(&self, outcome: &'static str) {
        self.0.mails.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Something happened to a confirmation of this purpose.
    pub fn confirmation(&self, purpose: &'static str, outcome: &'static str) {
        self.0.confirmations.get_or_create(&ConfirmationLabels { purpose, outcome }).inc();
    }

    /// A user came back from another provider of this kind, or could not be sent there.
    pub fn upstream(&self, preset: &'static str, outcome: &'static str) {
        self.0.upstream.get_or_create(&UpstreamLabels { preset, outcome }).inc();
    }

    /// Sessions were deleted.
    pub fn swept(&self, sessions: u64) {
        self.0.swept.inc_by(sessions);
    }

    /// The connection that receives revocations broke.
    pub fn feed_lost(&self) {
        self.0.feed_losses.inc();
    }

    /// A notification was rejected.
    pub fn notification_rejected(&self, channel: &'static str, reason: &'static str) {
        self.0.notifications_rejected.get_or_create(&RejectionLabels { channel, reason }).inc();
    }

    /// An event of this kind was signed for the stream of revocations.
    pub fn streamed(&self, kind: &'static str) {
        self.0.streamed.get_or_create(&EventLabels { kind }).inc();
    }

    /// A background task with this interval last ran this long before this uptime.
    pub fn task_seen(&self, task: &'static str, interval: Duration, age: Duration, uptime: Duration) {
        self.0.tasks.seen(task, interval, age, uptime);
    }

    /// Sets the gauges of background tasks to what they are at this uptime.
    pub fn observe_tasks(&self, uptime: Duration) {
        for task in self.0.tasks.ages(uptime) {
            let labels = TaskLabels { task: task.name };
            self.0.task_age.get_or_create(&labels).set(task.age.as_secs_f64());
            self.0.task_interval.get_or_create(&labels).set(task.interval.as_secs_f64());
        }
    }

    /// The gauges.
    #[must_use]
    pub fn gauges(&self) -> &Gauges {
        &self.0.gauges
    }

    /// Those of the audit log.
    #[must_use]
    pub fn audit(&self) -> &AuditMetrics {
        &self.0.audit
    }

    /// All metrics, as OpenMetrics text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut page = String::new();
        // Writing to a string fails only where an encoder of the library does.
        if text::encode(&mut page, &self.0.registry).is_err() {
            tracing::error!("metrics.not_encoded");
        }
        page
    }
}

impl Inner {
    fn register(&mut self) {
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        let registry = &mut self.registry;
        registry.register("build", "The running version", build);
        let help = "Duration of requests by route and status";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, self.requests.clone());
        registry.register("rotations", "Presented refresh tokens by outcome", self.rotations.clone());
        let help = "Rotations sent to the database in one statement";
        registry.register("rotation_batch_size", help, self.batches.clone());
        registry.register("sign_ins", "Sign-in attempts by outcome", self.sign_ins.clone());
        let help = "Second factors that were presented, by factor and outcome";
        registry.register("second_factors", help, self.second_factors.clone());
        registry.register("requests_limited", "Requests rejected by a rate limit", self.refused.clone());
        registry.register("sessions_ended", "Live sessions that were revoked", self.ended.clone());
        let help = "Emails by outcome: sent, failed, or kept out of the outbox by a limit";
        registry.register("mails", help, self.mails.clone());
        let help = "What was requested and confirmed by email, by purpose and outcome";
        registry.register("confirmations", help, self.confirmations.clone());
        let help = "Sign-ins with other providers, by preset and outcome";
        registry.register("upstream_sign_ins", help, self.upstream.clone());
        registry.register("sessions_swept", "Sessions deleted by this instance", self.swept.clone());
        let help = "Time since a background task last ran";
        registry.register_with_unit("background_task_age", help, Unit::Seconds, self.task_age.clone());
        let help = "Interval at which a background task runs";
        registry.register_with_unit("background_task_interval", help, Unit::Seconds, self.task_interval.clone());
        let Gauges { connections, connections_idle, connections_max, hashing_queued, hashing_running, .. } =
            &self.gauges;
        self.audit.register(registry);
        registry.register("database_connections", "Open pool connections", connections.clone());
        registry.register("database_connections_idle", "Idle pool connections", connections_idle.clone());
        registry.register("database_connections_max", "Maximum pool size", connections_max.clone());
        registry.register("hashing_queued", "Passwords waiting to be hashed", hashing_queued.clone());
        registry.register("hashing_running", "Passwords being hashed", hashing_running.clone());
        self.register_revocations();
    }

    fn register_revocations(&mut self) {
        let registry = &mut self.registry;
        let help = "Lost connections to the revocation feed";
        registry.register("revocation_feed_losses", help, self.feed_losses.clone());
        let help = "Notifications rejected as invalid";
        registry.register("notifications_rejected", help, self.notifications_rejected.clone());
        let help = "Events of the stream of revocations, by kind";
        registry.register("revocation_events", help, self.streamed.clone());
        let Gauges { revocations, revocations_age, revocations_trusted, listeners, .. } = &self.gauges;
        registry.register("revocation_set_entries", "Entries in the revocation set", revocations.clone());
        let help = "Time since the revocation set was last known to be complete";
        registry.register_with_unit("revocation_set_age", help, Unit::Seconds, revocations_age.clone());
        let help = "Whether access tokens are checked against the set (1) or the database (0)";
        registry.register("revocation_set_trusted", help, revocations_trusted.clone());
        registry.register("revocation_listeners", "Listeners to the stream of revocations", listeners.clone());
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// A stranger may invent methods; each would be a new time series.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_exported() {
        let metrics = Metrics::new();
        metrics.rotated("reused");
        metrics.answered("BREW", None, 405, Duration::from_millis(2));
        metrics.gauges().revocations.set(3);
        let text = metrics.text();
        assert!(text.contains("heirloom_rotations_total{outcome=\"reused\"} 1"), "{text}");
        assert!(text.contains("heirloom_revocation_set_entries 3"), "{text}");
        let counted = "heirloom_http_request_duration_seconds_count{method=\"other\",route=\"-\",status=\"405\"} 1";
        assert!(text.contains(counted), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
