use super::{Config, DatabaseUrl, HttpOptions, MailOptions, MailTarget, SmtpUrl, names};
use std::path::Path;

/// An option that works and that an operator should know about: each start logs it, and `heirloom check` warns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// What it concerns, in a word or two.
    pub what: &'static str,
    /// The risk, and how to avoid it.
    pub detail: String,
}

impl Config {
    /// Everything in these options that is a risk for a process of this user.
    #[must_use]
    pub fn risks(&self, user: Option<u32>) -> Vec<Risk> {
        let risks = [
            self.insecure_for_tests.then(insecure_for_tests),
            (!self.http.rate_limit).then(no_rate_limit),
            (user == Some(0)).then(root),
            without_tls(names::DATABASE_URL, self.database.url.as_ref()),
            without_tls(names::DATABASE_URL_DIRECT, self.database.direct_url.as_ref()),
            everyone_is_trusted(&self.http),
            mail(&self.mail, &self.http),
            self.feed.has_short_key.then(short_feed_key),
        ];
        risks.into_iter().flatten().collect()
    }
}

fn risk(what: &'static str, detail: impl Into<String>) -> Risk {
    Risk { what, detail: detail.into() }
}

fn insecure_for_tests() -> Risk {
    let detail = "is on: short lifetimes, weak hashing and example passwords are allowed. Never on the internet";
    risk("configuration", format!("{} {detail}", names::INSECURE_FOR_TESTS))
}

fn no_rate_limit() -> Risk {
    let detail = "is off: passwords may be guessed without a limit. For load tests only; remove the option";
    risk("rate limit", format!("{} {detail}", names::RATE_LIMIT))
}

fn short_feed_key() -> Risk {
    let detail =
        "holds a key of less than 32 characters, which may be guessed: take what `openssl rand -hex 32` prints";
    risk("stream of revocations", format!("{} {detail}", names::FEED_KEYS))
}

fn root() -> Risk {
    risk("account", "this process runs as root, which it does not need: start it under an account of its own")
}

fn without_tls(option: &str, url: Option<&DatabaseUrl>) -> Option<Risk> {
    let hosts = url?.hosts_without_tls();
    let detail =
        "is reached over a network without requiring TLS: an attacker on the network can read and change everything";
    let todo = "Add sslmode=verify-full";
    (!hosts.is_empty()).then(|| risk("database TLS", format!("{} {detail}. {todo} to {option}", hosts.join(", "))))
}

fn everyone_is_trusted(http: &HttpOptions) -> Option<Risk> {
    let everyone = http.trusted_proxies.iter().any(|network| network.prefix_len() == 0);
    let detail = "trusts every address, so that any client can choose its own: list only your proxies' networks";
    everyone.then(|| risk("proxies", format!("{} {detail}", names::TRUSTED_PROXIES)))
}

fn mail(mail: &MailOptions, http: &HttpOptions) -> Option<Risk> {
    match &mail.target {
        MailTarget::Server(url) => readable_mail(url),
        // Whoever tries the server out reads the files; users elsewhere wait for their emails.
        MailTarget::Folder(folder) => http.public_url.is_https().then(|| no_mail_server(folder)),
    }
}

fn no_mail_server(folder: &Path) -> Risk {
    let detail = "names no mail server: no user receives an email. They are files, with their links, in";
    risk("emails", format!("{} {detail} {}", names::SMTP_URL, folder.display()))
}

fn readable_mail(url: &SmtpUrl) -> Option<Risk> {
    let detail =
        "is used without requiring TLS: an attacker on the network can read emails, their links and the password";
    let todo = "Use smtps://, or remove `tls` from";
    url.is_readable().then(|| risk("mail TLS", format!("{} {detail}. {todo} {}", url.host, names::SMTP_URL)))
}
