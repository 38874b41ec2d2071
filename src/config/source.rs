use super::{ConfigError, env_file, is_upstream_name, names, nearest};
use std::{collections::BTreeMap, ffi::OsString, fmt, path::Path};

/// Where options come from: names and values. The environment goes before `.env`.
#[derive(Debug, Clone, Default)]
pub struct Source {
    values: BTreeMap<String, String>,
    search_path: Option<OsString>,
}

/// The variables of this process that libpq, and whatever imitates it, reads by itself: `PGOPTIONS` and the like.
#[must_use]
pub fn libpq_variables() -> Vec<OsString> {
    let is_one = |name: &OsString| name.as_encoded_bytes().starts_with(b"PG");
    std::env::vars_os().map(|(name, _value)| name).filter(is_one).collect()
}

/// A name that looks like an option and is not one: most likely misspelt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    name: String,
    nearest: Option<&'static str>,
}

impl UnknownName {
    fn new(name: &str) -> Self {
        // `HEIRLOOM_DATABASE_URL` is nearer to another one.
        let bare = name.to_ascii_uppercase();
        let bare = names::ALL.iter().copied().find(|known| bare.strip_prefix("HEIRLOOM_") == Some(*known));
        Self { name: name.to_owned(), nearest: bare.or_else(|| nearest(name, names::ALL.iter().copied())) }
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not an option of this version and changes nothing", self.name)?;
        self.nearest.map_or(Ok(()), |nearest| write!(f, ": did you mean {nearest}?"))
    }
}

/// Whether a name begins as ours do or nearly so, or is nearly that of the database: without it the server would start
/// with an empty database of its own.
fn is_meant_for_us(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let begins_nearly = |(prefix, _rest)| strsim::osa_distance(prefix, "HEIRLOOM") <= 2;
    upper.split_once('_').is_some_and(begins_nearly) || strsim::osa_distance(&upper, names::DATABASE_URL) <= 2
}

impl Source {
    /// The environment of this process, and the options in `env_file`, or else in `.env` in the current folder.
    ///
    /// # Errors
    /// When there is a file that cannot be read, or that another user may have written.
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    pub fn ambient(env_file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut values = env_file::read(env_file)?;
        values.extend(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))),
        );
        Ok(Self { values, search_path: std::env::var_os("PATH") })
    }

    /// Options given one by one.
    #[must_use]
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let values = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values, search_path: None }
    }

    /// The folders in which programs are looked for.
    #[must_use]
    pub fn search_path(&self) -> Option<OsString> {
        self.search_path.clone()
    }

    /// Whether an option was given, and given as nothing.
    #[must_use]
    pub fn is_emptied(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| value.trim().is_empty())
    }

    /// The value of an option; an empty one counts as not given.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The names of all variables.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Names that begin with our prefix but are not options.
    pub(super) fn unknown_names(&self) -> Vec<UnknownName> {
        let is_known = |name: &str| names::ALL.contains(&name) || is_upstream_name(name);
        let ours = |name: &&String| is_meant_for_us(name) && !is_known(name);
        self.values.keys().filter(ours).map(|name| UnknownName::new(name)).collect()
    }
}
