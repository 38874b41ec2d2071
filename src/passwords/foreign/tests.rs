//! What is read of other systems' hashes, and what is not.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use proptest::prelude::*;

use super::{bounds::MAX_WORK, *};
use crate::passwords::Password;

/// All of "correct horse". The argon2 program of the reference implementation (Debian's 0~20190702); Python's hashlib;
/// Passlib 1.7.4; Django 3.2; Node's crypto for Firebase. The products' own forms were put together from Python's hashlib.
const KNOWN: [&str; 20] = [
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
    "pbkdf2_sha1$1000$seasalt2020$kNPjz9gEJCVfbkuz8YIy14BKljs=",
    "argon2$argon2id$v=19$m=1024,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0Izs2E2zIqpIFISeK/m9DFKmAc7uq5Y",
    "scrypt$1024$seasalt2020$8$1$8NXmrO6FDthU/EBjWQcq4TremhjjXnqE6MvfHTFhQsmAdu5gYaMBxPW/qT/jJrSdSA22735eEbsBPoYrZMS\
     KVQ==",
    "{pbkdf2}0001020304050607c05fca7477f7b42baef9a3ada4d1e1ee7a809d29b8f973da765bf7fa43391ff7",
    "{pbkdf2@SpringSecurity_v5_8}000102030405060708090a0b0c0d0e0f714eb4e46d526b82298560f1af99f32b59323cf07d3a1978bf4\
     5ba35d7c39861",
    "{argon2@SpringSecurity_v5_8}$argon2id$v=19$m=1024,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0Izs2E2zIqpIFISeK\
     /m9DFKmAc7uq5Y",
    "{scrypt}$e0801$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==$4pL4Z\
     BfRI15oIPTo7+dRikG2g2McoIxdNciTm/VWSRI=",
    "$P$Bseasalt2iEyxaFFjRXcVsDt9TUUkg0",
    "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSD\
     zZvpjeJ9WmXA==$42xEC+ixf3L2lw==$ZKICzw/aMHw8vdjGxgsJzoU1Y63uykdiPEEVnt50NNfmdvLO6km/CMVwKr/d6tK9Px7we7sL5mhO3\
     XjodX2HlA==",
    "000102030405060708090a0b0c0d0e0f:9372e2d20f7c9ba55e54d10569dfe24824c5765383f46b040e9ac7b33041339c514173900cb63a\
     37c935c0e2f40cfe2cb39bee5fe58f54715c1fd913c4638373",
];

fn refusal(text: &str) -> Option<HashRefused> {
    ForeignHash::read(text).err()
}

#[test]
fn hashes_of_other_implementations_fit_their_password_and_no_other() {
    for known in KNOWN {
        let hash = ForeignHash::read(known).unwrap();
        let matches = |password: &str| hash.matches(&Password::presented(password).unwrap());
        assert_eq!(matches("correct horse"), Some(true), "{known}");
        // A NUL at the end changes nothing in an HMAC's key, and so in PBKDF2 and scrypt.
        for wrong in ["", "correct hors", "correct horse ", "Correct horse", "correct\0horse"] {
            assert_eq!(matches(wrong), Some(false), "{known}");
        }
    }
}

/// Openwall's own vector for phpass, and Firebase's own for its scrypt.
#[test]
fn published_vectors_verify() {
    let published = [
        ("test12345", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"),
        (
            "user1password",
            "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEm\
             YUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZil\
             o78198JAdRuid5lQ==",
        ),
    ];
    for (password, text) in published {
        let hash = ForeignHash::read(text).unwrap();
        assert_eq!(hash.matches(&Password::presented(password).unwrap()), Some(true), "{text}");
        assert_eq!(hash.matches(&Password::presented("another").unwrap()), Some(false), "{text}");
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
        "pbkdf2_sha1$2000001$seasalt2020$kNPjz9gEJCVfbkuz8YIy14BKljs=".to_owned(),
        "scrypt$2147483648$salt$8$1$8NXmrO6FDthU/EBjWQcq4TremhjjXnqE6MvfHTFhQsk=".to_owned(),
        "{scrypt}$1f0801$AAECAwQFBgcICQoLDA0ODw==$AEdilbUUghuzO9l/XjztzHn0E0plniwgnETbi2/m6IM=".to_owned(),
        "{scrypt}$ff0801ff$AAECAwQFBgcICQoLDA0ODw==$AEdilbUUghuzO9l/XjztzHn0E0plniwgnETbi2/m6IM=".to_owned(),
        "{argon2}$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$4BnlcpLz5MRq0Izs2E2zIqpIFISe".to_owned(),
        "$P$zseasalt2iEyxaFFjRXcVsDt9TUUkg0".to_owned(),
        "$fbscrypt$v=1,n=31,r=8,p=1,ss=Bw==,sk=AAAAAAAAAAAAAAAAAAAAAA==$42xEC+ixf3L2lw==$AAAAAAAAAAAAAAAAAAAAAA=="
            .to_owned(),
    ];
    for text in costly {
        assert_eq!(refusal(&text), Some(HashRefused::TooCostly), "{text}");
    }
    for allowed in [argon2("m=262144,t=4,p=1"), argon2("m=65536,t=3,p=4"), scrypt("ln=17,r=8,p=1")] {
        assert_eq!(refusal(&allowed), None, "{allowed}");
    }
}

#[test]
fn malformed_and_unknown_hashes_are_refused() {
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
        "scrypt$1000$salt$8$1$8NXmrO6FDthU/EBjWQcq4TremhjjXnqE6MvfHTFhQsk=".to_owned(),
        "{pbkdf2}00010203".to_owned(),
        "{pbkdf2}0001020304050607c05fca7477f7b42baef9a3ada4d1e1ee7a809d29b8f973da765bf7fa43391ff".to_owned(),
        "{pbkdf2}é001020304050607c05fca7477f7b42baef9a3ada4d1e1ee7a809d29b8f973da765bf7fa43391ff7".to_owned(),
        "{argon2}x".to_owned(),
        "{scrypt}$e0801$AAECAwQFBgcICQoLDA0ODw==".to_owned(),
        "$P$".to_owned(),
        "$P$Bseasalt2iEyxaFFjRXcVsDt9TUUkg".to_owned(),
        "$P$Bseasalt2iEyxaFFjRXcVsDt9TUUkgz".to_owned(),
        "$P$.seasalt2iEyxaFFjRXcVsDt9TUUkg0".to_owned(),
        "$P$Bseasalt2iEyxaFFjRXcVsDt9TU€k0".to_owned(),
        "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=AAAA$42xEC+ixf3L2lw==$AAAAAAAAAAAAAAAAAAAAAA==".to_owned(),
        "$fbscrypt$v=1,r=8,p=1,ss=Bw==,sk=AAAA$42xEC+ixf3L2lw==$AAAAAAAAAAAAAAAAAAAAAA==".to_owned(),
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
    for text in ["{SHA-256}{salt}abcdef", "{MD5}5f4dcc3b5aa765d61d8327deb882cf99", "md5$salt$abc", "{", "{}", "a:b"] {
        assert_eq!(refusal(text), Some(HashRefused::UnknownForm), "{text}");
    }
    assert_eq!(refusal("{noop}correct horse"), Some(HashRefused::ClearText));
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
