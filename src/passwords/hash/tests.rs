//! What the stored form of a password promises.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use proptest::prelude::*;

use super::*;

const KEPT: Verification = Verification::Right { replacement: None };

fn cheap() -> Cost {
    Cost::new(4).unwrap()
}

fn password(raw: &str) -> Password {
    Password::presented(raw).unwrap()
}

fn verify_cheaply(raw: &str, stored: &PasswordHash) -> Verification {
    verify(&password(raw), stored, cheap())
}

fn foreign(stored: &str) -> PasswordHash {
    PasswordHash::from_stored(stored.to_owned())
}

#[test]
fn the_right_password_is_right_and_any_other_wrong() {
    let stored = hash(&password("correct horse"), cheap()).unwrap();
    assert_eq!(verify_cheaply("correct horse", &stored), KEPT);
    for wrong in ["", "correct hors", "correct horse ", "Correct horse", "correct\0horse"] {
        assert_eq!(verify_cheaply(wrong, &stored), Verification::Wrong, "{wrong:?}");
    }
}

#[test]
fn a_stored_hash_tells_itself_apart_and_is_never_the_same_twice() {
    let stored = hash(&password("correct horse"), cheap()).unwrap();
    assert!(stored.reveal().starts_with("$heirloom-v1$2b$04$"));
    assert_eq!(stored.reveal().len(), PREFIX.len() + 60);
    assert_ne!(stored, hash(&password("correct horse"), cheap()).unwrap());
    assert_eq!(format!("{stored:?}"), "PasswordHash(…)");
}

/// S-72: The digest is part of the stored format: computed once with Python's hmac and bcrypt.
#[test]
fn the_format_stays_what_it_is() {
    let stored = foreign(KNOWN_HASH);
    assert_eq!(digest(&password("correct horse")).as_str(), KNOWN_DIGEST);
    assert_eq!(verify(&password("correct horse"), &stored, Cost::new(5).unwrap()), KEPT);
}

/// Okta, October 2024: bcrypt alone reads 72 bytes, which is 24 Hangul syllables.
#[test]
fn the_73rd_byte_counts() {
    for (start, one, other) in [("x".repeat(72), "a", "b"), ("김".repeat(24), "가", "나")] {
        assert_eq!(start.len(), 72);
        let stored = hash(&password(&format!("{start}{one}")), cheap()).unwrap();
        assert_eq!(verify_cheaply(&format!("{start}{one}"), &stored), KEPT);
        assert_eq!(verify_cheaply(&format!("{start}{other}"), &stored), Verification::Wrong);
        assert_eq!(verify_cheaply(&start, &stored), Verification::Wrong);
    }
}

#[test]
fn the_last_of_1024_characters_counts() {
    let long = "김".repeat(1023);
    let stored = hash(&password(&format!("{long}가")), cheap()).unwrap();
    assert_eq!(verify_cheaply(&format!("{long}가"), &stored), KEPT);
    assert_eq!(verify_cheaply(&format!("{long}나"), &stored), Verification::Wrong);
}

#[test]
fn what_follows_a_nul_counts() {
    let stored = hash(&password("before\0after"), cheap()).unwrap();
    assert_eq!(verify_cheaply("before\0after", &stored), KEPT);
    for wrong in ["before", "before\0", "before\0other"] {
        assert_eq!(verify_cheaply(wrong, &stored), Verification::Wrong);
    }
}

#[test]
fn both_normal_forms_open_the_same_door() {
    let stored = hash(&password("cafe\u{301}-au-lait"), cheap()).unwrap();
    assert_eq!(verify_cheaply("caf\u{e9}-au-lait", &stored), KEPT);
    assert_eq!(verify_cheaply("cafe-au-lait", &stored), Verification::Wrong);
}

/// Made by libxcrypt, not by the crate under test.
#[test]
fn hashes_from_elsewhere_verify_and_are_replaced() {
    for version in ["2a", "2b", "2y"] {
        for (raw, rest) in [
            ("correct horse battery staple", "FiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS"),
            ("비밀번호는길어도된다", "DLFmfI8KGb4XFnqX4CpIOKGXVvGw2SK"),
            ("cafe\u{301}-au-lait", "35vWGFycp77JxizQJ3krATWLHd7pol."),
        ] {
            let stored = foreign(&format!("${version}$05$abcdefghijklmnopqrstuu{rest}"));
            let replacement = replacement(verify_cheaply(raw, &stored)).unwrap();
            assert!(replacement.reveal().starts_with("$heirloom-v1$2b$04$"));
            assert_eq!(verify_cheaply(raw, &replacement), KEPT);
            assert_eq!(verify_cheaply("something else", &stored), Verification::Wrong);
        }
    }
}

