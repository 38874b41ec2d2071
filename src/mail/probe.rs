use super::smtp::{MailServer, MailServerError, open};
use crate::{config::SmtpUrl, kernel::Duration};

/// How long a mail server may take where an operator waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tries the mail server up to the point at which an email would be sent.
///
/// # Errors
/// Names the step that failed, and nothing that the server answered: it may repeat the user.
pub async fn probe(url: &SmtpUrl) -> Result<MailServer, MailServerError> {
    let mut ready = open(url, PATIENCE).await?;
    ready.connection.abort().await;
    Ok(ready.server)
}
