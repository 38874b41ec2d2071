use super::{
    model::Notice,
    room::{Mail, Post},
    store::Due,
};
use crate::{
    http::Language,
    pages::{Pages, Sample, device_name},
};
use lettre::{
    Message,
    message::{Mailbox, header::ContentType},
};
use minijinja::{Value, context};
use serde_json::Value as Json;

const LETTER: &str = "mail/letter.txt";

/// Writes a letter in the person's language: the template's first line is its subject, the rest its body.
pub(super) fn write(mail: &Mail, post: &Post, pages: &Pages, due: &Due) -> Result<Message, String> {
    let notice = Notice::from_name(&due.notice).ok_or("this version knows no such notice")?;
    let language = due.language.as_deref().and_then(Language::of_tag).unwrap_or_default();
    let shown = shown(notice, due, &mail.link_to(due.id));
    let text = pages.render(language, LETTER, &shown).map_err(|problem| problem.to_string())?;
    let (subject, body) = text.trim_start().split_once('\n').ok_or("the template has no subject")?;
    let address = due.email.parse().map_err(|_invalid| "the address is none for a letter")?;
    let host = mail.world().config.http.public_url.host();
    let letter = Message::builder()
        .message_id(Some(format!("<{}@{host}>", due.id)))
        .from(post.from.clone())
        .to(Mailbox::new(None, address))
        .subject(subject.trim())
        // Nobody's holiday note answers it (RFC 3834 §5).
        .raw_header(auto_submitted())
        .header(ContentType::TEXT_PLAIN)
        .body(body.trim_start().to_owned());
    letter.map_err(|_malformed| "the letter cannot be put together".to_owned())
}

fn auto_submitted() -> lettre::message::header::HeaderValue {
    let name = lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted");
    lettre::message::header::HeaderValue::new(name, "auto-generated".to_owned())
}

fn shown(notice: Notice, due: &Due, link: &str) -> Value {
    let text = |key: &str| due.details.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    context! {
        notice => notice.name(),
        at => due.created_at.format("%Y-%m-%d %H:%M UTC").to_string(),
        ip => text("ip"),
        device => device_name(&text("user_agent")),
        link,
    }
}

/// Every letter, to be tried.
#[must_use]
pub fn letter_samples() -> Vec<Sample> {
    let sample = |notice: Notice| {
        let shown = context! {
            notice => notice.name(), at => "2026-05-12 14:02 UTC", ip => "192.0.2.1",
            device => "Chrome · Windows", link => "https://auth.example.com/end-sessions?letter=AAAA",
        };
        (LETTER, shown)
    };
    Notice::ALL.into_iter().map(sample).collect()
}
