//! Whether a new password would be among the first that an attacker tries.

use std::fmt;

use zeroize::Zeroizing;
use zxcvbn::{
    Score,
    feedback::{Feedback, Warning},
    zxcvbn,
};

use super::{Advice, MIN_CHARACTERS, Password, PasswordError, breached::is_breached};
use crate::identity::{EmailAddress, fold};

/// How much of a password zxcvbn looks at, in characters. It tries every reading of digits and signs
/// as letters, on every stretch: at its own limit of 100 a password made for that purpose takes five
/// times as long as a hash, and sign-ins wait meanwhile. At 32 it takes less than half of one.
const ESTIMATED_CHARACTERS: usize = 32;
/// The lowest score that passes: a million guesses. One lower passes what falls after a thousand.
const LOWEST_SCORE: Score = Score::Two;
/// The passwords in the examples of our documents: anyone can read them there.
const EXAMPLES: [&str; 2] = ["violet-harbour-42", "quiet-orchard-17"];
/// Shorter pieces of a name or host say nothing about a password, in characters.
const SHORTEST_WORD: usize = 3;

/// What an attacker would know about this user and this server (ASVS 6.1.2, 6.2.11).
///
/// `Debug` is redacted: the words hold the address.
#[derive(Clone)]
pub struct PasswordContext {
    email: Option<EmailAddress>,
    words: Vec<String>,
}

impl PasswordContext {
    /// Collects the user's address and related words: their name, the product, its host.
    ///
    /// Each word counts as a whole and in its parts; `login.example.com` makes `example` one too.
    #[must_use]
    pub fn new<Word: AsRef<str>>(email: Option<EmailAddress>, words: impl IntoIterator<Item = Word>) -> Self {
        let mut known = Vec::new();
        if let Some(email) = &email {
            known = parts(email.as_str());
            known.extend([email.as_str().to_owned(), email.local_part().to_owned()]);
        }
        for word in words {
            let word = fold(word.as_ref());
            known.extend(parts(&word));
            known.push(word);
        }
        known.retain(|word| word.chars().count() >= SHORTEST_WORD);
        Self { email, words: known }
    }
}

impl fmt::Debug for PasswordContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordContext(…)")
    }
}

/// Refuses a new password that is the user's own address, or contains little else, and one that
/// is easy to guess by zxcvbn's estimate.
///
/// Takes milliseconds of CPU time: run it beside the hashing, not in a handler. Only the first 32
/// characters are estimated. Breached passwords are looked up in a list inside the binary.
///
/// # Errors
/// [`PasswordError::IsYourAddress`] or [`PasswordError::TooCommon`].
pub fn check_strength(password: &Password, context: &PasswordContext) -> Result<(), PasswordError> {
    if context.email.as_ref().is_some_and(|email| is_address(password, email)) {
        return Err(PasswordError::IsYourAddress);
    }
    if EXAMPLES.contains(&fold(password.reveal()).as_str()) {
        return Err(PasswordError::TooCommon { hint: Some(Advice::Common) });
    }
    let words: Vec<&str> = context.words.iter().map(String::as_str).collect();
    let estimated: Zeroizing<String> = Zeroizing::new(password.reveal().chars().take(ESTIMATED_CHARACTERS).collect());
    let estimate = zxcvbn(&estimated, &words);
    if estimate.score() < LOWEST_SCORE {
        return Err(PasswordError::TooCommon { hint: estimate.feedback().map(hint) });
    }
    // Last: where the estimate refuses as well, its advice says more.
    if is_breached(password) {
        return Err(PasswordError::TooCommon { hint: Some(Advice::Breached) });
    }
    Ok(())
}

/// Whether it is the address, the part before the @, or the address with a little more.
fn is_address(password: &Password, email: &EmailAddress) -> bool {
    let typed = fold(password.reveal());
    if typed == email.local_part() || EmailAddress::parse(&typed).as_ref() == Ok(email) {
        return true;
    }
    let rest = typed.replacen(email.as_str(), "", 1);
    rest != typed && rest.chars().count() < MIN_CHARACTERS
}

fn parts(word: &str) -> Vec<String> {
    word.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
}

impl From<Warning> for Advice {
    fn from(warning: Warning) -> Self {
        match warning {
            Warning::StraightRowsOfKeysAreEasyToGuess | Warning::ShortKeyboardPatternsAreEasyToGuess => Self::Keyboard,
            Warning::RepeatsLikeAaaAreEasyToGuess | Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess => {
                Self::Repeat
            }
            Warning::ThisIsATop10Password
            | Warning::ThisIsATop100Password
            | Warning::ThisIsACommonPassword
            | Warning::ThisIsSimilarToACommonlyUsedPassword => Self::Common,
            Warning::SequencesLikeAbcAreEasyToGuess => Self::Sequence,
            Warning::RecentYearsAreEasyToGuess | Warning::DatesAreOftenEasyToGuess => Self::Date,
            Warning::AWordByItselfIsEasyToGuess => Self::Word,
            Warning::NamesAndSurnamesByThemselvesAreEasyToGuess | Warning::CommonNamesAndSurnamesAreEasyToGuess => {
                Self::Name
            }
        }
    }
}

