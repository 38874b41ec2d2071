//! Auth0: the export of users (NDJSON), and the export of password hashes that its support provides (NDJSON too).

use super::{columns::Columns, draft::Draft};
use crate::{
    identity::EmailAddress,
    transfer::row::{RawFields, RowRefused},
};
use serde_json::Value;
use std::{
    collections::HashMap,
    fmt,
    io::{self, BufRead},
};

/// Hashes of a file of their own, by user id and by address.
#[derive(Default)]
pub struct PasswordHashes(HashMap<String, String>);

/// Why the file of hashes cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HashFileError {
    /// The operating system reports it.
    #[error("it cannot be read")]
    Input(#[from] io::Error),
    /// A line is malformed.
    #[error("line {0} is not a JSON object")]
    NotJson(u64),
}

impl fmt::Debug for PasswordHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHashes(…)")
    }
}

impl PasswordHashes {
    /// Reads a whole file: it is held in memory.
    ///
    /// # Errors
    /// [`HashFileError`]
    pub fn read(input: impl BufRead) -> Result<Self, HashFileError> {
        let (mut hashes, mut number) = (Self::default(), 0);
        for line in input.lines() {
            number += 1;
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            let fields: RawFields = serde_json::from_str(&line).or(Err(HashFileError::NotJson(number)))?;
            hashes.add(&Columns::of(fields).or(Err(HashFileError::NotJson(number)))?);
        }
        Ok(hashes)
    }

    fn add(&mut self, columns: &Columns) {
        let Some(hash) = own_hash(columns) else { return };
        for key in [user_id(columns), columns.text(&["email"]).map(|email| address_key(&email))].into_iter().flatten() {
            self.0.insert(key, hash.clone());
        }
    }

    fn of(&self, columns: &Columns) -> Option<String> {
        let by_id = user_id(columns).and_then(|id| self.0.get(&id));
        // Several connections may hold one address: a user of another connection has no hash here.
        let by_address = || columns.text(&["email"]).and_then(|email| self.0.get(&address_key(&email)));
        let hash = if columns.has(&["user_id"]) { by_id } else { by_id.or_else(by_address) };
        hash.cloned()
    }
}

fn address_key(email: &str) -> String {
    EmailAddress::parse(email).map_or_else(|_| email.to_owned(), |email| email.as_str().to_owned())
}

/// `auth0|…`; the export of hashes has only what stands behind the bar.
fn user_id(columns: &Columns) -> Option<String> {
    let own = columns.text(&["user_id", "id"]);
    let object = || {
        let id = columns.object(&["_id"])?;
        id.get("$oid").and_then(Value::as_str).map(|id| format!("auth0|{id}"))
    };
    own.or_else(object)
}

pub fn convert(columns: &Columns, hashes: Option<&PasswordHashes>) -> Result<Draft, RowRefused> {
    let mut draft = Draft::default();
    draft.id(user_id(columns));
    draft.set("email", columns.text(&["email"]));
    draft.set("name", columns.text(&["name"]).filter(|name| !name.contains('@')));
    draft.set("email_verified", columns.flag(&["email_verified"])?);
    draft.moment("created_at", columns.moment(&["created_at"])?);
    draft.moment("last_login_at", columns.moment(&["last_login"])?);
    if columns.flag(&["blocked"])? == Some(true) {
        draft.block("Blocked in Auth0", None);
    }
    draft.set("password_hash", own_hash(columns).or_else(|| hashes.and_then(|hashes| hashes.of(columns))));
    let factors = columns.value(&["multifactor", "mfa_factors"]).and_then(Value::as_array);
    if factors.is_some_and(|factors| !factors.is_empty()) {
        draft.not_moved("the second factor");
    }
    Ok(draft)
}

/// `passwordHash` of the export, or `custom_password_hash` as users are imported into Auth0.
fn own_hash(columns: &Columns) -> Option<String> {
    let custom = || {
        let custom = columns.object(&["custom_password_hash", "custompasswordhash"])?;
        let algorithm = custom.get("algorithm").and_then(Value::as_str)?;
        let value = custom.get("hash")?.get("value").and_then(Value::as_str)?;
        Some(match algorithm {
            "bcrypt" | "argon2" | "pbkdf2" => value.to_owned(),
            // Refused, and named as unknown.
            other => format!("{{{other}}}{value}"),
        })
    };
    columns.text(&["passwordhash", "password_hash"]).or_else(custom)
}
