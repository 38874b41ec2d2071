//! A service that follows the stream of revocations, and verifies every event that it gets.

use super::{TestApp, forge};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::JwkSet};
use serde_json::Value;
use std::collections::VecDeque;

/// An event: as it came, and what it says.
#[derive(Debug, Clone)]
pub struct Event {
    /// The JWS.
    pub jws: String,
    /// Its header.
    pub header: Value,
    /// Its claims.
    pub claims: Value,
}

/// A listener, with what it has read and nobody has asked for yet.
pub struct Listener {
    response: reqwest::Response,
    keys: JwkSet,
    text: String,
    events: VecDeque<Event>,
}

impl TestApp {
    /// Listens, with this key.
    pub async fn listen(&self, key: &str) -> Listener {
        let keys = self.get("/.well-known/jwks.json").await.expect(200).json();
        let response = self.request("GET", "/api/v1/revocations/stream").bearer(key).send_raw().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        // the connection counts for no address and must not serve another request.
        assert_eq!(response.headers()["connection"], "close");
        let keys = serde_json::from_value(keys).expect("a JWKS");
        Listener { response, keys, text: String::new(), events: VecDeque::new() }
    }

    /// The snapshot alone, verified.
    pub async fn snapshot(&self, key: &str) -> Event {
        let answer = self.request("GET", "/api/v1/revocations").bearer(key).send().await;
        assert_eq!(answer.expect(200).header("content-type"), Some("application/jwt"));
        let keys = serde_json::from_value(self.get("/.well-known/jwks.json").await.expect(200).json());
        Event::verified(&answer.body, &keys.expect("a JWKS"))
    }
}

impl Event {
    /// Of a published key, and for what it says it is.
    fn verified(jws: &str, keys: &JwkSet) -> Self {
        let (header, claims) = forge::decode(jws);
        assert_eq!(header["typ"], "heirloom-revocations+jwt");
        let key = keys.find(header["kid"].as_str().expect("a kid")).expect("a published key");
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "iss"]);
        let key = DecodingKey::from_jwk(key).expect("a key");
        decode::<Value>(jws, &key, &validation).expect("a good signature");
        Self { jws: jws.to_owned(), header, claims }
    }

    /// What it is.
    pub fn kind(&self) -> &str {
        self.claims["kind"].as_str().expect("a kind")
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.claims["n"].as_u64().expect("a number")
    }

    /// Whether it says that this session was revoked.
    pub fn has_session(&self, session: &str) -> bool {
        let name = super::stream_name(session);
        self.claims["sessions"].as_array().is_some_and(|sessions| sessions.iter().any(|one| *one == name))
    }

    /// The revision that it demands of this user's access tokens.
    pub fn revision_of(&self, user: &str) -> Option<i64> {
        let name = super::stream_name(user);
        let access = self.claims["access"].as_array()?;
        access.iter().find(|pair| pair[0] == name)?[1].as_i64()
    }
}

impl Listener {
    /// The next event. None when the stream has ended.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.text.push_str(std::str::from_utf8(&chunk).expect("text"));
            while let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                let data = event.trim_end().strip_prefix("data: ").expect("an event of one line");
                self.events.push_back(Event::verified(data, &self.keys));
            }
        }
    }

    /// Reads on until an event is of interest.
    pub async fn until(&mut self, is_it: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if is_it(&event) {
                return event;
            }
        }
    }
}