/// Openwall's own vectors.
#[test]
fn well_known_vectors_verify() {
    for (raw, stored) in [
        ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
        ("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    ] {
        assert!(replacement(verify_cheaply(raw, &foreign(stored))).is_some());
    }
}

/// The other system cut at 72 bytes. Its hash is believed once; from then on all characters count.
#[test]
fn a_long_password_from_elsewhere_is_whole_after_its_first_sign_in() {
    let start = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let stored = foreign("$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui");
    let replaced = replacement(verify_cheaply(&format!("{start}the rest"), &stored)).unwrap();
    assert_eq!(verify_cheaply(&format!("{start}the rest"), &replaced), KEPT);
    assert_eq!(verify_cheaply(&format!("{start}another"), &replaced), Verification::Wrong);
}

#[test]
fn a_hash_stolen_elsewhere_is_not_one_of_ours() {
    let theirs = bcrypt::hash("correct horse", 4).unwrap();
    let passed_off = foreign(&format!("{PREFIX}{theirs}"));
    assert_eq!(verify_cheaply("correct horse", &passed_off), Verification::Wrong);
}

/// Nor does the digest, should it ever leak, serve as a password.
#[test]
fn one_of_ours_without_its_prefix_does_not_take_the_password() {
    let ours = hash(&password("correct horse"), cheap()).unwrap();
    let stripped = foreign(ours.reveal().strip_prefix(PREFIX).unwrap());
    assert_eq!(verify_cheaply("correct horse", &stripped), Verification::Wrong);
}

#[test]
fn another_cost_asks_for_replacement() {
    let (low, high) = (cheap(), Cost::new(5).unwrap());
    for (made_at, wanted) in [(low, high), (high, low)] {
        let stored = hash(&password("correct horse"), made_at).unwrap();
        let replaced = replacement(verify(&password("correct horse"), &stored, wanted)).unwrap();
        assert_eq!(verify(&password("correct horse"), &replaced, wanted), KEPT);
        assert_eq!(verify(&password("wrong"), &stored, wanted), Verification::Wrong);
    }
}

#[test]
fn a_mangled_row_is_unreadable_and_nothing_worse() {
    let right = hash(&password("correct horse"), cheap()).unwrap().reveal().to_owned();
    let bare = right.strip_prefix(PREFIX).unwrap();
    let rows = [
        String::new(),
        "x".to_owned(),
        "correct horse".to_owned(),
        PREFIX.to_owned(),
        format!("{right}x"),
        right.chars().take(71).collect(),
        right.replace("-v1", "-v2"),
        right.replace("$2b$", "$2a$"),
        right.replace("$04$", "$03$"),
        right.replace("$04$", "$31$"),
        right.replace("$04$", "$17$"),
        right.replace("$04$", "$+4$"),
        right.replace("$04$", "$ 4$"),
        bare.replace("$2b$", "$2x$"),
        bare.replace("$2b$", "$1$$"),
        bare.replace("$04$", "$99$"),
        format!("{PREFIX}{right}"),
        format!("{}é", bare.chars().take(58).collect::<String>()),
        bare.chars().map(|c| if c == '$' { '$' } else { '!' }).collect(),
        "\0".repeat(60),
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$aGFzaA".to_owned(),
    ];
    for row in rows {
        assert_eq!(verify_cheaply("correct horse", &foreign(&row)), Verification::Unreadable, "{row:?}");
    }
}

/// Argon2 by the reference implementation's program; more of other systems stand in `foreign/tests.rs`.
#[test]
fn a_hash_of_another_function_serves_once_and_is_replaced_by_ours() {
    let stored =
        foreign("$argon2id$v=19$m=1024,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0Izs2E2zIqpIFISeK/m9DFKmAc7uq5Y");
    let ours = replacement(verify_cheaply("correct horse", &stored)).unwrap();
    assert_eq!(verify_cheaply("correct horse", &ours), KEPT);
    for cost in [4, 8] {
        assert_eq!(verify(&password("correct hors"), &stored, Cost::new(cost).unwrap()), Verification::Wrong);
    }
}

#[test]
fn nothing_fits_where_there_is_no_password() {
    let none = PasswordHash::none();
    assert!(!none.is_some() && hash(&password("correct horse"), cheap()).unwrap().is_some());
    for tried in ["", "!", "correct horse"] {
        assert_eq!(verify_cheaply(tried, &none), Verification::Wrong);
    }
}

/// By libxcrypt, over what Spring, Django and WordPress give to bcrypt.
#[test]
fn the_forms_of_bcrypt_that_products_write_verify() {
    let bare = "$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
    let forms = [
        format!("{{bcrypt}}$2a{bare}"),
        format!("bcrypt$$2b{bare}"),
        "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuIvyWZlBcE3WoQXKqRnwrLYJ6nenE0Bq".to_owned(),
        "$wp$2y$04$abcdefghijklmnopqrstuujv/86KBUqWwIdPp0uRATkCcvgptl1Pm".to_owned(),
    ];
    for form in forms {
        let imported = PasswordHash::import(form.clone()).unwrap();
        let ours = replacement(verify_cheaply("correct horse", &imported)).unwrap();
        assert_eq!(verify_cheaply("correct horse", &ours), KEPT, "{form}");
        for wrong in ["correct hors", "correct horse ", "", &form] {
            assert_eq!(verify_cheaply(wrong, &imported), Verification::Wrong, "{form}");
        }
    }
}

#[test]
fn nothing_and_an_unusable_password_import_as_no_password() {
    for text in ["", "!", "!Wm9vUGZkSDJ6a0N3eE5oV2x2d3R4Q2JHbG5wS2RvUzFhVnl0aFg"] {
        let none = PasswordHash::import(text.to_owned()).unwrap();
        assert_eq!(none, PasswordHash::none());
        assert_eq!(verify_cheaply(text, &none), Verification::Wrong);
    }
}

#[test]
fn an_imported_hash_can_be_verified() {
    let ours = hash(&password("correct horse"), cheap()).unwrap().reveal().to_owned();
    let taken = ["$2y$10$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", KNOWN_HASH, &ours];
    for text in taken {
        assert_eq!(PasswordHash::import(text.to_owned()).unwrap().reveal(), text);
    }
    let refused = [
        ("correct horse", HashRefused::UnknownForm),
        ("{noop}correct horse", HashRefused::ClearText),
        ("$2b$17$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", HashRefused::TooCostly),
        ("{bcrypt}$2a$17$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", HashRefused::TooCostly),
        ("$2b$31$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", HashRefused::TooCostly),
        ("$2b$32$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", HashRefused::Mangled),
        ("$2b$03$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", HashRefused::Mangled),
        ("$2b$10$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBu", HashRefused::Mangled),
        ("$heirloom-v1$2a$05$abcdefghijklmnopqrstuu5PxtlTBNE4OvmfXKWwjc9YXaqPVRoZ.", HashRefused::Mangled),
        ("pbkdf2_sha256$1000$a\0b$YYTV1q1LXZPSWcJQOmEP/QrcJcVXl1n5sHQcWUCGVDo=", HashRefused::Mangled),
        (
            "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0Izs2E2zIqpIFISe",
            HashRefused::TooCostly,
        ),
    ];
    for (text, why) in refused {
        assert_eq!(PasswordHash::import(text.to_owned()), Err(why), "{text}");
    }
}

/// The corpus of `fuzz/fuzz_targets/foreign_hash.rs`: what was found once is tried each time.
#[test]
fn the_corpus_of_hashes_is_replayed() {
    let files = std::fs::read_dir("fuzz/corpus/foreign_hash").unwrap();
    let read = files.map(|file| {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let imported = PasswordHash::import(text.clone());
        let _ = verify_cheaply("correct horse", &foreign(&text));
        assert!(
            imported.is_ok() || verify_cheaply("correct horse", &foreign(&text)) == Verification::Unreadable,
            "{text}"
        );
    });
    assert!(read.count() >= 20);
}

fn replacement(verification: Verification) -> Option<PasswordHash> {
    match verification {
        Verification::Right { replacement } => replacement,
        Verification::Wrong | Verification::Unreadable => None,
    }
}

const KNOWN_DIGEST: &str = "HL00lYM8nmt1vPsCEzr2gUzGInQztkiRg0GOmlr8lJp6F2kMO00E4Y3kfCsRUbkZ";
const KNOWN_HASH: &str = "$heirloom-v1$2b$05$abcdefghijklmnopqrstuu5PxtlTBNE4OvmfXKWwjc9YXaqPVRoZ.";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_password_opens_its_own_hash_and_no_longer_one_does(raw in any::<String>(), tail in ".{1,3}") {
        let stored = hash(&password(&raw), cheap()).unwrap();
        prop_assert_eq!(verify_cheaply(&raw, &stored), KEPT);
        prop_assert_eq!(verify_cheaply(&format!("{raw}x{tail}"), &stored), Verification::Wrong);
    }

    #[test]
    fn no_row_makes_verifying_panic(row in any::<String>()) {
        let verification = verify_cheaply("correct horse", &foreign(&row));
        let nothing = matches!(verification, Verification::Unreadable | Verification::Wrong);
        prop_assert!(nothing);
    }

    #[test]
    fn no_changed_byte_of_a_hash_is_accepted(at in 0_usize..72, to in any::<char>()) {
        let stored = hash(&password("correct horse"), cheap()).unwrap();
        let mut row: Vec<char> = stored.reveal().chars().collect();
        if let Some(c) = row.get_mut(at) {
            prop_assume!(*c != to && !(*c == '4' && "56789".contains(to)) && !(*c == '0' && to == '1'));
            *c = to;
        }
        let mangled = foreign(&row.into_iter().collect::<String>());
        let verification = verify_cheaply("correct horse", &mangled);
            let accepted = matches!(verification, Verification::Right { .. });
            prop_assert!(!accepted);
    }
}
