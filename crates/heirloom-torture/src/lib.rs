//! Tests the refresh tokens of any server. It knows the server through HTTP only.
//!
//! 1. A [`Profile`] describes the server's requests and answers.
//! 2. A preflight checks that the profile fits (`preflight.rs`).
//! 3. A scenario opens sessions and causes trouble: races, lost answers, replays, restarts.
//! 4. Every call goes into the history of its session: when it was sent, when it finished, its outcome. A missing answer
//!    is an outcome too: the call may have been executed, may still be, or never.
//! 5. Every history is checked against the sequential specification (`model.rs`): is there an order of its calls,
//!    consistent with real time, in which each outcome is correct (`history.rs`)? If not, `judge/` finds the property
//!    that is violated and the fewest calls that show it.
//! 6. A [`Report`] holds a verdict for each property and for each scenario (`verdicts.rs`, `row.rs`).
//!
//! `docs/torture.md` is for users.

mod address;
mod client;
mod discovery;
mod family;
mod history;
mod judge;
mod kit;
mod lifetimes;
mod log;
mod model;
mod owners;
mod preflight;
mod profile;
mod property;
mod random;
pub mod report;
mod rotation;
mod row;
mod run;
mod scenario;
mod secret;
mod sync;
mod template;
mod time;
mod tokens;
mod trial;
mod verdicts;

pub use address::shown_url;
pub use client::{Cause, Connection};
pub use discovery::{Discovered, DiscoveryError, discover};
pub use kit::{Settings, Source};
pub use profile::{Checked, ClientAuth, OldTokens, Profile, ProfileError, check, lacking};
pub use property::{Property, Rank};
pub use report::{Report, ScenarioReport, Verdict};
pub use reqwest::Error as ClientError;
pub use run::{Progress, UnknownScenario, chosen, run, run_until};
pub use scenario::{ALL as SCENARIOS, Scenario};
pub use secret::Guarded;
