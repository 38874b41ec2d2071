use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::Advice;

/// The fewest characters of a new password (ASVS 6.2.1).
pub const MIN_CHARACTERS: usize = 8;
/// The most characters of any password: beyond this it only costs time.
pub const MAX_CHARACTERS: usize = 1024;
/// NFC never makes three times as many bytes, or more, out of a text (UAX #15 §9, expansion factors).
const NFC_EXPANSION: usize = 3;
/// The longest character in UTF-8, in bytes.
const MAX_CHARACTER_BYTES: usize = 4;

/// A password in the clear: alive from the request to its digest.
///
/// Deliberately without `Clone`, `Display`, `PartialEq` and `Serialize`; wiped when dropped.
pub struct Password {
    /// In NFC: what our own hashes are made of.
    normalized: Zeroizing<String>,
    /// As it came: what other systems made their hashes of.
    as_typed: Zeroizing<String>,
}

/// Why a password may not be used. The reason is shown to the user who chose it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer than [`MIN_CHARACTERS`] characters.
    #[error("A password needs at least 8 characters.")]
    TooShort,
    /// More than [`MAX_CHARACTERS`] characters.
    #[error("A password may have at most 1,024 characters.")]
    TooLong,
    /// Among the first that an attacker would try.
    #[error("This password is easy to guess.{}", .hint.as_ref().map(|hint| format!(" {hint}")).unwrap_or_default())]
    TooCommon {
        /// What makes it so, or what would help. Never says the password.
        hint: Option<Advice>,
    },
    /// The user's own e-mail address, with little or nothing else, or the part before the @.
    #[error("Your own e-mail address cannot be your password.")]
    IsYourAddress,
}

impl PasswordError {
    /// The stable code for clients.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::TooCommon { .. } => "too_common",
            Self::IsYourAddress => "is_your_address",
        }
    }

    /// The stable code of the advice, where there is any.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::TooCommon { hint } => hint.map(Advice::code),
            Self::TooShort | Self::TooLong | Self::IsYourAddress => None,
        }
    }
}

impl Password {
    /// Takes a new password. Its strength is checked later, by `check_strength`.
    ///
    /// # Errors
    /// [`PasswordError::TooShort`] or [`PasswordError::TooLong`], in characters after NFC.
    pub fn parse_new(raw: &str) -> Result<Self, PasswordError> {
        let password = Self::presented(raw)?;
        if password.normalized.chars().count() < MIN_CHARACTERS {
            return Err(PasswordError::TooShort);
        }
        Ok(password)
    }

    /// Takes a password that a user signs in with.
    ///
    /// It has no minimum: a hash from elsewhere may be of a shorter one.
    ///
    /// # Errors
    /// [`PasswordError::TooLong`] when it cannot be anybody's: to be answered like a wrong password,
    /// and without hashing anything.
    pub fn presented(raw: &str) -> Result<Self, PasswordError> {
        let normalized = normalize(raw);
        if normalized.chars().count() > MAX_CHARACTERS {
            return Err(PasswordError::TooLong);
        }
        Ok(Self { normalized, as_typed: Zeroizing::new(raw.to_owned()) })
    }

