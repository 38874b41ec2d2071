//! Tokens as text: written, and read again.

use super::{Fault, Kind, Server};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};

fn digest(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    ("a secret of this server", what).hash(&mut hasher);
    hasher.finish()
}

impl Server {
    /// A token as text: a JWT, a counter, or random.
    pub(super) fn write(&self, what: &str, id: usize) -> String {
        if self.kind == Kind::Jwt {
            let encode = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
            let body = format!("{}.{}", encode(json!({ "alg": "HS256" })), encode(json!({ "use": what, "id": id })));
            return format!("{body}.{:016x}", digest(&body));
        }
        let secret = if self.kind == Kind::Counter { 0 } else { digest(&("secret", id)) };
        let body = format!("{what}-{id}-{secret:016x}");
        format!("{body}-{:016x}", digest(&body))
    }

    /// The token of this text, whether it is still live or not.
    pub(super) fn read(&self, text: &str) -> Option<usize> {
        self.read_as("refresh", text)
    }

    pub fn read_as(&self, what: &str, text: &str) -> Option<usize> {
        if let Some(id) = self.by_number(what, text) {
            return Some(id);
        }
        match self.fault {
            Fault::AcceptsLongerToken => self.by_number(what, text.get(..text.len().saturating_sub(1))?),
            Fault::AcceptsForgedTag => self.all_but_tag(what, text),
            Fault::ForgeryEndsSession => {
                let id = self.all_but_tag(what, text)?;
                let mut all = self.all();
                let session = all.tokens[id].session;
                all.sessions[session].revoked = true;
                None
            }
            Fault::AcceptsUnsignedRefresh if what == "refresh" => self.unsigned(text),
            Fault::AcceptsUnsignedAccess if what == "access" => self.unsigned(text),
            Fault::AcceptsAccessAsRefresh if what == "refresh" => self.by_number("access", text),
            Fault::AcceptsRefreshAsAccess if what == "access" => self.by_number("refresh", text),
            _ => None,
        }
    }

    /// Fast, because most tokens are right: the number is in the text.
    fn by_number(&self, what: &str, text: &str) -> Option<usize> {
        let id = if self.kind == Kind::Jwt {
            claims(text)?["id"].as_u64()?.try_into().ok()?
        } else {
            text.split('-').nth(1)?.parse::<usize>().ok()?
        };
        (id < self.all().tokens.len() && self.write(what, id) == text).then_some(id)
    }

    pub(super) fn all_but_tag(&self, what: &str, text: &str) -> Option<usize> {
        let (body, _) = text.rsplit_once('-')?;
        let id = body.split('-').nth(1)?.parse::<usize>().ok()?;
        (id < self.all().tokens.len() && self.write(what, id).starts_with(&format!("{body}-"))).then_some(id)
    }

    fn unsigned(&self, text: &str) -> Option<usize> {
        let header = BASE64_URL_SAFE_NO_PAD.decode(text.split('.').next()?).ok()?;
        let header: Value = serde_json::from_slice(&header).ok()?;
        let id = claims(text)?["id"].as_u64()?.try_into().ok()?;
        (header["alg"] == "none" && id < self.all().tokens.len()).then_some(id)
    }
}

fn claims(text: &str) -> Option<Value> {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(text.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok()
}
