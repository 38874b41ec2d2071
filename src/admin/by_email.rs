//! What administrators start by email: invitations, and resets of passwords.

mod api;

pub(super) use api::{described, invite, list_invitations, revoke_invitation, send_reset, show_invitation};
