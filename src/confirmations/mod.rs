//! What an email asks a user to confirm: one table for everything, from a registration to an invitation.
//!
//! 1. A request inserts a row, with the address as it was typed in its canonical form, and looks nobody up.
//! 2. A background task looks the address up, records the user and the versions of password, address and factors, and
//!    enqueues the email that fits.
//! 3. The email holds a link with a token (`links.rs`) and, where the client waits for it, a code (`keys.rs`). Both are
//!    derived under the master key, the token from the row's id, purpose, user and address: the table alone confirms
//!    nothing.
//! 4. Using a confirmation is one statement that matches only an unused row whose versions are those of the user. Of any
//!    number of uses one succeeds.

mod keys;
mod links;
mod model;
mod store;

pub use keys::ConfirmationKeys;
pub use links::{Linked, Named};
pub use model::{CODE_ATTEMPTS, CODE_LIFETIME, Confirmation, ConfirmationStanding, Purpose, SAME_EMAIL, masked};
pub use store::{
    Addressee, NewConfirmation, OpenInvitation, Owner, PendingChange, SentCode, Undos, add, add_for, became,
    count_request, delete, find, give_attempt_back, give_back, has_open_undo, limit_undos_since_leaving, lock_alike,
    looked_up, mark_looked_up, mark_sent, next_waiting, open_invitations, owner_of, pending_change, recent_invitation,
    recently_sent, renew, replace_payload, revoke_invitation, sent_codes, still_invites, sweep, take_attempt, use_up,
    void_all_of, void_changes_of, void_invitations_by, void_later_undos, void_others_like, void_undos_since_leaving,
    wait_left,
};
