//! Databases that we cannot use are refused by the start and by the check, in the same words, with what to do.

use heirloom_testing::{Home, Ran, eventually};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    str::FromStr,
    time::Duration,
};

/// Of the installations here.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=";

/// A Postgres with any databases and roles.
pub struct Postgres(Home);

impl Postgres {
    pub async fn start() -> Self {
        let home = Home::start().await;
        let folder = fs::read_to_string(home.data_dir().join("postgres.location"));
        let folder = folder.map_or_else(|_usual| home.data_dir().join("postgres"), PathBuf::from).join("data");
        // The superuser has no password that we know.
        fs::write(folder.join("pg_hba.conf"), "local all all trust\n").unwrap();
        let postmaster = fs::read_to_string(folder.join("postmaster.pid")).unwrap();
        let reload = Command::new("kill").args(["-HUP", postmaster.lines().next().unwrap()]).status().unwrap();
        assert!(reload.success());
        let postgres = Self(home);
        while postgres.superuser("postgres").connect().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        postgres
    }

    /// How the superuser connects.
    pub fn superuser(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::from_str(&self.0.url_of(database)).unwrap().username("postgres")
    }

    /// Runs statements in a database, one after another, as the superuser.
    pub async fn run(&self, database: &str, statements: &[&str]) {
        let mut connection = self.superuser(database).connect().await.unwrap();
        for statement in statements {
            let done = sqlx::raw_sql(AssertSqlSafe((*statement).to_owned())).execute(&mut connection).await;
            done.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        connection.close().await.unwrap();
    }

    /// A connection of the role that owns our tables.
    pub async fn connect(&self, database: &str) -> PgConnection {
        PgConnectOptions::from_str(&self.0.url_of(database)).unwrap().connect().await.unwrap()
    }

    /// An installation on this database.
    pub fn home(&self, database: &str) -> Home {
        Self::at(&self.0.url_of(database))
    }

    /// An installation on this database, as a role whose password is its name.
    pub fn home_of(&self, database: &str, role: &str) -> Home {
        let options = PgConnectOptions::from_str(&self.0.url_of(database)).unwrap();
        Self::at(options.username(role).password(role).to_url_lossy().as_str())
    }

    /// An installation on this database, with `options` for each session.
    pub fn home_with(&self, database: &str, options: &str) -> Home {
        Self::at(&format!("{}&options={options}", self.0.url_of(database)))
    }

    fn at(url: &str) -> Home {
        let home = Home::empty().with("DATABASE_URL", url).with("HEIRLOOM_MASTER_KEY", KEY);
        home.with("HEIRLOOM_BIND", "127.0.0.1:0").with("HEIRLOOM_METRICS_BIND", "")
    }
}

/// The findings of a check about one thing: `verdict: detail`.
pub fn found(checked: &Ran, what: &str) -> String {
    let report = checked.json();
    let about = report["findings"].as_array().unwrap().iter().filter(|finding| finding["what"] == what);
    let about = about
        .map(|finding| format!("{}: {}", finding["verdict"].as_str().unwrap(), finding["detail"].as_str().unwrap()));
    about.collect::<Vec<_>>().join("\n")
}

/// What a server logs until it listens or gives up; it is ended then.
pub fn log_of_start(home: &Home, arguments: &[&str]) -> String {
    let mut server = home.command(arguments).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = String::new();
    for line in BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok) {
        log = format!("{log}{line}\n");
        if line.contains("app.listening") {
            break;
        }
    }
    server.kill().unwrap();
    server.wait().unwrap();
    log
}

/// The check, `migrate` and the start refuse it, each with these words.
#[track_caller]
fn assert_refused(home: &Home, what: &str, words: &str) {
    let checked = home.run(&["check", "--json"]);
    assert_eq!(checked.code, 1, "{checked:?}");
    let detail = found(&checked, what);
    assert!(detail.starts_with("fail: ") && detail.contains(words), "{words:?} is not in {detail:?}: {checked:?}");
    home.run(&["migrate"]).refused(1, words);
    home.run(&["serve"]).refused(1, words);
    assert!(!home.run(&["migrate"]).stderr.contains("42"), "no code of Postgres' instead of a reason");
}

///
#[tokio::test]
async fn a_database_that_is_not_utf8_is_refused() {
    let postgres = Postgres::start().await;
    let create =
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0 OWNER heirloom";
    let ascii =
        "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0 OWNER heirloom";
    postgres.run("postgres", &[create, ascii]).await;
    for database in ["latin", "ascii"] {
        assert_refused(&postgres.home(database), "encoding", "CREATE DATABASE … ENCODING 'UTF8'");
    }
}

