//! `kc.sh export`: `{"realm": …, "users": [{…}]}`.

use super::{columns::Columns, draft::Draft};
use crate::transfer::row::{RawFields, RowRefused};
use serde_json::Value;

pub fn convert(columns: &Columns) -> Result<Draft, RowRefused> {
    if columns.value(&["serviceaccountclientid"]).is_some() {
        return Err(RowRefused::new("service_account", "is the service account of a client, not a user"));
    }
    if columns.has(&["realm"]) && columns.has(&["users"]) {
        return Err(RowRefused::new("not_a_user", "is a realm: export one realm at a time, with --realm"));
    }
    let mut draft = Draft::default();
    draft.id(columns.text(&["id"]));
    draft.set("email", columns.text(&["email"]).or_else(|| username(columns)));
    draft.set("name", name(columns));
    draft.set("email_verified", columns.flag(&["emailverified"])?);
    draft.moment("created_at", columns.epoch_millis(&["createdtimestamp"]));
    draft.set("language", locale(columns));
    let enabled = columns.flag(&["enabled"])?.ok_or_else(|| {
        RowRefused::field("enabled", "missing", "is missing: without it, a blocked user could sign in")
    })?;
    if !enabled {
        draft.block("Not enabled in Keycloak", None);
    }
    for credential in list(columns, "credentials") {
        take_credential(&mut draft, &credential)?;
    }
    let actions = columns.value(&["requiredactions"]).and_then(Value::as_array);
    if actions.is_some_and(|actions| actions.iter().any(|action| action == "UPDATE_PASSWORD")) {
        draft.not_moved("the demand to choose another password (UPDATE_PASSWORD)");
    }
    if columns.value(&["federationlink"]).is_some() {
        draft.not_moved("the password that the user federation holds");
    }
    Ok(draft)
}

/// In realms where the address is the name.
fn username(columns: &Columns) -> Option<String> {
    columns.text(&["username"]).filter(|name| name.contains('@'))
}

fn name(columns: &Columns) -> Option<String> {
    let parts = [columns.text(&["firstname"]), columns.text(&["lastname"])];
    let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    Some(name).filter(|name| !name.is_empty())
}

fn locale(columns: &Columns) -> Option<String> {
    let locale = columns.object(&["attributes"])?.remove("locale")?;
    locale.as_array().and_then(|values| values.first()).and_then(Value::as_str).map(str::to_owned)
}

fn list(columns: &Columns, name: &str) -> Vec<RawFields> {
    let items = columns.value(&[name]).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_object).cloned().collect()
}

fn take_credential(draft: &mut Draft, credential: &RawFields) -> Result<(), RowRefused> {
    match credential.get("type").and_then(Value::as_str) {
        Some("password") => draft.set("password_hash", Some(password_hash(credential)?)),
        Some("otp" | "totp" | "hotp") => draft.not_moved("the second factor (one-time passwords)"),
        Some("webauthn" | "webauthn-passwordless") => draft.not_moved("the security key or passkey"),
        Some(_) | None => draft.not_moved("a credential of another type"),
    }
    Ok(())
}

/// `secretData` and `credentialData` are JSON in a string. Versions before 8 have the same in the credential itself.
fn password_hash(credential: &RawFields) -> Result<String, RowRefused> {
    let (secret, data) = (inner(credential, "secretData"), inner(credential, "credentialData"));
    let text = |from: &RawFields, name: &str| from.get(name).and_then(Value::as_str).map(str::to_owned);
    let salt = text(&secret, "salt").or_else(|| text(credential, "salt")).ok_or_else(malformed)?;
    let value = text(&secret, "value").or_else(|| text(credential, "hashedSaltedValue")).ok_or_else(malformed)?;
    let algorithm = text(&data, "algorithm").or_else(|| text(credential, "algorithm")).ok_or_else(malformed)?;
    let iterations = data.get("hashIterations").or_else(|| credential.get("hashIterations"));
    let iterations = iterations.and_then(Value::as_u64).ok_or_else(malformed)?;
    match algorithm.as_str() {
        // As Passlib writes it, which reads padded base64 too.
        "pbkdf2" | "pbkdf2-sha256" | "pbkdf2-sha512" => Ok(format!("${algorithm}${iterations}${salt}${value}")),
        "argon2" => argon2(&data, iterations, [&salt, &value]),
        "bcrypt" => Ok(value),
        _ => Err(RowRefused::field("credentials", "unknown_hash", "the algorithm of the password hash is not known")),
    }
}

fn argon2(data: &RawFields, iterations: u64, [salt, value]: [&str; 2]) -> Result<String, RowRefused> {
    let additional = data.get("additionalParameters").and_then(Value::as_object).ok_or_else(malformed)?;
    let parameter = |name: &str| {
        let values = additional.get(name).and_then(Value::as_array);
        values.and_then(|values| values.first()).and_then(Value::as_str).ok_or_else(malformed)
    };
    let version = match parameter("version")? {
        "1.3" => 19,
        "1.0" => 16,
        _ => return Err(malformed()),
    };
    let (kind, memory, lanes) = (parameter("type")?, parameter("memory")?, parameter("parallelism")?);
    let (salt, value) = (salt.trim_end_matches('='), value.trim_end_matches('='));
    Ok(format!("$argon2{kind}$v={version}$m={memory},t={iterations},p={lanes}${salt}${value}"))
}

fn inner(credential: &RawFields, name: &str) -> RawFields {
    match credential.get(name) {
        Some(Value::String(json)) => serde_json::from_str(json).unwrap_or_default(),
        Some(Value::Object(fields)) => fields.clone(),
        _ => RawFields::new(),
    }
}

fn malformed() -> RowRefused {
    RowRefused::field("credentials", "mangled_hash", "the password credential is malformed")
}
