use super::Recorded;
use crate::kernel::{ActorKind, MacKeys, Moment, TagCheck, WriteNumber};
use ipnet::IpNet;
use serde_json::Value;
use uuid::Uuid;

/// One row of the log, whole.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub id: Uuid,
    pub at: Moment,
    pub kind: String,
    /// None: recorded by a version that stored only the id.
    pub actor: Option<String>,
    pub actor_id: Option<Uuid>,
    pub user_id: Option<Uuid>,
    pub session_id: Option<Uuid>,
    pub ip: Option<IpNet>,
    pub user_agent: Option<String>,
    pub request_id: Option<String>,
    pub details: Value,
    /// Whose numbers it is counted with. None: recorded by a version that counted none; so are the next three.
    pub series: Option<Uuid>,
    /// Its number in that series.
    pub number: Option<i64>,
    /// Each number up to this one was committed or rolled back.
    pub settled: Option<i64>,
    /// Those that were rolled back.
    pub rolled_back: Option<Vec<i64>>,
    /// The tag of the server that recorded it.
    pub tag: Option<Vec<u8>>,
    /// Its place in the chain; none yet.
    pub seq: Option<i64>,
    /// What the next one is chained to.
    pub hash: Option<Vec<u8>>,
}

impl Entry {
    /// The tag of its content.
    pub fn tagged(&self, keys: &MacKeys) -> Vec<u8> {
        keys.tag(&self.tag_input())
    }

    /// Whether it is as it was recorded. None: it bears no tag.
    pub fn check(&self, keys: &MacKeys) -> Option<TagCheck> {
        self.tag.as_ref().map(|tag| keys.check(&self.tag_input(), tag))
    }

    /// The hash that puts it into its place after an entry of this hash.
    pub fn chained(&self, keys: &MacKeys, before: &[u8], seq: i64) -> Vec<u8> {
        keys.tag(&self.place(before, seq))
    }

    /// Whether it stands in its place after an entry of this hash.
    pub fn stands_after(&self, keys: &MacKeys, before: &[u8]) -> TagCheck {
        let (seq, hash) = (self.seq.unwrap_or_default(), self.hash.as_deref().unwrap_or_default());
        keys.check(&self.place(before, seq), hash)
    }

    /// Counts it.
    pub fn number(&mut self, numbered: WriteNumber) {
        self.series = Some(numbered.series);
        self.number = Some(numbered.number);
        self.settled = Some(numbered.settled);
        self.rolled_back = Some(numbered.rolled_back);
    }

    /// What the tag covers. An event without numbers has the tag of a version that counted none.
    fn tag_input(&self) -> Vec<u8> {
        if self.series.is_none() && self.number.is_none() && self.settled.is_none() && self.rolled_back.is_none() {
            return self.content_of_version_2();
        }
        let mut bytes = Encoding::of("heirloom audit event v3");
        bytes.field(Some(&self.content_of_version_2()));
        bytes.field(self.series.as_ref().map(|id| id.as_bytes().as_slice()));
        for number in [self.number, self.settled] {
            bytes.field(number.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
        }
        let rolled_back = self.rolled_back.as_ref();
        let rolled_back: Option<Vec<u8>> =
            rolled_back.map(|numbers| numbers.iter().flat_map(|number| number.to_be_bytes()).collect());
        bytes.field(rolled_back.as_deref());
        bytes.0
    }

    /// An event without an actor has the tag of the version that recorded it.
    fn content_of_version_2(&self) -> Vec<u8> {
        let Some(actor) = &self.actor else { return self.content_of_version_1() };
        let mut bytes = Encoding::of("heirloom audit event v2");
        bytes.field(Some(&self.content_of_version_1()));
        bytes.field(Some(actor.as_bytes()));
        bytes.0
    }

    /// The actor and the numbers are covered by the tag: an instance of a version that does not know the columns must
    /// give the same place the same hash.
    fn place(&self, before: &[u8], seq: i64) -> Vec<u8> {
        let mut bytes = Encoding::of("heirloom audit place v1");
        bytes.field(Some(before));
        bytes.field(Some(&seq.to_be_bytes()));
        bytes.field(Some(&self.content_of_version_1()));
        bytes.field(self.tag.as_deref());
        bytes.0
    }

    /// Everything that was recorded but the actor, so that no two entries have the same bytes. Changing a byte of this makes every
    /// tag there is a forged one.
    pub(super) fn content_of_version_1(&self) -> Vec<u8> {
        let mut bytes = Encoding::of("heirloom audit event v1");
        bytes.field(Some(self.id.as_bytes()));
        bytes.field(Some(&self.at.timestamp_micros().to_be_bytes()));
        bytes.field(Some(self.kind.as_bytes()));
        for id in [self.actor_id, self.user_id, self.session_id] {
            bytes.field(id.as_ref().map(|id| id.as_bytes().as_slice()));
        }
        bytes.field(self.ip.map(|ip| ip.to_string()).as_deref().map(str::as_bytes));
        bytes.field(self.user_agent.as_deref().map(str::as_bytes));
        bytes.field(self.request_id.as_deref().map(str::as_bytes));
        bytes.json(&self.details);
        bytes.0
    }
}

impl From<Entry> for Recorded {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            outcome: super::Kind::from_name(&entry.kind).map(super::Kind::outcome),
            kind: entry.kind,
            actor: match &entry.actor {
                Some(actor) => ActorKind::from_name(actor),
                None => entry.actor_id.map(|_| ActorKind::User),
            },
            actor_id: entry.actor_id.map(Into::into),
            user_id: entry.user_id.map(Into::into),
            session_id: entry.session_id.map(Into::into),
            ip: entry.ip.map(|net| net.addr()),
            user_agent: entry.user_agent,
            request_id: entry.request_id,
            details: entry.details,
        }
    }
}

