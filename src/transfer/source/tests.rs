//! Rows of products, one by one. Whole exports are imported in `tests/commands/import_from.rs`.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;
use crate::transfer::rows::{Format, ImportBatches};
use proptest::prelude::*;
use serde_json::{Value, json};

fn user(source: SourceSystem, row: &Value) -> Result<Option<ImportedUser>, RowRefused> {
    let now = "2026-11-28T00:00:00Z".parse().unwrap();
    Conversion { source, ..Conversion::plain(now) }.user(row.as_object().unwrap().clone())
}

fn is_blocked(source: SourceSystem, row: &Value) -> bool {
    user(source, row).unwrap().unwrap().blocked
}

#[test]
fn standing_is_read_in_every_form() {
    let blocked = [
        (SourceSystem::Supabase, json!({ "email": "a@b.example", "banned_until": "2999-01-01T00:00:00Z" })),
        (SourceSystem::Supabase, json!({ "email": "a@b.example", "banned_until": "infinity" })),
        (SourceSystem::Supabase, json!({ "email": "a@b.example", "Banned_Until": "2026-11-29 00:00:00.5+00" })),
        (SourceSystem::Django, json!({ "email": "a@b.example", "is_active": "f" })),
        (SourceSystem::Django, json!({ "email": "a@b.example", "is_active": 0 })),
        (SourceSystem::Laravel, json!({ "email": "a@b.example", "is_active": "0" })),
        (SourceSystem::Laravel, json!({ "email": "a@b.example", "banned_at": "2026-01-01 00:00:00" })),
        (SourceSystem::Spring, json!({ "username": "a@b.example", "enabled": "\u{0}" })),
        (SourceSystem::Spring, json!({ "username": "a@b.example", "enabled": 1, "account_non_locked": false })),
        (SourceSystem::Wordpress, json!({ "user_email": "a@b.example", "user_status": 2 })),
        (SourceSystem::Wordpress, json!({ "user_email": "a@b.example", "user_status": 0, "spam": "1" })),
        (SourceSystem::Devise, json!({ "email": "a@b.example", "locked_at": "2026-01-01 00:00:00.123456" })),
        (SourceSystem::BetterAuth, json!({ "email": "a@b.example", "banned": 1 })),
        (
            SourceSystem::BetterAuth,
            json!({ "email": "a@b.example", "banned": true, "banExpires": "2999-01-01T00:00:00Z" }),
        ),
        (SourceSystem::Auth0, json!({ "email": "a@b.example", "blocked": "true" })),
        (SourceSystem::Firebase, json!({ "email": "a@b.example", "disabled": true })),
        (SourceSystem::Keycloak, json!({ "email": "a@b.example", "enabled": false })),
    ];
    for (source, row) in blocked {
        assert!(is_blocked(source, &row), "{source:?} {row}");
    }
    let active = [
        (SourceSystem::Supabase, json!({ "email": "a@b.example", "banned_until": "2020-01-01T00:00:00Z" })),
        (SourceSystem::Supabase, json!({ "email": "a@b.example", "banned_until": null })),
        (SourceSystem::Django, json!({ "email": "a@b.example", "is_active": "True" })),
        (SourceSystem::Wordpress, json!({ "user_email": "a@b.example", "user_status": "0", "deleted": 0 })),
        (
            SourceSystem::BetterAuth,
            json!({ "email": "a@b.example", "banned": true, "banExpires": "2020-01-01T00:00:00Z" }),
        ),
        (SourceSystem::Devise, json!({ "email": "a@b.example", "locked_at": "" })),
    ];
    for (source, row) in active {
        assert!(!is_blocked(source, &row), "{source:?} {row}");
    }
}

/// As libraries write them into `SQLite`. Nothing else that is a number is taken for a time.
#[test]
fn a_time_may_be_a_number_of_seconds_or_milliseconds() {
    let created = |value: Value| {
        let row = json!({ "email": "a@b.example", "emailVerified": 1, "createdAt": value });
        user(SourceSystem::BetterAuth, &row).map(|user| user.unwrap().created_at.unwrap().timestamp())
    };
    for value in [json!(1_700_000_000), json!("1700000000"), json!(1_700_000_000_123_i64), json!("1700000000123")] {
        assert_eq!(created(value.clone()).unwrap(), 1_700_000_000, "{value}");
    }
    for value in
        [json!(17), json!("20231114"), json!("17000000000"), json!("+170000000"), json!("-170000000"), json!(1.7e9)]
    {
        assert_eq!(created(value.clone()).unwrap_err().code, "not_a_time", "{value}");
    }
    let until = |until: Value| json!({ "email": "a@b.example", "banned": 1, "banExpires": until });
    assert!(is_blocked(SourceSystem::BetterAuth, &until(json!(4_102_444_800_000_i64))));
    assert!(!is_blocked(SourceSystem::BetterAuth, &until(json!(1_700_000_000))));
}

