use super::{HttpOptions, Reader, names, nearest};
use lettre::{Address, message::Mailbox};
use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    path::{Path, PathBuf},
};
use url::{Host, Url};
use zeroize::Zeroizing;

/// How emails are sent.
#[derive(Debug, Clone)]
pub struct MailOptions {
    /// Where they go.
    pub target: MailTarget,
    /// The sender.
    pub from: Mailbox,
}

/// Where emails go.
#[derive(Debug, Clone)]
pub enum MailTarget {
    /// To a mail server.
    Server(SmtpUrl),
    /// Into files of this folder: for the first minute and for development. No user receives them.
    Folder(PathBuf),
}

impl MailOptions {
    /// The mail server, unless emails are written to files.
    #[must_use]
    pub fn server(&self) -> Option<&SmtpUrl> {
        match &self.target {
            MailTarget::Server(url) => Some(url),
            MailTarget::Folder(_) => None,
        }
    }
}

/// The mail server: `smtps://user:password@host` or `smtp://user:password@host:587`. Its `Debug` shows the host only.
#[derive(Clone)]
pub struct SmtpUrl {
    /// The host, without the brackets of an IPv6 address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// When TLS begins, and whether it must.
    pub security: SmtpSecurity,
    /// The name sent in EHLO; default: this machine's.
    pub hello: Option<String>,
    credentials: Option<SmtpCredentials>,
}

/// When TLS begins (RFC 8314).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// With the connection.
    Implicit,
    /// With STARTTLS, or the email is not sent.
    StartTls,
    /// With STARTTLS where the server offers it.
    Opportunistic,
    /// Never.
    None,
}

/// A user and a password.
#[derive(Clone)]
pub struct SmtpCredentials {
    /// The user.
    pub user: String,
    password: Zeroizing<String>,
}

/// Why the URL of a mail server is refused, to be read after the option's name. Never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmtpUrlError {
    /// Another scheme, no host, or no URL at all.
    #[error(
        "is not an SMTP URL: write smtps://user:password@host, smtp://user:password@host:587 for STARTTLS, or file:folder"
    )]
    Form,
    /// No folder, or a host.
    #[error("names no folder: write file:folder or file:///folder; nothing is decoded")]
    Folder,
    /// Something that stands in the way of the rest.
    #[error("has a # or a percent sign in the user or password that is not percent-encoded: %23, %25")]
    Encoding,
    /// One without the other.
    #[error("has a user or a password, but not both")]
    Half,
    /// A misspelt parameter.
    #[error("has an unknown parameter: did you mean `{nearest}`?")]
    Parameter {
        /// The known one.
        nearest: &'static str,
    },
    /// A value of `tls`.
    #[error("has a `tls` that is not one of required (STARTTLS, the default), opportunistic, none")]
    Security,
    /// `smtps` and something else.
    #[error("has a `tls` together with smtps, which is TLS from the beginning: remove one of them")]
    Contradiction,
}

impl SmtpUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// Names the part that is wrong.
    pub fn parse(text: &str) -> Result<Self, SmtpUrlError> {
        let url = Url::parse(text).map_err(|_not_a_url| SmtpUrlError::Form)?;
        let host = host(&url)?;
        if url.fragment().is_some() {
            return Err(SmtpUrlError::Encoding);
        }
        let security = security(&url, is_loopback(&host))?;
        let port = url.port().unwrap_or(match security {
            SmtpSecurity::Implicit => 465,
            SmtpSecurity::StartTls | SmtpSecurity::Opportunistic => 587,
            SmtpSecurity::None => 25,
        });
        let hello = Some(url.path().trim_matches('/').to_owned()).filter(|name| !name.is_empty());
        Ok(Self { host, port, security, hello, credentials: credentials(&url)? })
    }

    /// The user and the password, if the server asks for them.
    #[must_use]
    pub fn credentials(&self) -> Option<&SmtpCredentials> {
        self.credentials.as_ref()
    }

    /// Whether emails, and the password, may cross a network in the clear.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        let may_be_clear = match self.security {
            SmtpSecurity::Implicit | SmtpSecurity::StartTls => false,
            SmtpSecurity::Opportunistic | SmtpSecurity::None => true,
        };
        may_be_clear && !is_loopback(&self.host)
    }
}

