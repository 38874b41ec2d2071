//! What the tests are written with: a server, users who call it, and expectations of its answers.

mod answer;
mod app;
mod authenticator;
mod cluster;
mod federation;
pub mod forge;
mod inbox;
mod lifecycle;
mod listener;
pub mod logs;
mod mail_stub;
pub mod passkey_device;
mod people;
pub mod proxy;
mod wire;

pub use answer::{Answer, SetCookie, Tokens};
pub use app::{MASTER_KEY, PUBLIC_URL, Request, TestApp, credentials, email, password};
pub use authenticator::{Authenticator, Enrolled};
pub use cluster::TestDatabase;
pub use federation::{Browser, federated, with_provider};
pub use forge::Forge;
pub use heirloom_testing::{eventually, holds_token};
pub use inbox::Email;
pub use listener::{Event, Listener};
pub use mail_stub::{MailStub, all_sent, link_in, readable, with_mail};
pub use people::{Admin, Person};
pub use proxy::Proxy;

/// A session id of nobody.
pub const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

/// Asks many times at once.
pub async fn at_once<F: Future>(askers: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    futures_util::future::join_all(askers).await
}

/// No token of a family works, and neither do its access tokens.
pub async fn expect_end_of(app: &TestApp, family: &[&Tokens]) {
    for tokens in family {
        app.refresh(&tokens.refresh_token).await.expect_problem(401, "session_revoked");
        app.refresh_with(&tokens.refresh_token, "a-key-of-nobody-in-particular")
            .await
            .expect_problem(401, "session_revoked");
        app.me(&tokens.access_token).await.expect_challenge("session_revoked");
        app.check(&tokens.access_token).await.expect_challenge("session_revoked");
    }
}

/// Changes the audit log, as a role that owns the tables can.
pub async fn tamper(app: &TestApp, statements: &str) {
    let before = "DROP TRIGGER IF EXISTS audit_events_append_only ON audit_events";
    let statements = format!("{before}; {statements}");
    // The server reads the same tables: Postgres may end one of two that wait for each other.
    eventually(&statements, async || {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements.clone())).execute(app.db()).await.is_ok()
    })
    .await;
}

/// How the stream of revocations names a session or a user.
pub fn stream_name(id: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, id.to_lowercase().as_bytes());
    forge::encode(&digest.as_ref()[..8])
}
