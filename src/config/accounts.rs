use super::{Reader, names};
use crate::kernel::Duration;

/// How accounts are created and recovered.
#[derive(Debug, Clone)]
pub struct AccountOptions {
    /// Whether a new user must show that they read their address.
    pub email_verification: EmailVerification,
    /// Whether a user of another provider gets an account without an address where the provider proves none.
    pub allow_no_email: bool,
    /// How long the link of a password reset works.
    pub reset_link_ttl: Duration,
    /// How long the link that verifies an address works.
    pub confirm_link_ttl: Duration,
    /// How long an invitation works.
    pub invite_ttl: Duration,
    /// How long a change of address can be undone from the old address.
    pub email_undo_ttl: Duration,
    /// How long the removal of lost second factors waits.
    pub factor_recovery_delay: Duration,
    /// Emails an hour that may be requested for one address.
    pub mail_limit_address: u32,
    /// Emails an hour that may be requested from one network.
    pub mail_limit_network: u32,
}

/// Whether a new user must show that they read their address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailVerification {
    /// No account exists before.
    Required,
    /// The account exists at once, and an email asks for it.
    Optional,
    /// Nothing is asked.
    Off,
}

const ALLOWED_LIMIT: &str = "a number of emails an hour from 1 to 100000, such as 5/h";

pub(super) fn read(reader: &mut Reader, insecure_for_tests: bool) -> AccountOptions {
    let least = if insecure_for_tests { "1s" } else { "5m" };
    let least_delay = if insecure_for_tests { "1s" } else { "24h" };
    AccountOptions {
        email_verification: reader.choice(
            names::EMAIL_VERIFICATION,
            usual_verification(reader),
            &[
                ("required", EmailVerification::Required),
                ("optional", EmailVerification::Optional),
                ("off", EmailVerification::Off),
            ],
        ),
        allow_no_email: reader.switch(names::ALLOW_NO_EMAIL, false),
        reset_link_ttl: reader.duration(names::RESET_LINK_TTL, "30m", least..="24h"),
        confirm_link_ttl: reader.duration(names::CONFIRM_LINK_TTL, "24h", least..="30d"),
        invite_ttl: reader.duration(names::INVITE_TTL, "72h", least..="90d"),
        email_undo_ttl: reader.duration(names::EMAIL_UNDO_TTL, "7d", least..="90d"),
        factor_recovery_delay: reader.duration(names::FACTOR_RECOVERY_DELAY, "72h", least_delay..="30d"),
        mail_limit_address: reader.parsed(names::MAIL_LIMIT_ADDRESS, 5, ALLOWED_LIMIT, an_hour),
        mail_limit_network: reader.parsed(names::MAIL_LIMIT_NETWORK, 30, ALLOWED_LIMIT, an_hour),
    }
}

/// Required where emails reach users: with a mail server, not with a folder of files.
fn usual_verification(reader: &Reader) -> EmailVerification {
    let has_server = reader.raw(names::SMTP_URL).is_some_and(|url| !url.starts_with("file:"));
    if has_server { EmailVerification::Required } else { EmailVerification::Off }
}

fn an_hour(text: &str) -> Option<u32> {
    let number = text.strip_suffix("/h").unwrap_or(text);
    number.parse().ok().filter(|number| (1..=100_000).contains(number))
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, EmailVerification, Source};

    fn verification(pairs: &[(&'static str, &'static str)]) -> Option<EmailVerification> {
        let config = Config::from_source(Source::from_pairs(pairs.iter().copied())).ok()?;
        Some(config.accounts.email_verification)
    }

    #[test]
    fn verification_is_required_where_there_is_a_mail_server_unless_the_operator_says_otherwise() {
        let server = ("HEIRLOOM_SMTP_URL", "smtp://localhost");
        assert_eq!(verification(&[]), Some(EmailVerification::Off));
        assert_eq!(verification(&[server]), Some(EmailVerification::Required));
        let off = ("HEIRLOOM_EMAIL_VERIFICATION", "off");
        assert_eq!(verification(&[server, off]), Some(EmailVerification::Off));
        let optional = ("HEIRLOOM_EMAIL_VERIFICATION", "optional");
        assert_eq!(verification(&[optional]), Some(EmailVerification::Optional));
        assert_eq!(verification(&[("HEIRLOOM_EMAIL_VERIFICATION", "sometimes")]), None);
    }

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
