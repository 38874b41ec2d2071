//! The report of a run.

use super::{
    kit::Stop,
    scenario::Scenario,
    trial::{Objection, Seen},
};
use serde::Serialize;

/// The verdict on a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// What should hold, held.
    Holds,
    /// It did not.
    Violated,
    /// Nothing is known: it could not be tried, or not to its end.
    CouldNotBeTried,
    /// The server or the command line lacks what it needs.
    Skipped,
}

impl Verdict {
    /// As in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Violated => "VIOLATED",
            Self::CouldNotBeTried => "COULD NOT BE TRIED",
            Self::Skipped => "skipped",
        }
    }
}

/// One scenario and its verdict.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Its name.
    pub scenario: &'static str,
    /// The rules that it tries.
    pub rules: &'static [&'static str],
    /// Requests sent.
    pub calls: u64,
    /// Sessions whose histories were checked.
    pub sessions: usize,
    /// What a correct server does.
    pub should_hold: &'static str,
    /// What this one did, in short.
    pub saw: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it did not hold.
    pub objections: Vec<Objection>,
    /// Whether only outages were in the way, so that another attempt may succeed.
    #[serde(skip)]
    pub(super) disturbed: bool,
}

/// The verdicts on all scenarios.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether something was tried, and everything that was tried holds.
    pub holds: bool,
    /// Repeats the random choices.
    pub seed: u64,
    /// The server's instances.
    pub urls: Vec<String>,
    /// The profile.
    pub profile: String,
    /// Why nothing was tried: the profile does not fit the server, or the server does not answer.
    pub preflight: Option<String>,
    /// In the order in which they ran.
    pub scenarios: Vec<Row>,
}

impl Row {
    /// A scenario that did not run.
    #[must_use]
    pub(super) fn not_run(scenario: &Scenario) -> Self {
        Self::judge(scenario, 0, Seen::default(), Err(Stop::Fail("the preflight failed".to_owned())))
    }

    /// Judges what a trial has seen.
    #[must_use]
    pub(super) fn judge(scenario: &Scenario, calls: u64, seen: Seen, ended: Result<(), Stop>) -> Self {
        let disturbed = !seen.unanswered.is_empty();
        let (verdict, why) = verdict(scenario, &seen, ended);
        let saw = why.unwrap_or_else(|| saw(&seen));
        Self {
            scenario: scenario.name,
            rules: scenario.rules,
            calls,
            sessions: seen.families,
            should_hold: scenario.holds,
            saw,
            verdict,
            objections: seen.objections,
            disturbed: disturbed && verdict == Verdict::CouldNotBeTried,
        }
    }
}

/// The verdict, and the reason if it is another than what was seen.
fn verdict(scenario: &Scenario, seen: &Seen, ended: Result<(), Stop>) -> (Verdict, Option<String>) {
    if !seen.objections.is_empty() {
        return (Verdict::Violated, None);
    }
    match ended {
        Err(Stop::Skip(why)) => return (Verdict::Skipped, Some(why)),
        Err(Stop::Fail(why)) => return (Verdict::CouldNotBeTried, Some(why)),
        Ok(()) => {}
    }
    let untried = |why: String| (Verdict::CouldNotBeTried, Some(why));
    if !seen.unforeseen.is_empty() {
        let answers = seen.unforeseen.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        return untried(format!("answers that the profile does not know: {answers}"));
    }
    if seen.given_up > 0 {
        return untried(format!("the search was given up for {} histories", seen.given_up));
    }
    if !seen.unanswered.is_empty() && !scenario.bears_outages() {
        let causes: Vec<_> = seen.unanswered.iter().map(|(cause, count)| format!("{count} × {cause}")).collect();
        return untried(format!("an outage may hide what should be seen, run it again: {}", causes.join(", ")));
    }
    if seen.rotations == 0 {
        return untried("no refresh token was rotated".to_owned());
    }
    (Verdict::Holds, None)
}

fn saw(seen: &Seen) -> String {
    let counted = seen.outcomes.iter().map(|(word, count)| format!("{count} {word}"));
    let wrong =
        (seen.contradictions > 0).then(|| format!("{} of {} histories wrong", seen.contradictions, seen.families));
    counted.chain(seen.notes.iter().cloned()).chain(wrong).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{super::scenario::ALL, *};

    fn judged(seen: Seen, ended: Result<(), Stop>) -> Verdict {
        ALL.first().map_or(Verdict::CouldNotBeTried, |scenario| Row::judge(scenario, 1, seen, ended).verdict)
    }

    fn seen() -> Seen {
        Seen { families: 1, rotations: 1, ..Seen::default() }
    }

    #[test]
    fn only_what_was_seen_to_hold_holds() {
        let objection = Objection { what: "two live tokens".to_owned(), calls: Vec::new() };
        let unforeseen = ["418".to_owned()].into();
        for (expected, seen, ended) in [
            (Verdict::Holds, seen(), Ok(())),
            (Verdict::Violated, Seen { objections: vec![objection.clone()], ..seen() }, Ok(())),
            (Verdict::Violated, Seen { objections: vec![objection], ..seen() }, Err(Stop::Fail(String::new()))),
            (Verdict::Skipped, seen(), Err(Stop::Skip(String::new()))),
            (Verdict::CouldNotBeTried, seen(), Err(Stop::Fail(String::new()))),
            (Verdict::CouldNotBeTried, Seen { unforeseen, ..seen() }, Ok(())),
            (Verdict::CouldNotBeTried, Seen { given_up: 1, ..seen() }, Ok(())),
            (Verdict::CouldNotBeTried, Seen { unanswered: [("503".to_owned(), 1)].into(), ..seen() }, Ok(())),
            (Verdict::CouldNotBeTried, Seen { rotations: 0, ..seen() }, Ok(())),
        ] {
            assert_eq!(judged(seen, ended), expected);
        }
    }
}
