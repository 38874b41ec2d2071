use super::{model::Notification, room::Mail, store::Due};
use crate::{
    config::MailTarget,
    confirmations::{CODE_LIFETIME, Linked},
    http::Language,
    kernel::{Duration, Moment},
    pages::{Pages, Sample, device_name},
};
use lettre::{
    Message,
    message::{
        Body, Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};
use minijinja::{Value, context};
use serde_json::Value as Json;
use std::net::IpAddr;

const TEXT: &str = "mail/notification.txt";
const HTML: &str = "mail/notification.html";

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

/// Writes an email in the user's language, as text and as HTML.
pub(super) fn compose(mail: &Mail, pages: &Pages, due: &Due) -> Result<Message, ComposeError> {
    let notification = Notification::from_name(&due.notification).ok_or(ComposeError::Kind)?;
    let language = due.language.as_deref().and_then(Language::of_tag).unwrap_or_default();
    let shown = if notification.is_of_confirmation() {
        shown_of_confirmation(mail, notification, due)
    } else {
        let link = mail.link_to(due.id);
        // Who had the address before has no say in the account.
        let link = if notification == Notification::EmailChangeUndone { "" } else { &link };
        context! { providers => labels(mail, due), factors => factors_left(due), ..shown(notification, due, link) }
    };
    let written = write(pages, language, &shown)?;
    let address = due.email.parse().map_err(|_invalid| ComposeError::Mailbox)?;
    let host = mail.world().config.http.public_url.host();
    let target = &mail.options().target;
    let parts = MultiPart::alternative()
        // The same for every attempt, as the id.
        .boundary(due.id.simple().to_string())
        .singlepart(part(ContentType::TEXT_PLAIN, written.text, target))
        .singlepart(part(ContentType::TEXT_HTML, written.html, target));
    let message = Message::builder()
        .message_id(Some(format!("<{}@{host}>", due.id)))
        .from(mail.options().from.clone())
        .to(Mailbox::new(None, address))
        .subject(written.subject)
        // Programs that answer emails, such as vacation replies, leave it alone (RFC 3834 §5).
        .raw_header(auto_submitted())
        .multipart(parts);
    message.map_err(|_malformed| ComposeError::Build)
}

/// An email in one language.
struct Written {
    subject: String,
    text: String,
    html: String,
}

/// The first line of the text's template is the subject.
fn write(pages: &Pages, language: Language, shown: &Value) -> Result<Written, ComposeError> {
    let render = |template| pages.render(language, template, shown).map_err(|_problem| ComposeError::Template);
    let (whole, html) = (render(TEXT)?, render(HTML)?);
    let (subject, text) = whole.trim_start().split_once('\n').ok_or(ComposeError::Template)?;
    Ok(Written { subject: subject.trim().to_owned(), text: text.trim_start().to_owned(), html })
}

fn part(content_type: ContentType, content: String, target: &MailTarget) -> SinglePart {
    SinglePart::builder().header(content_type).body(encoded(content, target))
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

/// What the templates show. Nothing in it was typed by a user or an administrator: an email comes from the operator's
/// sender, and anyone who registers another user's address must not be able to write to it. Of the user agent only
/// the names in our own table are shown, and the network address must be one.
fn shown(notification: Notification, due: &Due, link: &str) -> Value {
    let text = |key: &str| due.details.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    // Where an administrator is, is not for those who are invited.
    let text = |key: &str| if notification == Notification::Invitation { String::new() } else { text(key) };
    context! {
        notification => notification.name(),
        is_request => notification.is_of_confirmation(),
        at => due.created_at.format("%Y-%m-%d %H:%M UTC").to_string(),
        ip => text("ip").parse::<IpAddr>().ok().map(|ip| ip.to_string()),
        device => device_name(&text("user_agent")),
        link,
    }
}

/// The labels of the providers that an email names, as the operator wrote them. One that is not configured any more is left out.
fn labels(mail: &Mail, due: &Due) -> String {
    let named = due.details.get("providers").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let providers = mail.world().config.upstream.providers.iter();
    let is_named = |name: &str| named.iter().any(|known| known.as_str() == Some(name));
    let labels = providers.filter(|provider| is_named(&provider.name)).map(|provider| provider.label.as_str());
    labels.collect::<Vec<_>>().join(", ")
}

/// The second factors that an email names: kinds and dates, and nothing that a user typed.
fn factors_left(due: &Due) -> Vec<Value> {
    let named = due.details.get("factors").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let factor = |factor: &Json| {
        let kind = factor.get("factor").and_then(Json::as_str)?;
        let since = factor.get("since").and_then(Json::as_str).and_then(|since| since.parse::<Moment>().ok())?;
        ["totp", "passkey"].contains(&kind).then(|| context! { kind, at => since.format("%Y-%m-%d").to_string() })
    };
    named.iter().filter_map(factor).collect()
}

/// What the templates of a confirmation show: as [`shown`], and the link and the code. The code is left out when it has
/// expired by now.
fn shown_of_confirmation(mail: &Mail, notification: Notification, due: &Due) -> Value {
    let (confirmation, purpose) = (due.confirmation.unwrap_or_default(), notification.confirms());
    let linked = purpose.map(|purpose| Linked { purpose, id: confirmation, user: due.confirms_for, email: &due.email });
    let link = match linked {
        Some(linked) => mail.confirmation_link(&linked),
        // A code that is typed where it was asked for: a link would lead away from there.
        None if notification == Notification::EnrolmentCode => String::new(),
        None => mail.sign_in_link(),
    };
    let expires = purpose.map(|purpose| spelled(purpose.lifetime(&mail.world().config.accounts)));
    let has_code = notification.has_code() && due.created_at + CODE_LIFETIME > mail.world().clock.now();
    let code = has_code.then(|| mail.confirmation_code(confirmation));
    context! { code, expires, ..shown(notification, due, &link) }
}

/// A lifetime in the largest unit that it is a multiple of.
fn spelled(lifetime: Duration) -> Value {
    let minutes = lifetime.as_secs().div_ceil(60);
    let units = [("days", 24 * 60), ("hours", 60)];
    let unit = units.into_iter().find(|(_, length)| minutes >= 2 * length && minutes.is_multiple_of(*length));
    let (unit, length) = unit.unwrap_or(("minutes", 1));
    context! { unit, number => minutes / length }
}

/// One of each notification, for the test that renders every template.
#[must_use]
pub fn email_samples() -> Vec<Sample> {
    let samples = |notification| [(TEXT, sample(notification)), (HTML, sample(notification))];
    Notification::ALL.into_iter().flat_map(samples).collect()
}

fn sample(notification: Notification) -> Value {
    let is_request = notification.is_of_confirmation();
    context! {
        notification => notification.name(), is_request, at => "2026-05-12 14:02 UTC", ip => "192.0.2.1",
        device => "Chrome · Windows",
        link => if matches!(notification, Notification::EnrolmentCode | Notification::EmailChangeUndone) { "" } else { "https://auth.example.com/confirm#AZrK-_x" },
        providers => "Kakao, Google",
        factors => ["totp", "passkey"].map(|kind| context! { kind, at => "2026-05-12" }).to_vec(),
        code => is_request.then_some("4821 0937"), expires => is_request.then(|| spelled(Duration::from_hours(24))),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests;
