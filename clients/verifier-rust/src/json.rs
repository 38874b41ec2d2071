//! One text has one meaning for every verifier.

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Map, Value};
use std::fmt;

/// The largest integer that every language has (RFC 8259 §6): beyond it, two verifiers could read one text differently.
const LARGEST: u64 = (1 << 53) - 1;

/// Such an integer.
pub(crate) fn exact<'de, D: Deserializer<'de>, T: TryFrom<i64>>(deserializer: D) -> Result<T, D::Error> {
    let value = i64::deserialize(deserializer)?;
    let value = Some(value).filter(|value| value.unsigned_abs() <= LARGEST);
    value.and_then(|value| T::try_from(value).ok()).ok_or_else(|| D::Error::custom("not an integer of every language"))
}

/// One that is not below zero.
pub(crate) fn natural<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    exact::<D, u64>(deserializer).map(u64::cast_signed)
}

/// The lowest `rev` of a user's good tokens.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Rev(#[serde(deserialize_with = "natural")] pub i64);

/// The members that a struct does not name itself, none of them twice (RFC 7519 §4): of two, another reader could take the other
/// one. The struct's own fields are checked in any case.
pub(crate) fn each_once<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    deserializer.deserialize_map(EachOnce)
}

struct EachOnce;

impl<'de> Visitor<'de> for EachOnce {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut others = Map::new();
        while let Some((name, value)) = members.next_entry()? {
            if others.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is named twice"));
            }
        }
        Ok(others)
    }
}
