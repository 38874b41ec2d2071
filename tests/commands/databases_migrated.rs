//! What a database of the version before becomes.

use crate::databases::{Postgres, found};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, migrate::Migrator};
use std::path::Path;

/// The last migration of the version that kept its history in `_sqlx_migrations` and compared text by collation.
const BEFORE: i64 = 20_261_123_999_999;
const USER: &str = "INSERT INTO users (id, email, password_hash, created_at) VALUES";

async fn migrate_as_before(connection: &mut PgConnection) {
    let mut migrations = Migrator::new(Path::new("migrations")).await.unwrap();
    migrations.set_ignore_missing(true);
    migrations.run_direct(Some(BEFORE), connection, false).await.unwrap();
}

async fn texts(connection: &mut PgConnection, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn the_history_of_the_previous_version_is_copied_and_kept() {
    let postgres = Postgres::start().await;
    let mut connection = postgres.connect("heirloom").await;
    migrate_as_before(&mut connection).await;
    sqlx::query(AssertSqlSafe(format!("{USER} (gen_random_uuid(), 'alice@example.com', 'x', now())")))
        .execute(&mut connection)
        .await
        .unwrap();
    let home = postgres.home("heirloom");
    let checked = home.run(&["check", "--json"]);
    assert!(found(&checked, "migrations").starts_with("warn: "), "{checked:?}");
    assert!(!checked.stdout.contains("20261123"), "what was applied is not missing: {checked:?}");
    home.run(&["migrate"]).done();
    assert_eq!(home.run(&["migrate"]).done().stdout.trim(), "Nothing to do: all migrations have already been applied.");
    let known = "SELECT count(*)::text FROM _sqlx_migrations AS old JOIN heirloom_migrations AS new
        USING (version, checksum, success, installed_on)";
    let kept = "SELECT count(*)::text FROM _sqlx_migrations";
    assert_eq!(texts(&mut connection, known).await, texts(&mut connection, kept).await);
    assert!(home.run(&["user", "list"]).done().stdout.contains("alice@example.com"));
}

/// Several instances that start at once: one applies the migrations, and none is in its way or loses its connection.
#[tokio::test]
async fn any_number_of_processes_may_migrate_at_once() {
    let postgres = Postgres::start().await;
    for round in 0..3 {
        let database = format!("round_{round}");
        postgres.run("postgres", &[&format!("CREATE DATABASE {database} OWNER heirloom")]).await;
        let homes: Vec<_> = (0..4).map(|_| postgres.home(&database)).collect();
        let all: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = homes.iter().map(|home| scope.spawn(|| home.run(&["migrate"]))).collect();
            running.into_iter().map(|ran| ran.join().unwrap()).collect()
        });
        assert!(all.iter().all(|ran| ran.code == 0), "{all:?}");
        assert_eq!(all.iter().filter(|ran| !ran.stdout.contains("Nothing to do")).count(), 1, "{all:?}");
    }
}

/// The process that created it was stopped before the first migration, or is still running.
#[tokio::test]
async fn a_table_of_migrations_without_a_migration_is_our_own() {
    let postgres = Postgres::start().await;
    let table = "CREATE TABLE heirloom_migrations (version bigint PRIMARY KEY, description text NOT NULL,
        installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL,
        execution_time bigint NOT NULL)";
    sqlx::raw_sql(table).execute(&mut postgres.connect("heirloom").await).await.unwrap();
    let home = postgres.home("heirloom");
    assert!(found(&home.run(&["check", "--json"]), "schema").starts_with("ok: "));
    home.run(&["migrate"]).done();
    assert!(found(&home.run(&["check", "--json"]), "migrations").starts_with("ok: "));
}

///
#[tokio::test]
async fn the_migrations_of_another_program_are_neither_read_nor_written() {
    let postgres = Postgres::start().await;
    let theirs = "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL,
        installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL,
        execution_time bigint NOT NULL);
        INSERT INTO _sqlx_migrations VALUES (20261123030000, 'theirs', now(), true, '\\x01', 1)";
    postgres.run("heirloom", &[theirs]).await;
    postgres.home("heirloom").run(&["migrate"]).done();
    let mut connection = postgres.superuser("heirloom").connect().await.unwrap();
    let left = "SELECT description FROM _sqlx_migrations";
    assert_eq!(texts(&mut connection, left).await, ["theirs"]);
    // One with other columns does not prevent it either.
    let other = ["CREATE DATABASE other OWNER heirloom"];
    postgres.run("heirloom", &other).await;
    postgres.run("other", &["CREATE TABLE _sqlx_migrations (name text)"]).await;
    postgres.home("other").run(&["migrate"]).done();
}

/// C-35: A database's own collation is a library of the operating system: its next version finds other rows by an index.
#[tokio::test]
async fn every_text_compares_byte_by_byte() {
    let postgres = Postgres::start().await;
    postgres.home("heirloom").run(&["migrate"]).done();
    let mut connection = postgres.connect("heirloom").await;
    let others = "SELECT format('%s.%s', c.relname, a.attname) FROM pg_attribute AS a
        JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
          AND NOT a.attisdropped AND t.typcollation <> 0 AND a.attcollation <> '\"C\"'::regcollation
          AND c.relname <> 'heirloom_migrations' ORDER BY 1";
    assert_eq!(texts(&mut connection, others).await, [""; 0]);
    let indexes = "SELECT c.relname::text FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
        JOIN pg_class AS t ON t.oid = i.indrelid
        WHERE t.relnamespace = 'public'::regnamespace AND EXISTS
            (SELECT FROM unnest(i.indcollation) AS used WHERE used NOT IN (0, '\"C\"'::regcollation)) ORDER BY 1";
    assert_eq!(texts(&mut connection, indexes).await, [""; 0]);
}

