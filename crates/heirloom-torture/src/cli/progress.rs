//! What a run reports while it lasts, on standard error: standard output has the report only.

use heirloom_terminal::printable;
use heirloom_torture::Progress;
use std::{
    io::{self, Write},
    time::Duration,
};

/// A line for each scenario that has finished, and now and then one while it runs.
pub fn show(progress: &Progress<'_>) {
    match progress {
        Progress::Running(name, since, calls) => note(&format!("{name} … {} s, {calls} calls in all", since.as_secs())),
        Progress::Waiting(name, left) => {
            note(&format!("{name} … a rate limit asks to wait for {} s more", left.as_secs().saturating_add(1)));
        }
        // The report names what was not run, and why.
        Progress::Done(row) if row.calls == 0 => {}
        Progress::Done(row) => {
            let took = Duration::from_millis(row.duration_ms).as_secs_f64();
            let verdict = row.verdict.name();
            note(&format!("{verdict:<18}  {:<24}  {took:>5.1} s, {} calls", row.scenario, row.calls));
        }
    }
}

/// A line of its own.
pub fn note(line: &str) {
    // A closed standard error stops no run.
    drop(writeln!(io::stderr(), "heirloom-torture: {}", printable(line)));
}