impl SmtpCredentials {
    /// The password: for the SMTP library, and nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.password
    }
}

fn host(url: &Url) -> Result<String, SmtpUrlError> {
    let is_smtp = matches!(url.scheme(), "smtp" | "smtps");
    match url.host().filter(|_| is_smtp) {
        Some(Host::Domain(name)) if !name.is_empty() && !name.contains(['%', ',']) => Ok(name.to_owned()),
        Some(Host::Ipv4(address)) => Ok(address.to_string()),
        Some(Host::Ipv6(address)) => Ok(address.to_string()),
        Some(Host::Domain(_)) | None => Err(SmtpUrlError::Form),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse().map(|address: IpAddr| address.to_canonical());
    host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.is_loopback() || address == IpAddr::V6(Ipv6Addr::LOCALHOST))
}

fn security(url: &Url, is_loopback: bool) -> Result<SmtpSecurity, SmtpUrlError> {
    let mut wanted = None;
    for (name, value) in url.query_pairs() {
        if name != "tls" {
            return Err(SmtpUrlError::Parameter { nearest: nearest(&name, ["tls"].into_iter()).unwrap_or("tls") });
        }
        wanted = Some(value.into_owned());
    }
    match (url.scheme(), wanted.as_deref()) {
        ("smtps", None) => Ok(SmtpSecurity::Implicit),
        ("smtps", Some(_)) => Err(SmtpUrlError::Contradiction),
        (_, Some("required")) => Ok(SmtpSecurity::StartTls),
        (_, Some("opportunistic")) => Ok(SmtpSecurity::Opportunistic),
        (_, Some("none")) => Ok(SmtpSecurity::None),
        (_, Some(_)) => Err(SmtpUrlError::Security),
        // What does not leave this machine cannot be read on the way.
        (_, None) if is_loopback => Ok(SmtpSecurity::None),
        (_, None) => Ok(SmtpSecurity::StartTls),
    }
}

fn credentials(url: &Url) -> Result<Option<SmtpCredentials>, SmtpUrlError> {
    let decoded = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned).map_err(|_not_utf8| SmtpUrlError::Encoding)
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None | Some("")) => Err(SmtpUrlError::Half),
        (user, Some(password)) => {
            Ok(Some(SmtpCredentials { user: decoded(user)?, password: Zeroizing::new(decoded(password)?) }))
        }
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpUrl({}:{}, {:?})", self.host, self.port, self.security)
    }
}

/// The folder of `HEIRLOOM_DATA_DIR` into which emails are written without a mail server.
const FOLDER: &str = "mail";

pub(super) fn read(reader: &mut Reader, http: &HttpOptions, data_dir: &Path) -> MailOptions {
    let target = target(reader, data_dir);
    let usual = usual_sender(http, &target);
    let from = reader.parsed(names::MAIL_FROM, usual, "an address, such as Example <no-reply@example.com>", |text| {
        text.parse().ok().map(Some)
    });
    if from.is_none() {
        reader.problem(names::MAIL_FROM, "is required: the public URL's host cannot be used as an e-mail domain");
    }
    MailOptions { target, from: from.unwrap_or_else(nobody) }
}

fn target(reader: &mut Reader, data_dir: &Path) -> MailTarget {
    let usual = MailTarget::Folder(data_dir.join(FOLDER));
    let Some(text) = reader.raw(names::SMTP_URL) else { return usual };
    let read = match text.strip_prefix("file:") {
        Some(folder) => read_folder(folder).map(MailTarget::Folder),
        None => SmtpUrl::parse(&text).map(MailTarget::Server),
    };
    read.unwrap_or_else(|error| {
        // The value may hold a password: neither of us repeats it.
        reader.problem(names::SMTP_URL, &error.to_string());
        usual
    })
}

/// A path as it is, or after the two slashes of a URL (RFC 8089 §2), which must not name a host.
fn read_folder(text: &str) -> Result<PathBuf, SmtpUrlError> {
    let path = match text.strip_prefix("//") {
        Some(rest) if rest.starts_with('/') => rest,
        Some(_) => return Err(SmtpUrlError::Folder),
        None => text,
    };
    if path.is_empty() { Err(SmtpUrlError::Folder) } else { Ok(PathBuf::from(path)) }
}

