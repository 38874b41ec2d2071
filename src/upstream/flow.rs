//! What a browser that was sent to a provider brings back: sealed, in a cookie, so that a click writes no row. A callback without
//! it opens nothing (RFC 9700 §2.1.1, §4.7).

use crate::kernel::{Duration, Moment, Rng, SealedTicket, SessionId, TicketError, TicketKind, Tickets, UserId, sha256};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;
use zeroize::Zeroizing;

/// How long a user may take at the provider.
pub const LIFETIME: Duration = Duration::from_mins(10);
/// The ticket in the cookie.
const FLOW: TicketKind = TicketKind { context: b"upstream-flow", lifetime: LIFETIME };

/// A flow that has begun.
#[derive(Serialize, Deserialize)]
pub struct Flow {
    /// Which provider: the callback of another one is refused (mix-up, RFC 9700 §4.4).
    pub provider: String,
    /// Sent along and brought back.
    pub state: Zeroizing<String>,
    /// Stands in the ID token.
    pub nonce: Zeroizing<String>,
    /// Proves that we asked for the code (RFC 7636).
    pub verifier: Zeroizing<String>,
    /// Where the user wanted.
    pub return_to: String,
    /// Whether the user wants to be remembered.
    pub remembered: bool,
    /// What it was begun for.
    pub aim: FlowAim,
    /// The refresh tokens that the request which began it held: their sessions are replaced (S-51). They do not come back from
    /// the provider, for their cookie is `SameSite=Strict`.
    #[serde(default)]
    pub presented: Vec<Zeroizing<String>>,
}

/// What a flow was begun for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowAim {
    /// To sign in, or to register.
    SignIn,
    /// To sign in by a new sign-in there, not by one of before.
    NewSignIn,
    /// To make the session fresh in which it was begun, by a new sign-in there.
    StepUp(BegunIn),
    /// To connect the identity to the account in whose session it was begun.
    Connect(BegunIn),
}

impl FlowAim {
    /// Whether the user has to sign in there, also one who is signed in there.
    #[must_use]
    pub fn needs_new_sign_in(self) -> bool {
        matches!(self, Self::NewSignIn | Self::StepUp(_))
    }

    /// Whether it was begun in a session, which lives on whatever comes of it.
    #[must_use]
    pub fn has_session(self) -> bool {
        matches!(self, Self::StepUp(_) | Self::Connect(_))
    }
}

/// In which session a flow was begun. It must still live at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunIn {
    user: Uuid,
    session: Uuid,
}

impl BegunIn {
    /// In this session of this user.
    #[must_use]
    pub fn new(user: UserId, session: SessionId) -> Self {
        Self { user: user.as_uuid(), session: session.as_uuid() }
    }

    /// The user.
    #[must_use]
    pub fn user(self) -> UserId {
        UserId::from(self.user)
    }

    /// The session.
    #[must_use]
    pub fn session(self) -> SessionId {
        SessionId::from(self.session)
    }
}

/// What a flow is begun for. Not `Debug`: it may hold tokens.
#[derive(Clone)]
pub struct Wanted {
    /// Where the user wants, checked.
    pub return_to: String,
    /// Whether the user wants to be remembered.
    pub remembered: bool,
    /// What for.
    pub aim: FlowAim,
    /// The refresh tokens that the request holds.
    pub presented: Vec<Zeroizing<String>>,
}

impl Wanted {
    /// In a session, which goes on.
    #[must_use]
    pub fn in_session(aim: FlowAim, return_to: String) -> Self {
        Self { return_to, remembered: false, aim, presented: Vec::new() }
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flow({})", self.provider)
    }
}

impl Flow {
    /// A new one, with random values of its own.
    #[must_use]
    pub fn new(provider: &str, wanted: Wanted, rng: &Rng) -> Self {
        let random = || Zeroizing::new(URL_SAFE_NO_PAD.encode(rng.bytes::<32>()));
        Self {
            provider: provider.to_owned(),
            state: random(),
            nonce: random(),
            verifier: random(),
            return_to: wanted.return_to,
            remembered: wanted.remembered,
            aim: wanted.aim,
            presented: wanted.presented,
        }
    }

    /// What is sent in the place of the verifier: `S256` (RFC 7636 §4.2).
    #[must_use]
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(sha256(self.verifier.as_bytes()).as_bytes())
    }

    /// As the cookie holds it.
    ///
    /// # Errors
    /// When the library fails.
    pub fn seal(&self, tickets: &Tickets, now: Moment, rng: &Rng) -> Result<Zeroizing<String>, TicketError> {
        tickets.issue(FLOW, self, now, rng).map(Zeroizing::new)
    }

    /// The flow of a cookie, if it is genuine, has not expired, and is of this provider and this state.
    #[must_use]
    pub fn open(
        cookie: &str,
        tickets: &Tickets,
        provider: &str,
        state: &str,
        now: Moment,
    ) -> Option<SealedTicket<Self>> {
        let ticket: SealedTicket<Self> = tickets.read(FLOW, cookie, now)?;
        let flow = &ticket.content;
        let is_same = verify_slices_are_equal(flow.state.as_bytes(), state.as_bytes()).is_ok();
        (is_same && flow.provider == provider).then_some(ticket)
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]
mod tests {
    use super::{Flow, FlowAim, LIFETIME, Wanted};
    use crate::kernel::{Clock, MasterKey, MasterKeys, Rng, Tickets};
    use std::sync::Arc;

    fn keys(byte: u8) -> Tickets {
        let current = Arc::new(MasterKey::from_bytes([byte; 32]));
        Tickets::new(&MasterKeys { current, previous: Arc::default() }, "heirloom/upstream-flow/v1")
    }

    fn wanted() -> Wanted {
        Wanted { return_to: "/account".to_owned(), remembered: true, aim: FlowAim::SignIn, presented: Vec::new() }
    }

    #[test]
    fn a_flow_comes_back_to_its_provider_with_its_state_in_time() {
        let (rng, now, ours) = (Rng::system(), Clock::start().now(), keys(1));
        let flow = Flow::new("google", wanted(), &rng);
        let cookie = flow.seal(&ours, now, &rng).unwrap();
        let opened = |cookie: &str, keys: &Tickets, provider: &str, state: &str, now| {
            Flow::open(cookie, keys, provider, state, now).is_some()
        };
        assert!(opened(&cookie, &ours, "google", &flow.state, now));
        assert!(!opened(&cookie, &ours, "kakao", &flow.state, now), "the callback of another provider");
        assert!(!opened(&cookie, &ours, "google", "of another browser", now));
        assert!(!opened(&cookie, &ours, "google", "", now));
        assert!(!opened(&cookie, &ours, "google", &flow.state, now + LIFETIME));
        assert!(!opened(&cookie, &keys(2), "google", &flow.state, now));
        for damaged in ["", "AAAA", &cookie[1..], &format!("{}A", cookie.as_str()), &format!("{}AAAA", cookie.as_str())]
        {
            assert!(!opened(damaged, &ours, "google", &flow.state, now), "{damaged}");
        }
    }

    #[test]
    fn no_value_is_used_twice_or_shown() {
        let rng = Rng::system();
        let flows: Vec<_> = (0..10).map(|_| Flow::new("google", wanted(), &rng)).collect();
        let mut values: Vec<&str> =
            flows.iter().flat_map(|flow| [flow.state.as_str(), flow.nonce.as_str(), flow.verifier.as_str()]).collect();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), 30);
        assert_eq!(format!("{:?}", flows[0]), "Flow(google)");
    }
}
