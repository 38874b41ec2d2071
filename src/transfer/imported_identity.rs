use super::{
    row::{RawFields, RowRefused},
    values::{self, NOT_A_TIME},
};
use crate::kernel::Moment;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;

/// The name of the field.
pub const IDENTITIES: &str = "identities";
/// The most that a user has: one of each provider.
const MOST: usize = 32;
/// The longest issuer, subject or address, in bytes: an issuer is a URL, a subject has 255 at most (`OpenID` Connect Core §2).
const LONGEST: usize = 255;

/// A user of another provider, that opens an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedIdentity {
    /// The provider, as its tokens name it.
    pub issuer: String,
    /// The user there.
    pub subject: String,
    /// The provider's name in our options, in lower case.
    pub provider: String,
    /// The address there, as it was when it was connected. It proves nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// When it was connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Moment>,
    /// When it last opened the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Moment>,
}

/// Reads the field: a list of objects.
pub fn read(value: Value) -> Result<Vec<ImportedIdentity>, RowRefused> {
    let wrong = || RowRefused::of_type(IDENTITIES, "a list of objects");
    let Value::Array(entries) = value else { return Err(wrong()) };
    if entries.len() > MOST {
        return Err(refused("too_many", format!("may have {MOST} entries at most")));
    }
    let mut identities = Vec::new();
    for entry in entries {
        let Value::Object(fields) = entry else { return Err(wrong()) };
        identities.push(one(fields)?);
    }
    let (mut providers, mut keys) = (HashSet::new(), HashSet::new());
    let is_twice = |one: &ImportedIdentity| !providers.insert(one.provider.clone()) || !keys.insert(one.key());
    if identities.iter().any(is_twice) {
        return Err(refused("repeated", "names a provider twice"));
    }
    Ok(identities)
}

impl ImportedIdentity {
    /// By which it is found: the issuer and the subject.
    #[must_use]
    pub fn key(&self) -> [String; 2] {
        [self.issuer.clone(), self.subject.clone()]
    }
}

fn one(mut fields: RawFields) -> Result<ImportedIdentity, RowRefused> {
    let identity = ImportedIdentity {
        issuer: required(&mut fields, "issuer")?,
        subject: required(&mut fields, "subject")?,
        provider: provider(required(&mut fields, "provider")?)?,
        email: text(&mut fields, "email")?,
        created_at: moment(&mut fields, "created_at")?,
        last_used_at: moment(&mut fields, "last_used_at")?,
    };
    match fields.into_iter().next() {
        None => Ok(identity),
        Some(_) => Err(refused(
            "unknown_field",
            "an entry has issuer, subject, provider, and perhaps email, created_at, last_used_at",
        )),
    }
}

fn text(fields: &mut RawFields, name: &str) -> Result<Option<String>, RowRefused> {
    match fields.remove(name).filter(|value| !value.is_null()) {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= LONGEST && !text.chars().any(char::is_control) => Ok(Some(text)),
        Some(_) => Err(refused("wrong_type", format!("{name} must be a line of {LONGEST} bytes at most"))),
    }
}

fn required(fields: &mut RawFields, name: &str) -> Result<String, RowRefused> {
    let text = text(fields, name)?.filter(|text| !text.trim().is_empty());
    text.ok_or_else(|| refused("missing", format!("{name} is missing")))
}

fn provider(name: String) -> Result<String, RowRefused> {
    if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Ok(name);
    }
    Err(refused(
        "not_a_provider",
        "provider must be the name of a provider's options in lower case: letters and digits",
    ))
}

fn moment(fields: &mut RawFields, name: &str) -> Result<Option<Moment>, RowRefused> {
    let Some(text) = text(fields, name)? else { return Ok(None) };
    values::moment(&text).map(Some).ok_or_else(|| refused("not_a_time", format!("{name} {NOT_A_TIME}")))
}

fn refused(code: &'static str, problem: impl std::fmt::Display) -> RowRefused {
    RowRefused::field(IDENTITIES, code, problem)
}
