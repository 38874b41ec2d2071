use crate::kernel::{Digest32, Duration};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::IpAddr;

/// How many wrong guesses are free, and how long one waits after each further one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
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
pub(super) const ACCOUNT: Limit = Limit { name: "account", free: 10, waits: &[30, 60, 120, 240, 480, 900] };
/// For all devices of an account together, so that signing in on many devices does not allow more guesses.
pub(super) const DEVICES: Limit = Limit { name: "devices", free: 30, waits: &[60, 300, 900] };
/// For an account, whatever the device and the address: wrong guesses one after another, with no right one between them
/// (NIST SP 800-63B-4 §3.2.2: at most 100).
pub(super) const CONSECUTIVE: Limit = Limit { name: "consecutive", free: 100, waits: &[3_600] };
/// For an address, whatever the accounts. Many users may share one, so it is generous: it limits attackers who try
/// one password on many accounts.
pub(super) const ADDRESS: Limit = Limit { name: "address", free: 100, waits: &[1, 2, 4, 8, 15, 30, 60] };
/// A bucket that was unused for this long is reset. Longer than any wait.
pub(super) const FORGET: Duration = Duration::from_hours(24);

impl Limit {
    /// The waits, in the form the database takes.
    pub(super) fn wait_seconds(&self) -> Vec<f64> {
        self.waits.iter().copied().map(f64::from).collect()
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
    pub limit: Limit,
    /// Whether a correct password resets it.
    pub is_emptied: bool,
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
        for limit in [ACCOUNT, DEVICES, CONSECUTIVE, ADDRESS] {
            assert!(limit.waits.is_sorted() && limit.free > 0);
            assert!(limit.waits.iter().all(|wait| u64::from(*wait) < FORGET.as_secs()));
        }
    }
}
