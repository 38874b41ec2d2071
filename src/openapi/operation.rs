use super::problems::{self, header};
use crate::http::{ProblemKind, kind};
use serde_json::{Map, Value, json};

/// The answers that any operation may return.
const ALWAYS: [ProblemKind; 2] = [kind::TOO_MANY_REQUESTS, kind::INTERNAL_ERROR];
/// The problems of a bearer token.
const BEARER: [ProblemKind; 5] = [
    kind::UNAUTHENTICATED,
    kind::ACCESS_TOKEN_INVALID,
    kind::ACCESS_TOKEN_EXPIRED,
    kind::SESSION_REVOKED,
    kind::TEMPORARILY_UNAVAILABLE,
];
/// The problems of a body.
const BODY: [ProblemKind; 5] = [
    kind::MALFORMED_REQUEST,
    kind::REQUEST_TIMEOUT,
    kind::PAYLOAD_TOO_LARGE,
    kind::UNSUPPORTED_MEDIA_TYPE,
    kind::VALIDATION_FAILED,
];
/// Headers that all operations share, by the name of their description.
const SHARED: [(&str, &str); 2] = [("Set-Cookie", "SetCookie"), ("ETag", "ETag")];

/// Adds to a described operation what follows from it: problems, their headers and the headers of every answer.
pub(super) fn complete(operation: &mut Map<String, Value>) {
    let problems = problems_of(operation);
    operation.remove("x-problems");
    operation.remove("x-unlimited");
    if operation.get("description").is_some_and(|text| text == "") {
        operation.remove("description");
    }
    operation.entry("security").or_insert_with(|| json!([]));
    if let Some(body) = operation.get_mut("requestBody") {
        complete_body(body);
    }
    if let Some(Value::Object(answers)) = operation.get_mut("responses") {
        answers.values_mut().for_each(complete_answer);
        answers.extend(problems::by_status(&problems).into_iter().map(|(status, answer)| (status.to_string(), answer)));
    }
}

/// The problems that a handler names, and those that its token, its body and its parameters imply.
fn problems_of(operation: &Map<String, Value>) -> Vec<ProblemKind> {
    let mut kinds = ALWAYS.to_vec();
    if operation.contains_key("x-unlimited") {
        kinds.retain(|kind| *kind != kind::TOO_MANY_REQUESTS);
    }
    if operation.get("security") == Some(&json!([{ "bearer": [] }])) {
        kinds.extend(BEARER);
    }
    if operation.get("tags") == Some(&json!(["admin"])) {
        kinds.push(kind::FORBIDDEN);
    }
    if operation.contains_key("requestBody") {
        kinds.extend(BODY);
    }
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    kinds.extend(
        parameters
            .map(|one| if one.get("in") == Some(&json!("path")) { kind::NOT_FOUND } else { kind::VALIDATION_FAILED }),
    );
    let named = operation.get("x-problems").and_then(Value::as_array).into_iter().flatten();
    kinds.extend(named.filter_map(|code| kind::ALL.iter().find(|kind| *code == kind.code)));
    kinds
}

/// `Option<T>`: the body may be absent. It may not be `null`.
fn complete_body(body: &mut Value) {
    let schema = body.pointer("/content/application~1json/schema");
    let choices = schema.and_then(|schema| schema.get("oneOf")).and_then(Value::as_array);
    let inner = choices.and_then(|choices| choices.iter().find(|choice| choice.get("$ref").is_some())).cloned();
    let required = inner.is_none();
    if let (Some(inner), Some(schema)) = (inner, body.pointer_mut("/content/application~1json/schema")) {
        *schema = inner;
    }
    if let Value::Object(body) = body {
        body.insert("required".to_owned(), json!(required));
    }
}

/// Every answer has a request id and says whether it may be stored; a header of its own is always there.
fn complete_answer(answer: &mut Value) {
    let Value::Object(answer) = answer else { return };
    let headers = answer.entry("headers").or_insert_with(|| json!({}));
    let Value::Object(headers) = headers else { return };
    for (name, described) in headers.iter_mut() {
        match (SHARED.iter().find(|(shared, _)| shared == name), &mut *described) {
            (Some((_, shared)), described) => *described = header(shared),
            (None, Value::Object(own)) => drop(own.insert("required".to_owned(), json!(true))),
            (None, _) => {}
        }
    }
    headers.insert("X-Request-Id".to_owned(), header("RequestId"));
    headers.insert("Cache-Control".to_owned(), header("CacheControl"));
}
