//! Codes of authenticator apps (RFC 6238): SHA-1, six digits, thirty seconds. With anything else some app shows wrong codes.
//! SHA-1 is safe here: HMAC needs no resistance to collisions (RFC 4226, appendix B.2).

use super::model::totp_digits;
use crate::kernel::{Moment, Rng};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::{QrCode, render::svg};
use std::fmt;
use totp_rs::{Algorithm, Builder, Secret, Totp};
use zeroize::Zeroizing;

/// Bytes of a secret: as many as SHA-1 yields (RFC 4226 §4, R6).
const SECRET: usize = 20;
/// The shortest secret that is imported (RFC 4226 §4, R6).
const SHORTEST: usize = 16;
/// The longest: what no app exceeds.
const LONGEST: usize = 64;
const DIGITS: u8 = 6;
const STEP_SECONDS: u64 = 30;
/// Steps before and after the current one that are accepted (RFC 6238 §5.2): a code may be typed as it changes, and clocks
/// differ.
const SKEW: u16 = 1;
/// What stays as it is in a part of a URI (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The secret that an authenticator app and the server share.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

impl TotpSecret {
    /// A new secret.
    #[must_use]
    pub fn draw(rng: &Rng) -> Self {
        let bytes: Zeroizing<[u8; SECRET]> = Zeroizing::new(rng.bytes());
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// As it was sealed.
    pub(super) fn from_sealed(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// Of another system: base32 (RFC 4648 §6), in upper or lower case, with or without padding and spaces. None if it is
    /// none, or too short or too long.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let kept = text.chars().filter(|c| !c.is_whitespace() && *c != '-' && *c != '=');
        let letters: Zeroizing<String> = Zeroizing::new(kept.map(|c| c.to_ascii_uppercase()).collect());
        let secret = Secret::try_from_base32(letters.as_str()).ok()?;
        let bytes = Zeroizing::new(secret.as_ref().to_vec());
        (SHORTEST..=LONGEST).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// What is sealed.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// As it is typed into an app.
    #[must_use]
    pub fn reveal_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(Secret::from(self.0.as_slice()).to_base32())
    }

    /// The step whose code this is, at most one away from `now`. None if it is not a code of these.
    pub(super) fn step_of(&self, typed: &str, now: Moment) -> Option<i64> {
        let digits = totp_digits(typed)?;
        let seconds = u64::try_from(now.timestamp()).ok()?;
        i64::try_from(self.totp().check(&digits, seconds)?).ok()
    }

    fn totp(&self) -> Totp {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_skew(SKEW)
            .with_step_duration(STEP_SECONDS)
            .with_secret(self.0.as_slice())
            .build_noncompliant()
    }

    /// What an app reads from the QR code.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        // Some apps cut at the first colon, which separates the two.
        let part = |text: &str| utf8_percent_encode(&text.replace(':', " "), ESCAPED).to_string();
        let (issuer, account, secret) = (part(issuer), part(account), self.reveal_base32());
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits=6&period=30",
            secret.as_str()
        ))
    }
}

/// A QR code as one inline SVG. None if the text is too long for one.
#[must_use]
pub fn qr_svg(text: &str) -> Option<Zeroizing<String>> {
    let code = QrCode::new(text.as_bytes()).ok()?;
    let drawn = code.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
    // Inside a document, an XML declaration is an error.
    let at = drawn.find("<svg")?;
    drawn.get(at..).map(|svg| Zeroizing::new(svg.to_owned()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn at(seconds: i64) -> Moment {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    /// F-3: the vectors of RFC 6238, appendix B, of which six digits count.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = TotpSecret(Zeroizing::new(b"12345678901234567890".to_vec()));
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.step_of(code, at(seconds)), Some(seconds / 30), "{seconds}");
        }
    }

    /// F-3.
    #[test]
    fn a_code_is_accepted_one_step_early_and_one_step_late() {
        let secret = TotpSecret(Zeroizing::new(b"12345678901234567890".to_vec()));
        let (code, step) = ("005924", 1_234_567_890 / 30);
        for (offset, accepted) in [(-60, false), (-30, true), (0, true), (29, true), (30, true), (60, false)] {
            let found = secret.step_of(code, at(step * 30 + offset));
            assert_eq!(found, accepted.then_some(step), "{offset}");
        }
    }

    #[test]
    fn a_secret_of_another_system_is_read_in_any_spelling() {
        let secret = TotpSecret(Zeroizing::new(b"12345678901234567890".to_vec()));
        let text = secret.reveal_base32();
        assert_eq!(*text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for spelled in [text.to_lowercase(), text.replace("GEZD", "GEZD "), format!("{}====", *text)] {
            assert_eq!(TotpSecret::parse(&spelled).unwrap().reveal(), secret.reveal());
        }
        for wrong in ["", "GEZDGNBV", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1", &"GEZDGNBV".repeat(20)] {
            assert!(TotpSecret::parse(wrong).is_none(), "{wrong}");
        }
    }

    /// F-2.
    #[test]
    fn the_uri_names_issuer_and_account_and_nothing_breaks_out_of_it() {
        let secret = TotpSecret(Zeroizing::new(b"12345678901234567890".to_vec()));
        let uri = secret.uri("A: \"B\" & C?", "al+ice@example.com");
        let expected = "otpauth://totp/A%20%20%22B%22%20%26%20C%3F:al%2Bice%40example.com?secret=\
                        GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A%20%20%22B%22%20%26%20C%3F&algorithm=SHA1&digits=6&period=30";
        assert_eq!(*uri, expected);
        let svg = qr_svg(&uri).unwrap();
        assert!(svg.starts_with("<svg") && svg.matches("<path").count() == 1, "{}", svg.get(..200).unwrap());
        assert!(!svg.contains("style") && !svg.contains("script"));
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", TotpSecret::draw(&Rng::system())), "TotpSecret(…)");
        assert_eq!(TotpSecret::draw(&Rng::system()).reveal().len(), 20);
    }
}
