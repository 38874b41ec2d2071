//! Which rows are users.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(row: &Value) -> Result<ImportedUser, RowRefused> {
    ImportedUser::read(row.as_object().unwrap().clone())
}

#[test]
fn an_address_is_enough() {
    let user = read(&json!({ "email": "Ann@Example.com", "name": null, "password_hash": null })).unwrap();
    assert_eq!(user.email.as_ref().unwrap().as_str(), "ann@example.com");
    assert!(!user.hash.is_some(), "they need a password before they can sign in");
    assert!(user.id.is_none() && user.name.is_none() && user.created_at.is_none() && !user.blocked);
}

#[test]
fn every_field_that_is_exported_is_read() {
    let row = json!({
        "id": "01a2088b-2b09-7b94-9abc-1df4ba0764a0", "email": "ann@example.com", "name": "Ann",
        "email_verified": true, "email_verified_at": "2021-02-03 04:05:06+00",
        "password_hash": "$2y$10$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", "roles": ["b", "a"],
        "claims": { "plan": "pro" }, "blocked": true, "blocked_at": "2026-01-02T03:04:05+09:00",
        "blocked_reason": "spam", "language": "ko", "created_at": "2020-01-01T00:00:00.123456Z",
        "last_login_at": "2021-01-01T00:00:00Z", "totp_secret": "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
        "identities": [{ "issuer": "https://kauth.kakao.com", "subject": "1001", "provider": "kakao",
            "email": "ann@kakao.example", "created_at": "2022-01-01T00:00:00Z" }],
    });
    let named: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(FIELDS.iter().all(|field| named.contains(field)), "a field is missing here");
    let user = read(&row).unwrap();
    assert_eq!(user.id.unwrap().to_string(), "01a2088b-2b09-7b94-9abc-1df4ba0764a0");
    assert_eq!(user.roles.to_strings(), ["a", "b"]);
    assert_eq!(user.claims.into_value(), json!({ "plan": "pro" }));
    assert!(user.blocked);
    assert_eq!(user.blocked_at.unwrap().to_rfc3339(), "2026-01-01T18:04:05+00:00");
    assert_eq!(user.blocked_reason.unwrap().as_str(), "spam");
    assert_eq!(user.language.as_deref(), Some("ko"));
    assert_eq!(*user.totp.unwrap().reveal_base32(), *"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    assert!(user.email_verified);
    assert_eq!(user.email_verified_at.unwrap().to_rfc3339(), "2021-02-03T04:05:06+00:00");
    let [identity] = user.identities.as_slice() else { unreachable!("one identity") };
    assert_eq!(identity.key(), ["https://kauth.kakao.com", "1001"]);
    assert_eq!(identity.created_at.unwrap().to_rfc3339(), "2022-01-01T00:00:00+00:00");
    assert_eq!(user.notes, []);
    assert_eq!(user.created_at.unwrap().timestamp_subsec_micros(), 123_456);
}

/// A row with these identities: issuer, subject, provider.
fn identified(identities: &[(&str, &str, &str)]) -> Value {
    let one = |(issuer, subject, provider): &(&str, &str, &str)| json!({ "issuer": issuer, "subject": subject, "provider": provider });
    json!({ "email": "a@b.example", "identities": identities.iter().map(one).collect::<Vec<_>>() })
}

/// U-51.
#[test]
fn an_identity_opens_an_account_without_an_address() {
    let identity = json!({ "issuer": "https://kauth.kakao.com", "subject": "1", "provider": "kakao" });
    let row = |identities: Value| json!({ "email": null, "email_verified": true, "identities": identities });
    let user = read(&row(json!([identity]))).unwrap();
    assert!(user.email.is_none() && !user.email_verified);
    assert_eq!(read(&row(json!([]))).unwrap_err().code, "missing");
}

#[test]
fn what_is_wrong_is_named_and_never_quoted() {
    let wrong = [
        (json!({}), "missing"),
        (json!({ "email": "" }), "required"),
        (json!({ "email": "SENTINEL" }), "not_an_address"),
        (json!({ "email": 7 }), "wrong_type"),
        (json!({ "email": "a@b.example", "id": "SENTINEL" }), "not_an_id"),
        (json!({ "email": "a@b.example", "id": "01a2088b2b097b949abc1df4ba0764a0" }), "not_an_id"),
        (json!({ "email": "a@b.example", "id": "00000000-0000-0000-0000-000000000000" }), "not_an_id"),
        (json!({ "email": "a@b.example", "id": "FFFFFFFF-ffff-ffff-ffff-ffffffffffff" }), "not_an_id"),
        (json!({ "email": "a@b.example", "password_hash": "SENTINEL" }), "unknown_hash"),
        (json!({ "email": "a@b.example", "identities": "SENTINEL" }), "wrong_type"),
        (json!({ "email": "a@b.example", "identities": ["SENTINEL"] }), "wrong_type"),
        (json!({ "email": "a@b.example", "identities": [{ "issuer": "SENTINEL", "provider": "p" }] }), "missing"),
        (identified(&[("i", "s", "SENTINEL")]), "not_a_provider"),
        (identified(&[("i", "s\nSENTINEL", "p")]), "wrong_type"),
        (identified(&[("i", "s", "p"), ("j", "s", "p")]), "repeated"),
        (identified(&[("i", "s", "p"), ("i", "s", "q")]), "repeated"),
        (json!({ "email": "a@b.example", "password_hash": "{noop}SENTINEL" }), "clear_text_password"),
        (json!({ "email": "a@b.example", "password_hash": "$2b$12$SENTINEL" }), "mangled_hash"),
        (json!({ "email": "a@b.example", "password": "SENTINEL" }), "unknown_field"),
        (json!({ "email": "a@b.example", "totp_secret": "SENTINEL" }), "not_a_secret"),
        (json!({ "email": "a@b.example", "totp_secret": 7 }), "wrong_type"),
        (json!({ "email": "a@b.example", "name": 7 }), "wrong_type"),
        (
            json!({ "email": "a@b.example", "email_verified": false, "email_verified_at": "2026-01-01T00:00:00Z" }),
            "contradiction",
        ),
        (json!({ "email": "a@b.example", "roles": "SENTINEL" }), "wrong_type"),
        (json!({ "email": "a@b.example", "roles": ["SENTINEL"] }), "not_a_role"),
        (json!({ "email": "a@b.example", "roles": [["SENTINEL"]] }), "wrong_type"),
        (json!({ "email": "a@b.example", "claims": "SENTINEL" }), "not_an_object"),
        (json!({ "email": "a@b.example", "claims": { "a": "SENTINEL\0" } }), "forbidden_character"),
        (json!({ "email": "a@b.example", "blocked": "SENTINEL" }), "wrong_type"),
        (json!({ "email": "a@b.example", "blocked": false, "blocked_at": "2026-01-01T00:00:00Z" }), "contradiction"),
        (json!({ "email": "a@b.example", "created_at": "SENTINEL" }), "not_a_time"),
        (json!({ "email": "a@b.example", "created_at": "1969-12-31T23:59:59Z" }), "not_a_time"),
        (json!({ "email": "a@b.example", "created_at": 1_700_000_000 }), "wrong_type"),
    ];
    for (row, code) in wrong {
        let refused = read(&row).unwrap_err();
        assert_eq!(refused.code, code, "{row}: {refused}");
        assert!(!refused.message.contains("SENTI"), "{refused}");
    }
}

/// A time that has not come does not cost the user, and is not stored.
#[test]
fn what_cannot_have_happened_yet_is_left_out() {
    let now = "2026-11-28T12:00:00Z".parse().unwrap();
    let user = |time: &str| {
        let row = json!({
            "email": "a@b.example", "created_at": time, "last_login_at": time, "email_verified_at": time,
            "blocked_at": time,
        });
        read(&row).unwrap().without_future_times(now)
    };
    for time in ["2026-11-28T12:00:00.000001Z", "2026-11-28T23:00:00+09:30", "9999-12-31 23:59:59", "2026-11-29"] {
        let user = user(time);
        let times = [user.created_at, user.last_login_at, user.email_verified_at, user.blocked_at];
        assert_eq!((times, user.notes.len()), ([None; 4], 4), "{time}");
        assert!(user.blocked && user.email_verified, "{time}");
    }
    for time in ["2026-11-28T12:00:00Z", "2026-11-28T13:00:00+02:00", "1970-01-01"] {
        let user = user(time);
        assert!(user.created_at.is_some() && user.blocked_at.is_some() && user.notes.is_empty(), "{time}");
    }
}

#[test]
fn a_language_is_normalized_or_left_out() {
    for (text, expected, notes) in
        [("en_US", Some("en-US"), 0), ("SENTINEL é", None, 1), ("en\0", None, 1), ("", None, 0)]
    {
        let user = read(&json!({ "email": "a@b.example", "language": text })).unwrap();
        assert_eq!((user.language.as_deref(), user.notes.len()), (expected, notes), "{text:?}");
        assert!(user.notes.iter().all(|note| !note.message.contains("SENTINEL")));
    }
}

proptest! {
    #[test]
    fn no_row_makes_reading_panic(name in "[a-z_]{1,16}", text in any::<String>(), number in any::<i64>()) {
        for value in [json!(text), json!(number), json!([text]), json!({ "a": text })] {
            for field in FIELDS.iter().copied().chain([name.as_str()]) {
                let _ = read(&json!({ "email": "a@b.example", field: value }));
            }
        }
    }
}
