use super::{CustomClaims, Roles};
use serde_json::Value;

/// The most that a user's roles and claims may take together, in bytes of compact JSON.
///
/// Both travel in the access token, in base64, with each request. With the rest of the token (issuer, audience, ids, an
/// RS256 signature) and the name of its header that stays below 7 KiB: proxies refuse a header above 8.
pub const MAX_ACCESS_BYTES: usize = 4_352;

/// Why roles and claims that are each allowed are refused together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Roles and claims may take at most 4352 bytes of JSON together, so that access tokens fit into a header.")]
pub struct AccessTooLarge;

impl AccessTooLarge {
    /// The stable code for clients.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "too_long"
    }
}

/// Whether an access token can carry both.
///
/// # Errors
/// When they are too large together.
pub fn fit_together(roles: &Roles, claims: &CustomClaims) -> Result<(), AccessTooLarge> {
    let claims = Value::Object(claims.as_object().clone()).to_string();
    let roles = Value::from(roles.to_strings()).to_string();
    if roles.len() + claims.len() > MAX_ACCESS_BYTES { Err(AccessTooLarge) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_sum_is_bounded_and_each_maximum_alone_is_not_refused() {
        let claims = |bytes: usize| CustomClaims::parse(json!({ "a": "x".repeat(bytes - 8) })).unwrap_or_default();
        let roles = |count: usize| Roles::parse((0..count).map(|n| format!("r{n:063}"))).unwrap_or_default();
        let admin = Roles::parse(["admin"]).unwrap_or_default();
        assert_eq!(fit_together(&admin, &claims(4096)), Ok(()));
        assert_eq!(fit_together(&roles(9), &claims(2048)), Ok(()));
        assert!(roles(9).iter().count() == 9, "nine roles of 64 characters");
        assert_eq!(fit_together(&roles(9), &claims(4096)), Err(AccessTooLarge));
    }
}
