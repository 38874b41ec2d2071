//! The life of an account beside signing in: what a user asks for by email, what confirming it does, and its deletion
//! (`delete_account.rs`, `delete_own.rs`).
//!
//! 1. A request (`request.rs`) counts against the limits of the typed address and of the network, inserts one
//!    confirmation and answers. It looks nobody up, so that neither answer nor time tells who has an account (L-5).
//! 2. A background task (`look_up.rs`) looks the address up and enqueues the email that fits, or none.
//! 3. The user follows the link or types the code. Both are resolved to a confirmation in `resolve.rs`; the code's
//!    attempts are counted before it is compared.
//! 4. What the confirmation is for is done in one transaction that locks the user and uses the confirmation
//!    (`register.rs`, `connect.rs`, `verify_email.rs`, `reset_password.rs`, `change_email.rs`).

mod api;
mod by_others;
mod change_email;
mod complete;
mod connect;
mod delete_account;
mod delete_own;
mod enrolment_code;
mod extract;
mod factor_recovery;
mod invite;
mod link_identity;
mod look;
mod look_up;
mod model;
mod pages;
mod register;
mod request;
mod reset_password;
mod resolve;
mod room;
mod sweep;
mod takeover;
mod verify_email;

pub use api::{ConfirmationSent, accepted, completed, described, requested, routes, too_many_emails};
pub use change_email::{ChangeRequest, has_open_undo};
pub use delete_account::{Deletion, delete_account, removes_the_last_admin};
pub use delete_own::{SelfDeletion, delete_own};
pub use extract::AskingBrowser;
pub use factor_recovery::RecoveryStart;
pub use invite::{Invitation, Inviting, NewInvitation};
pub use link_identity::Linking;
pub use look::{FlowStatus, Looked, Needed};
pub use look_up::keep_looking_up;
pub use model::{Completion, ConfirmationProof, Confirming, Leading};
pub use pages::{CodePage, page_routes, page_samples};
pub use register::Asker;
pub use request::{Flow, Requested, Wanted};
pub use room::Lifecycle;
pub use sweep::keep_swept;