    /// The password in NFC.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.normalized
    }

    /// The password before NFC, which a hash from elsewhere may need.
    pub(super) fn reveal_as_typed(&self) -> &str {
        &self.as_typed
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// NFC of at most one character more than allowed, in one buffer that never moves: growing it would
/// leave copies behind that nobody wipes.
fn normalize(raw: &str) -> Zeroizing<String> {
    let most_bytes = raw.len().saturating_mul(NFC_EXPANSION);
    let capacity = most_bytes.min((MAX_CHARACTERS + 1) * MAX_CHARACTER_BYTES);
    let mut normalized = Zeroizing::new(String::with_capacity(capacity));
    normalized.extend(raw.nfc().take(MAX_CHARACTERS + 1));
    normalized
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use proptest::prelude::*;

    use super::*;

    /// S-73.
    #[test]
    fn a_new_password_has_8_to_1024_characters_of_any_script() {
        for right in [
            "12345678",
            "비밀번호여덟글자",
            "🔑🔑🔑🔑🔑🔑🔑🔑",
            "        ",
            "a\0\n\tb\u{7f}cd",
            &"x".repeat(1024),
            &"김".repeat(1024),
        ] {
            assert_eq!(Password::parse_new(right).unwrap().reveal(), right);
        }
        for short in ["", "1234567", "비밀번호", "🔑🔑🔑🔑🔑🔑🔑"] {
            assert_eq!(Password::parse_new(short).unwrap_err(), PasswordError::TooShort);
        }
        for long in ["x".repeat(1025), "김".repeat(1025), "x".repeat(1_000_000)] {
            assert_eq!(Password::parse_new(&long).unwrap_err(), PasswordError::TooLong);
        }
    }

    #[test]
    fn characters_are_counted_after_normalising() {
        assert_eq!(Password::parse_new(&"e\u{301}".repeat(7)).unwrap_err(), PasswordError::TooShort);
        assert!(Password::parse_new(&"e\u{301}".repeat(1024)).is_ok());
        assert_eq!(Password::parse_new(&"e\u{301}".repeat(1025)).unwrap_err(), PasswordError::TooLong);
        // U+0958 is excluded from composition: one character becomes two.
        assert_eq!(Password::parse_new(&"\u{958}".repeat(513)).unwrap_err(), PasswordError::TooLong);
    }

    #[test]
    fn signing_in_knows_a_maximum_but_no_minimum() {
        assert_eq!(Password::presented("").unwrap().reveal(), "");
        assert_eq!(Password::presented("pw").unwrap().reveal(), "pw");
        assert!(Password::presented(&"x".repeat(1024)).is_ok());
        assert_eq!(Password::presented(&"x".repeat(1025)).unwrap_err(), PasswordError::TooLong);
    }

    #[test]
    fn nothing_is_trimmed_and_no_case_changed() {
        assert_eq!(Password::parse_new("  Pass Word\n").unwrap().reveal(), "  Pass Word\n");
    }

    /// NFC, not NFKC: what was chosen to look different stays different.
    #[test]
    fn compatibility_characters_are_kept() {
        assert_eq!(Password::parse_new("ﬁｐａｓｓ①②③").unwrap().reveal(), "ﬁｐａｓｓ①②③");
    }

    #[test]
    fn a_password_cannot_be_logged() {
        assert_eq!(format!("{:?}", Password::parse_new("correct horse").unwrap()), "Password(…)");
    }

    #[test]
    fn reasons_have_a_code_and_a_message() {
        let hint = Some(Advice::Date);
        for (error, code, message) in [
            (PasswordError::TooShort, "too_short", "A password needs at least 8 characters."),
            (PasswordError::TooLong, "too_long", "A password may have at most 1,024 characters."),
            (PasswordError::TooCommon { hint: None }, "too_common", "This password is easy to guess."),
            (
                PasswordError::TooCommon { hint },
                "too_common",
                "This password is easy to guess. Dates and years are easy to guess.",
            ),
            (PasswordError::IsYourAddress, "is_your_address", "Your own e-mail address cannot be your password."),
        ] {
            assert_eq!((error.code(), error.to_string().as_str()), (code, message));
        }
    }

    #[test]
    fn no_character_outgrows_the_buffer() {
        for c in '\0'..=char::MAX {
            let raw = c.to_string();
            let bytes: usize = raw.nfc().map(char::len_utf8).sum();
            assert!(bytes <= raw.len() * NFC_EXPANSION, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn the_buffer_never_moves(raw in any::<String>()) {
            let normalized = normalize(&raw);
            prop_assert!(normalized.capacity() <= (raw.len() * NFC_EXPANSION).max(8));
            prop_assert_eq!(normalized.as_str(), raw.nfc().take(MAX_CHARACTERS + 1).collect::<String>());
        }

        #[test]
        fn both_normal_forms_are_one_password(raw in "[é가-힣ü𝄞ṩ]{8,40}") {
            let composed = Password::parse_new(&raw.nfc().collect::<String>()).unwrap();
            let decomposed = Password::parse_new(&raw.nfd().collect::<String>()).unwrap();
            prop_assert_eq!(composed.reveal(), decomposed.reveal());
        }
    }
}
