//! One scenario: what its attempts have seen, and its verdict.

use super::{
    kit::Stop,
    property::Property,
    report::{ScenarioReport, Verdict},
    scenario::Scenario,
    trial::Seen,
};
use std::time::Duration;

/// How a scenario ended, over all its attempts.
#[derive(Debug)]
pub struct Row {
    /// Which.
    pub scenario: &'static Scenario,
    /// Requests sent.
    pub calls: u64,
    /// In all attempts.
    pub seen: Seen,
    /// How the last attempt ended.
    pub ended: Result<(), Stop>,
    /// How often it was run.
    pub attempts: u32,
    /// How long it took.
    pub lasted: Duration,
}

impl Row {
    /// A scenario that did not run.
    #[must_use]
    pub fn not_run(scenario: &'static Scenario, why: Stop) -> Self {
        let (calls, seen, attempts, lasted) = (0, Seen::default(), 0, Duration::ZERO);
        Self { scenario, calls, seen, ended: Err(why), attempts, lasted }
    }

    /// Whether only outages were in the way, so that another attempt may succeed.
    #[must_use]
    pub fn is_disturbed(&self) -> bool {
        !self.seen.unanswered.is_empty() && self.verdict().0 == Verdict::CouldNotBeTried
    }

    /// Adds another attempt. What an earlier one has shown stays.
    pub fn add(&mut self, later: Self) {
        self.calls = self.calls.saturating_add(later.calls);
        self.seen.merge(later.seen);
        self.ended = later.ended;
        self.attempts = self.attempts.saturating_add(later.attempts);
        self.lasted = self.lasted.saturating_add(later.lasted);
    }

    /// The verdict, and the reason if it is another than what was seen.
    #[must_use]
    pub fn verdict(&self) -> (Verdict, Option<String>) {
        let seen = &self.seen;
        if !seen.found.is_empty() {
            return (Verdict::Violated, None);
        }
        match &self.ended {
            Err(Stop::Skip(why)) => return (Verdict::NotApplicable, Some(why.clone())),
            Err(Stop::Fail(why)) => return (Verdict::CouldNotBeTried, Some(why.clone())),
            Ok(()) => {}
        }
        match self.hindrance() {
            Some(why) => (Verdict::CouldNotBeTried, Some(why)),
            None if self.judged().next().is_none() && !seen.measured.is_empty() => (Verdict::Measured, None),
            None => (Verdict::Holds, None),
        }
    }

    /// What it put to the test.
    fn judged(&self) -> impl Iterator<Item = Property> {
        self.scenario.judges.iter().copied().filter(|property| self.seen.tried.contains_key(property))
    }

    /// Why nothing follows from what was seen.
    fn hindrance(&self) -> Option<String> {
        let seen = &self.seen;
        if !seen.unforeseen.is_empty() {
            let answers = seen.unforeseen.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Some(format!("answers that the profile does not know: {answers}"));
        }
        if seen.given_up > 0 {
            return Some(format!("the search was given up for {} histories", seen.given_up));
        }
        if !seen.unanswered.is_empty() && !self.scenario.bears_outages() {
            let causes: Vec<_> = seen.unanswered.iter().map(|(cause, count)| format!("{count} × {cause}")).collect();
            return Some(format!("an outage may hide what should be seen, run it again: {}", causes.join(", ")));
        }
        let untested = self.scenario.proves.iter().find(|property| !seen.tried.contains_key(property));
        untested.map(|property| format!("nothing happened that could have violated `{}`", property.name()))
    }

    /// For the report.
    #[must_use]
    pub fn report(&self) -> ScenarioReport {
        let (verdict, why) = self.verdict();
        let outcomes = self.seen.outcomes.iter().map(|(word, count)| ((*word).to_owned(), *count));
        ScenarioReport {
            scenario: self.scenario.name.to_owned(),
            rules: self.scenario.rules.iter().map(|rule| (*rule).to_owned()).collect(),
            judges: self.scenario.judges.to_vec(),
            should_hold: self.scenario.holds.to_owned(),
            saw: why.unwrap_or_else(|| saw(&self.seen)),
            verdict,
            calls: self.calls,
            sessions: self.seen.families,
            attempts: self.attempts,
            duration_ms: u64::try_from(self.lasted.as_millis()).unwrap_or(u64::MAX),
            outcomes: outcomes.collect(),
        }
    }
}

fn saw(seen: &Seen) -> String {
    let counted = seen.outcomes.iter().map(|(word, count)| format!("{count} {word}"));
    let wrong =
        (seen.contradictions > 0).then(|| format!("{} of {} histories wrong", seen.contradictions, seen.families));
    counted.chain(seen.notes.iter().cloned()).chain(wrong).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::{
        super::{scenario::ALL, trial::Found},
        *,
    };

    /// A scenario that has put to the test what it must.
    fn row(change: impl FnOnce(&mut Seen), ended: Result<(), Stop>) -> Row {
        let scenario = ALL.first().unwrap();
        let tried = scenario.proves.iter().map(|property| (*property, 1)).collect();
        let mut seen = Seen { families: 1, tried, ..Seen::default() };
        change(&mut seen);
        Row { scenario, calls: 1, seen, ended, attempts: 1, lasted: Duration::ZERO }
    }

    fn violate(seen: &mut Seen) {
        let candidates = vec![Property::Fork];
        seen.found.push(Found { candidates, sentence: None, core: Vec::new(), shown: Vec::new() });
    }

    fn surprise(seen: &mut Seen) {
        seen.unforeseen.insert("418".to_owned());
    }

    fn disturb(seen: &mut Seen) {
        seen.unanswered.insert("503".to_owned(), 1);
    }

    #[test]
    fn only_what_was_seen_to_hold_holds() {
        let fail = || Err(Stop::Fail(String::new()));
        for (expected, row) in [
            (Verdict::Holds, row(|_| {}, Ok(()))),
            (Verdict::Violated, row(violate, Ok(()))),
            (Verdict::Violated, row(violate, fail())),
            (Verdict::NotApplicable, row(|_| {}, Err(Stop::Skip(String::new())))),
            (Verdict::CouldNotBeTried, row(|_| {}, fail())),
            (Verdict::CouldNotBeTried, row(surprise, Ok(()))),
            (Verdict::CouldNotBeTried, row(|seen| seen.given_up = 1, Ok(()))),
            (Verdict::CouldNotBeTried, row(disturb, Ok(()))),
            (Verdict::CouldNotBeTried, row(|seen| seen.tried.clear(), Ok(()))),
        ] {
            assert_eq!(row.verdict().0, expected, "{row:?}");
        }
    }

    #[test]
    fn another_attempt_loses_nothing_that_was_seen() {
        let mut first = row(violate, Ok(()));
        first.add(row(|_| {}, Ok(())));
        assert_eq!(first.verdict().0, Verdict::Violated);
        let mut first = row(disturb, Ok(()));
        assert!(first.is_disturbed());
        first.add(row(|_| {}, Ok(())));
        assert_eq!((first.verdict().0, first.attempts), (Verdict::Holds, 2));
        let mut first = row(disturb, Ok(()));
        first.add(row(violate, Ok(())));
        assert_eq!(first.verdict().0, Verdict::Violated);
    }
}
