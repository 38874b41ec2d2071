//! placeholder until the helper's module lands
use std::{ffi::OsString, path::PathBuf};
#[derive(Debug)]
pub struct Settings {
    pub data_dir: PathBuf,
    pub binaries: Option<PathBuf>,
    pub search_path: Option<OsString>,
}
#[derive(Debug, Clone, Copy)]
pub enum Tenant {
    Server,
    Command,
}
#[derive(Debug)]
pub struct PrivatePostgres;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct StartError;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct StopError;
impl PrivatePostgres {
    pub async fn start(_s: &Settings, _t: Tenant) -> Result<Self, StartError> {
        Err(StartError)
    }
    pub fn connect_options(&self) -> sqlx::postgres::PgConnectOptions {
        sqlx::postgres::PgConnectOptions::new()
    }
    pub async fn stop(self) -> Result<(), StopError> {
        Ok(())
    }
    pub async fn watch(&self) {
        std::future::pending().await
    }
}
