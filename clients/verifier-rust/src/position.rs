use crate::{
    clock::{Now, milliseconds},
    json::{Rev, each_once, exact},
    known::Name,
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How many seconds an event may be older than the newest that was received, of whatever stream.
const OLDER: i64 = 5;
/// How many seconds our clock may be behind: as many as for `nbf` of a token. No delay makes an event seem to be ahead. And
/// for how many seconds after its `exp` an event is taken: it may have been delivered late.
const SKEW: i64 = 5;

/// What Heirloom sends: the payload of one event.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    pub iss: String,
    /// Seconds since 1970, on the database's clock.
    #[serde(deserialize_with = "exact")]
    pub iat: i64,
    #[serde(deserialize_with = "exact")]
    exp: i64,
    kind: Kind,
    /// Each start of an instance begins another one.
    stream: String,
    #[serde(deserialize_with = "exact")]
    pub n: u64,
    /// For how many seconds entries count.
    #[serde(deserialize_with = "exact")]
    pub keep: u64,
    #[serde(default)]
    pub sessions: Vec<Name>,
    #[serde(default)]
    pub access: Vec<(Name, Rev)>,
    #[serde(default = "nobody", deserialize_with = "exact")]
    pub everyone: i64,
    /// What later versions add: read, so that one text has one meaning for every verifier.
    #[serde(flatten, deserialize_with = "each_once")]
    _others: Map<String, Value>,
}

/// [`Event::everyone`] of an event without it: before every session.
const fn nobody() -> i64 {
    -1
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
enum Kind {
    Snapshot,
    Delta,
    Beat,
}

impl TryFrom<String> for Kind {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "snapshot" => Ok(Self::Snapshot),
            "delta" => Ok(Self::Delta),
            "beat" => Ok(Self::Beat),
            _ => Err("not a kind of event"),
        }
    }
}

/// Where in which stream we are.
#[derive(Debug, Default)]
pub(crate) struct Position {
    /// Whether events of this connection are taken.
    pub is_open: bool,
    /// Whether one was taken.
    has_begun: bool,
    stream: String,
    n: u64,
    iat: i64,
    /// The newest `iat` of all streams.
    newest: i64,
}

impl Position {
    /// A new connection: its first event must be a snapshot.
    pub fn connected(&mut self) {
        (self.is_open, self.has_begun) = (true, false);
    }

    /// Advances to this event if it is the next one. Returns whether it is newer than all before.
    pub fn advance(&mut self, event: &Event, now: Now) -> Result<bool, &'static str> {
        let is_late = now.wall > milliseconds(event.exp.saturating_add(SKEW));
        if is_late || milliseconds(event.iat.saturating_sub(SKEW)) > now.wall {
            return Err("clock");
        }
        let is_same = event.stream == self.stream;
        let is_next = match event.kind {
            Kind::Snapshot => !is_same || event.n == self.n || (event.n > self.n && !self.has_begun),
            Kind::Delta | Kind::Beat => is_same && self.has_begun && Some(event.n) == self.n.checked_add(1),
        };
        let is_old = event.iat < self.newest.saturating_sub(OLDER) || (is_same && event.iat < self.iat);
        if is_old || !is_next {
            return Err("gap");
        }
        let is_newer = event.iat > self.newest;
        let newest = self.newest.max(event.iat);
        *self =
            Self { is_open: true, has_begun: true, stream: event.stream.clone(), n: event.n, iat: event.iat, newest };
        Ok(is_newer)
    }
}

pub(crate) fn is_event(typ: &str) -> bool {
    typ == "heirloom-revocations+jwt"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: i64 = 1_795_872_000;

    /// What becomes of a first snapshot whose `iat` is so many seconds ahead of our clock.
    fn taken(ahead: i64, milliseconds_more: i64) -> Result<bool, &'static str> {
        let iat = NOW + ahead;
        let event =
            format!(r#"{{"iss":"","iat":{iat},"exp":{},"kind":"snapshot","stream":"","n":1,"keep":780}}"#, iat + 5);
        let now = Now { mono: Duration::ZERO, wall: milliseconds(NOW) + milliseconds_more };
        serde_json::from_str(&event).map_or(Err("no event"), |event| Position::default().advance(&event, now))
    }

    /// A token of the moment of such an event is good by the same clock: `nbf` has the same leeway.
    #[test]
    fn a_clock_may_be_five_seconds_behind_as_for_tokens() {
        assert_eq!((taken(5, 0), taken(5, -1), taken(6, 0)), (Ok(true), Err("clock"), Err("clock")));
    }

    /// Its own five seconds, and five of leeway: it may have been delivered late.
    #[test]
    fn an_event_may_be_ten_seconds_old() {
        assert_eq!((taken(-10, 0), taken(-10, 1), taken(-11, 0)), (Ok(true), Err("clock"), Err("clock")));
    }

    #[test]
    fn the_numbers_of_an_event_are_those_that_every_language_has() {
        let event = |name: &str, value: &str| {
            let text = r#"{"iss":"","iat":1,"exp":6,"kind":"snapshot","stream":"","n":2,"keep":780,"everyone":3}"#;
            let text = text.replace(&format!("\"{name}\":"), &format!("\"{name}\":{value},\"_\":"));
            serde_json::from_str::<Event>(&text).is_ok()
        };
        for name in ["iat", "exp", "n", "keep", "everyone"] {
            assert!(event(name, "9007199254740991"), "{name}");
            for other in ["780.0", "7.8e2", "9007199254740992", "\"780\"", "true"] {
                assert!(!event(name, other), "{name}: {other}");
            }
        }
        let twice =
            r#"{"iss":"","iat":1,"exp":6,"kind":"beat","stream":"","n":2,"keep":780,"sessions":[],"sessions":[]}"#;
        assert!(serde_json::from_str::<Event>(twice).is_err());
        let revised =
            twice.replace("\"sessions\":[],\"sessions\":[]", r#""access":[["AAAAAAAAAAA",9007199254740992]]"#);
        assert!(serde_json::from_str::<Event>(&revised).is_err());
    }
}
