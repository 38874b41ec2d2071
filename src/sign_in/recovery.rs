//! For who has lost all second factors: the challenge that the right password led to starts the waiting time for their removal.

mod api;
mod pages;

pub(super) use api::{RecoveryDescribed, routes as api_routes};
pub(super) use pages::{page_samples, routes as page_routes, shown};
