//! The domain of an address: a host name, in ASCII.

use crate::identity::text::is_invisible;
use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory};
use url::{Host, quirks};

/// The longest host name and the longest label in it, in octets (RFC 1035 §2.3.4).
const MAX_DOMAIN_OCTETS: usize = 253;
const MAX_LABEL_OCTETS: usize = 63;

/// The host name in ASCII, or nothing where it is not one.
///
/// `Host::parse` decodes percent signs and reads IP addresses, as a URL would: the former never
/// reach it, and the latter are refused.
pub fn ascii_domain(domain: &str) -> Option<String> {
    let may_stand_in_a_domain =
        |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || (!c.is_ascii() && !is_invisible(c));
    if !domain.chars().all(may_stand_in_a_domain) {
        return None;
    }
    match Host::parse(domain) {
        Ok(Host::Domain(ascii)) => (is_host_name(&ascii) && is_internet_name(&ascii)).then_some(ascii),
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => None,
    }
}

/// RFC 1123 §2.1: labels of letters, digits and inner hyphens.
fn is_host_name(ascii: &str) -> bool {
    ascii.len() <= MAX_DOMAIN_OCTETS && ascii.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL_OCTETS).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Whether a host name is one that registries give out and mail knows (RFC 5892): of letters and digits. URLs, which the
/// library reads, know symbols too: `☃.example`.
fn is_internet_name(ascii: &str) -> bool {
    let unicode = quirks::domain_to_unicode(ascii);
    !unicode.is_empty() && unicode.split('.').all(is_of_letters)
}

fn is_of_letters(label: &str) -> bool {
    let characters: Vec<char> = label.chars().collect();
    let at = |place: Option<usize>| place.and_then(|place| characters.get(place));
    characters.iter().enumerate().all(|(place, &c)| match c {
        // Catalan: between two l, and nowhere else (Appendix A.3).
        '\u{b7}' => at(place.checked_sub(1)) == Some(&'l') && at(place.checked_add(1)) == Some(&'l'),
        // In a label with Japanese in it (Appendix A.7).
        '\u{30fb}' => characters.iter().any(|&other| other != c && is_japanese(other)),
        c => c.is_ascii() || is_letter_or_digit(c),
    })
}

fn is_japanese(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// RFC 5892 §2.1, less what is refused all the same: tatweel and similar characters, tone and repeat marks (§2.6), and the parts that
/// Hangul was once written in (§2.9).
fn is_letter_or_digit(c: char) -> bool {
    let is_refused = matches!(c,
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}'
        | '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97c}' | '\u{d7b0}'..='\u{d7fb}');
    let category = c.general_category();
    !is_refused
        && matches!(
            category,
            Category::LowercaseLetter
                | Category::OtherLetter
                | Category::DecimalNumber
                | Category::ModifierLetter
                | Category::NonspacingMark
                | Category::SpacingMark
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_script_are_taken() {
        for (typed, ascii) in [
            ("example.com", "example.com"),
            ("한국.kr", "xn--3e0b707e.kr"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("paral·lel.cat", "xn--parallel-koa.cat"),
            ("カタ・カナ.jp", "xn--lcka3d1b7p.jp"),
            ("xn--3e0b707e.kr", "xn--3e0b707e.kr"),
        ] {
            assert_eq!(ascii_domain(typed).as_deref(), Some(ascii), "{typed}");
        }
    }

    #[test]
    fn symbols_are_none_also_where_they_are_written_in_ascii() {
        for refused in [
            "☃.b",
            "xn--n3h.b",
            "b\u{ab}.c",
            "xn--iba",
            "a·b.cat",
            "·l.cat",
            "l·.cat",
            "a\u{30fb}b.jp",
            "\u{30fb}.jp",
            "i❤.ws",
            "b\u{640}.c",
            "\u{1100}x.kr",
            "a\u{9f4}.in",
        ] {
            assert_eq!(ascii_domain(refused), None, "{refused}");
        }
    }
}