/// C-35: As the finding was made: the collation changes under the feet of a database with users.
#[tokio::test]
async fn a_collation_that_changes_loses_no_user_and_lets_no_second_one_in() {
    let postgres = Postgres::start().await;
    let create =
        "CREATE DATABASE icu ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'und' TEMPLATE template0 OWNER heirloom";
    postgres.run("postgres", &[create]).await;
    let home = postgres.home("icu");
    home.run(&["migrate"]);
    let users = format!(
        "{insert} SELECT gen_random_uuid(), 'a' || repeat('-', i % 7) || i || '.b_' || i % 11 || '@example.com', 'x', now()
         FROM generate_series(1, 2000) AS i",
        insert = USER.trim_end_matches(" VALUES")
    );
    postgres.run("icu", &[&users]).await;
    // Another name since Postgres 17.
    let change = "DO $$ BEGIN
            EXECUTE format('UPDATE pg_database SET %I = %L WHERE datname = %L',
                CASE WHEN current_setting('server_version_num')::int < 170000 THEN 'daticulocale' ELSE 'datlocale' END,
                'und-u-ka-shifted', 'icu');
        END $$";
    postgres.run("postgres", &[change]).await;
    let mut connection = postgres.connect("icu").await;
    let lost = "SET enable_seqscan = off; SELECT count(*)::text FROM users AS u
        WHERE NOT EXISTS (SELECT FROM users AS f WHERE f.email = u.email)";
    let lost = sqlx::raw_sql(lost).fetch_one(&mut connection).await.unwrap();
    assert_eq!(sqlx::Row::get::<String, _>(&lost, 0), "0");
    for i in [1, 7, 500, 1999] {
        let email = format!("a{}{i}.b_{}@example.com", "-".repeat(i % 7), i % 11);
        let added = home.type_in(&["user", "add", &email], "plum-garage-velvet-9\n");
        assert_eq!(added.code, 1, "{email}: {added:?}");
    }
}

/// Rows of one address are what a broken index leaves behind.
#[tokio::test]
async fn addresses_that_occur_twice_stop_the_migration_and_are_reported_by_id() {
    let postgres = Postgres::start().await;
    let mut connection = postgres.connect("heirloom").await;
    migrate_as_before(&mut connection).await;
    let broken = format!(
        "ALTER TABLE users DROP CONSTRAINT users_email_key;
         {USER} ('00000000-0000-0000-0000-00000000000a', 'alice@example.com', 'x', now() - interval '1 day'),
                ('00000000-0000-0000-0000-00000000000b', 'alice@example.com', 'x', now())"
    );
    postgres.run("heirloom", &[&broken]).await;
    let refused = postgres.home("heirloom").run(&["migrate"]);
    let refused = refused.refused(1, "00000000-0000-0000-0000-00000000000a, 00000000-0000-0000-0000-00000000000b");
    assert!(refused.stderr.contains("several users have the same e-mail address"), "{refused:?}");
    assert!(!refused.stderr.contains("alice"), "{refused:?}");

    let repair = "DELETE FROM users WHERE id = '00000000-0000-0000-0000-00000000000b';
        ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email)";
    postgres.run("heirloom", &[repair]).await;
    postgres.home("heirloom").run(&["migrate"]).done();
}

/// Neither the table nor the index that was built beside it is written again under the lock.
#[tokio::test]
async fn a_large_table_is_not_rewritten_under_a_lock() {
    let postgres = Postgres::start().await;
    let mut connection = postgres.connect("heirloom").await;
    migrate_as_before(&mut connection).await;
    let files = "SELECT relname || ' ' || relfilenode FROM pg_class
        WHERE relname IN ('users', 'sessions', 'users_pkey', 'sessions_pkey', 'sessions_user_id_idx') ORDER BY 1";
    let before = texts(&mut connection, files).await;
    // An attempt that was broken off: its index is in the way of the next one.
    let unfinished = format!(
        "{USER} (gen_random_uuid(), 'a', 'x', now());
         CREATE UNIQUE INDEX users_email_bytewise_key ON users (email COLLATE \"C\");
         UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_email_bytewise_key'::regclass"
    );
    postgres.run("heirloom", &[&unfinished]).await;
    postgres.home("heirloom").run(&["migrate"]).done();
    assert_eq!(texts(&mut connection, files).await, before);
    let key = "SELECT pg_get_constraintdef(oid) || ' ' || convalidated FROM pg_constraint
        WHERE conname IN ('users_email_key', 'users_language_check', 'sessions_transport_check') ORDER BY 1";
    let key = texts(&mut connection, key).await;
    assert!(key.len() == 3 && key.iter().all(|constraint| constraint.ends_with(" true")), "{key:?}");
}
