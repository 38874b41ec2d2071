//! E-mail addresses in the one form in which the whole house compares them.
//!
//! Two spellings that look like one address must be one account, and two mailboxes must never be
//! (CVE-2019-19844, CVE-2025-24806). So there is a single canonicalisation, it comes *before*
//! validation. Code that looks up users, counts attempts or applies rules takes an [`EmailAddress`].

use std::fmt;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

mod domain;

use super::text::is_invisible;
use domain::ascii_domain;

/// The longest address, in characters of its canonical form (RFC 5321 §4.5.3.1.3, less the brackets).
pub const MAX_ADDRESS_CHARACTERS: usize = 254;
/// The longest local part, in characters (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL_PART_CHARACTERS: usize = 64;

/// An e-mail address in canonical form: NFKC, lower case, its domain in ASCII (IDNA).
///
/// `MIKE@example.com` is `mike@example.com`. Two addresses are equal exactly when they are the same
/// account. `Debug` is redacted and there is no `Display`: an address never reaches a log.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmailAddress(String);

/// Why something is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Nothing but white space was given.
    #[error("Enter an e-mail address.")]
    Required,
    /// The canonical form is longer than `MAX_ADDRESS_CHARACTERS`.
    #[error("An e-mail address has at most 254 characters.")]
    TooLong,
    /// The part before the @ is longer than 64 characters.
    #[error("An e-mail address has at most 64 characters before the @.")]
    LocalPartTooLong,
    /// It is not shaped like an address.
    #[error("This is not an e-mail address. One looks like name@example.com.")]
    NotAnAddress,
}

impl EmailError {
    /// The stable code for clients.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::TooLong | Self::LocalPartTooLong => "too_long",
            Self::NotAnAddress => "not_an_address",
        }
    }
}

impl EmailAddress {
    /// Brings the user's input into canonical form and checks it.
    ///
    /// The local part is RFC 5321's dot-string, with letters of any script (RFC 6531); quoted local
    /// parts, comments, IP literals and invisible characters are refused. A host name without a dot
    /// (`localhost`) is allowed. Whether the mailbox exists is not checked.
    ///
    /// # Errors
    /// [`EmailError`] when it is empty, too long, or no address after normalising.
    pub fn parse(raw: &str) -> Result<Self, EmailError> {
        let typed = fold(raw);
        if typed.is_empty() {
            return Err(EmailError::Required);
        }
        check_length(&typed)?;

        let (local_part, domain) = typed.rsplit_once('@').ok_or(EmailError::NotAnAddress)?;
        check_local_part(local_part)?;
        let domain = ascii_domain(domain).ok_or(EmailError::NotAnAddress)?;

        let canonical = format!("{local_part}@{domain}");
        check_length(&canonical)?;
        Ok(Self(canonical))
    }

    /// Takes an address back from our own database, where only [`EmailAddress::parse`] has written.
    ///
    /// It is not parsed again: a newer Unicode table must not lock anybody out.
    #[must_use]
    pub const fn from_stored(stored: String) -> Self {
        Self(stored)
    }

    /// The canonical form, for look-ups, for display to the user and for sending emails.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the @.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local_part, _)| local_part)
    }

    /// The host name after the @, in ASCII.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

/// The normalising half of the canonical form: trimmed, NFKC, lower case.
///
/// NFKC comes first, so that a Kelvin sign, a long s or a full-width character is folded before it is
/// lowered, and once more at the end, because lowering can leave a sequence that composes. Lowering,
/// not case folding: folding would change the final ς of γιώργος, and with it the address.
#[must_use]
pub fn fold(raw: &str) -> String {
    let compatible: String = raw.trim().nfkc().collect();
    compatible.to_lowercase().nfkc().collect()
}

fn check_length(address: &str) -> Result<(), EmailError> {
    if address.chars().count() > MAX_ADDRESS_CHARACTERS {
        return Err(EmailError::TooLong);
    }
    Ok(())
}

fn check_local_part(local_part: &str) -> Result<(), EmailError> {
    if local_part.chars().count() > MAX_LOCAL_PART_CHARACTERS {
        return Err(EmailError::LocalPartTooLong);
    }
    let atoms_are_filled = local_part.split('.').all(|atom| !atom.is_empty());
    if atoms_are_filled && local_part.chars().all(|c| c == '.' || is_atom_character(c)) {
        return Ok(());
    }
    Err(EmailError::NotAnAddress)
}

