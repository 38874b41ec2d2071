use crate::{
    config::PasskeyOptions,
    kernel::{Duration, MasterKeys, TicketKind, Tickets},
    world::World,
};
use std::{fmt, sync::Arc};

/// How long a ceremony may take: the browser's own timeout is shorter.
pub const LIFETIME: Duration = Duration::from_mins(5);
/// The ticket of a new passkey.
pub const REGISTRATION: TicketKind = TicketKind { context: b"registration", lifetime: LIFETIME };
/// The ticket of a signature of a stored one.
pub const ASSERTION: TicketKind = TicketKind { context: b"assertion", lifetime: LIFETIME };

/// Passkeys: what the verbs share.
#[derive(Clone)]
pub struct Passkeys(Arc<Room>);

struct Room {
    world: World,
    tickets: Tickets,
}

impl Passkeys {
    /// The room, under keys derived from the master keys.
    #[must_use]
    pub fn new(world: World, masters: &MasterKeys) -> Self {
        Self(Arc::new(Room { world, tickets: Tickets::new(masters, "heirloom/passkey-ticket/v1") }))
    }

    /// Whether they are offered.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.options().enabled
    }

    /// The domain that passkeys are bound to.
    #[must_use]
    pub fn rp_id(&self) -> &str {
        &self.options().rp_id
    }

    pub(super) fn world(&self) -> &World {
        &self.0.world
    }

    pub(super) fn tickets(&self) -> &Tickets {
        &self.0.tickets
    }

    pub(super) fn options(&self) -> &PasskeyOptions {
        &self.0.world.config.passkeys
    }
}

impl fmt::Debug for Passkeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passkeys")
    }
}
