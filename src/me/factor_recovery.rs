//! A removal of the user's factors that waits: any session of theirs cancels it.

mod api;

pub(super) use api::{FactorRecoveryDescribed, FactorRecoveryView, routes};
