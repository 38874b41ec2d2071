use super::{HttpOptions, Reader, names};
use lettre::message::Mailbox;
use std::fmt;
use url::Url;
use zeroize::Zeroizing;

/// How letters are sent.
#[derive(Debug, Clone)]
pub struct MailOptions {
    /// The SMTP server.
    pub smtp_url: SmtpUrl,
    /// Who they come from.
    pub from: Mailbox,
}

/// `smtp://user:password@host:587?tls=required` or `smtps://…`. Its `Debug` shows the host only.
#[derive(Clone)]
pub struct SmtpUrl {
    url: Zeroizing<String>,
    host: String,
}

impl SmtpUrl {
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "smtp" | "smtps"))?;
        Some(Self { host: url.host_str()?.to_owned(), url: Zeroizing::new(text.to_owned()) })
    }

    /// The whole URL, which may hold a password: for the SMTP library, and nobody else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.url
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpUrl({})", self.host)
    }
}

pub(super) fn read(reader: &mut Reader, http: &HttpOptions) -> Option<MailOptions> {
    let usual = usual_sender(http);
    let from = reader.parsed(names::MAIL_FROM, usual, "an address, such as Example <no-reply@example.com>", |text| {
        text.parse().ok().map(Some)
    });
    let smtp_url = SmtpUrl::parse(&reader.raw(names::SMTP_URL)?);
    if smtp_url.is_none() {
        // The value may hold a password: it is not repeated.
        reader.problem(names::SMTP_URL, "is not an SMTP URL: write smtps://user:password@host or smtp://host:25");
    }
    if from.is_none() {
        reader.problem(names::MAIL_FROM, "must be given: the public URL's host is no domain for an address");
    }
    Some(MailOptions { smtp_url: smtp_url?, from: from? })
}

fn usual_sender(http: &HttpOptions) -> Option<Mailbox> {
    format!("no-reply@{}", http.public_url.host()).parse().ok()
}
