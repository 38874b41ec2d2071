//! A torture kit for any server with refresh tokens. It knows the server through HTTP only, and nothing of this one.
//!
//! 1. A [`Profile`] says how the server is talked to.
//! 2. A scenario opens sessions and does to them what the world does: races, lost answers, replays, restarts.
//! 3. Every call goes into the history of its session: when it was sent, when it was over, what came of it. No answer
//!    is an outcome too: it may have been done, or be done yet, or never.
//! 4. Every history is held against the sequential specification (`model.rs`): is there an order of its calls,
//!    consistent with real time, in which each outcome is right (`history.rs`)? If not, the fewest calls that show it
//!    are told.
//! 5. A [`Report`] says what should hold, what was seen, and whether it held.
//!
//! `docs/torture.md` is for those who use it.

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
pub use run::{NoSuchScenario, Progress, chosen, run};
pub use scenario::{ALL as SCENARIOS, Scenario};
pub use secret::Guarded;
pub use trial::Objection;

/// What a request of the profile lacks before it can be sent: the first name that stands for nothing.
#[must_use]
pub fn lacking(profile: &Profile, known: &[&str], with_password: bool) -> Option<String> {
    let refresh = (&profile.refresh.request, "refresh_token");
    let sign_in = profile.sign_in.as_ref().filter(|_| with_password).map(|sign_in| (&sign_in.request, "password"));
    let requests = std::iter::once(refresh).chain(sign_in);
    let given = |name: &str, own: &str| known.contains(&name) || name == own || matches!(name, "base" | "user");
    requests.into_iter().find_map(|(request, own)| template::names(request).into_iter().find(|name| !given(name, own)))
}
