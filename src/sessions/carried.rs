//! The refresh token that a request holds, in its cookie or its body.

mod extract;

pub(super) use extract::carried;
