use super::{Schemas, problems, reference};
use crate::http::{Kind, kind};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema, openapi::path::ParameterIn};

/// One method of one path, as its room describes it.
#[derive(Debug)]
pub struct Operation {
    path: &'static str,
    method: &'static str,
    said: Map<String, Value>,
    parameters: Vec<Value>,
    answers: Map<String, Value>,
    problems: Vec<Kind>,
    schemas: Schemas,
}

/// The answers that any operation may return.
const ALWAYS: [Kind; 2] = [kind::TOO_MANY_REQUESTS, kind::INTERNAL_ERROR];
/// The problems of a bearer token.
const BEARER: [Kind; 5] = [
    kind::UNAUTHENTICATED,
    kind::ACCESS_TOKEN_INVALID,
    kind::ACCESS_TOKEN_EXPIRED,
    kind::SESSION_REVOKED,
    kind::TEMPORARILY_UNAVAILABLE,
];
/// The problems of a body.
const BODY: [Kind; 5] = [
    kind::MALFORMED_REQUEST,
    kind::REQUEST_TIMEOUT,
    kind::PAYLOAD_TOO_LARGE,
    kind::UNSUPPORTED_MEDIA_TYPE,
    kind::VALIDATION_FAILED,
];

impl Operation {
    /// `method` in lower case; `name` is its `operationId`, unique and stable; `summary` one line.
    #[must_use]
    pub fn new(method: &'static str, path: &'static str, (tag, name): (&str, &str), summary: &str) -> Self {
        let said = [("tags", json!([tag])), ("operationId", json!(name)), ("summary", json!(summary))];
        Self {
            path,
            method,
            said: said.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            parameters: Vec::new(),
            answers: Map::new(),
            problems: ALWAYS.to_vec(),
            schemas: Schemas::new(),
        }
        .secured(&json!([]))
    }

    /// A longer description, as Markdown.
    #[must_use]
    pub fn about(mut self, text: &str) -> Self {
        self.said.insert("description".to_owned(), json!(text));
        self
    }

    /// Needs an access token.
    #[must_use]
    pub fn for_signed_in(self) -> Self {
        self.secured(&json!([{ "bearer": [] }])).may_be(&BEARER)
    }

    /// Needs an administrator's access token.
    #[must_use]
    pub fn for_admin(self) -> Self {
        self.for_signed_in().may_be(&[kind::FORBIDDEN])
    }

    /// Security requirements, any one of which is enough.
    #[must_use]
    pub fn secured(mut self, requirements: &Value) -> Self {
        self.said.insert("security".to_owned(), requirements.clone());
        self
    }

    /// Takes a JSON body.
    #[must_use]
    pub fn takes<T: ToSchema>(self, example: &Value) -> Self {
        self.takes_body::<T>(true, example)
    }

    /// Takes a JSON body or none.
    #[must_use]
    pub fn may_take<T: ToSchema>(self, example: &Value) -> Self {
        self.takes_body::<T>(false, example)
    }

    fn takes_body<T: ToSchema>(mut self, required: bool, example: &Value) -> Self {
        let schema = reference::<T>(&mut self.schemas);
        let content = json!({ "application/json": { "schema": schema, "example": example } });
        self.said.insert("requestBody".to_owned(), json!({ "required": required, "content": content }));
        self.may_be(&BODY)
    }

    /// Takes a query string.
    #[must_use]
    pub fn queried<T: IntoParams>(mut self) -> Self {
        let parameters = T::into_params(|| Some(ParameterIn::Query));
        self.parameters.extend(parameters.into_iter().filter_map(|one| serde_json::to_value(one).ok()));
        self.may_be(&[kind::VALIDATION_FAILED])
    }

    /// Has an `{id}` in its path.
    #[must_use]
    pub fn with_id(self, about: &str) -> Self {
        let schema = json!({ "type": "string", "format": "uuid" });
        self.parameter(json!({ "name": "id", "in": "path", "required": true, "description": about, "schema": schema }))
            .may_be(&[kind::NOT_FOUND])
    }

    /// Has a parameter of its own.
    #[must_use]
    pub fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Answers JSON of this type.
    #[must_use]
    pub fn answers<T: ToSchema>(mut self, status: u16, about: &str) -> Self {
        let schema = reference::<T>(&mut self.schemas);
        self.answer(status, about, &json!({ "application/json": { "schema": schema } }))
    }

    /// Answers a page of a list, [`crate::http::Listed`], of entries of this type.
    #[must_use]
    pub fn lists<T: ToSchema>(mut self, about: &str) -> Self {
        let items = json!({ "type": "array", "items": reference::<T>(&mut self.schemas) });
        let about_cursor = "The start of the next page; null on the last page";
        let schema = json!({
            "type": "object",
            "required": ["items", "next_cursor"],
            "properties": { "items": items, "next_cursor": { "type": ["string", "null"], "description": about_cursor } },
        });
        self.answer(200, about, &json!({ "application/json": { "schema": schema } }))
    }

    /// Answers without a body.
    #[must_use]
    pub fn answers_nothing(self, status: u16, about: &str) -> Self {
        self.answer(status, about, &Value::Null)
    }

    /// Answers content of this description.
    #[must_use]
    pub fn answer(mut self, status: u16, about: &str, content: &Value) -> Self {
        let mut answer = json!({ "description": about, "headers": { "X-Request-Id": header("RequestId"), "Cache-Control": header("CacheControl") } });
        if let (Value::Object(answer), false) = (&mut answer, content.is_null()) {
            answer.insert("content".to_owned(), content.clone());
        }
        self.answers.insert(status.to_string(), answer);
        self
    }

    /// Every good answer so far may bear this header, too: one of those that the whole document shares.
    #[must_use]
    pub fn bearing(self, name: &str, shared: &str) -> Self {
        self.bearing_own(name, &header(shared))
    }

    /// Every good answer so far bears this header, too.
    #[must_use]
    pub fn bearing_own(mut self, name: &str, header: &Value) -> Self {
        for answer in self.answers.values_mut() {
            if let Some(Value::Object(headers)) = answer.get_mut("headers") {
                headers.insert(name.to_owned(), header.clone());
            }
        }
        self
    }

    /// May be answered with these problems.
    #[must_use]
    pub fn may_be(mut self, kinds: &[Kind]) -> Self {
        self.problems.extend(kinds);
        self
    }

    /// Called by machines on behalf of all users: no rate limit by address.
    #[must_use]
    pub fn unlimited(mut self) -> Self {
        self.problems.retain(|kind| *kind != kind::TOO_MANY_REQUESTS);
        self
    }

    pub(super) fn finish(mut self, schemas: &mut Schemas) -> (String, String, Value) {
        schemas.append(&mut self.schemas);
        let mut answers = self.answers;
        for (status, answer) in problems::by_status(&self.problems) {
            answers.insert(status.to_string(), answer);
        }
        if !self.parameters.is_empty() {
            self.said.insert("parameters".to_owned(), self.parameters.into());
        }
        self.said.insert("responses".to_owned(), answers.into());
        (self.path.to_owned(), self.method.to_owned(), self.said.into())
    }
}

/// A reference to a header that the whole document shares.
pub(super) fn header(shared: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{shared}") })
}
