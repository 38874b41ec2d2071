//! Values as databases and spreadsheets write them.

use crate::{
    identity::{BlockReason, DisplayName, TextError},
    kernel::Moment,
};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};
use serde_json::Value;

/// The longest language tag that is stored, in characters.
const LANGUAGE: usize = 35;
/// Times without a zone are UTC. Chrono reads `%H` and the others with one digit too.
const WITHOUT_ZONE: [&str; 4] = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
const WITH_ZONE: [&str; 4] =
    ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f %#z", "%Y-%m-%d %H:%M%#z"];

/// Why a time is refused.
pub const NOT_A_TIME: &str = "must be a time of the years 1970 to 9999, such as 2026-11-23T00:00:00Z";

/// A truth value: of JSON, or as Postgres (`t`), MySQL (`1`, a bit) and spreadsheets (`TRUE`) write it.
pub fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => match number.as_u64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "t" | "true" | "1" | "yes" | "y" | "\u{1}" => Some(true),
            "f" | "false" | "0" | "no" | "n" | "\u{0}" => Some(false),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A time of the years 1970 to 9999: RFC 3339, or as databases write it. Without a zone it is UTC.
pub fn moment(text: &str) -> Option<Moment> {
    let text = text.trim();
    let utc = text.strip_suffix(" UTC").or_else(|| text.strip_suffix('Z')).unwrap_or(text);
    let rfc3339 = || DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
    let zoned =
        || WITH_ZONE.iter().find_map(|form| DateTime::parse_from_str(text, form).ok()).map(|time| time.to_utc());
    let plain = || WITHOUT_ZONE.iter().find_map(|form| NaiveDateTime::parse_from_str(utc, form).ok());
    let date = || NaiveDate::parse_from_str(utc, "%Y-%m-%d").ok().and_then(|date| date.and_hms_opt(0, 0, 0));
    let moment = rfc3339().or_else(zoned).or_else(|| plain().or_else(date).map(|time| time.and_utc()))?;
    (1970..=9999).contains(&moment.year()).then_some(moment)
}

/// A time since 1970, as libraries write it into `SQLite`: ten digits are seconds, thirteen are milliseconds.
pub fn epoch(text: &str) -> Option<Moment> {
    let number = || text.parse().ok();
    match text.len() {
        10 => DateTime::from_timestamp(number()?, 0),
        13 => DateTime::from_timestamp_millis(number()?),
        _ => None,
    }
    .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A time in milliseconds since 1970, as a number or as text.
pub fn epoch_millis(value: &Value) -> Option<Moment> {
    let millis = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => text.parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    DateTime::from_timestamp_millis(millis).filter(|moment| (1970..=9999).contains(&moment.year()))
}

/// A language tag (RFC 5646), also as locales are written (`en_US`).
pub fn language(text: &str) -> Option<String> {
    let tag = text.trim().replace('_', "-");
    let is_tag = |tag: &str| tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (is_tag(&tag) && (2..=LANGUAGE).contains(&tag.len())).then_some(tag)
}

/// A text that was accepted, and whether it had to be changed.
pub struct Cleaned<T> {
    pub text: Option<T>,
    pub is_changed: bool,
}

/// What may become of a short text: a name or a reason.
pub trait Cleanable: Sized {
    fn parse(text: &str) -> Result<Option<Self>, TextError>;
}

impl Cleanable for DisplayName {
    fn parse(text: &str) -> Result<Option<Self>, TextError> {
        Self::parse(text)
    }
}

impl Cleanable for BlockReason {
    fn parse(text: &str) -> Result<Option<Self>, TextError> {
        Self::parse(text)
    }
}

/// Takes out what a text may not contain, and cuts what is too long: a name does not cost the user.
pub fn clean<T: Cleanable>(text: &str) -> Cleaned<T> {
    if let Ok(text) = T::parse(text) {
        return Cleaned { text, is_changed: false };
    }
    // A line break or a tab separates words; a mark does not.
    let is_separator = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let spaced: String = text.chars().map(|c| if is_separator(c) { ' ' } else { c }).collect();
    let allowed: String = spaced.chars().filter(|c| T::parse(&format!("x{c}x")).is_ok()).collect();
    let line = allowed.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = match T::parse(&line) {
        Ok(text) => text,
        Err(TextError::TooLong { max_characters }) => T::parse(&cut(&line, max_characters)).ok().flatten(),
        Err(TextError::ForbiddenCharacter) => None,
    };
    Cleaned { text, is_changed: true }
}

/// Cut after normalizing, since that is how characters are counted.
fn cut(line: &str, max_characters: usize) -> String {
    use unicode_normalization::UnicodeNormalization;
    line.nfc().take(max_characters).collect()
}
