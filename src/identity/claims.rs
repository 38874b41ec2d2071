//! Custom claims that an administrator gives a user; access tokens carry them.

use std::fmt;

use serde_json::{Map, Number, Value};

/// The largest set of claims, in bytes of compact JSON: it travels with every request of its owner.
const MAX_BYTES: usize = 4096;
/// How large numbers may be, the sign aside, zero aside.
const MAGNITUDES: std::ops::RangeInclusive<f64> = 1e-21..=1e21;
/// The deepest nesting, the object itself counted as 1.
const MAX_DEPTH: usize = 8;

/// A JSON object that Postgres can hold as `jsonb` and an access token can carry.
///
/// `Debug` is redacted: what an operator puts in here is theirs, and may be personal.
#[derive(Clone, Default, PartialEq)]
pub struct CustomClaims(Map<String, Value>);

/// Why a set of claims was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// It is JSON, but not an object.
    #[error("Claims are a JSON object, as in {{\"plan\": \"pro\"}}.")]
    NotAnObject,
    /// It is larger than 4 KiB.
    #[error("Claims may take at most 4096 bytes of JSON.")]
    TooLong,
    /// It is nested deeper than eight levels.
    #[error("Claims may be nested at most 8 levels deep.")]
    TooDeep,
    /// A number in it is so large or so small that databases and clients would change or lose it
    /// (RFC 7493 §2.2).
    #[error("Numbers in claims are zero, or between 1e-21 and 1e21 on either side of it.")]
    NumberOutOfRange,
    /// A name or a text in it holds the character U+0000, which the database cannot store.
    #[error("Claims may not contain the character U+0000.")]
    ForbiddenCharacter,
}

impl ClaimsError {
    /// The stable code for clients.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotAnObject => "not_an_object",
            Self::TooLong => "too_long",
            Self::TooDeep => "too_deep",
            Self::NumberOutOfRange => "number_out_of_range",
            Self::ForbiddenCharacter => "forbidden_character",
        }
    }
}

impl CustomClaims {
    /// Checks that a JSON value can serve as claims.
    ///
    /// # Errors
    /// [`ClaimsError`] when it is not an object, too large, too deep, or holds a NUL or a number out of range.
    pub fn parse(value: Value) -> Result<Self, ClaimsError> {
        check_tree(&value, 1)?;
        if value.to_string().len() > MAX_BYTES {
            return Err(ClaimsError::TooLong);
        }
        match value {
            Value::Object(claims) => Ok(Self(claims)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(ClaimsError::NotAnObject)
            }
        }
    }

    /// The claims by name.
    #[must_use]
    pub const fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The claims as one JSON value, for the database and the token.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for CustomClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomClaims(…)")
    }
}

/// Walks the tree no deeper than allowed.
fn check_tree(value: &Value, depth: usize) -> Result<(), ClaimsError> {
    match value {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::Number(number) => check_number(number),
        Value::String(text) => check_text(text),
        Value::Array(_) | Value::Object(_) if depth > MAX_DEPTH => Err(ClaimsError::TooDeep),
        Value::Array(items) => items.iter().try_for_each(|item| check_tree(item, depth + 1)),
        Value::Object(entries) => entries.iter().try_for_each(|(name, entry)| {
            check_text(name)?;
            check_tree(entry, depth + 1)
        }),
    }
}

/// Postgres writes a `jsonb` number out digit by digit: hundreds of them for what takes six characters here.
fn check_number(number: &Number) -> Result<(), ClaimsError> {
    let magnitude = number.as_f64().unwrap_or(f64::INFINITY).abs();
    if magnitude == 0.0 || MAGNITUDES.contains(&magnitude) {
        return Ok(());
    }
    Err(ClaimsError::NumberOutOfRange)
}

