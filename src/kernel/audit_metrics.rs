use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use std::sync::atomic::AtomicU64;

/// The metrics of the audit log.
#[derive(Debug, Default)]
pub struct AuditMetrics {
    /// Whether the head of the audit chain is refused (1) or not (0).
    pub chain_refused: Gauge,
    /// How long the oldest event has waited for its place in the chain.
    pub chain_lag: Gauge<f64, AtomicU64>,
    /// What the last verification found that no operator has accepted.
    pub findings: Gauge,
    /// Events that the database accepted and did not write.
    pub unwritten: Counter,
    /// Events of this instance that the database confirmed and no longer has.
    pub missing: Counter,
    suppressed: Family<KindLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

impl AuditMetrics {
    /// An event of this kind was not recorded: its user had caused as many in this hour as are recorded.
    pub fn suppressed(&self, kind: &'static str) {
        self.suppressed.get_or_create(&KindLabels { kind }).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "1 while the head of the audit chain is refused: forged, or older than one this server has seen";
        registry.register("audit_chain_refused", help, self.chain_refused.clone());
        let help = "Age of the oldest audit event that is not chained yet";
        registry.register_with_unit("audit_chain_lag", help, Unit::Seconds, self.chain_lag.clone());
        let help = "Findings of the last verification of the audit log that no operator has accepted";
        registry.register("audit_findings", help, self.findings.clone());
        let help = "Audit events that the database accepted and did not write";
        registry.register("audit_events_unwritten", help, self.unwritten.clone());
        let help = "Audit events that the database confirmed and no longer has";
        registry.register("audit_events_missing", help, self.missing.clone());
        let help = "Refusals that were not recorded because their user had reached the hourly limit";
        registry.register("audit_events_suppressed", help, self.suppressed.clone());
    }
}
