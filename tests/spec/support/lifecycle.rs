//! What users ask for by email and confirm: forgotten passwords, other addresses.

use super::{Answer, TestApp, Tokens, email};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

impl TestApp {
    /// Requests the email of a reset.
    pub async fn forgot(&self, name: &str) -> Answer {
        self.post("/api/v1/auth/password/forgot", &json!({ "email": email(name) })).await
    }

    /// The flow of a request for a reset.
    pub async fn flow_of(&self, name: &str) -> String {
        self.forgot(name).await.expect(202).text("/flow")
    }

    /// The token of a link that resets the password.
    pub async fn link_of_reset(&self, name: &str) -> String {
        self.flow_of(name).await;
        self.email("reset-password", name).await.token()
    }

    /// Confirms by the token of a link, with what else is typed.
    pub async fn use_link(&self, token: &str, typed: Value) -> Answer {
        let mut body = typed;
        body["token"] = token.into();
        self.post("/api/v1/auth/confirmations/use", &body).await
    }

    /// Requests another address.
    pub async fn ask_for_address(&self, tokens: &Tokens, to: &str) -> Answer {
        let request = self.request("POST", "/api/v1/me/email").bearer(&tokens.access_token);
        request.json(&json!({ "email": email(to) })).send().await
    }

    /// Changes the address of an account, by its password. Returns the token that undoes it.
    pub async fn change_address(&self, tokens: &Tokens, [from, to]: [&str; 2], password: &str) -> String {
        const CONFIRM: &str = "confirm-new-email";
        const CHANGED: &str = "email-changed";
        let (asked, changed) = (self.emails(CONFIRM, to).len(), self.emails(CHANGED, from).len());
        self.ask_for_address(tokens, to).await.expect(202);
        let token = self.email_number(asked + 1, CONFIRM, to).await.token();
        self.use_link(&token, json!({ "password": password })).await.expect(200);
        self.email_number(changed + 1, CHANGED, from).await.token()
    }

    /// Signs in with a password of its own.
    pub async fn sign_in_as(&self, name: &str, password: &str) -> Answer {
        self.post("/api/v1/auth/login", &json!({ "email": email(name), "password": password })).await
    }

    /// Changes the database by itself.
    pub async fn run_sql(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(self.db()).await.expect("SQL");
    }
}
