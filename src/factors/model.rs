use crate::{
    identity::{AuthenticationMethods, UpstreamStep},
    kernel::{Moment, Transport, UserId, named},
};
use zeroize::Zeroizing;

/// How many recovery codes a user gets.
pub(super) const RECOVERY_CODES: u8 = 10;
/// The digits of base32 that look like no other (Crockford).
const ALPHABET: [char; 32] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'M', 'N', 'P',
    'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
];
/// Characters of a recovery code behind its number: 60 bits.
const CHARACTERS: usize = 12;
/// Characters between two dashes.
const GROUP: usize = 4;
/// Digits of a code of an authenticator app.
const DIGITS: usize = 6;
/// A text longer than this is not a code.
const LONGEST: usize = 64;

named! {
    /// What a factor is. The names are those of answers, events and metrics.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum FactorKind {
        /// An authenticator app.
        Totp = "totp",
        /// A passkey or security key.
        Passkey = "passkey",
        /// A code that was printed or saved.
        RecoveryCode = "recovery_code",
    }
}

/// What factors a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactorsOf {
    /// Since when an authenticator app is set up.
    pub totp_since: Option<Moment>,
    /// Passkeys and security keys that can be used.
    pub passkeys: i64,
    /// Recovery codes that are not used.
    pub recovery_codes_left: i64,
    /// Counts what was added and removed.
    pub version: i32,
    /// Whether the next factor is set up with an emailed code: an administrator removed all others, and the address is verified.
    pub asks_email_code: bool,
}

impl FactorsOf {
    /// Whether a sign-in needs a second factor.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.totp_since.is_some() || self.passkeys > 0
    }

    /// With what the user can sign in, besides the password.
    #[must_use]
    pub fn kinds(&self) -> Vec<FactorKind> {
        let totp = self.totp_since.map(|_since| FactorKind::Totp);
        let passkey = (self.passkeys > 0).then_some(FactorKind::Passkey);
        let recovery = (self.recovery_codes_left > 0 && self.is_required()).then_some(FactorKind::RecoveryCode);
        [totp, passkey, recovery].into_iter().flatten().collect()
    }
}

/// A sign-in that waits for its second factor.
#[derive(Debug, Clone)]
pub struct PendingSignIn {
    /// Who.
    pub user: UserId,
    /// Which password it was. It must still be theirs in the second step.
    pub password_version: i32,
    /// What the count of the user's factors was. It must be the same in the second step.
    pub factor_version: i32,
    /// What was proven already.
    pub methods: AuthenticationMethods,
    /// How the refresh token will be sent.
    pub transport: Transport,
    /// Whether the user wants to be remembered.
    pub remembered: bool,
    /// The device's name, given by the user.
    pub device_name: Option<String>,
    /// Through which identity of another provider, or with which one to connect.
    pub upstream: Option<UpstreamStep>,
}

/// What a challenge is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeKind {
    /// To present a second factor.
    SecondFactor,
    /// To set up a second factor, since one is demanded and there is none.
    Enrolment {
        /// Whether an emailed code is needed too.
        asks_email_code: bool,
    },
}

impl ChallengeKind {
    /// Whether it is good for setting up a factor.
    #[must_use]
    pub fn is_enrolment(self) -> bool {
        matches!(self, Self::Enrolment { .. })
    }

    /// Whether an emailed code is needed too.
    #[must_use]
    pub fn asks_email_code(self) -> bool {
        self == Self::Enrolment { asks_email_code: true }
    }
}

/// A code as a user typed it. Not `Debug`: it may be a right one.
#[derive(Clone, Copy)]
pub enum FactorCode<'a> {
    /// Of an authenticator app.
    Totp(&'a str),
    /// A recovery code.
    Recovery(&'a str),
}

impl<'a> FactorCode<'a> {
    /// Of one field that takes either: six digits are an app's.
    #[must_use]
    pub fn of_either(typed: &'a str) -> Self {
        if totp_digits(typed).is_some() { Self::Totp(typed) } else { Self::Recovery(typed) }
    }

    /// Of which kind.
    #[must_use]
    pub const fn kind(self) -> FactorKind {
        match self {
            Self::Totp(_) => FactorKind::Totp,
            Self::Recovery(_) => FactorKind::RecoveryCode,
        }
    }
}

impl std::fmt::Debug for FactorCode<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind().name())
    }
}

/// The six digits that were typed, perhaps with spaces or dashes between them.
pub(super) fn totp_digits(typed: &str) -> Option<Zeroizing<String>> {
    if typed.len() > LONGEST {
        return None;
    }
    let digits: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let is_code = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then(|| Zeroizing::new(digits))
}