fn check_text(text: &str) -> Result<(), ClaimsError> {
    if text.contains('\0') {
        return Err(ClaimsError::ForbiddenCharacter);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!({}), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "in": inner }) })
    }

    #[test]
    fn an_object_is_kept_as_it_is() {
        let value = json!({"plan": "pro", "seats": 5, "tags": ["a", null, true], "org": {"id": 1.5}, "": "김"});
        let claims = CustomClaims::parse(value.clone()).unwrap();
        assert_eq!(claims.as_object().len(), 5);
        assert_eq!(claims.into_value(), value);
    }

    #[test]
    fn no_claims_are_an_empty_object() {
        let none = CustomClaims::default();
        assert!(none.is_empty());
        assert_eq!(CustomClaims::parse(json!({})), Ok(none.clone()));
        assert_eq!(none.into_value(), json!({}));
    }

    #[test]
    fn anything_else_is_no_set_of_claims() {
        for value in [json!(null), json!(true), json!(1), json!("text"), json!([]), json!([{}])] {
            assert_eq!(CustomClaims::parse(value), Err(ClaimsError::NotAnObject));
        }
    }

    #[test]
    fn four_kibibytes_are_the_limit_in_bytes_of_json() {
        let of_size = |bytes: usize| json!({ "a": "x".repeat(bytes - r#"{"a":""}"#.len()) });
        assert!(CustomClaims::parse(of_size(4096)).is_ok());
        assert_eq!(CustomClaims::parse(of_size(4097)), Err(ClaimsError::TooLong));
        assert_eq!(CustomClaims::parse(json!({ "a": "김".repeat(1400) })), Err(ClaimsError::TooLong));
        // Escapes count as they are written.
        assert_eq!(CustomClaims::parse(json!({ "a": "\u{1}".repeat(700) })), Err(ClaimsError::TooLong));
    }

    #[test]
    fn eight_levels_are_the_limit() {
        assert!(CustomClaims::parse(nested(8)).unwrap().as_object().len() == 1);
        assert_eq!(CustomClaims::parse(nested(10)), Err(ClaimsError::TooDeep));
        assert_eq!(CustomClaims::parse(json!({ "in": nested(8) })), Err(ClaimsError::TooDeep));
        assert_eq!(CustomClaims::parse(nested(120)), Err(ClaimsError::TooDeep));
    }

    #[test]
    fn a_nul_is_refused_wherever_it_hides() {
        for value in [json!({"a": "x\0"}), json!({"a\0": 1}), json!({"a": [{"b": ["\0"]}]}), json!({"a": {"\0": {}}})] {
            assert_eq!(CustomClaims::parse(value), Err(ClaimsError::ForbiddenCharacter));
        }
    }

    #[test]
    fn numbers_are_readable_in_every_language() {
        for number in ["0", "-0.0", "1e21", "-1e21", "1e-21", "0.1", "18446744073709551615", "-9223372036854775808"] {
            let value: Value = serde_json::from_str(&format!("{{\"a\": [{number}]}}")).unwrap();
            assert!(CustomClaims::parse(value).is_ok(), "{number}");
        }
        for number in ["1.7976931348623157e+308", "-1e22", "1000000000000000000000000", "1e-22", "5e-324"] {
            let value: Value = serde_json::from_str(&format!("{{\"a\": [{number}]}}")).unwrap();
            assert_eq!(CustomClaims::parse(value), Err(ClaimsError::NumberOutOfRange), "{number}");
        }
    }

    #[test]
    fn errors_have_a_code_and_a_message() {
        for (error, code) in [
            (ClaimsError::NotAnObject, "not_an_object"),
            (ClaimsError::TooLong, "too_long"),
            (ClaimsError::TooDeep, "too_deep"),
            (ClaimsError::NumberOutOfRange, "number_out_of_range"),
            (ClaimsError::ForbiddenCharacter, "forbidden_character"),
        ] {
            assert_eq!(error.code(), code);
        }
        assert_eq!(ClaimsError::NotAnObject.to_string(), r#"Claims are a JSON object, as in {"plan": "pro"}."#);
    }

    #[test]
    fn claims_cannot_be_logged() {
        assert_eq!(format!("{:?}", CustomClaims::parse(json!({"a": "secret"})).unwrap()), "CustomClaims(…)");
    }
}
