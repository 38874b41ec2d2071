use crate::json::{each_once, exact, natural};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::{Uuid, Variant, fmt::Hyphenated};

/// The content of a verified access token (RFC 9068). Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id.
    pub sub: String,
    /// The session's id.
    pub sid: String,
    /// When the token expires.
    #[serde(deserialize_with = "exact")]
    pub exp: i64,
    /// When it was signed.
    #[serde(deserialize_with = "exact")]
    pub iat: i64,
    /// From when it is valid.
    #[serde(deserialize_with = "exact")]
    pub nbf: i64,
    /// The user's roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Which state of the user's roles and claims the token carries.
    #[serde(default, deserialize_with = "natural")]
    pub rev: i64,
    /// Everything else: `iss`, `aud`, `acr`, `amr`, `auth_time` and your users' own claims.
    #[serde(flatten, deserialize_with = "each_once")]
    pub others: Map<String, Value>,
}

impl Claims {
    /// Whether this issuer has issued it for this audience. `aud` is a text or a list.
    pub(crate) fn are_for(&self, issuer: &str, audience: &str) -> bool {
        let aud = self.others.get("aud");
        let is_listed = aud.and_then(Value::as_array).is_some_and(|list| list.iter().any(|one| one == audience));
        self.others.get("iss").is_some_and(|iss| iss == issuer) && (is_listed || aud.is_some_and(|aud| aud == audience))
    }

    /// When its session was opened, in milliseconds since 1970: `sid` is a UUIDv7 (RFC 9562 §5.7).
    pub(crate) fn opened_at(&self) -> Option<i64> {
        let id = Uuid::try_parse(&self.sid).ok().filter(|_| self.sid.len() == Hyphenated::LENGTH)?;
        let is_v7 = id.get_version_num() == 7 && id.get_variant() == Variant::RFC4122;
        i64::try_from(id.as_u64_pair().0 >> 16).ok().filter(|_| is_v7)
    }
}

/// The types of an access token (RFC 9068 §2.1).
pub(crate) fn is_access_token(typ: &str) -> bool {
    typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt")
}

#[cfg(test)]
mod tests {
    use super::Claims;

    /// The claims of a token, with this text in place of a part of it.
    fn read(part: &str, instead: &str) -> Option<Claims> {
        let text = r#"{"iss":"i","aud":"a","sub":"u","sid":"s","exp":1795872193,"iat":1,"nbf":1,"rev":3}"#;
        assert!(text.contains(part), "{part}");
        serde_json::from_str(&text.replacen(part, instead, 1)).ok()
    }

    #[test]
    fn integers_are_those_that_every_language_has() {
        for exact in ["1795872193", "9007199254740991", "-9007199254740991"] {
            assert!(read("1795872193", exact).is_some(), "{exact}");
        }
        for other in ["1795872193.0", "1.795872193e9", "9007199254740992", "9007199254740993", "-9007199254740992"] {
            assert_eq!(read("1795872193", other), None, "{other}");
        }
        for claim in ["\"iat\":1", "\"nbf\":1", "\"rev\":3"] {
            assert_eq!(read(claim, &format!("{claim}9007199254740992")), None, "{claim}");
        }
    }

    /// RFC 7519 §4. Two readers would take another one each.
    #[test]
    fn a_claim_is_named_once() {
        assert!(read("\"rev\"", "\"acr\":\"1\",\"rev\"").is_some());
        for claim in ["\"sid\":\"t\"", "\"exp\":1795872194", "\"aud\":\"b\"", "\"iss\":\"j\""] {
            assert_eq!(read("\"rev\"", &format!("{claim},\"rev\"")), None, "{claim}");
        }
    }

    #[test]
    fn a_text_is_unicode() {
        assert!(read("\"s\"", r#""\ud83d\ude00""#).is_some());
        assert_eq!(read("\"s\"", r#""\ud83d""#), None);
    }
}
