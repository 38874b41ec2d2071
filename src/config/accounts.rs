use super::{Reader, names};
use crate::kernel::Duration;

/// How accounts are recovered.
#[derive(Debug, Clone)]
pub struct AccountOptions {
    /// How long the link of a password reset works.
    pub reset_link_ttl: Duration,
    /// Emails an hour that may be requested for one address.
    pub mail_limit_address: u32,
    /// Emails an hour that may be requested from one network.
    pub mail_limit_network: u32,
}

const ALLOWED_LIMIT: &str = "a number of emails an hour from 1 to 100000, such as 5/h";

pub(super) fn read(reader: &mut Reader, insecure_for_tests: bool) -> AccountOptions {
    let least = if insecure_for_tests { "1s" } else { "5m" };
    AccountOptions {
        reset_link_ttl: reader.duration(names::RESET_LINK_TTL, "30m", least..="24h"),
        mail_limit_address: reader.parsed(names::MAIL_LIMIT_ADDRESS, 5, ALLOWED_LIMIT, an_hour),
        mail_limit_network: reader.parsed(names::MAIL_LIMIT_NETWORK, 30, ALLOWED_LIMIT, an_hour),
    }
}

fn an_hour(text: &str) -> Option<u32> {
    let number = text.strip_suffix("/h").unwrap_or(text);
    number.parse().ok().filter(|number| (1..=100_000).contains(number))
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Source};

    #[test]
    fn a_limit_is_a_number_of_emails_an_hour() {
        let limit = |text: &'static str| {
            let source = Source::from_pairs([("HEIRLOOM_MAIL_LIMIT_ADDRESS", text)]);
            Config::from_source(source).ok().map(|config| config.accounts.mail_limit_address)
        };
        assert_eq!([limit("7/h"), limit("7")], [Some(7), Some(7)]);
        for wrong in ["0", "-1", "5/d", "100001", "five"] {
            assert_eq!(limit(wrong), None, "{wrong}");
        }
    }
}
