//! Sign-in with other providers: Kakao, Naver, Google, GitHub, Apple, Microsoft, any `OpenID` provider, any provider of OAuth 2.0.
//!
//! 1. The browser is sent to the provider with a state, a nonce and a challenge, which a sealed cookie remembers
//!    (`flow.rs`): nothing is written.
//! 2. It comes back with a code, which is exchanged (`exchange.rs`). An ID token is verified (`id_token.rs`) with the keys that
//!    the provider publishes (`discovery.rs`, `key_set.rs`); a plain profile is read.
//! 3. What the provider says of the user is brought into one form (`profile.rs`).
//! 4. One pure function decides what becomes of the user (`policy.rs`).

mod begin;
mod come_back;
mod consider;
mod discovery;
mod events;
mod exchange;
mod fetch;
mod flow;
mod id_token;
mod identities;
mod key_set;
mod native;
mod next;
mod policy;
mod probe;
mod problem;
mod profile;
mod refusals;
mod room;
mod store;

pub use begin::{AuthorizeAnswer, BeginError, Begun};
pub use come_back::{CameBack, Returned};
pub use consider::Considered;
pub use discovery::DiscoveryError;
pub use events::{EventRefused, SecurityEvent, note_event, owner_of_event};
pub use exchange::UpstreamError;
pub use flow::{BegunIn, Flow, FlowAim, LIFETIME as FLOW_LIFETIME, Wanted};
pub use id_token::TokenFault;
pub use identities::{
    StepStanding, Unlinking, complete, connected_to, has_owner, link, link_first, standing, take_away, unlink,
    unlink_since,
};
pub use native::{Brought, PresentedToken};
pub use next::{ConnectWay, NEXT_LIFETIME, NextFactor, NextStep, PendingIdentity};
pub use policy::{Aim, AssertedAddress, Decision};
pub use probe::{ProbeError, probe};
pub use problem::{upstream_denied, upstream_failed};
pub use profile::UpstreamUser;
pub use room::{Provider, Upstream, redirect_uri};
pub use store::{Identity, list};
