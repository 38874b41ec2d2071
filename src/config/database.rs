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

/// Ways to one database: a host, or several of which one is the primary. Its `Debug` shows the hosts only.
#[derive(Clone)]
pub struct DatabaseUrl(Vec<PgConnectOptions>);

impl DatabaseUrl {
    /// Reads `postgres://user:password@host:5432,other:5432/database`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) =
            text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "postgres" | "postgresql"))?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end)?;
        let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
        let at = if user.is_empty() { "" } else { "@" };
        let one = |host| PgConnectOptions::from_str(&format!("{scheme}://{user}{at}{host}{tail}")).ok();
        hosts.split(',').map(one).collect::<Option<Vec<_>>>().map(Self)
    }

    /// Each host's options, in the order they were named.
    #[must_use]
    pub fn hosts(&self) -> &[PgConnectOptions] {
        &self.0
    }
}

impl From<PgConnectOptions> for DatabaseUrl {
    fn from(options: PgConnectOptions) -> Self {
        Self(vec![options])
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(PgConnectOptions::get_host)).finish()
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
    let url = DatabaseUrl::parse(&reader.raw(name)?);
    if url.is_none() {
        // The value may hold a password: it is not repeated.
        reader.problem(name, "is not a Postgres URL: write postgres://user:password@host:5432/database");
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_name_several_hosts() {
        let hosts = |text| {
            let url = DatabaseUrl::parse(text)?;
            let hosts = url.hosts().iter().map(|host| format!("{}:{}", host.get_host(), host.get_port()));
            Some(hosts.collect::<Vec<_>>().join(" "))
        };
        assert_eq!(hosts("postgres://u:p@one/db").as_deref(), Some("one:5432"));
        assert_eq!(hosts("postgres://u:p@one:1,two:2/db?sslmode=disable").as_deref(), Some("one:1 two:2"));
        assert_eq!(hosts("postgresql://one,two?user=u").as_deref(), Some("one:5432 two:5432"));
        assert_eq!(hosts("mysql://one/db"), None);
        assert_eq!(hosts("one/db"), None);
    }

    #[test]
    fn a_password_is_not_printed() {
        let printed = format!("{:?}", DatabaseUrl::parse("postgres://u:hunter2@one,two/db"));
        assert_eq!(printed, "Some([\"one\", \"two\"])");
    }
}
