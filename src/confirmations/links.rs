use super::Purpose;
use crate::kernel::{MasterKey, MasterKeys, SealedIds, UserId};
use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

/// Bytes of an id.
const ID: usize = 16;
/// Bytes of each tag.
const TAG: usize = 16;
/// What a tag is computed over, as the first byte of it.
const OF_ADDRESSEE: u8 = 1;
const OF_TOKEN: u8 = 2;

/// Writes and reads the tokens of one purpose's links: `base64url(id ‖ tag of user and address ‖ tag of both)`. The last
/// tag shows that the token is genuine, also when its row is gone. The tag of user and address binds the link to them: a
/// row whose user or address was replaced no longer has a link.
pub(super) struct LinkKeys {
    purpose: Purpose,
    keys: Vec<hmac::Key>,
    /// Of the tokens that earlier versions wrote: `base64url(id ‖ tag)`.
    earlier: SealedIds,
}

/// What a link is for.
#[derive(Debug, Clone, Copy)]
pub struct Linked<'a> {
    /// What its use does.
    pub purpose: Purpose,
    /// The confirmation.
    pub id: Uuid,
    /// The confirmation's user, where it has one.
    pub user: Option<UserId>,
    /// The address that the email goes to.
    pub email: &'a str,
}

/// The confirmation that a genuine token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// What its use does.
    pub purpose: Purpose,
    /// Its id.
    pub id: Uuid,
    /// The tag of its user and address. None: an earlier version wrote the token.
    pub(super) addressee: Option<[u8; TAG]>,
}

impl Named {
    /// Whether an earlier version wrote the token, which names neither user nor address.
    #[must_use]
    pub fn is_of_earlier_version(&self) -> bool {
        self.addressee.is_none()
    }
}

impl LinkKeys {
    /// The keys of a purpose: the current master key's first.
    pub(super) fn new(masters: &MasterKeys, purpose: Purpose) -> Self {
        let name = purpose.name();
        let label = format!("heirloom/confirmation/{name}/v2");
        let key = |master: &MasterKey| hmac::Key::new(hmac::HMAC_SHA256, master.derive(&label).as_slice());
        let earlier = SealedIds::new(masters, &format!("heirloom/confirmation/{name}/v1"));
        Self { purpose, keys: masters.all().map(key).collect(), earlier }
    }

    pub(super) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// None only if there is no key; there always is one.
    pub(super) fn write(&self, linked: &Linked<'_>) -> Option<String> {
        let key = self.keys.first()?;
        let addressee = of_addressee(key, linked.user, linked.email);
        let tag = of_token(key, linked.id.as_bytes(), &addressee);
        Some(URL_SAFE_NO_PAD.encode([linked.id.as_bytes().as_slice(), &addressee, &tag].concat()))
    }

    /// What a genuine token names.
    pub(super) fn read(&self, text: &str) -> Option<Named> {
        let earlier = || Some(Named { purpose: self.purpose, id: self.earlier.read(text)?, addressee: None });
        self.read_current(text).or_else(earlier)
    }

    fn read_current(&self, text: &str) -> Option<Named> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (id, tags) = bytes.split_first_chunk::<ID>()?;
        let (addressee, tag) = tags.split_first_chunk::<TAG>()?;
        let is_genuine = |key| verify_slices_are_equal(&of_token(key, id, addressee), tag).is_ok();
        let named = Named { purpose: self.purpose, id: Uuid::from_bytes(*id), addressee: Some(*addressee) };
        self.keys.iter().any(is_genuine).then_some(named)
    }

    /// Whether a token was written for this user and address. One of an earlier version names neither.
    pub(super) fn is_of(&self, named: &Named, user: Option<UserId>, email: &str) -> bool {
        let Some(addressee) = named.addressee else { return true };
        let is_same = |key| verify_slices_are_equal(&of_addressee(key, user, email), &addressee).is_ok();
        self.keys.iter().any(is_same)
    }
}

