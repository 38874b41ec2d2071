//! One letter for a server, from its worst property.

use super::{
    super::property::{Property, Rank},
    PropertyReport, Verdict,
};
use serde::{Deserialize, Serialize};

/// A letter and the reason for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// `A` nothing is violated, `B` something of low rank, `C` of medium rank, `D` of high rank, `F` something critical;
    /// none where too little could be judged.
    pub letter: Option<char>,
    /// Where something is violated, and something worse could not be tried: the letter if that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_best: Option<char>,
    /// The worst property that is violated.
    pub worst: Option<Property>,
    /// In words.
    pub reason: String,
}

impl Grade {
    /// From all properties. Whether all scenarios were chosen: of what was not, nothing is known.
    #[must_use]
    pub fn of(properties: &[PropertyReport], are_all_chosen: bool) -> Self {
        let with = |verdict| properties.iter().filter(move |one| one.verdict == verdict);
        if let Some(worst) = with(Verdict::Violated).min_by_key(|one| one.rank) {
            let open = with(Verdict::CouldNotBeTried).find(|one| letter(one.rank) > letter(worst.rank));
            return Self::violated(worst, open, are_all_chosen);
        }
        let none = |reason: &str| Self { letter: None, at_best: None, worst: None, reason: reason.to_owned() };
        let rotation = properties.iter().find(|one| one.property == Property::Rotation);
        let rotation = rotation.map_or("", |one| one.saw.as_str());
        let judged = with(Verdict::Holds).any(|one| matches!(one.property, Property::Fork | Property::ReuseDetected));
        if with(Verdict::CouldNotBeTried).any(|one| one.rank != Rank::Figure) {
            none("nothing is violated, but something could not be tried")
        } else if rotation.contains("not each time") {
            none("everything that applies holds, but the server does not rotate refresh tokens each time")
        } else if judged && are_all_chosen {
            Self { letter: Some('A'), ..none("everything that applies holds") }
        } else if judged {
            none("everything that was chosen holds, but only some scenarios were")
        } else if rotation.contains("does not rotate") {
            none("everything that applies holds, but the server does not rotate refresh tokens")
        } else if rotation.contains("stay valid") {
            none("everything that applies holds, but old refresh tokens stay valid")
        } else {
            none("too little was judged for a grade")
        }
    }

    /// From the worst that is violated, and something worse that could not be tried.
    fn violated(worst: &PropertyReport, open: Option<&PropertyReport>, are_all_chosen: bool) -> Self {
        let (found, property) = (letter(worst.rank), Some(worst.property));
        let reason = format!("violated, {}: {}", worst.rank.name(), worst.title);
        let why = match open {
            Some(open) => format!("`{}` could not be tried", open.property.name()),
            None if !are_all_chosen && worst.rank != Rank::Critical => "only some scenarios were chosen".to_owned(),
            None => return Self { letter: Some(found), at_best: None, worst: property, reason },
        };
        Self {
            letter: None,
            at_best: Some(found),
            worst: property,
            reason: format!("at best {found}, as {why}; {reason}"),
        }
    }
}

fn letter(rank: Rank) -> char {
    match rank {
        Rank::Critical => 'F',
        Rank::High | Rank::HighForUsers => 'D',
        Rank::Medium => 'C',
        Rank::Low => 'B',
        Rank::Figure => 'A',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(property: Property, verdict: Verdict) -> PropertyReport {
        PropertyReport {
            property,
            title: property.title().to_owned(),
            rank: property.rank(),
            verdict,
            saw: String::new(),
            figure: None,
            scenarios: Vec::new(),
            tried: 1,
            violated: 0,
            violations: Vec::new(),
        }
    }

    #[test]
    fn a_server_that_does_not_rotate_each_time_gets_no_letter_though_the_storm_saw_a_reuse() {
        let saw = "rotates, but not each time".to_owned();
        let rotation = PropertyReport { saw, ..report(Property::Rotation, Verdict::Measured) };
        let grade = Grade::of(&[rotation, report(Property::ReuseDetected, Verdict::Holds)], true);
        assert_eq!(grade.letter, None, "{grade:?}");
    }

    #[test]
    fn a_letter_needs_everything_that_could_be_worse() {
        use Property::{AbsoluteLifetime, ErrorShape, Fork, Leeway, LiveSessionWorks, NoStore, ReuseDetected};
        use Verdict::{CouldNotBeTried, Holds, Violated};
        for (verdicts, are_all_chosen, expected, at_best) in [
            (&[(Fork, Holds), (NoStore, Holds)][..], true, Some('A'), None),
            (&[(Fork, Holds), (NoStore, Holds)], false, None, None),
            (&[(Fork, Holds), (NoStore, CouldNotBeTried)], true, None, None),
            (&[(NoStore, Holds)], true, None, None),
            (&[(Fork, Holds), (NoStore, Violated)], true, Some('B'), None),
            (&[(Fork, CouldNotBeTried), (NoStore, Violated)], true, None, Some('B')),
            (&[(Fork, Holds), (NoStore, Violated)], false, None, Some('B')),
            (&[(Fork, CouldNotBeTried), (ReuseDetected, Violated)], true, None, Some('D')),
            (&[(ReuseDetected, CouldNotBeTried), (LiveSessionWorks, Violated)], true, Some('D'), None),
            (&[(NoStore, CouldNotBeTried), (AbsoluteLifetime, Violated)], true, Some('C'), None),
            (&[(Leeway, CouldNotBeTried), (ErrorShape, Violated)], true, Some('B'), None),
            (&[(ReuseDetected, CouldNotBeTried), (Fork, Violated)], true, Some('F'), None),
            (&[(Fork, Violated)], false, Some('F'), None),
        ] {
            let reports: Vec<_> = verdicts.iter().map(|(property, verdict)| report(*property, *verdict)).collect();
            let grade = Grade::of(&reports, are_all_chosen);
            assert_eq!((grade.letter, grade.at_best), (expected, at_best), "{verdicts:?} {are_all_chosen}: {grade:?}");
            assert_eq!(grade.reason.contains("at best"), at_best.is_some(), "{grade:?}");
        }
    }
}
