use crate::Claims;
#[cfg(feature = "actix")]
mod actix;
#[cfg(feature = "axum")]
mod axum;

/// The user of a request whose bearer token is good. A handler that takes it refuses all others: 503 with `Retry-After`
/// while revocations are not up to date, else 401 with `WWW-Authenticate`.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedIn(pub Claims);

/// Seconds after which a client may try again, in the answer to a stale one: the verifier reconnects within two.
const RETRY_AFTER: &str = "2";

/// The token of an `Authorization` header (RFC 6750 §2.1).
fn bearer(header: Option<&[u8]>) -> Option<&str> {
    let header = std::str::from_utf8(header?).ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(token.trim_start_matches(' '))
}
