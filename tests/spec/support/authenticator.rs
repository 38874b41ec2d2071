use super::{TestApp, people::Person};
use serde_json::json;
use totp_rs::{Builder, Secret, Totp};

/// An authenticator app.
pub struct Authenticator(Totp);

/// A user with an app and recovery codes, set up over HTTP.
pub struct Enrolled {
    /// Their app.
    pub app: Authenticator,
    /// Their ten recovery codes.
    pub recovery_codes: Vec<String>,
}

impl Authenticator {
    /// An app into which this secret was typed.
    pub fn with(secret: &str) -> Self {
        Self(Builder::new().with_secret(Secret::try_from_base32(secret).expect("base32")).build().expect("an app"))
    }

    /// What it shows so many steps from now.
    pub fn code(&self, app: &TestApp, steps: i64) -> String {
        let seconds = app.world.clock.now().timestamp() + 30 * steps;
        self.0.generate(u64::try_from(seconds).expect("after 1970")).to_string()
    }

    /// A code that is accepted for a minute at least, however slow the machine is, as if none had been accepted lately.
    pub async fn next(&self, app: &TestApp) -> String {
        sqlx::query("UPDATE totp_secrets SET last_step = last_step - 9").execute(app.db()).await.expect("SQL");
        self.code(app, 1)
    }

    /// A code that it does not show.
    pub fn wrong(&self, app: &TestApp) -> String {
        let right: Vec<_> = (-2..=2).map(|steps| self.code(app, steps)).collect();
        (0..1_000_000).map(|code| format!("{code:06}")).find(|code| !right.contains(code)).expect("one of them")
    }

    /// The bytes of its secret.
    pub fn secret(&self) -> &[u8] {
        self.0.secret().as_ref()
    }
}

impl TestApp {
    /// Sets up an app for the user of an access token.
    pub async fn enrol(&self, access_token: &str) -> Enrolled {
        let begin = self.request("POST", "/api/v1/me/factors/totp").bearer(access_token);
        let authenticator = Authenticator::with(&begin.send().await.expect(200).text("/secret"));
        let body = json!({ "code": authenticator.code(self, 1) });
        let confirm = self.request("POST", "/api/v1/me/factors/totp/confirm").bearer(access_token).json(&body);
        let codes = confirm.send().await.expect(200).json()["recovery_codes"].as_array().expect("codes").clone();
        let recovery_codes = codes.iter().map(|code| code.as_str().expect("a text").to_owned()).collect();
        Enrolled { app: authenticator, recovery_codes }
    }
}

impl Person<'_> {
    /// Sets up an app.
    pub async fn enrol(&self, app: &TestApp) -> Enrolled {
        app.enrol(&self.tokens.access_token).await
    }
}
