use super::{Reader, names};
use sqlx::postgres::PgConnectOptions;
use std::{ffi::OsString, fmt, path::PathBuf, str::FromStr};

/// Where Postgres is and how much of it we take.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// The Postgres to use; none: a private one under `data_dir`.
    pub url: Option<DatabaseUrl>,
    /// A way around the pooler, for what needs a connection of its own; none: `url` is one.
    pub direct_url: Option<DatabaseUrl>,
    /// The most connections the pool opens.
    pub max_connections: u32,
    /// The private Postgres and the generated master key live here.
    pub data_dir: PathBuf,
    /// Where Postgres' server binaries are, if they are not where they are looked for.
    pub binaries: Option<PathBuf>,
    /// The folders in which programs are looked for.
    pub search_path: Option<OsString>,
}

/// Parsed connection options. Its `Debug` hides the password, and the rest with it.
#[derive(Clone)]
pub struct DatabaseUrl(pub PgConnectOptions);

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.0.get_host())
    }
}

pub(super) fn read(reader: &mut Reader) -> DatabaseOptions {
    DatabaseOptions {
        url: url(reader, names::DATABASE_URL),
        direct_url: url(reader, names::DATABASE_URL_DIRECT),
        max_connections: reader.number(names::DB_MAX_CONNECTIONS, 16, 1..=1000),
        data_dir: PathBuf::from(reader.text(names::DATA_DIR, "./data")),
        binaries: reader.raw(names::PG_BIN).map(PathBuf::from),
        search_path: reader.source().search_path(),
    }
}

fn url(reader: &mut Reader, name: &str) -> Option<DatabaseUrl> {
    let value = reader.raw(name)?;
    let scheme = value.starts_with("postgres://") || value.starts_with("postgresql://");
    match PgConnectOptions::from_str(&value) {
        Ok(options) if scheme => Some(DatabaseUrl(options)),
        _ => {
            // The value may hold a password: it is not repeated.
            reader.problem(name, "is not a Postgres URL: write postgres://user:password@host:5432/database");
            None
        }
    }
}
