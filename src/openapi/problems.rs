use super::{Schemas, reference};
use crate::http::{Body, FieldError, ProblemKind, kind, type_of};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The schemas of problems, RFC 9457.
pub(super) fn schemas(schemas: &mut Schemas) {
    reference::<Body<'_>>(schemas);
    reference::<FieldError>(schemas);
}

/// Answers of no single operation: unknown path, wrong method, or a preflight from an origin that is not allowed.
pub(super) fn responses() -> Value {
    json!({
        "MethodNotAllowed": with_header(answer(&[kind::METHOD_NOT_ALLOWED]), "Allow", "Allow"),
        "NoSuchEndpoint": answer(&[kind::NOT_FOUND]),
    })
}

/// One answer for each status, with all the codes it may bear.
pub(super) fn by_status(kinds: &[ProblemKind]) -> BTreeMap<u16, Value> {
    let mut grouped = BTreeMap::<u16, Vec<ProblemKind>>::new();
    for kind in kinds {
        let group = grouped.entry(kind.status).or_default();
        if !group.contains(kind) {
            group.push(*kind);
        }
    }
    grouped.into_iter().map(|(status, kinds)| (status, answer(&kinds))).collect()
}

fn answer(kinds: &[ProblemKind]) -> Value {
    let codes = kinds.iter().map(|kind| kind.code).collect::<Vec<_>>();
    let status = kinds.first().map(|kind| kind.status).unwrap_or_default();
    let description =
        kinds.iter().map(|kind| format!("`{}`: {}", kind.code, kind.title)).collect::<Vec<_>>().join("; ");
    let narrowed = json!({ "properties": { "code": { "enum": codes }, "status": { "const": status } } });
    let schema = json!({ "allOf": [{ "$ref": "#/components/schemas/Problem" }, narrowed] });
    let examples = kinds.iter().map(|kind| (kind.code.to_owned(), example(*kind))).collect::<Map<_, _>>();
    let answer = json!({
        "description": description,
        "headers": { "X-Request-Id": header("RequestId"), "Cache-Control": header("CacheControl") },
        "content": { "application/problem+json": { "schema": schema, "examples": examples } },
    });
    match status {
        401 | 403 if kinds.iter().any(|kind| matches!(*kind, kind::UNAUTHENTICATED | kind::FORBIDDEN)) => {
            with_header(answer, "WWW-Authenticate", "Challenge")
        }
        429 | 503 => with_header(answer, "Retry-After", "RetryAfter"),
        _ => answer,
    }
}

fn with_header(mut answer: Value, name: &str, shared: &str) -> Value {
    if let Some(Value::Object(headers)) = answer.get_mut("headers") {
        headers.insert(name.to_owned(), header(shared));
    }
    answer
}

fn example(kind: ProblemKind) -> Value {
    let asks = kind == kind::STEP_UP_REQUIRED;
    let body = Body {
        r#type: type_of(kind),
        title: kind.title,
        status: kind.status,
        detail: "Describes this occurrence to a reader.",
        code: kind.code,
        errors: &[],
        reason: None,
        attempts_left: None,
        max_age: asks.then_some(600),
        acr_values: asks.then_some("urn:heirloom:acr:1"),
        methods: asks.then_some(&["password"]),
        challenge: None,
        factors: None,
        expires_in: None,
        email_code_required: None,
        recovery_ready_at: None,
    };
    json!({ "summary": kind.title, "value": body })
}

/// A reference to a header that the whole document shares.
pub(super) fn header(shared: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{shared}") })
}
