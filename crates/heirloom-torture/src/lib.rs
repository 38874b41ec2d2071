//! Tests the refresh tokens of any server. It knows the server through HTTP only.
//!
//! 1. A [`Profile`] describes the server's requests and answers.
//! 2. A preflight checks that the profile fits (`preflight.rs`).
//! 3. A scenario opens sessions and causes trouble: races, lost answers, replays, restarts.
//! 4. Every call goes into the history of its session: when it was sent, when it finished, its outcome. A missing answer
//!    is an outcome too: the call may have been executed, may still be, or never.
//! 5. Every history is checked against the sequential specification (`model.rs`): is there an order of its calls,
//!    consistent with real time, in which each outcome is correct (`history.rs`)? If not, the fewest calls that show it
//!    are reported.
//! 6. A [`Report`] holds a verdict for each scenario.
//!
//! `docs/torture.md` is for users.

mod client;
mod family;
mod history;
mod kit;
mod model;
mod preflight;
mod profile;
mod report;
mod run;
mod scenario;
mod secret;
mod template;
mod time;
mod trial;

pub use kit::{Settings, Source};
pub use profile::{Profile, ProfileError};
pub use report::{Report, Row, Verdict};
pub use reqwest::Error as ClientError;
pub use run::{Progress, UnknownScenario, chosen, run};
pub use scenario::{ALL as SCENARIOS, Scenario};
pub use secret::Guarded;
pub use trial::Objection;

/// The first name in the profile's requests that has no value.
#[must_use]
pub fn lacking(profile: &Profile, known: &[&str], with_password: bool) -> Option<String> {
    let refresh = (&profile.refresh.request, "refresh_token");
    let sign_in = profile.sign_in.as_ref().filter(|_| with_password).map(|sign_in| (&sign_in.request, "password"));
    let requests = std::iter::once(refresh).chain(sign_in);
    let given = |name: &str, own: &str| known.contains(&name) || name == own || matches!(name, "base" | "user");
    requests.into_iter().find_map(|(request, own)| template::names(request).into_iter().find(|name| !given(name, own)))
}
