//! What is read of other systems' hashes, and what is not.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use proptest::prelude::*;

use super::*;

/// All of "correct horse". The argon2 program of the reference implementation (Debian's 0~20190702); Python's hashlib;
/// Passlib 1.7.4; Django 3.2.
const KNOWN: [&str; 10] = [
    "$argon2id$v=19$m=1024,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0Izs2E2zIqpIFISeK/m9DFKmAc7uq5Y",
    "$argon2i$v=19$m=256,t=3,p=2$c29tZXNhbHRzb21lc2FsdA$pugtCg87mWUcNtaSdAVuZf7pe44CMcfenpx3g3bk7BM",
    "$argon2d$v=16$m=256,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$NlSkOifT+8PPdhUDL2QXP+Bw2RJTZp3YU6Ey175ZQ0Q",
    "$scrypt$ln=10,r=8,p=1$c2l4dGVlbiBieXRlIHNsdA$pm8pKHMuzBMnzWjY+J2K8bOo4zfV05STJL8ONhhN0II",
    "$pbkdf2-sha256$i=1000,l=32$c2l4dGVlbiBieXRlIHNsdA$c5QUhhzJnj7wFB9c2d0a39fA2UDUysXCg74o4Wch4QE",
    "$pbkdf2-sha512$i=1000,l=64$c2l4dGVlbiBieXRlIHNsdA$61x5/3Dh2/E6ly5wkGBJboNe8LSsWv117tu/Wl7fQjGS1VnUjc4ZL7v8eV26NXe\
     /iRVtVS2tcHJz6HQUuXUymQ",
    "$pbkdf2$i=1000,l=20$c2l4dGVlbiBieXRlIHNsdA$+io2z1L80zxtuqWlbFc6d5TRoNU",
    "$pbkdf2-sha256$1000$8PHy8/T19vf4.fr7/P3./w$JwgcbJZlHBoE0uPBMy9SZsCsIJXsYLx/8XwH97PVwMU",
    "$pbkdf2-sha512$1000$8PHy8/T19vf4.fr7/P3./w$xqu1f3FSdHbs02z9AocIk0UpBf6S9uqlRTfcS56zkPqTxPMhm.kj4D.e8E9DRlH/uXf\
     /Pe1g59vHIM0MwcvtiA",
    "pbkdf2_sha256$1000$seasalt2020$xIruHEjBa/YUGstLZVgpR19dgp3Rdb0G8JSGW9gxAHI=",
];

fn refusal(text: &str) -> Option<HashRefused> {
    ForeignHash::read(text).err()
}

#[test]
fn hashes_of_other_implementations_fit_their_password_and_no_other() {
    for known in KNOWN {
        let hash = ForeignHash::read(known).unwrap();
        assert_eq!(hash.matches(b"correct horse"), Some(true), "{known}");
        // A NUL at the end is nothing to an HMAC's key, and thereby to PBKDF2 and scrypt: that is how they are.
        for wrong in [&b""[..], b"correct hors", b"correct horse ", b"Correct horse", b"correct\0horse"] {
            assert_eq!(hash.matches(wrong), Some(false), "{known}");
        }
    }
}

