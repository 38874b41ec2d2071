//! Requests with names that are replaced by values.

use super::{profile::Request, secret::Guarded};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Values by name.
pub type Values = BTreeMap<String, Guarded>;

/// A name without a value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{{{0}}}` in the profile has no value")]
pub struct Missing(pub String);

/// Fills a text in. None: it is a text that may be left out (`{name?}`), and nothing stands for the name.
pub fn fill(template: &str, values: &Values) -> Result<Option<String>, Missing> {
    let (mut filled, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, tail)) = after.split_once('}').filter(|(name, _)| is_name(name)) else {
            filled.push('{');
            rest = after;
            continue;
        };
        match (values.get(name.trim_end_matches('?')), name.ends_with('?')) {
            (Some(value), _) => filled.push_str(value.reveal()),
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
    let mut texts = vec![request.url.clone()];
    texts.extend(request.headers.values().cloned());
    texts.extend(request.form.iter().flat_map(BTreeMap::values).cloned());
    texts.extend(request.json.iter().map(Value::to_string));
    texts.iter().flat_map(|text| names_in(text)).collect()
}

fn names_in(text: &str) -> Vec<String> {
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
    fn members_that_may_be_left_out_are() {
        let template = json!({ "user": "{user}", "scope": "{scope?}", "list": ["{scope?}", 1, { "x": "{base}" }] });
        let filled = fill_json(&template, &values());
        assert_eq!(filled, Ok(Some(json!({ "user": "a{b}", "list": [1, { "x": "http://localhost" }] }))));
    }
}
