use super::smtp::{MailServerError, open};
use crate::{config::SmtpUrl, kernel::Duration};
use lettre::{
    Address, Message,
    transport::smtp::{
        Error,
        client::AsyncSmtpConnection,
        commands::{Data, Mail, Rcpt},
        extension::{Extension, MailParameter},
    },
};
use std::io::ErrorKind;
use tokio::time::timeout;

/// How long the mail server may take to greet.
const GREETING: Duration = Duration::from_secs(15);
/// How long a whole attempt may take, less than the first wait for the next.
const ATTEMPT: Duration = Duration::from_secs(45);
/// Answers about our own sign-in (RFC 4954 §6): the operator can change that, so they are not the recipient's.
const ABOUT_OUR_SIGN_IN: [u16; 4] = [530, 534, 535, 538];

/// Why an email was not sent. Never repeats what the server answered: that may quote the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotSent {
    /// Final.
    #[error("the mail server refuses the recipient")]
    RecipientRefused,
    /// Final.
    #[error("the mail server refuses the email")]
    EmailRefused,
    /// The server may learn to: tried again.
    #[error("the mail server does not support SMTPUTF8, which the address needs")]
    Utf8Unsupported,
    #[error("the mail server refuses our sender or our sign-in")]
    SenderRefused,
    #[error("the mail server reported a temporary failure")]
    Temporary,
    #[error("the mail server did not answer in time")]
    Timeout,
    #[error("the mail server is unreachable, or not usable as HEIRLOOM_SMTP_URL says: run `heirloom check`")]
    Unreachable,
    #[error("the folder for emails cannot be written ({0}): set HEIRLOOM_SMTP_URL, or a HEIRLOOM_DATA_DIR to write in")]
    Folder(ErrorKind),
}

/// The step of RFC 5321 §3.3 that the server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Sender,
    Recipient,
    Email,
}

/// Sends one email after another over one connection, and opens a new one where that broke.
pub(super) struct Delivery<'a> {
    url: &'a SmtpUrl,
    connection: Option<AsyncSmtpConnection>,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(url: &'a SmtpUrl) -> Self {
        Self { url, connection: None }
    }

    pub(super) async fn send(&mut self, message: &Message) -> Result<(), NotSent> {
        timeout(ATTEMPT, self.attempt(message)).await.unwrap_or(Err(NotSent::Timeout))
    }

    pub(super) async fn close(mut self) {
        if let Some(mut connection) = self.connection.take() {
            drop(timeout(GREETING, connection.abort()).await);
        }
    }

    /// The connection is kept only if everything went well: after anything else, its state is unknown.
    async fn attempt(&mut self, message: &Message) -> Result<(), NotSent> {
        let mut connection = self.connected().await?;
        let sent = converse(&mut connection, message).await;
        match sent {
            Ok(()) => self.connection = Some(connection),
            Err(_) => connection.abort().await,
        }
        sent
    }

    async fn connected(&mut self) -> Result<AsyncSmtpConnection, NotSent> {
        if let Some(mut kept) = self.connection.take()
            && kept.test_connected().await
        {
            return Ok(kept);
        }
        match open(self.url, GREETING).await {
            Ok(ready) => Ok(ready.connection),
            Err(MailServerError::Refused(_) | MailServerError::NoSignIn(_)) => Err(NotSent::SenderRefused),
            Err(MailServerError::Unreachable { .. } | MailServerError::NoStartTls(_) | MailServerError::Tls { .. }) => {
                Err(NotSent::Unreachable)
            }
        }
    }
}

async fn converse(connection: &mut AsyncSmtpConnection, message: &Message) -> Result<(), NotSent> {
    let (from, recipients) = (message.envelope().from().cloned(), message.envelope().to());
    let mut options = Vec::new();
    if recipients.iter().chain(from.as_ref()).any(needs_utf8) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(NotSent::Utf8Unsupported);
        }
        options.push(MailParameter::SmtpUtfEight);
    }
    connection.command(Mail::new(from, options)).await.map_err(|error| judge(Step::Sender, &error))?;
    for recipient in recipients {
        let named = connection.command(Rcpt::new(recipient.clone(), Vec::new())).await;
        named.map_err(|error| judge(Step::Recipient, &error))?;
    }
    connection.command(Data).await.map_err(|error| judge(Step::Email, &error))?;
    connection.message(&message.formatted()).await.map_err(|error| judge(Step::Email, &error))?;
    Ok(())
}

fn needs_utf8(address: &Address) -> bool {
    !AsRef::<str>::as_ref(address).is_ascii()
}

fn judge(step: Step, error: &Error) -> NotSent {
    if let Some(code) = error.status() {
        return judge_code(step, code.into());
    }
    if error.is_timeout() { NotSent::Timeout } else { NotSent::Unreachable }
}

/// Only what the server decides about this recipient or this email is final.
fn judge_code(step: Step, code: u16) -> NotSent {
    match step {
        Step::Sender | Step::Recipient | Step::Email if code < 500 => NotSent::Temporary,
        Step::Recipient if !ABOUT_OUR_SIGN_IN.contains(&code) => NotSent::RecipientRefused,
        Step::Email if !ABOUT_OUR_SIGN_IN.contains(&code) => NotSent::EmailRefused,
        Step::Sender | Step::Recipient | Step::Email => NotSent::SenderRefused,
    }
}

impl NotSent {
    /// Whether another attempt would be refused as well.
    pub(super) fn is_final(self) -> bool {
        match self {
            Self::RecipientRefused | Self::EmailRefused => true,
            Self::Utf8Unsupported
            | Self::SenderRefused
            | Self::Temporary
            | Self::Timeout
            | Self::Unreachable
            | Self::Folder(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_of_the_recipient_or_the_email_is_final() {
        for code in [500, 501, 521, 550, 551, 552, 553, 554, 571] {
            assert_eq!(judge_code(Step::Recipient, code), NotSent::RecipientRefused, "{code}");
            assert_eq!(judge_code(Step::Email, code), NotSent::EmailRefused, "{code}");
            assert!(judge_code(Step::Recipient, code).is_final() && judge_code(Step::Email, code).is_final());
            assert!(!judge_code(Step::Sender, code).is_final(), "{code} of our own sender is the operator's to change");
        }
        for step in [Step::Sender, Step::Recipient, Step::Email] {
            for code in [421, 450, 451, 452, 454] {
                assert_eq!(judge_code(step, code), NotSent::Temporary, "{step:?} {code}");
            }
            for code in ABOUT_OUR_SIGN_IN {
                assert!(!judge_code(step, code).is_final(), "{step:?} {code}");
            }
        }
    }
}
