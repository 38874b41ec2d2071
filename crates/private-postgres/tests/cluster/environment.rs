//! What the process that starts Postgres brings along. Each test runs a second time, as a process of its own.

use crate::place::{Place, are_we_root, mode, show};
use private_postgres::{Role, StartError, Tenant};
use sqlx::PgConnection;
use std::{fs, os::unix::process::CommandExt, path::Path, process::Command};

/// Says to a test that it is the second run.
const SECOND: &str = "PRIVATE_POSTGRES_TEST_SECOND_RUN";

/// This test again: a command that succeeds if it does.
fn again(test: &str, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture"]).env(SECOND, "1").current_dir("/");
    command
}

#[expect(clippy::disallowed_methods, reason = "the environment is what is tested")]
fn is_second_run() -> bool {
    std::env::var_os(SECOND).is_some()
}

fn program() -> std::path::PathBuf {
    std::env::current_exe().unwrap()
}

#[tokio::test]
async fn variables_of_libpq_and_of_the_locale_reach_neither_postgres_nor_connections() {
    if !is_second_run() {
        let mut second = again(
            "environment::variables_of_libpq_and_of_the_locale_reach_neither_postgres_nor_connections",
            &program(),
        );
        for (name, value) in [
            ("PGHOST", "192.0.2.1"),
            ("PGHOSTADDR", "192.0.2.1"),
            ("PGPORT", "1"),
            ("PGUSER", "stranger"),
            ("PGPASSWORD", "wrong"),
            ("PGDATABASE", "nowhere"),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", "/nowhere"),
            ("PGAPPNAME", "stranger"),
            ("PGDATA", "/nowhere"),
            ("PGTZ", "Asia/Seoul"),
            ("PGCLIENTENCODING", "LATIN1"),
            ("TZ", "Asia/Seoul"),
            ("LC_ALL", "C.UTF-8"),
            ("LANG", "ko_KR.UTF-8"),
            ("LC_MESSAGES", "ko_KR.UTF-8"),
        ] {
            second.env(name, value);
        }
        assert!(second.status().unwrap().success());
        return;
    }
    let place = Place::new();
    let postgres = place.start(Tenant::Server).await;
    for (setting, value) in [
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("lc_messages", "C"),
        ("server_encoding", "UTF8"),
        ("client_encoding", "UTF8"),
        ("application_name", "heirloom"),
    ] {
        assert_eq!(show(&postgres, setting).await, value, "{setting}");
    }
    postgres.stop().await.unwrap();
}

/// sqlx puts it into every connection, and it cannot be taken out again.
#[tokio::test]
async fn options_for_every_connection_are_refused() {
    if !is_second_run() {
        let mut second = again("environment::options_for_every_connection_are_refused", &program());
        assert!(second.env("PGOPTIONS", "-c search_path=elsewhere").status().unwrap().success());
        return;
    }
    let place = Place::new();
    let refusal = place.refusal(Tenant::Server).await;
    assert!(matches!(refusal, StartError::Options), "{refusal:?}");
}

/// Only root can become a user id that has no name.
#[tokio::test]
async fn a_user_id_without_a_name_is_reported_with_the_remedy() {
    if is_second_run() {
        let place = Place::new();
        let refusal = place.refusal(Tenant::Server).await;
        assert!(matches!(refusal, StartError::NoName { user: 54_321 }), "{refusal:?}");
        let message = refusal.to_string();
        assert!(message.contains("/etc/passwd") && message.contains("heirloom:x:54321:54321:"), "{message}");
        assert!(!place.settings.data_dir.exists(), "nothing was created");
        assert!(private_postgres::PrivatePostgres::exists(&place.settings).is_err(), "asking says so too");
    } else if are_we_root() {
        // Where our own build is, the other user may not be let through.
        let folder = tempfile::Builder::new().permissions(mode(0o755)).tempdir().unwrap();
        let copy = folder.path().join("test");
        fs::copy(program(), &copy).unwrap();
        let mut second = again("environment::a_user_id_without_a_name_is_reported_with_the_remedy", &copy);
        assert!(second.uid(54_321).gid(54_321).status().unwrap().success());
    }
}

#[tokio::test]
async fn a_password_in_the_environment_is_not_kept_for_connections() {
    let place = Place::new();
    let postgres = place.start(Tenant::Command).await;
    let options = postgres.connect_options(Role::Runtime);
    assert!(sqlx::ConnectOptions::to_url_lossy(&options).password().unwrap_or_default().is_empty());
    drop(<PgConnection as sqlx::Connection>::connect_with(&options).await.unwrap());
    postgres.stop().await.unwrap();
}
