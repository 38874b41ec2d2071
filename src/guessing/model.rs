use super::device::DeviceOwner;
use crate::kernel::{Digest32, Duration};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::{fmt, net::IpAddr};

/// How many wrong guesses are free, and how long one waits after each further one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GuessLimit {
    /// For the metrics.
    pub name: &'static str,
    /// Wrong guesses without a wait.
    pub free: i32,
    /// Seconds from the guess before to the next: after the first that is not free, the second, and so on. The last one
    /// holds for all that follow.
    pub waits: &'static [u32],
}

/// For an account, one of its devices, or one of its addresses: ten guesses, then some hundred a day. With the eight
/// characters that a password has at least, and common ones refused, that does not find one.
pub(super) const ACCOUNT: GuessLimit = GuessLimit { name: "account", free: 10, waits: &[30, 60, 120, 240, 480, 900] };
/// For the second factors of an account: of a million codes three are right at any time. Who has the password finds one with a
/// chance of one in three thousand a day.
pub(super) const FACTOR: GuessLimit = GuessLimit { name: "factor", free: 10, waits: &[30, 60, 120, 240, 480, 900] };
/// For all devices of an account together, so that signing in on many devices does not allow more guesses.
pub(super) const DEVICES: GuessLimit = GuessLimit { name: "devices", free: 30, waits: &[60, 300, 900] };
/// For an account, from new devices at new addresses: wrong guesses one after another, with no right one between them. With
/// those of [`CONSECUTIVE_NEAR`] and [`CONSECUTIVE_OWN`] it has a hundred (NIST SP 800-63B-4 §3.2.2: at most 100). If all had one
/// count, a stranger who never stops would take each guess that it allows, and the user would get none.
pub(super) const CONSECUTIVE: GuessLimit = GuessLimit { name: "consecutive", free: 50, waits: &[3_600] };
/// The same from the devices of an account, and from the addresses of its sessions. More than [`DEVICES`] has, whose waits would
/// never count otherwise.
pub(super) const CONSECUTIVE_NEAR: GuessLimit = GuessLimit { name: "consecutive_near", free: 35, waits: &[3_600] };
/// The same of signed-in users who type their current password: who holds a session may not be the user.
pub(super) const CONSECUTIVE_OWN: GuessLimit = GuessLimit { name: "consecutive_own", free: 15, waits: &[3_600] };
/// For an address, whatever the accounts. Many users may share one, so it is generous: it limits attackers who try
/// one password on many accounts.
pub(super) const ADDRESS: GuessLimit = GuessLimit { name: "address", free: 100, waits: &[1, 2, 4, 8, 15, 30, 60] };
/// A bucket that was unused for this long is reset. Longer than any wait.
pub(super) const FORGET: Duration = Duration::from_hours(24);

impl GuessLimit {
    /// The waits, in the form the database takes.
    pub(super) fn wait_seconds(&self) -> Vec<f64> {
        self.waits.iter().copied().map(f64::from).collect()
    }
}

/// The digests of buckets, as the database has them.
pub(super) fn digests(buckets: &[Bucket]) -> Vec<Vec<u8>> {
    buckets.iter().map(|bucket| bucket.digest.as_bytes().to_vec()).collect()
}

/// From how near a guess comes: each circle has buckets of its own, which those outside cannot use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Circle {
    /// A device on which the user signed in before.
    Device,
    /// An address with a live session of the account.
    Place,
    /// Anywhere else.
    Strangers,
}

impl Circle {
    /// All of them, nearest first.
    pub const ALL: [Self; 3] = [Self::Device, Self::Place, Self::Strangers];
}

/// What is known of a guess before the account is.
#[derive(Debug, Default)]
pub(super) struct Guess {
    /// The address whose account it is for, if it can have one.
    pub email: Option<String>,
    /// Whose device the client proves to be.
    pub device: Option<DeviceOwner>,
    /// Where the client is.
    pub place: Option<IpNet>,
    /// The buckets of each circle that the client may be in.
    pub circles: Vec<(Circle, Vec<Bucket>)>,
}

/// The stored password of an account.
pub struct StoredPassword {
    /// Whose it is, and which of theirs.
    pub owner: DeviceOwner,
    hash: String,
}

impl StoredPassword {
    pub(super) fn new(owner: DeviceOwner, hash: String) -> Self {
        Self { owner, hash }
    }

    /// Its hash, as stored.
    #[must_use]
    pub fn into_hash(self) -> String {
        self.hash
    }
}

impl fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredPassword(…)")
    }
}

/// The addresses that are counted as one client: an IPv4 address, or the /64 that IPv6 providers assign per customer.
pub(super) fn network(address: IpAddr) -> IpNet {
    match address {
        IpAddr::V4(address) => IpNet::V4(Ipv4Net::from(address)),
        IpAddr::V6(address) => {
            let whole = Ipv6Net::from(address);
            IpNet::V6(Ipv6Net::new(address, 64).unwrap_or(whole).trunc())
        }
    }
}

/// One counter.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub digest: Digest32,
    pub limit: GuessLimit,
    /// Whether a correct password resets it.
    pub is_emptied: bool,
    /// Whether a guess counts in it.
    pub is_counted: bool,
}

impl Bucket {
    /// The same, only for a correct password to reset.
    pub(super) fn uncounted(&self) -> Self {
        Self { is_counted: false, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_owns_its_whole_64() {
        let of = |text: &str| text.parse().map(network).map(|network| network.to_string()).unwrap_or_default();
        assert_eq!(of("192.0.2.7"), "192.0.2.7/32");
        assert_eq!(of("2001:db8:1:2:aaaa::1"), "2001:db8:1:2::/64");
        assert_eq!(of("2001:db8:1:2:ffff::2"), "2001:db8:1:2::/64");
    }

    #[test]
    fn waits_grow_and_end_before_a_bucket_is_forgotten() {
        for limit in [ACCOUNT, FACTOR, DEVICES, CONSECUTIVE, CONSECUTIVE_NEAR, CONSECUTIVE_OWN, ADDRESS] {
            assert!(limit.waits.is_sorted() && limit.free > 0);
            assert!(limit.waits.iter().all(|wait| u64::from(*wait) < FORGET.as_secs()));
        }
    }

    /// C-25.
    #[test]
    fn an_account_has_a_hundred_wrong_guesses_in_a_row_from_everywhere_together() {
        assert_eq!(CONSECUTIVE.free + CONSECUTIVE_NEAR.free + CONSECUTIVE_OWN.free, 100);
        const { assert!(CONSECUTIVE_NEAR.free > DEVICES.free && CONSECUTIVE_OWN.free > ACCOUNT.free) };
    }
}