/// Files need no domain that accepts replies.
fn usual_sender(http: &HttpOptions, target: &MailTarget) -> Option<Mailbox> {
    let sender = format!("no-reply@{}", http.public_url.host()).parse().ok();
    match target {
        MailTarget::Server(_) => sender,
        MailTarget::Folder(_) => sender.or_else(|| Some(nobody())),
    }
}

/// The sender where no other is known.
fn nobody() -> Mailbox {
    Mailbox::new(None, Address::new_dangerous("no-reply", "localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        SmtpUrl::parse(text).map_or_else(|error| error.to_string(), |url| format!("{url:?}"))
    }

    ///
    #[test]
    fn a_password_leaves_this_machine_under_tls_only_unless_the_url_says_otherwise() {
        for (text, expected) in [
            ("smtp://u:p@mail.example.com", "SmtpUrl(mail.example.com:587, StartTls)"),
            ("smtp://u:p@mail.example.com:25", "SmtpUrl(mail.example.com:25, StartTls)"),
            ("smtp://mail.example.com?tls=required", "SmtpUrl(mail.example.com:587, StartTls)"),
            ("smtps://u:p@mail.example.com", "SmtpUrl(mail.example.com:465, Implicit)"),
            ("smtp://u:p@localhost", "SmtpUrl(localhost:25, None)"),
            ("smtp://127.0.0.1:2525", "SmtpUrl(127.0.0.1:2525, None)"),
            ("smtp://[::1]:2525", "SmtpUrl(::1:2525, None)"),
            ("smtp://localhost.example.com", "SmtpUrl(localhost.example.com:587, StartTls)"),
            ("smtp://10.0.0.1?tls=none", "SmtpUrl(10.0.0.1:25, None)"),
            ("smtp://10.0.0.1?tls=opportunistic", "SmtpUrl(10.0.0.1:587, Opportunistic)"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        let is_readable = |text| SmtpUrl::parse(text).is_ok_and(|url| url.is_readable());
        assert!(is_readable("smtp://10.0.0.1?tls=none") && is_readable("smtp://h?tls=opportunistic"));
        assert!(!is_readable("smtp://localhost") && !is_readable("smtp://h") && !is_readable("smtps://h"));
    }

    #[test]
    fn a_wrong_url_is_named_and_not_repeated() {
        for (text, expected) in [
            ("mail.example.com", "is not an SMTP URL"),
            ("http://mail.example.com", "is not an SMTP URL"),
            ("smtp://", "is not an SMTP URL"),
            ("smtp://u:hunter2#x@h", "is not"),
            ("smtp://u@h", "but not both"),
            ("smtp://:hunter2@h", "but not both"),
            ("smtp://h?tsl=required", "did you mean `tls`?"),
            ("smtp://h?tls=on", "has a `tls` that is not one of"),
            ("smtps://h?tls=required", "together with smtps"),
            ("smtp://u:hunter2%ff@h", "percent-encoded"),
        ] {
            let problem = read(text);
            assert!(problem.contains(expected) && !problem.contains("hunter2"), "{text}: {problem}");
        }
    }

    #[test]
    fn a_folder_is_a_path_as_it_is_and_names_no_host() {
        let read = |text: &str| read_folder(text).map_or_else(|error| error.to_string(), |path| format!("{path:?}"));
        assert_eq!(read("mails"), "\"mails\"");
        assert_eq!(read("/var/mail s/%20"), "\"/var/mail s/%20\"");
        assert_eq!(read("///var/mails"), "\"/var/mails\"");
        for text in ["", "//", "//localhost/var", "//var/mails"] {
            assert!(read(text).contains("names no folder"), "{text}");
        }
    }

    #[test]
    fn values_are_decoded() {
        let url = SmtpUrl::parse("smtps://a%40b:p%3Aw@h/helo.example").ok();
        let credentials = url.as_ref().and_then(SmtpUrl::credentials);
        assert_eq!(
            credentials.map(|credentials| (credentials.user.as_str(), credentials.reveal())),
            Some(("a@b", "p:w"))
        );
        assert_eq!(url.and_then(|url| url.hello).as_deref(), Some("helo.example"));
    }
}
