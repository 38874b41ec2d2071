//! The report of a run, as data. `property.rs` has what is judged, `calls.rs` the calls that show a violation.

mod calls;
mod grade;

pub use calls::{Action, CallRecord, Outcome as CallOutcome, Token};
pub use grade::Grade;

use super::property::{Property, Rank};
use serde::{Deserialize, Serialize};

/// A verdict on a property, a scenario, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was tried, and held.
    Holds,
    /// It did not hold.
    Violated,
    /// Nothing is known: it could not be tried, or not to its end.
    CouldNotBeTried,
    /// The server, the profile or the command line lacks what it needs.
    NotApplicable,
    /// A figure: not right or wrong.
    Measured,
}

impl Verdict {
    /// As in a table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Violated => "VIOLATED",
            Self::CouldNotBeTried => "COULD NOT BE TRIED",
            Self::NotApplicable => "not applicable",
            Self::Measured => "measured",
        }
    }
}

/// The report of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// The version of the kit.
    pub version: String,
    /// When the run started, as RFC 3339 has it, in UTC.
    pub started_at: String,
    /// How long it lasted.
    pub duration_ms: u64,
    /// Repeats the random choices.
    pub seed: u64,
    /// The server's instances: their URLs without a user, a password and a query.
    pub instances: Vec<String>,
    /// The name of the profile.
    pub profile: String,
    /// What the profile is about.
    pub about: String,
    /// What was set.
    pub settings: SettingsUsed,
    /// The checks before anything is judged.
    pub preflight: Preflight,
    /// `holds`: something was tried, and everything that was tried holds.
    pub verdict: Verdict,
    /// From the worst property.
    pub grade: Grade,
    /// Requests sent.
    pub calls: u64,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// All of `Property::ALL`, in that order.
    pub properties: Vec<PropertyReport>,
    /// In the order in which they ran.
    pub scenarios: Vec<ScenarioReport>,
}

/// The settings and rules of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SettingsUsed {
    /// How often each round is run.
    pub rounds: usize,
    /// How long the storm lasts.
    pub storm_ms: u64,
    /// Clients of the storm.
    pub clients: usize,
    /// `sign_in` or `tokens`.
    pub sessions_from: String,
    /// Whether a command restarts the server.
    pub restarts: bool,
    /// How long a session may live in all.
    pub absolute_lifetime_ms: Option<u64>,
    /// How long a session may be idle.
    pub idle_lifetime_ms: Option<u64>,
    /// How long the profile announces that a request with the same key gets the same answer.
    pub retry_window_ms: u64,
    /// How long the profile announces that a token is accepted again.
    pub leeway_ms: u64,
    /// Whether the profile promises that access tokens are refused after the end of their session.
    pub access_refused_after_end: bool,
    /// Within how long that happens.
    pub revocation_ms: u64,
    /// The scenarios that were chosen; all, if empty.
    pub only: Vec<String>,
}

/// The checks before anything is judged.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Preflight {
    /// In the order in which they ran.
    pub steps: Vec<Step>,
    /// Why nothing was tried: the profile does not fit the server, or the server does not answer.
    pub failed: Option<String>,
    /// Whether a refresh returned another refresh token; none if it was not seen.
    pub rotates: Option<bool>,
    /// Whether some refreshes returned another refresh token, and others did not.
    #[serde(default)]
    pub rotates_irregularly: bool,
    /// Whether the profile states that old refresh tokens stay valid.
    #[serde(default)]
    pub old_tokens_stay_valid: bool,
    /// Whether an old refresh token and its successor both worked; none if it was not tried.
    #[serde(default)]
    pub old_token_works: Option<bool>,
    /// Initial tokens that the chosen scenarios need.
    pub tokens_needed: Option<usize>,
    /// Initial tokens that were given.
    pub tokens_given: Option<usize>,
}

/// One check.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// What was checked, such as `one rotation`.
    pub name: String,
    /// What was seen.
    pub saw: String,
    /// Whether it is as it must be.
    pub passed: bool,
}

/// The verdict on a property.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PropertyReport {
    /// Which.
    pub property: Property,
    /// What a correct server does.
    pub title: String,
    /// How bad a violation is.
    pub rank: Rank,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it could not be tried, or does not apply; of a figure: what was measured, in words.
    pub saw: String,
    /// What was measured, where it is a number.
    pub figure: Option<Figure>,
    /// The scenarios that judged it.
    pub scenarios: Vec<String>,
    /// How often something happened that could have violated it.
    pub tried: u64,
    /// How often it was violated.
    pub violated: u64,
    /// At most three of these, the shortest first.
    pub violations: Vec<Violation>,
}

/// A measured time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// It is at least this long.
    pub at_least_ms: u64,
    /// It is at most this long; none: it was not awaited.
    pub at_most_ms: Option<u64>,
}

/// What shows that a property is violated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Violation {
    /// The scenario.
    pub scenario: String,
    /// What is wrong, for a reader who does not know the kit.
    pub sentence: String,
    /// The shortest history that shows it, in the order in which the calls were sent.
    pub calls: Vec<CallRecord>,
}

/// A scenario that was run, or was to be run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScenarioReport {
    /// Its name.
    pub scenario: String,
    /// The rules that it tries.
    pub rules: Vec<String>,
    /// The properties that it judges.
    pub judges: Vec<Property>,
    /// What a correct server does.
    pub should_hold: String,
    /// What this one did, in short, or why it was not run.
    pub saw: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Requests sent.
    pub calls: u64,
    /// Sessions whose histories were checked.
    pub sessions: usize,
    /// How often it was run: more than once where outages were in the way.
    pub attempts: u32,
    /// How long it took.
    pub duration_ms: u64,
    /// How often the server answered in which way, such as `rotated`.
    pub outcomes: std::collections::BTreeMap<String, usize>,
}

impl Report {
    /// 0 everything that was tried holds, 1 something is violated, 3 nothing is violated, but something could not be
    /// tried, or everything was skipped.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.verdict {
            Verdict::Holds | Verdict::Measured => 0,
            Verdict::Violated => 1,
            Verdict::CouldNotBeTried | Verdict::NotApplicable => 3,
        }
    }

    /// The report on a property.
    #[must_use]
    pub fn property(&self, property: Property) -> Option<&PropertyReport> {
        self.properties.iter().find(|report| report.property == property)
    }
}