/// Two columns whose names differ by case only: which one counts is a matter of the reader.
#[test]
fn a_column_that_is_named_in_two_cases_refuses_the_row() {
    for source in SourceSystem::ALL.into_iter().filter(|source| *source != SourceSystem::Heirloom) {
        let row = json!({ "email": "a@b.example", "enabled": true, "blocked": true, "Blocked": false });
        assert_eq!(user(source, &row).unwrap_err().code, "repeated_field", "{source:?}");
    }
    let dump = json!({ "model": "auth.user", "fields": {
        "email": "a@b.example", "password": "!", "is_active": false, "Is_Active": true } });
    assert_eq!(user(SourceSystem::Django, &dump).unwrap_err().code, "repeated_field");
}

#[test]
fn a_realm_is_not_a_user() {
    let realm = json!({ "realm": "a", "enabled": true, "users": [{ "email": "a@b.example", "enabled": true }] });
    assert_eq!(user(SourceSystem::Keycloak, &realm).unwrap_err().code, "not_a_user");
}

/// A password that an administrator gave for one sign-in would otherwise stay good without a word.
#[test]
fn a_demand_to_choose_another_password_is_noted() {
    let row = |actions: Value| json!({ "email": "a@b.example", "enabled": true, "requiredActions": actions });
    let notes = |actions| user(SourceSystem::Keycloak, &row(actions)).unwrap().unwrap().notes;
    assert_eq!(notes(json!(["VERIFY_EMAIL"])), []);
    let found: Vec<_> = notes(json!(["VERIFY_EMAIL", "UPDATE_PASSWORD"])).into_iter().map(|note| note.code).collect();
    assert_eq!(found, ["not_moved"]);
}

/// A table may have several such columns, and the first one may be the one that does not say it.
#[test]
fn every_column_that_blocks_counts() {
    let row = |column: &str, value: Value| json!({ "email": "a@b.example", "enabled": true, column: value });
    let beside = |other: &str, of_other: &str, column: &str, value: Value| json!({ "email": "a@b.example", other: of_other, column: value });
    for source in [SourceSystem::Laravel, SourceSystem::Devise] {
        for column in
            ["banned", "is_blocked", "blocked", "suspended", "is_disabled", "Disabled", "locked", "deactivated"]
        {
            let row = beside("is_banned", "0", column, json!(1));
            assert!(is_blocked(source, &row), "{source:?} {row}");
        }
        for column in ["active", "is_enabled"] {
            let row = beside("is_active", "t", column, json!("f"));
            assert!(is_blocked(source, &row), "{source:?} {row}");
        }
        for column in ["suspended_at", "deactivated_at"] {
            let row = beside("banned_at", "0000-00-00 00:00:00", column, json!("2026-01-01 00:00:00"));
            assert!(is_blocked(source, &row), "{source:?} {row}");
        }
        for word in ["banned", "Suspended", " INACTIVE ", "deleted"] {
            assert!(is_blocked(source, &row("status", json!(word))), "{source:?} {word}");
        }
        for word in [json!("active"), json!("not banned"), json!(1), json!(null)] {
            assert!(!is_blocked(source, &row("account_status", word.clone())), "{source:?} {word}");
        }
        assert!(is_blocked(source, &beside("status", "active", "state", json!("locked"))), "{source:?}");
        assert!(is_blocked(source, &row("suspended_until", json!("2999-01-01 00:00:00"))), "{source:?}");
        assert!(!is_blocked(source, &row("suspended_until", json!("2020-01-01 00:00:00"))), "{source:?}");
        assert!(user(source, &row("blocked", json!("perhaps"))).is_err(), "{source:?}");
    }
    assert!(is_blocked(SourceSystem::Spring, &row("active", json!(0))));
    let deleted = json!({ "email": "a@b.example", "deleted_at": "0000-00-00", "discarded_at": "2026-01-01" });
    assert!(user(SourceSystem::Devise, &deleted).is_err());
}

/// `confirmed_at` of Supabase is the earlier of two: a telephone number alone sets it.
#[test]
fn a_confirmed_telephone_number_does_not_verify_an_address() {
    let row =
        |address: Value| json!({ "email": "a@b.example", "email_confirmed_at": address, "confirmed_at": "2026-01-01" });
    let verified = |row: &Value| user(SourceSystem::Supabase, row).unwrap().unwrap().email_verified_at.is_some();
    assert!(!verified(&row(json!(null))));
    assert!(!verified(&row(json!(""))));
    assert!(verified(&row(json!("2026-01-01 00:00:00+00"))));
    assert!(verified(&json!({ "email": "a@b.example", "confirmed_at": "2026-01-01" })), "an older one has no other");
}