#[test]
fn what_asks_for_more_work_than_is_allowed_is_refused_before_any_is_done() {
    let argon2 =
        |parameters| format!("$argon2id$v=19${parameters}$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0Izs2E2zIqpIFISe");
    let scrypt = |parameters| format!("$scrypt${parameters}$c2l4dGVlbiBieXRlIHNsdA$pm8pKHMuzBMnzWjY+J2K8bOo4zfV05ST");
    let costly = [
        argon2("m=4194304,t=1,p=1"),
        argon2("m=262145,t=1,p=1"),
        argon2("m=262144,t=5,p=1"),
        argon2("m=4294967295,t=4294967295,p=1"),
        argon2("m=1024,t=4294967295,p=1"),
        argon2("m=1024,t=1,p=17"),
        scrypt("ln=63,r=8,p=1"),
        scrypt("ln=64,r=8,p=1"),
        scrypt("ln=4294967295,r=8,p=1"),
        scrypt("ln=19,r=8,p=1"),
        scrypt("ln=10,r=4294967295,p=1"),
        scrypt("ln=1,r=1,p=1073741823"),
        scrypt("ln=18,r=8,p=5"),
        "$pbkdf2-sha256$i=2000001$c2l4dGVlbiBieXRlIHNsdA$c5QUhhzJnj7wFB9c2d0a39fA2UDUysXCg74o4Wch4QE".to_owned(),
        "$pbkdf2-sha256$99999999999999999999$8PHy8/T19vf4.fr7$JwgcbJZlHBoE0uPBMy9SZsCsIJXsYLx/8XwH97PVwMU".to_owned(),
        "pbkdf2_sha256$4294967296$seasalt2020$xIruHEjBa/YUGstLZVgpR19dgp3Rdb0G8JSGW9gxAHI=".to_owned(),
    ];
    for text in costly {
        assert_eq!(refusal(&text), Some(HashRefused::TooCostly), "{text}");
    }
    for allowed in [argon2("m=262144,t=4,p=1"), argon2("m=65536,t=3,p=4"), scrypt("ln=17,r=8,p=1")] {
        assert_eq!(refusal(&allowed), None, "{allowed}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let many = (0..1_000).map(|number| format!("a{number}=1")).collect::<Vec<_>>().join(",");
    let mangled = [
        "$argon2id$v=19$m=1024,t=2,p=1$c29tZXNhbHRzb21lc2FsdA".to_owned(),
        "$argon2id$v=19$m=1024,t=2,p=1$$4BnlcpLz5MRq0Izs2E2zIqpIFISe".to_owned(),
        "$argon2id$v=19$m=1024,t=2,p=1$YQ$4BnlcpLz5MRq0Izs2E2zIqpIFISe".to_owned(),
        "$argon2id$v=19$m=1024,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0A".to_owned(),
        "$argon2id$v=18$m=1024,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0Izs2E2zIqpIFISe".to_owned(),
        "$argon2id$v=19$m=1024,t=0,p=1$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0Izs2E2zIqpIFISe".to_owned(),
        "$argon2id$v=19$m=1,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0Izs2E2zIqpIFISe".to_owned(),
        "$argon2id$v=19$m=1024,t=2$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0Izs2E2zIqpIFISe".to_owned(),
        format!("$argon2id$v=19${many}$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0Izs2E2zIqpIFISe"),
        "$scrypt$ln=0,r=8,p=1$c2l4dGVlbiBieXRlIHNsdA$pm8pKHMuzBMnzWjY+J2K8bOo4zfV05ST".to_owned(),
        "$scrypt$ln=10,r=0,p=1$c2l4dGVlbiBieXRlIHNsdA$pm8pKHMuzBMnzWjY+J2K8bOo4zfV05ST".to_owned(),
        "$pbkdf2-sha256$i=0$c2l4dGVlbiBieXRlIHNsdA$c5QUhhzJnj7wFB9c2d0a39fA2UDUysXCg74o4Wch4QE".to_owned(),
        "$pbkdf2-sha256$1000$$JwgcbJZlHBoE0uPBMy9SZsCsIJXsYLx/8XwH97PVwMU".to_owned(),
        "$pbkdf2-sha256$1000$8PHy8/T19vf4.fr7$Jwgc!".to_owned(),
        "pbkdf2_sha256$ten$seasalt2020$xIruHEjBa/YUGstLZVgpR19dgp3Rdb0G8JSGW9gxAHI=".to_owned(),
        "pbkdf2_sha256$1000$$xIruHEjBa/YUGstLZVgpR19dgp3Rdb0G8JSGW9gxAHI=".to_owned(),
    ];
    for text in mangled {
        assert_eq!(refusal(&text), Some(HashRefused::Mangled), "{text}");
    }
    let unknown =
        ["", "correct horse", "5f4dcc3b5aa765d61d8327deb882cf99", "$1$abcdefgh$xyz", "$6$salt$hash", "$", "$$$$$"];
    for text in unknown {
        assert_eq!(refusal(text), Some(HashRefused::UnknownForm), "{text}");
        assert!(text.is_empty() || !HashRefused::UnknownForm.to_string().contains(text));
    }
    assert_eq!(
        refusal("$pbkdf2-md5$i=1000$c2l4dGVlbiBieXRlIHNsdA$c5QUhhzJnj7wFB9c2d0a3w"),
        Some(HashRefused::UnknownForm)
    );
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in any::<String>()) {
        let _ = ForeignHash::read(&text);
    }

    #[test]
    fn no_numbers_make_reading_panic_or_verifying_take_long(m in any::<u32>(), t in any::<u32>(), p in any::<u32>()) {
        for text in [
            format!("$argon2id$v=19$m={m},t={t},p={p}$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0Izs2E2zIqpIFISe"),
            format!("$scrypt$ln={m},r={t},p={p}$c2l4dGVlbiBieXRlIHNsdA$pm8pKHMuzBMnzWjY+J2K8bOo4zfV05ST"),
        ] {
            prop_assert!(ForeignHash::read(&text).is_err() || (u64::from(m) * u64::from(t) <= MAX_WORK));
        }
    }
}
