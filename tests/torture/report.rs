//! The result of a fault: in numbers, for readers and programs.

use crate::site::process::Held;
use serde_json::json;
use std::{fs, path::PathBuf};

/// The figures of one fault. `script/torture` prints them as a table.
#[derive(Debug, Default)]
pub struct Figures {
    pub fault: String,
    pub cycles: u64,
    pub rotations: u64,
    pub unavailable: u64,
    pub unanswered: u64,
    pub acknowledged_lost: usize,
    pub two_live: usize,
    pub false_revocations: usize,
    pub left_in_transaction: i64,
    pub before: Vec<Held>,
    pub after: Vec<Held>,
    /// What else is worth telling.
    pub note: String,
    pub violations: Vec<String>,
}

impl Figures {
    pub fn of(fault: &str) -> Self {
        Self { fault: fault.to_owned(), ..Self::default() }
    }

    pub fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    /// Writes them down, then fails if anything was wrong.
    pub fn conclude(mut self) {
        if self.left_in_transaction != 0 {
            self.violation(format!("{} connections are left in a transaction", self.left_in_transaction));
        }
        let verdict = if self.violations.is_empty() { "held" } else { "BROKEN" };
        self.write(verdict);
        assert!(self.violations.is_empty(), "{}: {:#?}", self.fault, self.violations);
    }

    fn write(&self, verdict: &str) {
        let held = |held: &[Held]| {
            held.iter()
                .map(|held| json!({ "descriptors": held.descriptors, "memory_mib": held.memory_mib }))
                .collect::<Vec<_>>()
        };
        let document = json!({
            "fault": self.fault,
            "cycles": self.cycles,
            "rotations": self.rotations,
            "answered_503": self.unavailable,
            "unanswered": self.unanswered,
            "acknowledged_lost": self.acknowledged_lost,
            "two_live_tokens": self.two_live,
            "false_revocations": self.false_revocations,
            "left_in_transaction": self.left_in_transaction,
            "before": held(&self.before),
            "after": held(&self.after),
            "note": self.note,
            "violations": self.violations,
            "verdict": verdict,
        });
        let folder = folder();
        fs::create_dir_all(&folder).unwrap();
        let name = self.fault.replace(|character: char| !character.is_alphanumeric(), "-");
        fs::write(folder.join(format!("{name}.json")), format!("{document:#}\n")).unwrap();
        fs::write(folder.join(format!("{name}.row")), self.row(verdict)).unwrap();
    }

    fn row(&self, verdict: &str) -> String {
        let change = |of: fn(&Held) -> u64| {
            let each =
                self.before.iter().zip(&self.after).map(|(before, after)| format!("{}→{}", of(before), of(after)));
            each.collect::<Vec<_>>().join(" ")
        };
        let descriptors = change(|held| u64::try_from(held.descriptors).unwrap());
        let cells = [
            self.fault.clone(),
            self.cycles.to_string(),
            self.rotations.to_string(),
            self.acknowledged_lost.to_string(),
            self.two_live.to_string(),
            self.false_revocations.to_string(),
            self.left_in_transaction.to_string(),
            format!("{descriptors} / {} MiB", change(|held| held.memory_mib)),
            if self.note.is_empty() { verdict.to_owned() } else { format!("{verdict} ({})", self.note) },
        ];
        cells.join("\t") + "\n"
    }
}

/// A fault that this machine does not allow: reported and recorded as not run.
pub fn could_not_run(fault: &str, why: &str) {
    eprintln!("torture: {fault} could not be run here: {why}");
    let figures = Figures { note: why.to_owned(), ..Figures::of(fault) };
    figures.write("could not be run here");
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("torture")
}
