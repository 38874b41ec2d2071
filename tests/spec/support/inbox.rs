//! The emails of a server without a mail server: files in its data directory.

use super::{TestApp, email, eventually};

/// An email as it was written.
#[derive(Debug, Clone)]
pub struct Email(pub String);

impl TestApp {
    /// How another server on the same database writes its emails into the same folder.
    pub fn mail_folder(&self) -> String {
        format!("file:{}", self.data.path().join("mail").display())
    }

    /// The emails of a kind to a user, oldest first.
    pub fn emails(&self, kind: &str, name: &str) -> Vec<Email> {
        let entries = std::fs::read_dir(self.data.path().join("mail")).into_iter().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.sort_by_key(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            name.rsplit_once('_').map(|(_, id)| id.to_owned())
        });
        let is_of_kind = |file: &std::path::PathBuf| {
            let name = file.file_name().unwrap().to_string_lossy();
            !name.starts_with('.') && name.contains(&format!("_{kind}_"))
        };
        let texts = files.into_iter().filter(is_of_kind).map(|file| std::fs::read_to_string(file).expect("an email"));
        let to = format!("To: {}\r\n", email(name));
        texts.filter(|text| text.contains(&to)).map(Email).collect()
    }

    /// The first email of a kind to a user, once it is written.
    pub async fn email(&self, kind: &str, name: &str) -> Email {
        self.email_number(1, kind, name).await
    }

    /// The email of this number, from one.
    pub async fn email_number(&self, number: usize, kind: &str, name: &str) -> Email {
        eventually("the email is written", || async { self.emails(kind, name).len() >= number }).await;
        self.emails(kind, name)[number - 1].clone()
    }

    /// Everything that was requested is looked up, and every email is written.
    pub async fn all_emails_written(&self) {
        eventually("nothing waits", || async {
            self.count("SELECT count(*) FROM confirmations WHERE looked_up_at IS NULL").await == 0
                && self.count("SELECT count(*) FROM outbox WHERE sent_at IS NULL AND abandoned_at IS NULL").await == 0
        })
        .await;
    }
}

impl Email {
    /// The token in its link.
    #[track_caller]
    pub fn token(&self) -> String {
        let (_, rest) = self.0.split_once("/confirm#").unwrap_or_else(|| panic!("no link: {}", self.0));
        rest.chars().take_while(|character| character.is_ascii_alphanumeric() || "-_".contains(*character)).collect()
    }

    /// Its code: two groups of four digits.
    #[track_caller]
    pub fn code(&self) -> String {
        let text = self.0.as_bytes();
        let is_code = |window: &&[u8]| {
            let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
            digits(&window[1..5]) && window[5] == b' ' && digits(&window[6..10]) && !window[0].is_ascii_digit()
        };
        let found = text.windows(10).find(is_code).unwrap_or_else(|| panic!("no code: {}", self.0));
        String::from_utf8(found[1..].to_vec()).expect("digits")
    }
}
