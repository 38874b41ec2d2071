use super::{DatabaseUrl, Reader, names};
use std::{ffi::OsString, path::PathBuf};

/// Where Postgres is and how much of it we take.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// The Postgres to use; default: a private one under `data_dir`.
    pub url: Option<DatabaseUrl>,
    /// A URL that bypasses the pooler, for work that needs its own connection; default: `url`.
    pub direct_url: Option<DatabaseUrl>,
    /// A URL as the owner of the tables, for migrations; default: `direct_url`.
    pub owner_url: Option<DatabaseUrl>,
    /// The most connections the pool opens.
    pub max_connections: u32,
    /// The private Postgres and the generated master key live here.
    pub data_dir: PathBuf,
    /// Where Postgres' server binaries are, if they are not where they are looked for.
    pub binaries: Option<PathBuf>,
    /// The folders in which programs are looked for.
    pub search_path: Option<OsString>,
}

pub(super) fn read(reader: &mut Reader) -> DatabaseOptions {
    DatabaseOptions {
        url: url(reader, names::DATABASE_URL),
        direct_url: url(reader, names::DATABASE_URL_DIRECT),
        owner_url: url(reader, names::DATABASE_URL_OWNER),
        max_connections: reader.number(names::DB_MAX_CONNECTIONS, 16, 1..=1000),
        data_dir: PathBuf::from(reader.text(names::DATA_DIR, "./data")),
        binaries: reader.raw(names::PG_BIN).map(PathBuf::from),
        search_path: reader.source().search_path(),
    }
}

fn url(reader: &mut Reader, name: &str) -> Option<DatabaseUrl> {
    match DatabaseUrl::parse(&reader.raw(name)?) {
        Ok(url) => {
            for problem in url.tls_file_problems(|variable| reader.raw(variable)) {
                reader.problem(name, &problem.to_string());
            }
            Some(url)
        }
        // The value may hold a password: neither of us repeats it.
        Err(error) => {
            reader.problem(name, &error.to_string());
            None
        }
    }
}
