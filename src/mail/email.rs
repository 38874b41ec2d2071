use super::{model::Notification, room::Mail, store::Due};
use crate::{
    config::MailTarget,
    confirmations::CODE_LIFETIME,
    http::Language,
    pages::{Pages, Sample, device_name},
};
use lettre::{
    Message,
    message::{
        Body, Mailbox,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};
use minijinja::{Value, context};
use serde_json::Value as Json;
use std::net::IpAddr;

const TEMPLATE: &str = "mail/notification.txt";
const CONFIRMATION: &str = "mail/confirmation.txt";

/// Why there is no email to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ComposeError {
    /// Another instance, with a newer version, may know it.
    #[error("this version does not know the kind of notification")]
    Kind,
    #[error("the template cannot be rendered")]
    Template,
    /// No mail server would accept it: final.
    #[error("the address is not a valid mailbox")]
    Mailbox,
    #[error("the email cannot be built")]
    Build,
}

/// Writes an email in the user's language: the template's first line is its subject, the rest its body.
pub(super) fn compose(mail: &Mail, pages: &Pages, due: &Due) -> Result<Message, ComposeError> {
    let notification = Notification::from_name(&due.notification).ok_or(ComposeError::Kind)?;
    let language = due.language.as_deref().and_then(Language::of_tag).unwrap_or_default();
    let (template, shown) = if notification.is_of_confirmation() {
        (CONFIRMATION, shown_of_confirmation(mail, notification, due))
    } else {
        (TEMPLATE, shown(notification, due, &mail.link_to(due.id)))
    };
    let text = pages.render(language, template, &shown).map_err(|_problem| ComposeError::Template)?;
    let (subject, body) = text.trim_start().split_once('\n').ok_or(ComposeError::Template)?;
    let address = due.email.parse().map_err(|_invalid| ComposeError::Mailbox)?;
    let host = mail.world().config.http.public_url.host();
    let message = Message::builder()
        .message_id(Some(format!("<{}@{host}>", due.id)))
        .from(mail.options().from.clone())
        .to(Mailbox::new(None, address))
        .subject(subject.trim())
        // Programs that answer emails, such as vacation replies, leave it alone (RFC 3834 §5).
        .raw_header(auto_submitted())
        .header(ContentType::TEXT_PLAIN)
        .body(encoded(body.trim_start().to_owned(), &mail.options().target));
    message.map_err(|_malformed| ComposeError::Build)
}

/// The longest line of a text as it is (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;

/// Encoded as a mail server needs it. In a file it stays readable, so that the link can be copied from it.
fn encoded(text: String, target: &MailTarget) -> Body {
    let is_plain = match target {
        MailTarget::Server(_) => false,
        MailTarget::Folder(_) => text.lines().all(|line| line.len() <= LONGEST_LINE),
    };
    if !is_plain {
        return Body::new(text);
    }
    let lines = text.replace("\r\n", "\n").replace('\n', "\r\n");
    Body::dangerous_pre_encoded(lines.into_bytes(), ContentTransferEncoding::EightBit)
}

fn auto_submitted() -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned())
}

/// What the template shows. Nothing in it was typed by a user or an administrator: an email comes from the operator's
/// sender, and anyone who registers another user's address must not be able to write to it. Of the user agent only
/// the names in our own table are shown, and the network address must be one.
fn shown(notification: Notification, due: &Due, link: &str) -> Value {
    let text = |key: &str| due.details.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    context! {
        notification => notification.name(),
        at => due.created_at.format("%Y-%m-%d %H:%M UTC").to_string(),
        ip => text("ip").parse::<IpAddr>().ok().map(|ip| ip.to_string()),
        device => device_name(&text("user_agent")),
        link,
    }
}

/// What the template of a confirmation shows: as [`shown`], and the link and the code. The code is left out when it has
/// expired by now.
fn shown_of_confirmation(mail: &Mail, notification: Notification, due: &Due) -> Value {
    let confirmation = due.confirmation.unwrap_or_default();
    let link = notification
        .confirms()
        .map_or_else(|| mail.sign_in_link(), |purpose| mail.confirmation_link(purpose, confirmation));
    let has_code = notification.has_code() && due.created_at + CODE_LIFETIME > mail.world().clock.now();
    let code = has_code.then(|| mail.confirmation_code(confirmation));
    context! { code, ..shown(notification, due, &link) }
}

/// One of each notification, for the test that renders every template.
#[must_use]
pub fn email_samples() -> Vec<Sample> {
    let sample = |notification: Notification| {
        let shown = context! {
            notification => notification.name(), at => "2026-05-12 14:02 UTC", ip => "192.0.2.1",
            device => "Chrome · Windows", link => "https://auth.example.com/end-sessions?email=AAAA",
            code => "4821 0937",
        };
        (if notification.is_of_confirmation() { CONFIRMATION } else { TEMPLATE }, shown)
    };
    Notification::ALL.into_iter().map(sample).collect()
}
