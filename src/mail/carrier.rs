use super::{
    delivery::{Delivery, NotSent},
    folder,
};
use crate::config::{MailOptions, MailTarget};
use lettre::Message;
use std::path::Path;

/// What takes emails on: a mail server, or a folder.
pub(super) enum Carrier<'a> {
    Server(Box<Delivery<'a>>),
    Folder(&'a Path),
}

impl<'a> Carrier<'a> {
    pub(super) fn of(options: &'a MailOptions) -> Self {
        match &options.target {
            MailTarget::Server(url) => Self::Server(Box::new(Delivery::new(url))),
            MailTarget::Folder(folder) => Self::Folder(folder),
        }
    }

    /// Sends an email, or writes it into a file of this name. A second attempt replaces the file of the first.
    pub(super) async fn send(&mut self, message: &Message, name: &str) -> Result<(), NotSent> {
        match self {
            Self::Server(delivery) => delivery.send(message).await,
            Self::Folder(folder) => {
                let file = folder.join(name);
                folder::write(&file, message.formatted()).await.map_err(|error| NotSent::Folder(error.kind()))?;
                tracing::info!(?file, "mail.written");
                Ok(())
            }
        }
    }

    pub(super) async fn close(self) {
        match self {
            Self::Server(delivery) => delivery.close().await,
            Self::Folder(_) => {}
        }
    }
}
