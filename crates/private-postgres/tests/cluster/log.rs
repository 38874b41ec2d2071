//! What Postgres' log must not contain.

use crate::place::{Place, connect, connect_as};
use private_postgres::{Role, Tenant};
use std::fs;

#[tokio::test]
async fn the_log_does_not_contain_what_a_row_contains() {
    let place = Place::new();
    let postgres = place.start(Tenant::Command).await;
    let mut connection = connect(&postgres).await;
    sqlx::query("CREATE TABLE users (email text CONSTRAINT one_each UNIQUE)").execute(&mut connection).await.unwrap();
    let insert = || sqlx::query("INSERT INTO users VALUES ($1)").bind("alice@example.com");
    insert().execute(&mut connection).await.unwrap();
    insert().execute(&mut connection).await.unwrap_err();
    drop(connection);
    postgres.stop().await.unwrap();
    let log = fs::read_to_string(place.home().join("postgres.log")).unwrap();
    assert!(log.contains("one_each") && !log.contains("alice"), "{log}");
}

#[tokio::test]
async fn the_log_contains_no_statements_even_when_the_cluster_s_configuration_asks_for_them() {
    let place = Place::new();
    let postgres = place.start(Tenant::Command).await;
    let mut superuser = connect_as(&postgres, Role::Superuser).await;
    for setting in ["log_statement = 'all'", "log_min_duration_statement = 0", "log_error_verbosity = 'verbose'"] {
        let statement = sqlx::AssertSqlSafe(format!("ALTER SYSTEM SET {setting}"));
        sqlx::raw_sql(statement).execute(&mut superuser).await.unwrap();
    }
    drop(superuser);
    postgres.stop().await.unwrap();

    let postgres = place.start(Tenant::Command).await;
    let mut connection = connect(&postgres).await;
    sqlx::raw_sql("SELECT 'alice@example.com'").execute(&mut connection).await.unwrap();
    sqlx::raw_sql("SELECT nothing, 'alice@example.com'").execute(&mut connection).await.unwrap_err();
    sqlx::query("SELECT $1::text, 1 / 0").bind("alice@example.com").execute(&mut connection).await.unwrap_err();
    drop(connection);
    postgres.stop().await.unwrap();
    let log = fs::read_to_string(place.home().join("postgres.log")).unwrap();
    assert!(log.contains("division by zero") && !log.contains("alice"), "{log}");
}
