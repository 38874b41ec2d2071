use crate::{http::paths, openapi::Operation};
use serde_json::json;

/// The operations of this room.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let key = json!({
        "type": "object",
        "description": "RFC 7517 §4",
        "required": ["kty", "kid", "use", "alg"],
        "properties": {
            "kty": { "type": "string", "enum": ["EC", "OKP", "RSA"] },
            "kid": { "type": "string", "description": "As in the header of access tokens" },
            "use": { "const": "sig" },
            "alg": { "type": "string", "enum": ["ES256", "EdDSA", "RS256"] },
        },
    });
    let keys = json!({ "type": "array", "items": key });
    let set = json!({ "type": "object", "required": ["keys"], "properties": { "keys": keys } });
    vec![
        Operation::new("get", paths::JWKS, ("service", "jwks"), "List the public keys that verify access tokens")
            .about("RFC 7517. May be cached for 30 seconds: a new key is published longer than that before it signs.")
            .answer(200, "The keys", &json!({ "application/json": { "schema": set } }))
            .unlimited(),
    ]
}
