//! Whether emails can be sent.

use super::findings::Findings;
use crate::{
    config::{Config, MailTarget, SmtpUrl, names},
    mail::{MailServer, probe},
};
use std::{fs, io, path::Path};

const WHAT: &str = "mail server";

pub async fn look(config: &Config, findings: &mut Findings) {
    match &config.mail.target {
        MailTarget::Server(url) => look_at_server(url, findings).await,
        // Where users elsewhere wait for emails, the risks have a warning.
        MailTarget::Folder(folder) => look_at_folder(folder, findings),
    }
}

async fn look_at_server(url: &SmtpUrl, findings: &mut Findings) {
    let host = &url.host;
    match probe(url).await {
        Ok(MailServer { is_encrypted, has_accepted_user }) => {
            let tls = if is_encrypted { "over TLS" } else { "without TLS" };
            let user = if has_accepted_user { "accepted the user and the password" } else { "requires no sign-in" };
            findings.ok(WHAT, format!("{host} answers {tls}, and {user}; nothing was sent"));
        }
        Err(error) => findings.error(WHAT, &error),
    }
}

fn look_at_folder(folder: &Path, findings: &mut Findings) {
    let shown = folder.display();
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => {
            findings.fail(WHAT, format!("emails cannot be written: {shown} is not a folder"));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            findings.fail(WHAT, format!("emails cannot be written to {shown}: {error}"));
        }
        Ok(_) | Err(_) => findings.ok(
            WHAT,
            format!(
                "none: emails are written to {shown}, readable by every user who may read files there; {} sends them",
                names::SMTP_URL
            ),
        ),
    }
}
