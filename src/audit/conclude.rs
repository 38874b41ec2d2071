use super::{finding::ChainFinding, head::StoredEnd, walk::span};
use serde::Serialize;
use std::collections::BTreeMap;

/// What findings add up to: one case, and what an operator can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conclusion {
    /// A stable code.
    pub case: &'static str,
    /// What happened.
    pub says: String,
}

/// What conclusions are drawn from.
pub(super) struct Evidence<'a> {
    pub findings: &'a [ChainFinding],
    pub end: StoredEnd,
    /// Changed and inserted events by month.
    pub by_month: &'a BTreeMap<String, u64>,
    /// What holds a lock on the head.
    pub holder: Option<&'a str>,
}

/// The cases, the head's first.
pub(super) fn conclude(evidence: &Evidence<'_>) -> Vec<Conclusion> {
    let mut cases: Vec<_> = of_the_head(evidence).into_iter().collect();
    cases.extend(evidence.by_month.iter().map(|(month, events)| Conclusion {
        case: "month_rewritten",
        says: format!(
            "{events} events of {month} were changed or inserted by something else than Heirloom, below. Their backup or \
             export shows what they said; then heirloom audit resume --accept-findings"
        ),
    }));
    cases.extend(of_removals(evidence.findings));
    cases.extend(evidence.findings.iter().filter_map(|finding| of_one(finding, evidence.holder)));
    cases
}

fn of_the_head(evidence: &Evidence<'_>) -> Option<Conclusion> {
    let is_wrong = evidence.findings.contains(&ChainFinding::HeadForged);
    let (case, what) = match evidence.end {
        StoredEnd::Missing => ("head_missing", "The head of the chain was removed"),
        StoredEnd::Reset => ("head_reset", "The head of the chain was set back to its beginning"),
        StoredEnd::Foreign => {
            ("head_forged", "The head of the chain was not written by Heirloom, or under another master key")
        }
        StoredEnd::Ours if is_wrong => ("head_set_back", "The head of the chain is an older one: events follow it"),
        StoredEnd::Ours => return None,
    };
    let todo = "Servers chain nothing. Find out who wrote to the database, then run heirloom audit resume";
    Some(Conclusion { case, says: format!("{what}. {todo}") })
}

fn of_removals(findings: &[ChainFinding]) -> Option<Conclusion> {
    let removed = findings.iter().fold(0_i64, |sum, finding| sum.saturating_add(finding.removed()));
    (removed > 0).then(|| Conclusion {
        case: "events_removed",
        says: format!(
            "{removed} events were removed from the chain. Their backup or export shows what they said; then heirloom audit \
             resume --accept-findings"
        ),
    })
}

fn of_one(finding: &ChainFinding, holder: Option<&str>) -> Option<Conclusion> {
    let (case, says) = match finding {
        ChainFinding::Missing { first, last, .. } => (
            "events_removed_before_chaining",
            format!("{} events were removed before they were chained, or a fail-over lost them", span(*first, *last)),
        ),
        ChainFinding::HeadRegressed { stored, seen } => (
            "backup_restored",
            format!(
                "The database went back from the head {seen} to {stored}: it was restored from a backup, or failed over. If \
                 you did that, run heirloom audit resume --after-restore"
            ),
        ),
        ChainFinding::NotTheNotedHead { seq } => (
            "not_the_noted_log",
            format!("Event {seq} is not as noted: the log was restored from a backup, shortened, or written again"),
        ),
        ChainFinding::Silenced { table, by } => {
            ("inserts_silenced", format!("{by} on {table} can keep events from being written or shown. Remove it"))
        }
        ChainFinding::Lagging { seconds, .. } => (
            "chain_lagging",
            format!(
                "The chain is {seconds} seconds behind. A lock on audit_chain_head is held by {}",
                holder.unwrap_or("no process: is a server running?")
            ),
        ),
        ChainFinding::AnchorForged { .. } => {
            ("anchor_forged", "The record of a dropped month was not written by Heirloom".to_owned())
        }
        ChainFinding::Unverifiable { .. } => (
            "master_key_missing",
            "Events are of a master key that is not configured: add it to HEIRLOOM_MASTER_KEY_PREVIOUS".to_owned(),
        ),
        ChainFinding::Changed { .. }
        | ChainFinding::Removed { .. }
        | ChainFinding::Inserted { .. }
        | ChainFinding::HeadForged => {
            return None;
        }
    };
    Some(Conclusion { case, says })
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn cases(findings: &[ChainFinding], end: StoredEnd) -> Vec<&'static str> {
        let by_month = BTreeMap::new();
        let evidence = Evidence { findings, end, by_month: &by_month, holder: None };
        conclude(&evidence).into_iter().map(|conclusion| conclusion.case).collect()
    }

    #[test]
    fn each_case_has_a_name_of_its_own() {
        assert_eq!(cases(&[], StoredEnd::Ours), [""; 0]);
        assert_eq!(cases(&[ChainFinding::HeadForged], StoredEnd::Missing), ["head_missing"]);
        assert_eq!(cases(&[ChainFinding::HeadForged], StoredEnd::Reset), ["head_reset"]);
        assert_eq!(cases(&[ChainFinding::HeadForged], StoredEnd::Foreign), ["head_forged"]);
        assert_eq!(cases(&[ChainFinding::HeadForged], StoredEnd::Ours), ["head_set_back"]);
        let missing = ChainFinding::Missing { series: Uuid::nil(), first: 1, last: 2 };
        let removed = ChainFinding::Removed { first: 1, last: 2 };
        let lagging = ChainFinding::Lagging { events: 1, seconds: 90 };
        let restored = ChainFinding::HeadRegressed { stored: 1, seen: 2 };
        let silenced = ChainFinding::Silenced { table: "audit_events".to_owned(), by: "the rule x".to_owned() };
        let all = [missing, removed, lagging, restored, silenced];
        let expected = [
            "events_removed",
            "events_removed_before_chaining",
            "chain_lagging",
            "backup_restored",
            "inserts_silenced",
        ];
        assert_eq!(cases(&all, StoredEnd::Ours), expected);
    }
}
