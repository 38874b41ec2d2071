//! Users who have no password confirm who they are by a new sign-in with their provider, in the session that they have.

mod api;

pub(in crate::sign_in) use api::{ProviderStepUpDescribed, routes};