/// Whatever else sets it, the encoding of our connections is UTF-8: only that of a pooler can be another one.
#[tokio::test]
async fn no_setting_changes_the_encoding_of_our_connections() {
    let postgres = Postgres::start().await;
    let in_the_url = postgres.home_with("heirloom", "-c%20client_encoding%3DLATIN1");
    let in_the_environment =
        postgres.home("heirloom").with("PGCLIENTENCODING", "LATIN1").with("PGOPTIONS", "-c client_encoding=LATIN1");
    let of_the_database = postgres.home("heirloom");
    for home in [&in_the_url, &in_the_environment] {
        assert_eq!(found(&home.run(&["check", "--json"]), "encoding"), "ok: UTF8");
    }
    postgres.run("heirloom", &["ALTER DATABASE heirloom SET client_encoding = 'LATIN1'"]).await;
    assert_eq!(found(&of_the_database.run(&["check", "--json"]), "encoding"), "ok: UTF8");
    in_the_url.run(&["migrate"]).done();
    let add = ["user", "add", "alice@example.com", "--name", "다온 Ω"];
    in_the_url.type_in(&add, "plum-garage-velvet-9\n").done();
    let mut connection = postgres.connect("heirloom").await;
    let name = sqlx::query_scalar::<_, String>("SELECT name FROM users").fetch_one(&mut connection).await.unwrap();
    assert_eq!(name, "다온 Ω");
}

/// What the options in `DATABASE_URL` set for each connection, the start and the check look at.
#[tokio::test]
async fn options_that_break_our_statements_are_refused() {
    let postgres = Postgres::start().await;
    postgres.home("heirloom").run(&["migrate"]).done();
    for (options, what, words) in [
        ("-c%20default_transaction_read_only%3Don", "writes", "default_transaction_read_only is on"),
        ("-c%20search_path%3Dnowhere", "schema", "no schema of the search_path"),
        ("-c%20search_path%3Dpg_catalog", "privileges", "may not create tables in the schema pg_catalog"),
    ] {
        let home = postgres.home_with("heirloom", options);
        let checked = home.run(&["check", "--json"]);
        let detail = found(&checked, what);
        assert!(detail.starts_with("fail: ") && detail.contains(words), "{options}: {detail:?} {checked:?}");
        assert_eq!(checked.code, 1, "{options}");
        home.run(&["serve"]).refused(1, words);
    }
    let checked = postgres.home_with("heirloom", "-c%20standard_conforming_strings%3Doff").run(&["check", "--json"]);
    let settings = found(&checked, "settings");
    assert!(settings.starts_with("warn: ") && settings.contains("standard_conforming_strings is off"), "{checked:?}");
    assert_eq!(found(&postgres.home("heirloom").run(&["check", "--json"]), "settings"), "", "nothing to warn of");
}

///
#[tokio::test]
async fn a_role_that_may_not_create_tables_is_refused_before_anything_is_created() {
    let postgres = Postgres::start().await;
    let grant = "GRANT CONNECT ON DATABASE heirloom TO poor";
    postgres.run("heirloom", &["CREATE ROLE poor LOGIN PASSWORD 'poor'", grant]).await;
    assert_refused(&postgres.home_of("heirloom", "poor"), "privileges", "GRANT CREATE ON SCHEMA public TO poor");
    let mut connection = postgres.connect("heirloom").await;
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut connection).await.unwrap(), 0);
}

/// Commands need no more rights than the server; only `migrate` needs the owner's.
#[tokio::test]
async fn a_role_that_may_only_read_and_write_rows_runs_the_server_and_every_command() {
    let postgres = Postgres::start().await;
    postgres.home("heirloom").run(&["migrate"]).done();
    postgres
        .run(
            "heirloom",
            &["CREATE ROLE runtime LOGIN PASSWORD 'runtime'; GRANT CONNECT ON DATABASE heirloom TO runtime"],
        )
        .await;
    let home = postgres.home_of("heirloom", "runtime");
    let words = "Run `heirloom migrate` with the owner in HEIRLOOM_DATABASE_URL_OWNER and runtime in DATABASE_URL";
    assert_refused(&home, "privileges", words);
    let almost = [
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO runtime",
        "REVOKE DELETE ON sessions FROM runtime",
    ];
    postgres.run("heirloom", &almost).await;
    assert_refused(&home, "privileges", "lacks DELETE on sessions");
    postgres.run("heirloom", &["GRANT DELETE ON sessions TO runtime"]).await;

    home.add("alice@example.com", &[]);
    for command in [&["user", "list"][..], &["sessions", "list"], &["keys", "list"], &["sweep"], &["migrate"]] {
        home.run(command).done();
    }
    for start in [&["serve", "--no-migrate"][..], &["serve"]] {
        let log = log_of_start(&home, start);
        assert!(log.contains("app.listening"), "{log}");
    }
    let checked = home.run(&["check", "--json"]);
    assert_eq!((checked.code, found(&checked, "migrations")), (0, "ok: all are applied".to_owned()), "{checked:?}");
}

