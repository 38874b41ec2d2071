//! `firebase auth:export users.json`: `{"users": [{…}]}`.

use super::{columns::Columns, draft::Draft};
use crate::transfer::row::{RawFields, RowRefused};
use serde_json::Value;

/// The parameters of a project's password hashes, as the Firebase console shows them.
#[derive(Clone)]
pub struct HashConfig {
    signer_key: String,
    salt_separator: String,
    rounds: u32,
    mem_cost: u32,
}

impl std::fmt::Debug for HashConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashConfig(…)")
    }
}

/// Why the parameters cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is missing or malformed: copy the password hash parameters from the Firebase console as they are")]
pub struct HashConfigError(&'static str);

impl HashConfig {
    /// Reads what the console shows (`hash_config { algorithm: SCRYPT, base64_signer_key: …, }`), or the same as JSON.
    ///
    /// # Errors
    /// Names the parameter that is missing.
    pub fn read(text: &str) -> Result<Self, HashConfigError> {
        let of = |name: &'static str| {
            let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | '"' | '}');
            let (_, rest) = text.split_once(name).ok_or(HashConfigError(name))?;
            let rest = rest.trim_start_matches('"').trim_start().strip_prefix(':').ok_or(HashConfigError(name))?;
            let value = rest.trim_start().trim_start_matches('"').split(is_end).next().unwrap_or_default();
            Ok(value.to_owned())
        };
        let number = |name| of(name)?.parse().or(Err(HashConfigError(name)));
        let filled =
            |name| of(name).and_then(|value| if value.is_empty() { Err(HashConfigError(name)) } else { Ok(value) });
        Ok(Self {
            signer_key: filled("base64_signer_key")?,
            salt_separator: of("base64_salt_separator")?,
            rounds: number("rounds")?,
            mem_cost: number("mem_cost")?,
        })
    }

    /// In the form that `passwords` reads.
    pub(super) fn hash(&self, salt: &str, hash: &str) -> String {
        let Self { signer_key, salt_separator, rounds, mem_cost } = self;
        let base64 = |text: &str| text.replace('-', "+").replace('_', "/");
        let (key, salt, hash) = (base64(signer_key), base64(salt), base64(hash));
        format!("$fbscrypt$v=1,n={mem_cost},r={rounds},p=1,ss={salt_separator},sk={key}${salt}${hash}")
    }
}

/// How the passwords of an export are treated.
#[derive(Clone, Copy)]
pub enum FirebasePasswords<'a> {
    /// Their hashes are verified with these parameters, without which none can be.
    Kept(Option<&'a HashConfig>),
    /// They are left out.
    LeftOut,
}

pub fn convert(columns: &Columns, passwords: FirebasePasswords<'_>) -> Result<Draft, RowRefused> {
    let mut draft = Draft::default();
    draft.id(columns.text(&["localid", "uid"]));
    draft.set("email", columns.text(&["email"]));
    draft.set("name", columns.text(&["displayname"]));
    draft.set("email_verified", columns.flag(&["emailverified"])?);
    draft.moment("created_at", columns.epoch_millis(&["createdat"]));
    draft.moment("last_login_at", columns.epoch_millis(&["lastsignedinat", "lastloginat"]));
    draft.set("claims", columns.object(&["customattributes", "customclaims"]).map(Value::from));
    if columns.flag(&["disabled"])? == Some(true) {
        draft.block("Disabled in Firebase", None);
    }
    draft.set("password_hash", password_hash(columns, passwords)?);
    if has_entries(columns.object(&["mfainfo"]), columns.value(&["mfainfo"])) {
        draft.not_moved("the second factor");
    }
    Ok(draft)
}

fn has_entries(object: Option<RawFields>, value: Option<&Value>) -> bool {
    object.is_some_and(|object| !object.is_empty())
        || value.and_then(Value::as_array).is_some_and(|entries| !entries.is_empty())
}

fn password_hash(columns: &Columns, passwords: FirebasePasswords<'_>) -> Result<Option<String>, RowRefused> {
    let Some(hash) = columns.text(&["passwordhash"]) else { return Ok(None) };
    let config = match passwords {
        FirebasePasswords::LeftOut => return Ok(Some(hash)),
        FirebasePasswords::Kept(config) => config,
    };
    let Some(config) = config else {
        let problem = "cannot be verified without the project's parameters: name them with --firebase-hash-config, or \
                       import --without-password-hashes";
        return Err(RowRefused::field("passwordHash", "hash_config_missing", problem));
    };
    let salt = columns.text(&["salt"]).unwrap_or_default();
    Ok(Some(config.hash(&salt, &hash)))
}
