//! Rows of one file that claim the same address or the same id.

use super::{
    ImportedUser,
    imported_identity::{IDENTITIES, ImportedIdentity},
    row::{RawFields, RowRefused},
};
use crate::kernel::UserId;
use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
};

/// What the rows before have claimed. Addresses are kept as two hashes with random keys: 128 bits, which no two
/// addresses share by chance.
#[derive(Default)]
pub struct SeenRows {
    hashers: [RandomState; 2],
    addresses: HashMap<[u64; 2], First>,
    ids: HashMap<UserId, u64>,
    identities: HashMap<[u64; 2], First>,
}

#[derive(Clone, Copy)]
struct First {
    line: u64,
    content: u64,
}

/// How a row stands to those before it.
pub enum Occurrence {
    /// It claims what no row before did.
    First,
    /// It is the same row once more.
    Repeated,
    /// An earlier row has its address, its id or one of its identities.
    Collides(RowRefused),
}

impl SeenRows {
    /// Stands for a row's content.
    pub fn fingerprint(&self, fields: &RawFields) -> u64 {
        let [hasher, _] = &self.hashers;
        hasher.hash_one(fields)
    }

    /// Records a row, unless it collides.
    pub fn note(&mut self, line: u64, user: &ImportedUser, content: u64) -> Occurrence {
        let hashers = &self.hashers;
        let address = user.email.as_ref();
        let address = address.map(|email| hashers.each_ref().map(|hasher| hasher.hash_one(email.as_str())));
        let key = |one: &ImportedIdentity| hashers.each_ref().map(|hasher| hasher.hash_one(one.key()));
        let identities: Vec<_> = user.identities.iter().map(key).collect();
        if let Some(first) = address.and_then(|address| self.addresses.get(&address)) {
            if first.content == content {
                return Occurrence::Repeated;
            }
            return collides("duplicate_address", "email", first.line);
        }
        let by_identity = identities.iter().find_map(|key| self.identities.get(key));
        if by_identity.is_some_and(|first| address.is_none() && first.content == content) {
            return Occurrence::Repeated;
        }
        if let Some(first) = user.id.and_then(|id| self.ids.get(&id)) {
            return collides("duplicate_id", "id", *first);
        }
        if let Some(first) = by_identity {
            return collides("duplicate_identity", IDENTITIES, first.line);
        }
        let this = First { line, content };
        self.identities.extend(identities.into_iter().map(|key| (key, this)));
        self.addresses.extend(address.map(|address| (address, this)));
        if let Some(id) = user.id {
            self.ids.insert(id, line);
        }
        Occurrence::First
    }
}

fn collides(code: &'static str, field: &str, line: u64) -> Occurrence {
    let problem = format_args!("is also that of line {line}, which is another row");
    Occurrence::Collides(RowRefused::field(field, code, problem))
}