/// Fields one after another, each with its length, so that nothing of one can be taken for part of the next.
pub(super) struct Encoding(pub Vec<u8>);

impl Encoding {
    pub fn of(what: &str) -> Self {
        let mut bytes = Self(Vec::with_capacity(512));
        bytes.field(Some(what.as_bytes()));
        bytes
    }

    pub fn field(&mut self, field: Option<&[u8]>) {
        let Some(field) = field else { return self.0.push(0) };
        self.0.push(1);
        self.length(field.len());
        self.0.extend_from_slice(field);
    }

    /// A JSON value, the same after Postgres' jsonb has put its fields into an order of its own.
    fn json(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.field(Some(value.to_string().as_bytes()));
            }
            Value::Array(values) => {
                self.0.push(2);
                self.length(values.len());
                for value in values {
                    self.json(value);
                }
            }
            Value::Object(fields) => {
                self.0.push(3);
                self.length(fields.len());
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_key(|(name, _)| *name);
                for (name, value) in fields {
                    self.field(Some(name.as_bytes()));
                    self.json(value);
                }
            }
        }
    }

    fn length(&mut self, length: usize) {
        self.0.extend_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bytes(value: &Value) -> Vec<u8> {
        let mut bytes = Encoding::of("test");
        bytes.json(value);
        bytes.0
    }

    #[test]
    fn the_order_of_fields_is_none_of_the_content_and_everything_else_is() {
        let ordered = serde_json::from_str(r#"{"b": 1, "a": [true, null]}"#).unwrap_or_default();
        assert_eq!(bytes(&ordered), bytes(&json!({ "a": [true, null], "b": 1 })));
        let different = [
            json!({}),
            json!([]),
            json!(null),
            json!("null"),
            json!(1),
            json!("1"),
            json!([1]),
            json!([[1]]),
            json!({ "a": 1 }),
            json!({ "a": "1" }),
            json!([1, 2]),
            json!(["a", 1]),
            json!(12),
            json!({ "a": {} }),
        ];
        for (at, one) in different.iter().enumerate() {
            for other in different.iter().skip(at + 1) {
                assert_ne!(bytes(one), bytes(other), "{one} {other}");
            }
        }
    }

    #[test]
    fn a_field_cannot_be_taken_for_its_neighbour() {
        let of = |fields: [Option<&[u8]>; 2]| {
            let mut bytes = Encoding::of("test");
            for field in fields {
                bytes.field(field);
            }
            bytes.0
        };
        assert_ne!(of([Some(b"ab"), Some(b"c")]), of([Some(b"a"), Some(b"bc")]));
        assert_ne!(of([Some(b""), None]), of([None, Some(b"")]));
    }
}