/// Laravel's `toJson` hides passwords, and the file may be another system's: nobody could sign in.
#[test]
fn a_file_without_passwords_is_noted() {
    let notes = |row: &Value| user(SourceSystem::Laravel, row).unwrap().unwrap().notes.len();
    assert_eq!(notes(&json!({ "email": "a@b.example", "encrypted_password": "x" })), 1);
    assert_eq!(notes(&json!({ "email": "a@b.example", "password": null })), 0, "this user has none");
}

#[test]
fn standing_that_cannot_be_read_refuses_the_row() {
    for (source, row) in [
        (SourceSystem::Django, json!({ "email": "a@b.example", "is_active": "maybe" })),
        (SourceSystem::Django, json!({ "email": "a@b.example" })),
        (SourceSystem::Supabase, json!({ "email": "a@b.example", "banned_until": "soon" })),
        (SourceSystem::Auth0, json!({ "email": "a@b.example", "blocked": [true] })),
        (SourceSystem::Firebase, json!({ "email": "a@b.example", "disabled": 2 })),
        (SourceSystem::Keycloak, json!({ "email": "a@b.example" })),
        (SourceSystem::Laravel, json!({ "email": "a@b.example", "deleted_at": "2026-01-01" })),
    ] {
        assert!(user(source, &row).is_err(), "{source:?} {row}");
    }
}

#[test]
fn objects_of_other_models_in_a_dump_are_skipped() {
    assert!(
        user(SourceSystem::Django, &json!({ "model": "auth.group", "pk": 1, "fields": { "name": "x" } }))
            .unwrap()
            .is_none()
    );
}

#[test]
fn older_keycloak_exports_hold_the_hash_in_the_credential_itself() {
    let row = json!({ "email": "a@b.example", "enabled": true, "credentials": [{
        "type": "password", "hashedSaltedValue": "JSU3Df21F/Pum+KNAv/3GC8Wvoq9ITwycWKi7XPQ7ft1e70ZlMQVRGKxWkDrpL6Tmn28O4qtIL+nRian6aQjqQ==",
        "salt": "c2l4dGVlbiBieXRlIHNsdA==", "hashIterations": 27500, "algorithm": "pbkdf2-sha256" }] });
    assert!(user(SourceSystem::Keycloak, &row).unwrap().unwrap().hash.is_some());
}

#[test]
fn firebase_parameters_are_read_as_the_console_shows_them_and_as_json() {
    let shown = "hash_config {\n  algorithm: SCRYPT,\n  base64_signer_key: a+/=,\n  base64_salt_separator: Bw==,\n  rounds: 8,\n  mem_cost: 14,\n}";
    let json = r#"{"base64_signer_key": "a+/=", "base64_salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}"#;
    for text in [shown, json] {
        let hash = HashConfig::read(text).unwrap().hash("c-_A", "x");
        assert_eq!(hash, "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=a+/=$c+/A$x");
    }
    assert!(HashConfig::read("").unwrap_err().to_string().contains("base64_signer_key"));
    assert!(HashConfig::read(&shown.replace('8', "x")).unwrap_err().to_string().contains("rounds"));
}

/// The corpus of `fuzz/fuzz_targets/import_rows.rs`: what was found once is tried each time.
#[test]
fn the_corpus_of_files_is_replayed() {
    let files = std::fs::read_dir("fuzz/corpus/import_rows").unwrap();
    let read = files.map(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let [source, format, file @ ..] = bytes.as_slice() else { return };
        let source = *SourceSystem::ALL.get(usize::from(*source)).unwrap();
        let format = *[Format::Ndjson, Format::Csv, Format::Json].get(usize::from(*format)).unwrap();
        let conversion = Conversion { source, ..Conversion::plain(Moment::UNIX_EPOCH) };
        if let Ok(batches) = ImportBatches::of(std::io::Cursor::new(file.to_vec()), format, conversion) {
            batches.for_each(drop);
        }
    });
    assert!(read.count() >= 18);
}

proptest! {
    #[test]
    fn no_row_makes_a_conversion_panic_or_is_quoted(name in "[a-zA-Z_]{1,20}", text in any::<String>(), number in any::<i64>()) {
        for source in SourceSystem::ALL {
            for value in [json!(text), json!(number), json!([text]), json!({ "a": text, "$oid": number }), json!(null)] {
                for field in [name.as_str(), "credentials", "enabled", "banned_until", "createdAt", "customAttributes", "_id"] {
                    let row = json!({ "email": "a@b.example", "is_active": true, "enabled": true, field: value });
                    let _ = user(source, &row);
                }
            }
        }
    }
}
