//! What several requests of this room contain.

use crate::kernel::{Client, Transport};
use serde::Deserialize;
use zeroize::Zeroizing;

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

/// A client that does not say wants to be remembered.
pub(super) fn remembered() -> bool {
    true
}

/// The client, as the device that it says it is: a client without cookies sends the token of an earlier sign-in in the body.
pub(super) fn on_device(mut client: Client, token: Option<&Zeroizing<String>>) -> Client {
    if let Some(token) = token {
        client.device = Some(token.to_string());
    }
    client
}
