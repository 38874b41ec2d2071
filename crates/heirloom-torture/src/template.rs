//! Requests with names that are replaced by values.

use super::{profile::Request, secret::Guarded};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use url::form_urlencoded::byte_serialize;

/// Values by name.
pub type Values = BTreeMap<String, Guarded>;

/// A name without a value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{{{0}}}` in the profile has no value")]
pub struct Missing(pub String);

/// Fills a text in. None: it is a text that may be left out (`{name?}`), and nothing stands for the name.
pub fn fill(template: &str, values: &Values) -> Result<Option<String>, Missing> {
    fill_with(template, values, str::to_owned)
}

/// Fills a URL in. Values in its query are encoded.
pub fn fill_url(template: &str, values: &Values) -> Result<String, Missing> {
    let mark =
        template.match_indices('?').find(|(at, _)| !template.get(at + 1..).is_some_and(|rest| rest.starts_with('}')));
    let (before, query) = mark.map_or((template, ""), |(at, _)| {
        (template.get(..at).unwrap_or_default(), template.get(at + 1..).unwrap_or_default())
    });
    let before = fill(before, values)?.unwrap_or_default();
    let encode = |value: &str| byte_serialize(value.as_bytes()).collect::<String>();
    let query = fill_with(query, values, encode)?.unwrap_or_default();
    Ok(if query.is_empty() { before } else { format!("{before}?{query}") })
}

fn fill_with(template: &str, values: &Values, write: impl Fn(&str) -> String) -> Result<Option<String>, Missing> {
    let (mut filled, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, tail)) = after.split_once('}').filter(|(name, _)| is_name(name)) else {
            filled.push('{');
            rest = after;
            continue;
        };
        match (values.get(name.trim_end_matches('?')), name.ends_with('?')) {
            (Some(value), _) => filled.push_str(&write(value.reveal())),
            (None, true) => return Ok(None),
            (None, false) => return Err(Missing(name.to_owned())),
        }
        rest = tail;
    }
    filled.push_str(rest);
    Ok(Some(filled))
}

/// Fills all texts of a map in; those that may be left out are.
pub fn fill_map(map: &BTreeMap<String, String>, values: &Values) -> Result<Vec<(String, String)>, Missing> {
    let filled = map.iter().map(|(name, text)| Ok(fill(text, values)?.map(|text| (name.clone(), text))));
    filled.filter_map(Result::transpose).collect()
}

/// Fills all texts of a JSON value in.
pub fn fill_json(template: &Value, values: &Values) -> Result<Option<Value>, Missing> {
    Ok(match template {
        Value::String(text) => fill(text, values)?.map(Value::String),
        Value::Array(items) => {
            let filled = items.iter().map(|item| fill_json(item, values)).filter_map(Result::transpose);
            Some(Value::Array(filled.collect::<Result<_, _>>()?))
        }
        Value::Object(members) => {
            let filled =
                members.iter().map(|(name, value)| Ok(fill_json(value, values)?.map(|new| (name.clone(), new))));
            Some(Value::Object(filled.filter_map(Result::transpose).collect::<Result<_, _>>()?))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(template.clone()),
    })
}

/// The names without which a request cannot be sent.
pub fn names(request: &Request) -> BTreeSet<String> {
    texts(request).iter().flat_map(|text| names_in(text)).collect()
}

/// The texts of a request that may hold names.
pub fn texts(request: &Request) -> Vec<String> {
    let maps = [Some(&request.headers), Some(&request.cookies), request.form.as_ref()];
    let mut texts = vec![request.url.clone()];
    texts.extend(maps.into_iter().flatten().flat_map(BTreeMap::values).cloned());
    texts.extend(request.json.iter().map(Value::to_string));
    texts
}

/// The names in a text that must have a value.
pub fn names_in(text: &str) -> Vec<String> {
    let after_braces = text.split('{').skip(1);
    let names = after_braces.filter_map(|after| after.split_once('}').map(|(name, _)| name));
    names.filter(|name| is_name(name) && !name.ends_with('?')).map(str::to_owned).collect()
}

fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('?').unwrap_or(text);
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values() -> Values {
        [("base", "http://localhost"), ("user", "a{b}")]
            .map(|(name, value)| (name.to_owned(), Guarded::new(value.to_owned())))
            .into()
    }

    #[test]
    fn names_are_filled_in_and_nothing_else_is() {
        for (template, expected) in [
            ("{base}/login", Ok(Some("http://localhost/login"))),
            ("{user} at {base}", Ok(Some("a{b} at http://localhost"))),
            ("{user?}", Ok(Some("a{b}"))),
            ("{scope?}", Ok(None)),
            ("{scope}", Err(Missing("scope".to_owned()))),
            ("{ a } {\"b\"} {", Ok(Some("{ a } {\"b\"} {"))),
        ] {
            assert_eq!(fill(template, &values()), expected.map(|text| text.map(str::to_owned)), "{template}");
        }
    }

    #[test]
    fn a_value_in_a_query_is_encoded() {
        for (template, expected) in [
            ("{base}/a?x={user}&y=1", "http://localhost/a?x=a%7Bb%7D&y=1"),
            ("{base}", "http://localhost"),
            ("http://{user}", "http://a{b}"),
            ("{base}/{user?}/x?y={user?}", "http://localhost/a{b}/x?y=a%7Bb%7D"),
        ] {
            assert_eq!(fill_url(template, &values()), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn members_that_may_be_left_out_are() {
        let template = json!({ "user": "{user}", "scope": "{scope?}", "list": ["{scope?}", 1, { "x": "{base}" }] });
        let filled = fill_json(&template, &values());
        assert_eq!(filled, Ok(Some(json!({ "user": "a{b}", "list": [1, { "x": "http://localhost" }] }))));
    }
}
