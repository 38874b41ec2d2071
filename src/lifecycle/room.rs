use crate::{
    confirmations::{ConfirmationKeys, Purpose},
    kernel::{Client, Digest32, Duration, MasterKeys, UserId, sha256},
    sessions::Sessions,
    users::Accounts,
    world::World,
};
use aws_lc_rs::hmac;
use std::{fmt, sync::Arc};

/// The room: what its verbs need.
#[derive(Clone)]
pub struct Lifecycle(Arc<Room>);

struct Room {
    accounts: Accounts,
    sessions: Sessions,
    keys: ConfirmationKeys,
    buckets: hmac::Key,
}

/// Changes of address that a user may request in an hour.
const CHANGES_OF_ADDRESS: u32 = 5;

/// A limit on requests for emails.
#[derive(Debug, Clone, Copy)]
pub(super) struct MailLimit {
    /// For the metrics.
    pub name: &'static str,
    pub bucket: Digest32,
    /// Requests an hour.
    pub most: u32,
}

impl Lifecycle {
    /// The room, under keys derived from the master keys.
    #[must_use]
    pub fn new(accounts: Accounts, sessions: Sessions, masters: &MasterKeys) -> Self {
        let buckets = masters.current.derive("heirloom/mail-limits/v1");
        let buckets = hmac::Key::new(hmac::HMAC_SHA256, buckets.as_slice());
        Self(Arc::new(Room { accounts, sessions, keys: ConfirmationKeys::new(masters), buckets }))
    }

    pub(super) fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    pub(super) fn keys(&self) -> &ConfirmationKeys {
        &self.0.keys
    }

    pub(super) fn world(&self) -> &World {
        self.0.sessions.world()
    }

    /// How long the link of a purpose works.
    pub(super) fn lifetime(&self, purpose: Purpose) -> Duration {
        purpose.lifetime(&self.world().config.accounts)
    }

    /// What a request counts towards: first the network, so that one that is refused does not use up the address's.
    pub(super) fn limits(&self, email: &str, client: &Client) -> Vec<MailLimit> {
        let options = &self.world().config.accounts;
        let network = client.network().map(|network| MailLimit {
            name: "mail_network",
            bucket: self.bucket("network", &network.to_string()),
            most: options.mail_limit_network,
        });
        let address =
            MailLimit { name: "mail_address", bucket: self.bucket("address", email), most: options.mail_limit_address };
        network.into_iter().chain([address]).collect()
    }

    /// What a change of a user's address counts towards: also what the user requests, for each request sends an email to the old
    /// address, whichever the new one is.
    pub(super) fn limits_of_change(&self, user: UserId, email: &str, client: &Client) -> Vec<MailLimit> {
        let own =
            MailLimit { name: "mail_user", bucket: self.bucket("user", &user.to_string()), most: CHANGES_OF_ADDRESS };
        let mut limits = self.limits(email, client);
        // The address comes last: a request that is refused does not use it up.
        limits.insert(limits.len().saturating_sub(1), own);
        limits
    }

    fn bucket(&self, sort: &str, what: &str) -> Digest32 {
        let mut context = hmac::Context::with_key(&self.0.buckets);
        context.update(sort.as_bytes());
        context.update(&[0]);
        context.update(what.as_bytes());
        Digest32::from_slice(context.sign().as_ref()).unwrap_or_else(|| sha256(what.as_bytes()))
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lifecycle")
    }
}
