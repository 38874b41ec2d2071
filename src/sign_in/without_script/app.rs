//! An authenticator app, set up with a sign-in (`/login/enrol`), as where a role demands one.

mod pages;

pub(in crate::sign_in) use pages::{page_samples, routes};
