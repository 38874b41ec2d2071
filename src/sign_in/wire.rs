//! What several requests of this room contain.

use crate::kernel::Transport;
use serde::Deserialize;

/// By which transport the refresh token is sent. Read from a string: serde would also accept an object for an enum.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct WireTransport(pub Transport);

impl TryFrom<String> for WireTransport {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Transport::from_name(&name).map(Self).ok_or("must be `cookie` or `body`")
    }
}

impl Default for WireTransport {
    fn default() -> Self {
        Self(Transport::Body)
    }
}
