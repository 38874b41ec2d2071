use ciborium::Value;

use super::Refusal;

/// Levels of arrays and maps: an attestation object has three.
const DEEPEST: usize = 8;
/// Entries of a map: a key has five. Each key is compared with every other one.
const WIDEST: usize = 64;
/// Far more than an attestation object with its certificates; a bound on the work of an anonymous request.
const LONGEST: usize = 64 * 1024;

/// The first item of `bytes`, and the bytes behind it.
///
/// Only definite lengths and shortest forms are accepted, as CTAP2 §8 has authenticators write them: WebAuthn Level 3 (§2)
/// wants decoders to refuse other forms and repeated keys. Then every reader finds the same end of an item. The order of
/// keys is not checked: it changes no meaning.
///
/// # Errors
/// Malformed, too long, too deep, too wide, not in the shortest form, or a key twice.
pub fn first(bytes: &[u8]) -> Result<(Value, &[u8]), Refusal> {
    if bytes.len() > LONGEST {
        return Err(Refusal::TooLong);
    }
    let mut rest = bytes;
    let value: Value =
        ciborium::de::from_reader_with_recursion_limit(&mut rest, DEEPEST).map_err(|_error| Refusal::Cbor)?;
    let mut written = Vec::with_capacity(bytes.len());
    ciborium::into_writer(&value, &mut written).map_err(|_error| Refusal::Cbor)?;
    if bytes.strip_prefix(written.as_slice()) != Some(rest) {
        return Err(Refusal::Cbor);
    }
    check_keys(&value)?;
    Ok((value, rest))
}

/// The whole of `bytes` as one item.
///
/// # Errors
/// As [`first`], or bytes behind the item.
pub fn whole(bytes: &[u8]) -> Result<Value, Refusal> {
    let (value, rest) = first(bytes)?;
    if rest.is_empty() { Ok(value) } else { Err(Refusal::Cbor) }
}

/// What a map has under a text.
pub fn at_text<'a>(map: &'a Value, key: &str) -> Option<&'a Value> {
    map.as_map()?.iter().find(|(name, _)| name.as_text() == Some(key)).map(|(_, value)| value)
}

/// What a map has under an integer.
pub fn at_integer(map: &Value, key: i64) -> Option<&Value> {
    map.as_map()?.iter().find(|(name, _)| integer(name) == Some(key)).map(|(_, value)| value)
}

/// An integer that fits 64 bits.
pub fn integer(value: &Value) -> Option<i64> {
    value.as_integer().and_then(|number| i64::try_from(number).ok())
}

fn check_keys(value: &Value) -> Result<(), Refusal> {
    match value {
        Value::Map(entries) if entries.len() > WIDEST => Err(Refusal::TooLong),
        Value::Map(entries) => {
            let is_repeated = |at: usize, key: &Value| entries.iter().take(at).any(|(earlier, _)| earlier == key);
            if entries.iter().enumerate().any(|(at, (key, _))| is_repeated(at, key)) {
                return Err(Refusal::DuplicateKey);
            }
            entries.iter().try_for_each(|(key, item)| check_keys(key).and_then(|()| check_keys(item)))
        }
        Value::Array(items) => items.iter().try_for_each(check_keys),
        Value::Tag(_, item) => check_keys(item),
        _ => Ok(()),
    }
}
