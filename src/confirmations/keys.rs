use super::{
    Purpose,
    links::{LinkKeys, Linked, Named},
};
use crate::kernel::{Digest32, MasterKey, MasterKeys, SealedIds, UserId};
use aws_lc_rs::hmac;
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

/// Digits of a code.
const DIGITS: usize = 8;
/// Codes that there are.
const CODES: u64 = 100_000_000;

/// Writes and reads what names a confirmation outside the database: the token in a link, the flow that a client holds,
/// the code that a user types. All are derived under the master key, so that the database alone confirms nothing.
pub struct ConfirmationKeys {
    links: Vec<LinkKeys>,
    flows: SealedIds,
    codes: Vec<CodeKeys>,
}

/// The keys of codes, of one master key.
struct CodeKeys {
    /// Derives the code from the confirmation's id.
    of: hmac::Key,
    /// Authenticates a code where it is stored.
    stored: hmac::Key,
}

impl ConfirmationKeys {
    /// The keys, one for each purpose.
    #[must_use]
    pub fn new(masters: &MasterKeys) -> Self {
        let code = |master: &MasterKey| {
            let key = |info| hmac::Key::new(hmac::HMAC_SHA256, master.derive(info).as_slice());
            CodeKeys { of: key("heirloom/confirmation-code/v1"), stored: key("heirloom/confirmation-code-mac/v1") }
        };
        Self {
            links: Purpose::ALL.iter().map(|purpose| LinkKeys::new(masters, *purpose)).collect(),
            flows: SealedIds::new(masters, "heirloom/confirmation-flow/v1"),
            codes: masters.all().map(code).collect(),
        }
    }

    /// The token of a confirmation's link.
    #[must_use]
    pub fn token(&self, linked: &Linked<'_>) -> String {
        self.links_of(linked.purpose).and_then(|keys| keys.write(linked)).unwrap_or_default()
    }

    /// The confirmation of a genuine token. Whether the token is of that row's user and address, [`Self::is_of`] tells.
    #[must_use]
    pub fn read_token(&self, text: &str) -> Option<Named> {
        self.links.iter().find_map(|keys| keys.read(text))
    }

    /// Whether a token was written for this user and address. One of an earlier version names neither.
    #[must_use]
    pub fn is_of(&self, named: &Named, user: Option<UserId>, email: &str) -> bool {
        self.links_of(named.purpose).is_some_and(|keys| keys.is_of(named, user, email))
    }

    fn links_of(&self, purpose: Purpose) -> Option<&LinkKeys> {
        self.links.iter().find(|keys| keys.purpose() == purpose)
    }

    /// What a client holds to type the code of its request.
    #[must_use]
    pub fn flow(&self, id: Uuid) -> String {
        self.flows.write(id).unwrap_or_default()
    }

    /// The confirmation of a genuine flow.
    #[must_use]
    pub fn read_flow(&self, text: &str) -> Option<Uuid> {
        self.flows.read(text)
    }

    /// The code of a confirmation: derived, not stored.
    #[must_use]
    pub fn code(&self, id: Uuid) -> String {
        let tag = self.codes.first().map(|keys| hmac::sign(&keys.of, id.as_bytes()));
        let bytes = tag.as_ref().and_then(|tag| tag.as_ref().first_chunk()).copied().unwrap_or_default();
        format!("{:0DIGITS$}", u64::from_be_bytes(bytes) % CODES)
    }

    /// What is stored of a code, for one address and purpose.
    #[must_use]
    pub fn code_mac(&self, purpose: Purpose, email: &str, code: &str) -> Vec<u8> {
        self.codes.first().map(|keys| mac(keys, purpose, email, code)).unwrap_or_default()
    }

    /// Whether a typed code is the one that was stored. Spaces and hyphens between its digits do not count, nor does the
    /// width in which an input method writes them.
    #[must_use]
    pub fn is_code(&self, purpose: Purpose, email: &str, typed: &str, stored: &[u8]) -> bool {
        let code: String = typed.nfkc().filter(|typed| !typed.is_whitespace() && *typed != '-').collect();
        let stored = Digest32::from_slice(stored);
        let mut macs = self.codes.iter().map(|keys| Digest32::from_slice(&mac(keys, purpose, email, &code)));
        code.len() == DIGITS && stored.is_some() && macs.any(|mac| mac == stored)
    }
}

fn mac(keys: &CodeKeys, purpose: Purpose, email: &str, code: &str) -> Vec<u8> {
    let mut context = hmac::Context::with_key(&keys.stored);
    for part in [purpose.name(), email, code] {
        context.update(part.as_bytes());
        context.update(&[0]);
    }
    context.sign().as_ref().to_vec()
}

impl fmt::Debug for ConfirmationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfirmationKeys(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn keys(current: u8, previous: &[u8]) -> ConfirmationKeys {
        let key = |byte: &u8| MasterKey::from_bytes([*byte; 32]);
        let masters = MasterKeys { current: Arc::new(key(&current)), previous: previous.iter().map(key).collect() };
        ConfirmationKeys::new(&masters)
    }

    /// L-9.
    #[test]
    fn a_token_is_of_one_purpose_and_one_master_key_and_no_flow() {
        let id = Uuid::from_bytes([7; 16]);
        for purpose in Purpose::ALL {
            let token = keys(1, &[]).token(&Linked { purpose, id, user: None, email: "a@example.com" });
            for keys in [keys(1, &[]), keys(2, &[1])] {
                let named = keys.read_token(&token);
                assert_eq!(named.map(|named| (named.purpose, named.id)), Some((purpose, id)));
            }
            assert_eq!(keys(2, &[]).read_token(&token), None);
            assert_eq!(keys(1, &[]).read_flow(&token), None);
        }
        assert_eq!(keys(1, &[]).read_token(&keys(1, &[]).flow(id)), None);
        assert_eq!(keys(1, &[]).read_flow(&keys(1, &[]).flow(id)), Some(id));
    }

    #[test]
    fn a_code_has_eight_digits_and_is_of_one_address_and_purpose() {
        let (keys, purpose) = (keys(1, &[]), Purpose::ResetPassword);
        for number in 0..=255 {
            let code = keys.code(Uuid::from_bytes([number; 16]));
            assert!(code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        }
        let code = keys.code(Uuid::from_bytes([7; 16]));
        let stored = keys.code_mac(purpose, "a@example.com", &code);
        let spaced = format!(" {}-{} ", code.get(..4).unwrap_or_default(), code.get(4..).unwrap_or_default());
        let wide: String = code.chars().filter_map(|digit| char::from_u32(u32::from(digit) + 0xFEE0)).collect();
        for typed in [&code, &spaced, &wide] {
            assert!(keys.is_code(purpose, "a@example.com", typed, &stored), "{typed}");
        }
        assert!(!keys.is_code(purpose, "b@example.com", &code, &stored));
        assert!(!keys.is_code(Purpose::Register, "a@example.com", &code, &stored));
        for typed in ["", "0", "00000000", &format!("{code}0"), "４８２１０９３７"] {
            assert!(!keys.is_code(purpose, "a@example.com", typed, &stored), "{typed}");
        }
        assert!(!keys.is_code(purpose, "a@example.com", &code, &[]));
    }
}
