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
    /// The worst property that is violated.
    pub worst: Option<Property>,
    /// In words.
    pub reason: String,
}

impl Grade {
    /// From all properties.
    #[must_use]
    pub fn of(properties: &[PropertyReport]) -> Self {
        let with = |verdict| properties.iter().filter(move |one| one.verdict == verdict);
        if let Some(worst) = with(Verdict::Violated).min_by_key(|one| one.rank) {
            let reason = format!("violated, {}: {}", worst.rank.name(), worst.title);
            return Self { letter: Some(letter(worst.rank)), worst: Some(worst.property), reason };
        }
        let none = |reason: &str| Self { letter: None, worst: None, reason: reason.to_owned() };
        let rotation = properties.iter().find(|one| one.property == Property::Rotation);
        let rotation = rotation.map_or("", |one| one.saw.as_str());
        let judged = with(Verdict::Holds).any(|one| matches!(one.property, Property::Fork | Property::ReuseDetected));
        if with(Verdict::CouldNotBeTried).any(|one| one.rank != Rank::Figure) {
            none("nothing is violated, but something could not be tried")
        } else if judged {
            Self { letter: Some('A'), worst: None, reason: "everything that applies holds".to_owned() }
        } else if rotation.contains("does not rotate") {
            none("everything that applies holds, but the server does not rotate refresh tokens")
        } else if rotation.contains("not each time") {
            none("everything that applies holds, but the server does not rotate refresh tokens each time")
        } else if rotation.contains("stay valid") {
            none("everything that applies holds, but old refresh tokens stay valid")
        } else {
            none("too little was judged for a grade")
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
