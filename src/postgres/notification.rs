use super::DatabaseError;
use crate::kernel::{MasterKeys, Moment, Rng, SealingKeys, named};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sqlx::PgConnection;

/// What notifications are sealed for; the name of the channel is authenticated with each.
const PURPOSE: &str = "heirloom/notification/v1";
/// The prefix of every payload, so that foreign payloads are rejected before decoding.
const VERSION: &str = "n1.";
/// Bytes of the time at which it was sent.
const TIME: usize = 8;

named! {
    /// What instances notify each other of.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Channel {
        /// Sessions were revoked, or access tokens are outdated.
        Revocations = "heirloom_revocations",
        /// There is a new signing key.
        SigningKeys = "heirloom_signing_keys",
    }
}

/// Sends and reads notifications. Every role that may connect to the database can listen on any channel and notify on
/// it. So payloads are sealed under a key derived from the master key: nobody else can read or forge them.
#[derive(Clone, Debug)]
pub struct Notifications {
    keys: SealingKeys,
    rng: Rng,
}

/// A notification from another instance of this installation.
#[derive(Debug, PartialEq, Eq)]
pub struct ReceivedNotification {
    /// When, on the database's clock. Anyone can record a notification and send it again later.
    pub sent_at: Moment,
    /// Its text.
    pub text: String,
}

impl Notifications {
    /// The longest text that fits into a payload, whose limit is 7,999 bytes.
    pub const LONGEST: usize = 5_900;

    /// Under keys derived from the master keys.
    #[must_use]
    pub fn new(masters: &MasterKeys, rng: Rng) -> Self {
        Self { keys: SealingKeys::new(masters, PURPOSE), rng }
    }

    /// Notifies every instance when the transaction commits. The only way in which a notification is sent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn notify(
        &self,
        connection: &mut PgConnection,
        channel: Channel,
        now: Moment,
        texts: &[String],
    ) -> Result<(), DatabaseError> {
        let payloads: Option<Vec<_>> = texts.iter().map(|text| self.seal(channel, now, text)).collect();
        let payloads = payloads.ok_or(DatabaseError::Nonsense("a notification that cannot be sealed"))?;
        sqlx::query!("SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload", channel.name(), &payloads)
            .fetch_all(connection)
            .await?;
        Ok(())
    }

    /// Reads a payload. None: no instance of this installation sent it on this channel.
    #[must_use]
    pub fn open(&self, channel: Channel, payload: &str) -> Option<ReceivedNotification> {
        let sealed = URL_SAFE_NO_PAD.decode(payload.strip_prefix(VERSION)?).ok()?;
        let opened = self.keys.open(channel.name().as_bytes(), &sealed).ok()?;
        let (micros, text) = opened.plaintext.split_at_checked(TIME)?;
        let sent_at = Moment::from_timestamp_micros(i64::from_be_bytes(micros.try_into().ok()?))?;
        Some(ReceivedNotification { sent_at, text: String::from_utf8(text.to_vec()).ok()? })
    }

    fn seal(&self, channel: Channel, now: Moment, text: &str) -> Option<String> {
        let plaintext = [&now.timestamp_micros().to_be_bytes(), text.as_bytes()].concat();
        let sealed = self.keys.seal(channel.name().as_bytes(), &plaintext, &self.rng).ok()?;
        Some(format!("{VERSION}{}", URL_SAFE_NO_PAD.encode(sealed)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::string_slice, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::kernel::MasterKey;
    use std::sync::Arc;

    fn under(current: u8, previous: &[u8]) -> Notifications {
        let key = |byte: &u8| MasterKey::from_bytes([*byte; 32]);
        let masters = MasterKeys { current: Arc::new(key(&current)), previous: previous.iter().map(key).collect() };
        Notifications::new(&masters, Rng::system())
    }

    #[test]
    fn a_notification_is_read_on_its_channel_under_its_master_key_only() {
        let sent_at = Moment::from_timestamp_micros(1_795_864_993_123_456).unwrap();
        let payload = under(1, &[]).seal(Channel::Revocations, sent_at, "s:1").unwrap();
        let read = Some(ReceivedNotification { sent_at, text: "s:1".to_owned() });
        assert_eq!(under(1, &[]).open(Channel::Revocations, &payload), read);
        assert_eq!(under(2, &[1]).open(Channel::Revocations, &payload), read);
        assert_eq!(under(2, &[]).open(Channel::Revocations, &payload), None);
        assert_eq!(under(1, &[]).open(Channel::SigningKeys, &payload), None);
        for forged in
            ["", "n1.", "n1.AAAA", "n1.*", "s:00000000000000000000000000000001", &payload[..payload.len() - 1]]
        {
            assert_eq!(under(1, &[]).open(Channel::Revocations, forged), None, "{forged}");
        }
        assert!(!payload.contains("s:1"));
    }

    #[test]
    fn the_longest_text_fits_into_a_payload_of_postgres() {
        let text = "x".repeat(Notifications::LONGEST);
        assert!(under(1, &[]).seal(Channel::Revocations, Moment::UNIX_EPOCH, &text).unwrap().len() <= 7_999);
    }
}