/// RFC 5322's `atext`, widened to the letters and digits of every script (RFC 6531): no symbols, and
/// nothing unassigned, whose canonical form a newer Unicode could change.
fn is_atom_character(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    }
    (c.is_alphanumeric() || is_combining_mark(c)) && !is_invisible(c)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use proptest::prelude::*;

    use super::*;

    fn canonical(raw: &str) -> String {
        EmailAddress::parse(raw).unwrap().as_str().to_owned()
    }

    #[test]
    fn one_mailbox_has_one_spelling() {
        for (typed, expected) in [
            ("mike@example.com", "mike@example.com"),
            ("MIKE@example.com", "mike@example.com"),
            ("  Mike@EXAMPLE.com\u{a0}\n", "mike@example.com"),
            ("mi\u{212a}e@example.com", "mike@example.com"), // Kelvin sign
            ("ｍｉｋｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "mike@example.com"),
            ("mi\u{17f}s@example.com", "miss@example.com"),  // long s
            ("ﬁona@example.com", "fiona@example.com"),       // ligature
            ("jose\u{301}@example.com", "josé@example.com"), // NFD
            ("김@한국.kr", "김@xn--3e0b707e.kr"),
            ("ΓΙΏΡΓΟΣ@example.com", "γιώργος@example.com"), // a final sigma, as Greek is written
            ("김@XN--3E0B707E.kr", "김@xn--3e0b707e.kr"),
            ("jo@Bücher.example", "jo@xn--bcher-kva.example"),
            ("jo@example\u{3002}com", "jo@example.com"), // ideographic full stop
            ("jo@exam\u{2024}ple", "jo@exam.ple"),       // one dot leader
        ] {
            assert_eq!(canonical(typed), expected, "{typed:?}");
        }
    }

    /// CVE-2019-19844: addresses with look-alike characters belong to different mailboxes.
    #[test]
    fn letters_that_merely_look_alike_stay_apart() {
        let mike = EmailAddress::parse("mike@example.com").unwrap();
        for other in [
            "m\u{131}ke@example.com", // dotless i
            "M\u{130}KE@example.com", // dotted capital I
            "m\u{456}ke@example.com", // Cyrillic i
            "mike@ex\u{430}mple.com", // Cyrillic a
            "mike+tag@example.com",
            "m.ike@example.com",
        ] {
            assert_ne!(EmailAddress::parse(other).unwrap(), mike, "{other:?}");
        }
    }

    #[test]
    fn ordinary_and_unusual_addresses_are_taken() {
        for address in [
            "a@b",
            "root@localhost",
            "o'brien@example.com",
            "first.last+tag@sub.example.co.uk",
            "!#$%&'*+-/=?^_`{|}~@example.com",
            "1@1.example",
            "김철수@example.com",
            "हिन्दी@example.com",
            "user@xn--3e0b707e.kr",
            "jo@xn--parallel-koa.cat", // paral·lel
        ] {
            assert_eq!(canonical(address), address);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for not_one in [
            "plain",
            "@",
            "a@",
            "@b",
            "a@@b",
            "a@b@c",
            "a b@c",
            "a@b c",
            "a\0@b",
            "a@b\0",
            "a\t@b",
            ".a@b",
            "a.@b",
            "a..b@c",
            "a\u{2026}b@c",
            "a@.b",
            "a@b.",
            "a@b..c",
            "a@-b.c",
            "a@b-.c",
            "\"a\"@b",
            "a\"b@c",
            "(a)b@c",
            "<a@b>",
            "a,b@c",
            "a;b@c",
            "a:b@c",
            "a\\b@c",
            "[a]@b",
            "a@[127.0.0.1]",
            "a@[::1]",
            "a@[IPv6:::1]",
            "a@127.0.0.1",
            "a@1",
            "a@0x7f.1",
            "a@1.2.3.4.",
            "a@b_c.d",
            "a@exa%6dple.com",
            "a@b/c",
            "a@b:25",
            "a@b?c",
            "a@b#c",
            "a@xn--\u{e9}.com",
            "a@xn--.com",
            "a@xn--a-.com",
            "a\u{200b}@b",
            "a\u{202e}b@c",
            "a\u{ad}b@c",
            "a@b\u{200d}c.d",
            "\u{feff}a@b",
            "a\u{2028}@b",
            "a\u{a8}b@c",
            "a\r\nBcc: x@b",
            "mailto:a@b",
            "A <a@b>",
            "a@b, c@d",
            "a\u{7f}@b",
            "a\u{85}x@b",
            "a\u{e000}b@c",
            "a\u{378}b@c",
            "a\u{ffff}b@c",
            "a\u{3164}b@c",
            "a☃b@c",
            "a@☃.b",
            "a@b\u{ab}.c",
            "a@xn--iba",
            "a@xn--n3h.b",
            "a=\u{338}b@c",
        ] {
            assert_eq!(EmailAddress::parse(not_one), Err(EmailError::NotAnAddress), "{not_one:?}");
        }
    }

    #[test]
    fn nothing_is_not_an_address() {
        for nothing in ["", " ", "\t\r\n", "\u{3000}\u{a0}"] {
            assert_eq!(EmailAddress::parse(nothing), Err(EmailError::Required));
        }
    }

    #[test]
    fn an_address_has_254_characters_and_64_before_the_at() {
        let domain_of = |octets: usize| format!("{}.{}", vec!["d".repeat(61); 3].join("."), "e".repeat(octets - 186));
        let local_part = "l".repeat(64);
        assert!(EmailAddress::parse(&format!("{local_part}@{}", domain_of(189))).is_ok());
        for (address, error) in [
            (format!("{local_part}@{}", domain_of(190)), EmailError::TooLong),
            (format!("{local_part}l@example.com"), EmailError::LocalPartTooLong),
            (format!("a@{}.com", "d".repeat(64)), EmailError::NotAnAddress),
            ("a".repeat(65_536), EmailError::TooLong),
        ] {
            assert_eq!(EmailAddress::parse(&address), Err(error));
        }
        assert!(EmailAddress::parse(&format!("{}@example.com", "김".repeat(64))).is_ok());
    }

    /// The limit holds for what is stored: here the ASCII form of the domain is what is too long.
    #[test]
    fn length_is_counted_in_the_canonical_form() {
        let domain = ["한국어도메인이름은길다"; 6].join(".");
        assert!(domain.chars().count() < 100);
        assert_eq!(EmailAddress::parse(&format!("{}@{domain}", "l".repeat(64))), Err(EmailError::TooLong));
        // One character of the input may normalise to eighteen.
        assert_eq!(EmailAddress::parse(&"\u{fdfa}".repeat(20)), Err(EmailError::TooLong));
    }

    #[test]
    fn an_address_cannot_be_logged() {
        assert_eq!(format!("{:?}", EmailAddress::parse("mike@example.com").unwrap()), "EmailAddress(…)");
    }

    #[test]
    fn its_parts_can_be_asked_for() {
        let address = EmailAddress::parse("Mike@Example.com").unwrap();
        assert_eq!((address.local_part(), address.domain()), ("mike", "example.com"));
        assert_eq!(EmailAddress::from_stored("mike@example.com".to_owned()), address);
    }

    fn assert_stable(raw: &str) {
        if let Ok(once) = EmailAddress::parse(raw) {
            let twice = EmailAddress::parse(once.as_str());
            assert_eq!(twice.as_ref().map(EmailAddress::as_str), Ok(once.as_str()), "{raw:?}");
        }
    }

    #[test]
    fn every_character_that_folds_is_stable_in_either_part() {
        let folds = |c: &char| fold(&c.to_string()) != c.to_string();
        for c in ('\0'..='\u{2ffff}').filter(folds) {
            assert_stable(&format!("a{c}b@example.com"));
            assert_stable(&format!("a@b{c}d.example"));
        }
    }

    proptest! {
        #[test]
        fn parsing_twice_is_parsing_once(raw in "\\PC{1,20}@\\PC{1,20}") {
            assert_stable(&raw);
        }

        #[test]
        fn parsing_never_panics(raw in any::<String>()) {
            let _ = EmailAddress::parse(&raw);
        }

        #[test]
        fn case_makes_no_difference(raw in "[a-z0-9é가ß.+]{1,20}@[a-z0-9가ü-]{1,20}\\.[a-z]{2,5}") {
            let lower = EmailAddress::parse(&raw);
            let upper = EmailAddress::parse(&raw.replace('ß', "ẞ").chars().map(|c| if c == 'ẞ' { c } else { c.to_uppercase().next().unwrap() }).collect::<String>());
            prop_assert_eq!(lower, upper);
        }
    }
}
