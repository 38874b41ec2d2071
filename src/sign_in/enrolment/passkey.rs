//! A passkey as the factor that a role demands.

mod api;

pub(in crate::sign_in) use api::{PasskeyEnrolmentDescribed, routes};
