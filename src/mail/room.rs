use super::{link::LinkKeys, transport::transport};
use crate::{config::MailOptions, kernel::MasterKeys, world::World};
use lettre::{AsyncSmtpTransport, Tokio1Executor, message::Mailbox};
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// The mail room: what its verbs need.
#[derive(Clone)]
pub struct Mail(Arc<Room>);

struct Room {
    world: World,
    links: LinkKeys,
    /// None: no mail is sent.
    post: Option<Post>,
}

/// How letters leave.
pub(super) struct Post {
    pub transport: AsyncSmtpTransport<Tokio1Executor>,
    pub from: Mailbox,
}

/// Why no mail can be sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The SMTP library does not understand the URL; what it says of it may hold a password.
    #[error("HEIRLOOM_SMTP_URL cannot be used: write smtps://user:password@host or smtp://host:25")]
    Url,
}

/// Where a letter's link leads.
pub(super) const LINK_PAGE: &str = crate::http::paths::END_SESSIONS_PAGE;

impl Mail {
    /// The room.
    ///
    /// # Errors
    /// When the options name a mail server in a way that cannot be used.
    pub fn open(world: World, masters: &MasterKeys) -> Result<Self, MailError> {
        let post = world.config.mail.as_ref().map(post).transpose()?;
        Ok(Self(Arc::new(Room { links: LinkKeys::new(masters), post, world })))
    }

    /// The letter of a genuine link, which may be spent.
    #[must_use]
    pub fn letter_of_link(&self, text: &str) -> Option<Uuid> {
        self.0.links.read(text)
    }

    pub(super) fn link_to(&self, letter: Uuid) -> String {
        let carried = self.0.links.write(letter).unwrap_or_default();
        format!("{}{LINK_PAGE}?letter={carried}", self.0.world.config.http.public_url)
    }

    pub(super) fn world(&self) -> &World {
        &self.0.world
    }

    pub(super) fn post(&self) -> Option<&Post> {
        self.0.post.as_ref()
    }
}

fn post(options: &MailOptions) -> Result<Post, MailError> {
    let transport = transport(&options.smtp_url).map_err(|_may_quote_it| MailError::Url)?;
    Ok(Post { transport, from: options.from.clone() })
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mail")
    }
}
