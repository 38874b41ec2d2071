//! The browsers in which a user is not asked for a second factor.

mod api;

pub(super) use api::{TrustedDeviceView, TrustedDevicesDescribed, routes};