fn of_addressee(key: &hmac::Key, user: Option<UserId>, email: &str) -> [u8; TAG] {
    // No user has this id.
    let user = user.map_or_else(Uuid::nil, |user| user.as_uuid());
    tag(key, OF_ADDRESSEE, [user.as_bytes(), email.as_bytes()])
}

fn of_token(key: &hmac::Key, id: &[u8; ID], addressee: &[u8; TAG]) -> [u8; TAG] {
    tag(key, OF_TOKEN, [id, addressee])
}

/// The first part has a fixed length.
fn tag(key: &hmac::Key, of: u8, parts: [&[u8]; 2]) -> [u8; TAG] {
    let mut context = hmac::Context::with_key(key);
    context.update(&[of]);
    for part in parts {
        context.update(part);
    }
    context.sign().as_ref().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use std::sync::Arc;

    const PURPOSE: Purpose = Purpose::ResetPassword;

    fn masters(current: u8, previous: &[u8]) -> MasterKeys {
        let key = |byte: &u8| MasterKey::from_bytes([*byte; 32]);
        MasterKeys { current: Arc::new(key(&current)), previous: previous.iter().map(key).collect() }
    }

    fn keys(current: u8, previous: &[u8]) -> LinkKeys {
        LinkKeys::new(&masters(current, previous), PURPOSE)
    }

    fn user(byte: u8) -> UserId {
        Uuid::from_bytes([byte; 16]).into()
    }

    /// L-9: under a previous master key as well.
    #[test]
    fn a_token_is_of_one_user_and_one_address() {
        let id = Uuid::from_bytes([7; 16]);
        let linked = |user| Linked { purpose: PURPOSE, id, user, email: "a@example.com" };
        for (written, of) in [(Some(user(1)), true), (Some(user(2)), false), (None, false)] {
            let token = keys(1, &[]).write(&linked(written)).unwrap();
            for read in [keys(1, &[]), keys(2, &[1])] {
                let named = read.read(&token).unwrap();
                assert_eq!((named.purpose, named.id, named.is_of_earlier_version()), (PURPOSE, id, false));
                assert_eq!(read.is_of(&named, Some(user(1)), "a@example.com"), of, "{written:?}");
                assert!(!read.is_of(&named, Some(user(1)), "b@example.com"), "{written:?}");
                assert_eq!(read.is_of(&named, None, "a@example.com"), written.is_none());
            }
            assert_eq!(keys(2, &[]).read(&token), None);
            assert_eq!(LinkKeys::new(&masters(1, &[]), Purpose::Register).read(&token), None);
        }
    }

    /// L-9: no part of a genuine token can be exchanged.
    #[test]
    fn a_token_put_together_from_two_is_not_genuine() {
        let write = |byte, email| {
            let linked = Linked { purpose: PURPOSE, id: Uuid::from_bytes([byte; 16]), user: Some(user(byte)), email };
            URL_SAFE_NO_PAD.decode(keys(1, &[]).write(&linked).unwrap()).unwrap()
        };
        let (mine, other) = (write(1, "a@example.com"), write(2, "b@example.com"));
        for cut in [ID, ID + TAG] {
            let mixed = [mine.get(..cut).unwrap(), other.get(cut..).unwrap()].concat();
            assert_eq!(keys(1, &[]).read(&URL_SAFE_NO_PAD.encode(mixed)), None, "{cut}");
        }
        for length in [0, ID, ID + TAG, mine.len() - 1] {
            assert_eq!(keys(1, &[]).read(&URL_SAFE_NO_PAD.encode(mine.get(..length).unwrap())), None, "{length}");
        }
        let longer = [mine.as_slice(), &[0]].concat();
        assert_eq!(keys(1, &[]).read(&URL_SAFE_NO_PAD.encode(longer)), None);
    }

    #[test]
    fn a_token_of_an_earlier_version_is_read() {
        let id = Uuid::from_bytes([7; 16]);
        let earlier = SealedIds::new(&masters(1, &[]), "heirloom/confirmation/reset_password/v1");
        let named = keys(2, &[1]).read(&earlier.write(id).unwrap()).unwrap();
        assert_eq!((named.purpose, named.id, named.is_of_earlier_version()), (PURPOSE, id, true));
    }
}