///
#[tokio::test]
async fn a_command_migrates_no_database_that_it_was_given() {
    let postgres = Postgres::start().await;
    postgres.home("heirloom").run(&["user", "list"]).refused(1, "migrations are missing: run `heirloom migrate`");
    let log = log_of_start(&postgres.home("heirloom"), &["serve", "--no-migrate"]);
    assert!(log.contains("migrations are missing: run `heirloom migrate`"), "{log}");
}

///
#[tokio::test]
async fn tables_of_another_program_are_not_touched() {
    let postgres = Postgres::start().await;
    let theirs =
        ["CREATE TABLE users (id serial PRIMARY KEY, login text)", "INSERT INTO users (login) VALUES ('them')"];
    postgres.run("heirloom", &theirs).await;
    let home = postgres.home("heirloom");
    assert_refused(&home, "schema", "contains tables of another program with the same names as Heirloom's (users)");
    let mut connection = postgres.superuser("heirloom").connect().await.unwrap();
    let theirs: String = sqlx::query_scalar("SELECT login FROM users").fetch_one(&mut connection).await.unwrap();
    assert_eq!(theirs, "them");

    // As the refusal advises.
    postgres.run("heirloom", &["CREATE SCHEMA heirloom AUTHORIZATION heirloom"]).await;
    let home = postgres.home_with("heirloom", "-c%20search_path%3Dheirloom");
    home.run(&["migrate"]).done();
    home.add("alice@example.com", &[]);
    assert_eq!(home.run(&["check"]).code, 0);
}

///
#[tokio::test]
async fn a_search_path_that_leads_elsewhere_is_refused() {
    let postgres = Postgres::start().await;
    assert_refused(
        &postgres.home_with("heirloom", "-c%20search_path%3Dnowhere"),
        "schema",
        "no schema of the search_path",
    );
    let home = postgres.home_with("heirloom", "-c%20search_path%3Dpg_catalog");
    assert_refused(&home, "schema", "no schema of the search_path (pg_catalog) exists for tables of ours");
    postgres.home("heirloom").run(&["migrate"]).done();
    let shadow = ["CREATE SCHEMA other AUTHORIZATION heirloom", "CREATE TABLE other.users (id int)"];
    postgres.run("heirloom", &shadow).await;
    let home = postgres.home_with("heirloom", "-c%20search_path%3Dother%2Cpublic");
    assert_refused(&home, "schema", "finds users in other");
}

///
#[tokio::test]
async fn a_database_that_does_not_let_us_write_or_see_everything_is_refused() {
    let postgres = Postgres::start().await;
    postgres.home("heirloom").run(&["migrate"]).done();
    let role = [
        "CREATE ROLE runtime LOGIN PASSWORD 'runtime'; GRANT CONNECT ON DATABASE heirloom TO runtime",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO runtime",
        "ALTER ROLE runtime SET default_transaction_read_only = on",
    ];
    postgres.run("heirloom", &role).await;
    let home = postgres.home_of("heirloom", "runtime");
    assert_refused(&home, "writes", "RESET default_transaction_read_only");
    let hidden =
        ["ALTER ROLE runtime RESET default_transaction_read_only", "ALTER TABLE users ENABLE ROW LEVEL SECURITY"];
    postgres.run("heirloom", &hidden).await;
    assert_refused(&home, "row security", "ALTER TABLE users DISABLE ROW LEVEL SECURITY");
    postgres.run("heirloom", &["ALTER TABLE users DISABLE ROW LEVEL SECURITY"]).await;
    home.run(&["user", "list"]).done();
}

/// Triggers reject revocations of the future (S-65), and an answered refresh survives a crash (S-4).
#[tokio::test]
async fn settings_that_take_promises_back_are_refused_or_reported() {
    let postgres = Postgres::start().await;
    postgres.run("heirloom", &["GRANT SET ON PARAMETER session_replication_role TO heirloom"]).await;
    let home = postgres.home_with("heirloom", "-c%20session_replication_role%3Dreplica");
    assert_refused(&home, "settings", "session_replication_role is replica");
    let home = postgres.home_with("heirloom", "-c%20synchronous_commit%3Doff");
    let words = "synchronous_commit is off";
    assert!(found(&home.run(&["check", "--json"]), "settings").contains(&format!("warn: {words}")));
    assert!(log_of_start(&home, &["serve"]).contains(words), "each start says so");
    let home = postgres.home_with("heirloom", "-c%20synchronous_commit%3Dlocal");
    assert!(!found(&home.run(&["check", "--json"]), "settings").contains(words));
}