/// What is wrong with it, or else what would help.
fn hint(feedback: &Feedback) -> Advice {
    feedback.warning().map_or(Advice::MoreWords, Advice::from)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use proptest::prelude::*;

    use super::*;

    fn check(password: &str) -> Result<(), PasswordError> {
        let email = EmailAddress::parse("Mike.Rosenberg@example.com").unwrap();
        let context = PasswordContext::new(Some(email), ["Michael Rosenberg", "Heirloom", "login.kingfisher.example"]);
        check_strength(&Password::parse_new(password).unwrap(), &context)
    }

    fn code(password: &str) -> &'static str {
        check(password).map_or_else(|error| error.code(), |()| "fine")
    }

    #[test]
    fn common_passwords_are_refused() {
        for common in [
            "password",
            "PASSWORD",
            "Password1",
            "p@ssw0rd",
            "passw0rd!",
            "12345678",
            "1234567890",
            "qwertyuiop",
            "iloveyou",
            "football1",
            "letmein123",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "19841984",
            "sunshine1",
            "drowssap",
            "trustno1",
            "asdfghjkl",
            "11111111",
        ] {
            assert_eq!(code(common), "too_common", "{common}");
        }
    }

    /// D11: the estimate passes them.
    #[test]
    fn breached_passwords_are_refused_with_advice_of_their_own() {
        for breached in ["seljuk53", "SELJUK53", "selwad123", "semira555"] {
            let refused = PasswordError::TooCommon { hint: Some(Advice::Breached) };
            assert_eq!(check(breached), Err(refused), "{breached}");
        }
    }

    #[test]
    fn words_about_the_user_are_refused() {
        for known in
            ["heirloom", "Heirloom1", "heirloom123", "kingfisher", "Kingfisher1", "rosenberg", "Rosenberg1", "michael1"]
        {
            assert_eq!(code(known), "too_common", "{known}");
        }
    }

    #[test]
    fn ones_own_address_has_a_reason_of_its_own() {
        for address in [
            "mike.rosenberg@example.com",
            "MIKE.Rosenberg@Example.COM",
            " mike.rosenberg@example.com ",
            "mike.rosenberg",
            "Mike.Rosenberg",
            "ｍｉｋｅ.rosenberg",
            "mike.rosenberg@example.com1",
            "<Mike.Rosenberg@example.com>!",
        ] {
            assert_eq!(code(address), "is_your_address", "{address}");
        }
    }

    #[test]
    fn ordinary_good_passwords_pass_without_rules_of_composition() {
        for good in [
            "correct horse battery staple",
            "kbrwpnxq",
            "tr0ub4dour&3zebra",
            "비밀번호는길어도된다",
            "пароль-для-сервера",
            "Xk9#mQ2$vL",
            "four small grey geese",
            "mike.rosenberg plus violet hammock",
            "violet hammock mike.rosenberg@example.com",
        ] {
            assert_eq!(code(good), "fine", "{good}");
        }
    }

    /// Anyone can read them in the documents; a change of the examples changes the list.
    #[test]
    fn the_passwords_of_our_own_examples_are_refused() {
        let sources = ["src/me/api.rs", "src/sign_in/api.rs"];
        let texts = sources.map(|path| std::fs::read_to_string(path).unwrap()).concat();
        let quoted = texts.split('"').filter(|text| text.split('-').count() == 3 && text.ends_with(char::is_numeric));
        let examples: Vec<_> = quoted.filter(|text| text.starts_with(|c: char| c.is_ascii_lowercase())).collect();
        assert!(examples.len() >= 4, "run from the repository's root: {examples:?}");
        for example in examples {
            assert_eq!(code(example), "too_common", "{example}");
            assert_eq!(code(&example.to_uppercase()), "too_common", "{example}");
        }
    }

    #[test]
    fn the_message_states_what_is_wrong() {
        let message = check("qwertyuiop").unwrap_err().to_string();
        assert!(message.starts_with("This password is easy to guess. ") && message.len() > 35, "{message}");
    }

    /// The part of a very long password that is looked at decides; the rest cannot slow the check.
    #[test]
    fn only_the_first_characters_are_estimated() {
        assert_eq!(code(&"a".repeat(1024)), "too_common");
        assert_eq!(code(&format!("kbrwpnxq{}", "a".repeat(1016))), "fine");
    }

    #[test]
    fn a_context_cannot_be_logged_with_its_address() {
        let context = PasswordContext::new(EmailAddress::parse("mike@example.com").ok(), ["Mike"]);
        assert!(!format!("{context:?}").contains("mike"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_password_makes_the_check_panic(password in "\\PC{8,120}", name in "\\PC{0,40}") {
            let context = PasswordContext::new(EmailAddress::parse("mike@example.com").ok(), [name]);
            let _ = check_strength(&Password::parse_new(&format!("12345678{password}")).unwrap(), &context);
        }

        #[test]
        fn nor_one_of_dates_and_sequences(password in "[0-9./\\- aA@4$éß가İı]{8,100}") {
            let _ = check(&format!("12345678{password}"));
        }
    }
}
