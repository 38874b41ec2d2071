use serde::{Deserialize, Deserializer, de::Error};

/// The largest integer that every language has (RFC 8259 §6): beyond it, two verifiers could read one text differently.
const LARGEST: u64 = (1 << 53) - 1;

/// Such an integer.
pub(crate) fn exact<'de, D: Deserializer<'de>, T: TryFrom<i64>>(deserializer: D) -> Result<T, D::Error> {
    let value = i64::deserialize(deserializer)?;
    let value = Some(value).filter(|value| value.unsigned_abs() <= LARGEST);
    value.and_then(|value| T::try_from(value).ok()).ok_or_else(|| D::Error::custom("not an integer of every language"))
}

/// The lowest `rev` of a user's good tokens.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Rev(#[serde(deserialize_with = "exact")] pub i64);
