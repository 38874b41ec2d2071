//! Whether emails can be sent.

use super::Findings;
use crate::{
    config::{Config, names},
    mail::{MailServer, probe},
};

pub async fn look(config: &Config, findings: &mut Findings) {
    let what = "mail server";
    let Some(options) = &config.mail else {
        return findings.ok(what, format!("no emails are sent: {} is not set", names::SMTP_URL));
    };
    let host = &options.smtp_url.host;
    match probe(options).await {
        Ok(MailServer { is_encrypted, has_accepted_user }) => {
            let tls = if is_encrypted { "over TLS" } else { "without TLS" };
            let user = if has_accepted_user { "accepted the user and the password" } else { "requires no sign-in" };
            findings.ok(what, format!("{host} answers {tls}, and {user}; nothing was sent"));
        }
        Err(error) => findings.error(what, &error),
    }
}
