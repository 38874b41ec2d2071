use super::smtp;
use crate::{
    config::{MailOptions, SmtpSecurity, SmtpUrl},
    confirmations::{ConfirmationKeys, Linked},
    kernel::{MasterKeys, SealedIds},
    world::World,
};
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// What sending emails and reading their links needs.
#[derive(Clone)]
pub struct Mail(Arc<Room>);

struct Room {
    world: World,
    links: SealedIds,
    confirmations: ConfirmationKeys,
}

/// Why no email can be sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The TLS library does not accept the host; what it reports may quote the URL, which may hold a password.
    #[error("HEIRLOOM_SMTP_URL cannot be used: write smtps://user:password@host or smtp://host:25")]
    Url,
}

/// Where an email's link leads.
const LINK_PAGE: &str = crate::http::paths::END_SESSIONS_PAGE;
/// Where the link of a confirmation leads. Its token is a fragment: no log of a proxy and no `Referer` holds it (L-10).
const CONFIRM_PAGE: &str = crate::http::paths::CONFIRM_PAGE;

impl Mail {
    /// The room.
    ///
    /// # Errors
    /// When the options name a mail server in a way that cannot be used.
    pub fn open(world: World, masters: &MasterKeys) -> Result<Self, MailError> {
        world.config.mail.server().map(check).transpose()?;
        let links = SealedIds::new(masters, "heirloom/mail-link/v1");
        Ok(Self(Arc::new(Room { links, confirmations: ConfirmationKeys::new(masters), world })))
    }

    /// The email of a genuine link, which may be used already.
    #[must_use]
    pub fn email_of_link(&self, text: &str) -> Option<Uuid> {
        self.0.links.read(text)
    }

    pub(super) fn link_to(&self, email: Uuid) -> String {
        let carried = self.0.links.write(email).unwrap_or_default();
        format!("{}{LINK_PAGE}?email={carried}", self.0.world.config.http.public_url)
    }

    /// The link of a confirmation.
    pub(super) fn confirmation_link(&self, linked: &Linked<'_>) -> String {
        let token = self.0.confirmations.token(linked);
        format!("{}{CONFIRM_PAGE}#{token}", self.0.world.config.http.public_url)
    }

    /// The code of a confirmation, in two groups.
    pub(super) fn confirmation_code(&self, confirmation: Uuid) -> String {
        let code = self.0.confirmations.code(confirmation);
        code.split_at_checked(code.len() / 2).map_or_else(String::new, |(first, second)| format!("{first} {second}"))
    }

    /// Where a user signs in.
    pub(super) fn sign_in_link(&self) -> String {
        format!("{}{}", self.0.world.config.http.public_url, crate::http::paths::LOGIN_PAGE)
    }

    pub(super) fn options(&self) -> &MailOptions {
        &self.0.world.config.mail
    }

    pub(super) fn world(&self) -> &World {
        &self.0.world
    }
}

fn check(url: &SmtpUrl) -> Result<(), MailError> {
    if url.security == SmtpSecurity::None {
        return Ok(());
    }
    smtp::parameters(url).map(drop).map_err(|_may_quote_it| MailError::Url)
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mail")
    }
}