/// A recovery code: its number, and what is hashed.
pub(super) struct RecoveryCode {
    /// From 1 to 10.
    pub number: u8,
    /// Twelve characters, in upper case.
    pub secret: Zeroizing<String>,
}

impl RecoveryCode {
    /// The code with this number, of 60 random bits.
    pub fn new(number: u8, random: u64) -> Self {
        let digit = |at: usize| {
            let five = random.checked_shr(u32::try_from(at).unwrap_or_default().saturating_mul(5)).unwrap_or_default();
            usize::try_from(five % 32).ok().and_then(|five| ALPHABET.get(five)).copied().unwrap_or('0')
        };
        Self { number, secret: Zeroizing::new((0..CHARACTERS).map(digit).collect()) }
    }

    /// As it is shown: `3-7KQF-M2XA-9TRD`.
    pub fn shown(&self) -> Zeroizing<String> {
        let mut shown = Zeroizing::new(self.number.to_string());
        for (at, character) in self.secret.chars().enumerate() {
            if at % GROUP == 0 {
                shown.push('-');
            }
            shown.push(character);
        }
        shown
    }

    /// What was typed: in lower case, without dashes, with spaces, with an O for a zero, and an I or an L for a one. None
    /// if it cannot be a code.
    pub fn read(typed: &str) -> Option<Self> {
        if typed.len() > LONGEST {
            return None;
        }
        let characters: Option<Vec<char>> =
            typed.chars().filter(|c| !c.is_whitespace() && !"-–—‐‑_.".contains(*c)).map(canonical).collect();
        let characters = characters?;
        let (number, secret) = characters.split_at_checked(characters.len().checked_sub(CHARACTERS)?)?;
        let number: u8 = number.iter().collect::<String>().parse().ok()?;
        let is_numbered = (1..=RECOVERY_CODES).contains(&number);
        is_numbered.then(|| Self { number, secret: Zeroizing::new(secret.iter().collect()) })
    }
}

fn canonical(typed: char) -> Option<char> {
    let meant = match typed.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    ALPHABET.contains(&meant).then_some(meant)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    fn read(typed: &str) -> Option<(u8, String)> {
        RecoveryCode::read(typed).map(|code| (code.number, code.secret.to_string()))
    }

    /// F-7.
    #[test]
    fn a_recovery_code_is_read_as_people_type_it() {
        let meant = Some((3, "7KQFM2XA9T01".to_owned()));
        for typed in [
            "3-7KQF-M2XA-9T01",
            "3-7kqf-m2xa-9t01",
            "37KQFM2XA9T01",
            " 3 7KQF M2XA 9T01 ",
            "3-7KQF-M2XA-9TOI",
            "3-7KQF-M2XA-9toL",
            "3\u{2013}7KQF\u{2011}M2XA_9T01",
        ] {
            assert_eq!(read(typed), meant, "{typed}");
        }
        assert_eq!(read("IO-7KQF-M2XA-9T01").unwrap().0, 10);
    }

    #[test]
    fn what_cannot_be_a_recovery_code_is_none() {
        let long = "3-7KQF-M2XA-9T01".repeat(9);
        for typed in
            ["", "123456", "0-7KQF-M2XA-9T01", "11-7KQF-M2XA-9T01", "7KQF-M2XA-9T01", "3-7KQF-M2XA-9TU1", &long]
        {
            assert_eq!(read(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_code_that_is_shown_reads_as_itself() {
        for (number, random) in [(1, 0), (3, u64::MAX), (10, 0x0123_4567_89ab_cdef)] {
            let code = RecoveryCode::new(number, random);
            let shown = code.shown();
            assert_eq!(read(&shown), Some((number, code.secret.to_string())));
            assert_eq!(shown.matches('-').count(), 3, "{}", *shown);
        }
        assert_ne!(*RecoveryCode::new(1, 1 << 59).secret, *RecoveryCode::new(1, 0).secret, "all 60 bits count");
    }

    #[test]
    fn a_code_of_an_app_has_six_digits() {
        assert_eq!(**totp_digits(" 123 456 ").unwrap(), *"123456");
        for typed in ["", "12345", "1234567", "12345a", "１２３４５６", "+12345"] {
            assert!(totp_digits(typed).is_none(), "{typed}");
        }
        assert_eq!(FactorCode::of_either("123 456").kind(), FactorKind::Totp);
        assert_eq!(FactorCode::of_either("3-7KQF-M2XA-9TRD").kind(), FactorKind::RecoveryCode);
    }
}
