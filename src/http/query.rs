use super::{Problem, json::without_values};
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use serde::de::DeserializeOwned;
use std::{
    future::{Ready, ready},
    str::FromStr,
};
use url::form_urlencoded;

/// A valid query string: unknown, repeated or out-of-range parameters are 422.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Self))
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "query" } else { path.as_str() };
        Problem::field(field, "invalid", without_values(&error.inner().to_string()))
    })
}

/// The `{id}` of a path. A value that is not an id is answered 404.
#[derive(Debug)]
pub struct PathId<T>(pub T);

impl<T: FromStr> FromRequest for PathId<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let id = request.match_info().get("id").and_then(|text| text.parse().ok());
        ready(id.map(Self).ok_or_else(|| Problem::not_found("resource")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum State {
        Live,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only reading is of interest")]
    struct Wanted {
        state: Option<State>,
        limit: Option<u32>,
        all: Option<bool>,
    }

    ///
    #[test]
    fn an_error_names_the_parameter_and_never_repeats_its_value() {
        for (query, expected) in [
            ("state=s3cret", "state: must be `live`"),
            ("state=", "state: must be `live`"),
            ("limit=s3cret", "limit: must be a whole number"),
            ("limit=-1", "limit: must be a whole number"),
            ("limit=99999999999", "limit: must be a whole number"),
            ("limit", "limit: must be a whole number"),
            ("all=s3cret", "all: must be `true` or `false`"),
            ("limit=1&limit=2", "query: duplicate field `limit`"),
        ] {
            let problem = parse::<Wanted>(query).map(|_| ()).map_err(|problem| problem.detail.clone());
            assert_eq!(problem, Err(expected.to_owned()), "{query}");
        }
        let unknown = parse::<Wanted>("sate=s3cret").map_err(|problem| problem.detail.clone());
        assert!(unknown.is_err_and(|detail| detail.contains("`sate`") && !detail.contains("s3cret")));
        assert!(parse::<Wanted>("state=live&limit=%2B5&all=true&").is_ok());
    }
}
