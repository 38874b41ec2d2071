use super::{Moment, Rng};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// Text that is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID, as in 01a206a3-efa4-7c1e-8d3f-2b8a6c0d9e11")]
pub struct NotAnId;

/// Reads the form with dashes, in small or large letters (RFC 9562 §4). The library also takes `urn:uuid:…`, braces and
/// no dashes; an id with several spellings would defeat code that compares or counts ids as text.
///
/// # Errors
/// When the text is anything else.
pub fn canonical_uuid(text: &str) -> Result<Uuid, NotAnId> {
    const DASHED: usize = 36;
    if text.len() != DASHED {
        return Err(NotAnId);
    }
    Uuid::try_parse(text).map_err(|_why| NotAnId)
}

/// A new UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds since 1970 of `now`, 12 bits of the fraction of a millisecond
/// (§6.2, method 3: what happens one after another is listed one after another), 62 random bits.
#[must_use]
pub fn new_uuid(now: Moment, rng: &Rng) -> Uuid {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    let micros = u16::try_from(now.timestamp_subsec_micros() % 1_000).unwrap_or(0);
    // 4,096 steps of a millisecond, of which a thousand microseconds reach 3,996.
    let [high, low] = (micros * 4).to_be_bytes();
    let mut bytes: [u8; 10] = rng.bytes();
    bytes[0] = high;
    bytes[1] = low;
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
}

/// The smallest UUIDv7 of a point in time: ids generated from then on are not smaller.
#[must_use]
pub fn least_uuid(from: Moment) -> Uuid {
    let millis = u64::try_from(from.timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, sqlx::Type, utoipa::ToSchema)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, generated at `now`.
            #[must_use]
            pub fn new(now: Moment, rng: &Rng) -> Self {
                Self(new_uuid(now, rng))
            }

            /// The id as the UUID that it is.
            #[must_use]
            pub fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                canonical_uuid(text).map(Self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
                String::deserialize(value)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

id!(
    /// A user.
    UserId
);
id!(
    /// An invitation that can still be used.
    InvitationId
);
id!(
    /// A browser on which its user is not asked for a second factor.
    TrustedDeviceId
);
id!(
    /// One sign-in on one device = one token family. It stands in the access token (`sid`): it is not a secret.
    SessionId
);
