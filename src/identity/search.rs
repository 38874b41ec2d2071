//! What a search for users compares: one normalization for what is stored and for what is typed.

use super::{EmailAddress, text::is_invisible};
use unicode_normalization::UnicodeNormalization;
use url::quirks;

/// A text without what a search ignores: compatibility forms (NFKC), case, invisible characters.
///
/// Lower case, upper case and lower case again, character by character, is full case folding: `ß` and `ẞ` are `ss`, and
/// both forms of the Greek sigma are one.
#[must_use]
pub fn search_key(text: &str) -> String {
    let visible = text.nfkc().filter(|c| !is_invisible(*c));
    let folded = visible.flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    // Folding can leave a sequence that composes.
    folded.collect::<String>().nfkc().collect()
}

/// What a search is for: an address may be typed with the full stop of East Asia, which is one in a domain only.
#[must_use]
pub fn typed_key(text: &str) -> String {
    let key = search_key(text);
    if key.contains('@') { key.replace('\u{3002}', ".") } else { key }
}

/// What a user is found by: the address, with its domain in both forms, and the name. A line each, so that no search
/// matches across them.
#[must_use]
pub fn search_text(email: Option<&EmailAddress>, name: Option<&str>) -> String {
    let mut lines = email.map(address_lines).unwrap_or_default();
    lines.extend(name.map(search_key));
    lines.join("\n")
}

fn address_lines(email: &EmailAddress) -> Vec<String> {
    let domain = quirks::domain_to_unicode(email.domain());
    let mut lines = vec![search_key(email.as_str())];
    if !domain.is_empty() && domain != email.domain() {
        lines.push(search_key(&format!("{}@{domain}", email.local_part())));
    }
    lines
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use proptest::prelude::*;

    fn is_found(typed: &str, email: &str, name: Option<&str>) -> bool {
        search_text(Some(&EmailAddress::parse(email).unwrap()), name).contains(&typed_key(typed))
    }

    #[test]
    fn users_are_found_however_it_is_typed() {
        for (typed, name) in [
            ("élodie", "Élodie Müller"),
            ("E\u{301}LODIE", "Élodie Müller"),
            ("MÜLL", "E\u{301}lodie Mu\u{308}ller"),
            ("иван", "Иван Петров"),
            ("strasse", "Anna Straße"),
            ("STRAẞE", "Anna Strasse"),
            ("γιώργος", "ΓΙΏΡΓΟΣ"),
            ("ΓΙΏΡΓΟΣ", "γιώργος"),
            ("ｍａｒｙ", "Mary Ann"),
            ("fi", "ﬁona"),
            ("mary", "Ma\u{ad}ry"),
        ] {
            assert!(is_found(typed, "x@example.com", Some(name)), "{typed}, {name}");
        }
        for typed in [
            "ben2@bücher.example",
            "BEN2@BÜCHER.EXAMPLE",
            "ben2@xn--bcher-kva.example",
            "bu\u{308}cher",
            "ben2@bücher。example",
            "@bücher｡ex",
        ] {
            assert!(is_found(typed, "ben2@bücher.example", None), "{typed}");
        }
        assert!(is_found("JOSÉ.NÚÑEZ@EXAMPLE.COM", "josé.núñez@example.com", None));
    }

    #[test]
    fn other_users_are_not_found() {
        assert!(!is_found("elodie", "x@example.com", Some("Élodie")), "an accent is a letter of its own");
        assert!(!is_found("com\nann", "x@example.com", Some("Bob")));
        assert!(!is_found("comann", "x@example.com", Some("Ann")));
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(text in any::<String>()) {
            let key = search_key(&text);
            prop_assert_eq!(search_key(&key), key);
        }
    }
}
