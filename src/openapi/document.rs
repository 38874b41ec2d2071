use super::{Schemas, operation::complete, problems};
use serde_json::{Map, Value, json};

/// The whole description, as JSON.
#[derive(Debug, Clone)]
pub struct Document(Value);

/// What a reader should know before the first operation.
const ABOUT: &str = "\
The server that keeps users signed in: short-lived access tokens that any service can verify, and refresh tokens that \
are good for exactly one use.

JSON in UTF-8, `snake_case`; times as RFC 3339 in UTC; ids as UUIDv7. Unknown fields of a request are refused. Errors \
are problems (RFC 9457) with a stable `code`. Any other method of a path is 405 `method_not_allowed` with `Allow`. \
Every answer carries `X-Request-Id`. An outage of the database is 503 with `Retry-After`, and never says anything about \
a token: what was presented is as good as before.";

impl Document {
    /// Joins the descriptions of all rooms.
    #[must_use]
    pub fn of(rooms: Vec<utoipa::openapi::OpenApi>) -> Self {
        let mut schemas = Schemas::new();
        problems::schemas(&mut schemas);
        let mut paths = Map::new();
        for room in rooms {
            let mut room = serde_json::to_value(room).unwrap_or_default();
            schemas.append(&mut members(&mut room, "/components/schemas"));
            paths.append(&mut members(&mut room, "/paths"));
        }
        refer_to_items(&mut schemas);
        let methods = paths.values_mut().filter_map(Value::as_object_mut).flat_map(|methods| methods.values_mut());
        methods.filter_map(Value::as_object_mut).for_each(complete);
        Self(json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Heirloom",
                "version": env!("CARGO_PKG_VERSION"),
                "description": ABOUT,
                "license": { "name": "MIT", "identifier": "MIT" },
            },
            "servers": [{ "url": "/", "description": "The server of this document" }],
            "tags": tags(),
            "paths": paths,
            "components": {
                "schemas": schemas,
                "responses": problems::responses(),
                "headers": headers(),
                "securitySchemes": security_schemes(),
            },
        }))
    }

    /// The document.
    #[must_use]
    pub fn as_json(&self) -> &Value {
        &self.0
    }
}

/// The entries of a page by reference: the generic `Listed` would repeat their schema.
fn refer_to_items(schemas: &mut Schemas) {
    for (name, schema) in schemas.iter_mut() {
        let items = schema.pointer_mut("/properties/items/items");
        if let (Some(entry), Some(items)) = (name.strip_prefix("Listed_"), items) {
            *items = json!({ "$ref": format!("#/components/schemas/{entry}") });
        }
    }
}

/// Takes the members of the object at `pointer`.
fn members(value: &mut Value, pointer: &str) -> Map<String, Value> {
    value.pointer_mut(pointer).and_then(Value::as_object_mut).map(std::mem::take).unwrap_or_default()
}

fn tags() -> Value {
    json!([
        { "name": "auth", "description": "Registering, signing in, refreshing and signing out" },
        { "name": "me", "description": "What users do with their own account" },
        { "name": "admin", "description": "What administrators do: users whose roles contain `admin`" },
        { "name": "service", "description": "For other services and for operators" },
    ])
}

fn headers() -> Value {
    let text = |about: &str, example: &str| json!({ "description": about, "schema": { "type": "string" }, "example": example });
    json!({
        "RequestId": {
            "description": "The caller's `X-Request-Id`, if it has 1 to 128 of the characters `A-Z a-z 0-9 - _ . : / + =`; \
                            else a new one. The log line of the request has it.",
            "required": true,
            "schema": { "type": "string", "maxLength": 128, "pattern": "^[A-Za-z0-9_.:/+=-]+$" },
            "example": "01a206a3-f150-7c1e-8d3f-2b8a6c0d9e11",
        },
        "RetryAfter": {
            "description": "Seconds to wait before trying again",
            "required": true,
            "schema": { "type": "integer", "minimum": 0 },
            "example": 2,
        },
        "Challenge": text("RFC 6750 §3", "Bearer realm=\"heirloom\", error=\"invalid_token\""),
        "Allow": text("The allowed methods", "HEAD, GET"),
        "SetCookie": text(
            "The new refresh token, if the session's transport is a cookie. HttpOnly, SameSite=Strict and Path=/api/v1/auth by default. A sign-in also sets a device cookie with Path=/.",
            "__Secure-heirloom=hrt_…; Path=/api/v1/auth; HttpOnly; Secure; SameSite=Strict",
        ),
        "CacheControl": text("Whether the answer may be cached", "no-store"),
        "ETag": text("Changes with the content", "\"Ad8Bogaj8VB9\""),
    })
}

fn security_schemes() -> Value {
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access token of a sign-in or a refresh (RFC 9068, RFC 6750)",
        },
        "feed_key": {
            "type": "http",
            "scheme": "bearer",
            "description": "A key of HEIRLOOM_FEED_KEYS. None is needed where that is `open`",
        },
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": "__Secure-heirloom",
            "description": "The refresh token of a session with `\"transport\": \"cookie\"`. The name is `__Host-heirloom` \
                            where HEIRLOOM_COOKIE_PATH is `/`, and `heirloom` where the public URL is plain http.",
        },
    })
}