/// S-4: without it, a crash of the machine takes answered refreshes back, or the whole database.
#[tokio::test]
async fn a_database_that_does_not_flush_is_reported_by_check_and_start() {
    let postgres = Postgres::start().await;
    let home = postgres.home("heirloom");
    let words = "fsync is off: a crash of the machine may destroy the database";
    assert!(!found(&home.run(&["check", "--json"]), "settings").contains(words));
    for (value, is_reported) in [("off", true), ("on", false)] {
        postgres.run("heirloom", &[&format!("ALTER SYSTEM SET fsync = {value}")]).await;
        postgres.run("heirloom", &["SELECT pg_reload_conf()"]).await;
        eventually("the setting is read", async || {
            found(&home.run(&["check", "--json"]), "settings").contains(words) == is_reported
        })
        .await;
        assert_eq!(log_of_start(&home, &["serve"]).contains(words), is_reported, "fsync = {value}");
    }
}

///
#[tokio::test]
async fn an_owner_that_leads_to_another_database_is_refused_before_anything_is_created() {
    let postgres = Postgres::start().await;
    postgres.run("heirloom", &["CREATE DATABASE other OWNER heirloom"]).await;
    let (here, elsewhere) = (postgres.0.url_of("heirloom"), postgres.0.url_of("other"));
    let home = || postgres.home("heirloom");
    assert_refused(&home().with("HEIRLOOM_DATABASE_URL_OWNER", &elsewhere), "owner", "leads to another database");
    let mut other = postgres.connect("other").await;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_class WHERE relname = 'users'")
        .fetch_one(&mut other)
        .await
        .unwrap();
    assert_eq!(tables, 0);
    home().with("HEIRLOOM_DATABASE_URL_OWNER", &here).run(&["migrate"]).done();
    assert_refused(&home().with("HEIRLOOM_DATABASE_URL_OWNER", &elsewhere), "owner", "leads to another database");
}

#[tokio::test]
async fn migrations_of_another_text_are_refused() {
    let postgres = Postgres::start().await;
    let home = postgres.home("heirloom");
    home.run(&["migrate"]).done();
    let change = "UPDATE heirloom_migrations SET checksum = '\\x00' WHERE version = 20261123030000";
    postgres.run("heirloom", &[change]).await;
    assert_refused(&home, "migrations", "20261123030000");
}

/// C-35: In our own words: not as a notice of the library, one for each connection.
#[tokio::test]
async fn a_collation_of_another_version_is_reported_by_check_and_start() {
    let postgres = Postgres::start().await;
    let create =
        "CREATE DATABASE icu ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'und' TEMPLATE template0 OWNER heirloom";
    let change = "UPDATE pg_database SET datcollversion = '1.0' WHERE datname = 'icu'";
    postgres.run("postgres", &[create, change]).await;
    let home = postgres.home("icu");
    home.run(&["migrate"]);
    let checked = home.run(&["check", "--json"]);
    let collation = found(&checked, "collation");
    assert!(collation.starts_with("warn: ") && collation.contains("REFRESH COLLATION VERSION"), "{checked:?}");
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""));
    let log = log_of_start(&home, &["serve"]);
    assert_eq!(log.matches("REFRESH COLLATION VERSION").count(), 1, "{log}");
    assert!(!log.contains("collation version mismatch"), "{log}");
}

/// Any role may hold any advisory lock.
#[tokio::test]
async fn a_strangers_lock_keeps_no_server_from_migrating() {
    let postgres = Postgres::start().await;
    postgres.run("heirloom", &["CREATE ROLE stranger LOGIN; GRANT CONNECT ON DATABASE heirloom TO stranger"]).await;
    let mut stranger = postgres.superuser("heirloom").username("stranger").connect().await.unwrap();
    // The number that sqlx locks: a checksum of the database's name.
    let locked = sqlx::query("SELECT pg_advisory_lock($1)").bind(0x3d32_ad9e_i64 * i64::from(crc32("heirloom")));
    locked.execute(&mut stranger).await.unwrap();
    postgres.home("heirloom").run(&["migrate"]).done();
    let refused = sqlx::raw_sql("BEGIN; LOCK TABLE heirloom_migrations IN SHARE UPDATE EXCLUSIVE MODE");
    let refused = refused.execute(&mut stranger).await.unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
}

/// CRC-32 (IEEE 802.3).
fn crc32(text: &str) -> u32 {
    let shifted = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    let step = |crc: u32, byte: u8| (0..8).fold(crc ^ u32::from(byte), |crc, _| shifted(crc));
    !text.bytes().fold(u32::MAX, step)
}
