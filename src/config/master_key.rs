use super::{Reader, names};
use crate::kernel::{MasterKey, MasterKeys, Rng};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};
use zeroize::Zeroizing;

/// Reads the master keys; required when the database is not our own.
pub(super) fn read(reader: &mut Reader, own_database: bool) -> Option<MasterKeys> {
    let current = reader.raw(names::MASTER_KEY).and_then(|text| one(reader, names::MASTER_KEY, &text));
    let previous = reader.raw(names::MASTER_KEY_PREVIOUS).unwrap_or_default();
    let previous: Vec<_> = previous
        .split(',')
        .filter(|part| !part.trim().is_empty())
        .filter_map(|part| one(reader, names::MASTER_KEY_PREVIOUS, part))
        .collect();
    if current.is_none() && own_database && reader.raw(names::MASTER_KEY).is_none() {
        reader.problem(
            names::MASTER_KEY,
            "is required with DATABASE_URL: 32 random bytes in base64, for example from `openssl rand -base64 32`",
        );
    }
    Some(MasterKeys { current: Arc::new(current?), previous: previous.into() })
}

fn one(reader: &mut Reader, name: &str, text: &str) -> Option<MasterKey> {
    MasterKey::parse(text)
        .map_err(|error| reader.problem(name, &format!("{error}: it must be 32 random bytes in base64")))
        .ok()
}

/// Why the generated master key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyFileError {
    /// The file system refused.
    #[error("the master key {path} cannot be read or created")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// None exists where one is required.
    #[error(
        "the master key {path} is missing: restore it from a backup, or set HEIRLOOM_MASTER_KEY if it was set before; \
         without it all sessions are lost"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("the master key {path} is corrupt: restore it from a backup; without it all sessions are lost")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Other users may read or change it.
    #[error("the master key {path} may be read or written by other users (mode {mode:04o}): chmod 600 {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

/// The master key beside the private Postgres, created at the first start (mode 0600).
///
/// # Errors
/// When the file cannot be read or created, is open to other users, or holds no key.
pub fn master_key_beside(data_dir: &Path, rng: &Rng) -> Result<MasterKeys, MasterKeyFileError> {
    let path = data_dir.join("master.key");
    let failed = |source| MasterKeyFileError::Io { path: path.clone(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(failed)?;
    if !path.exists() {
        generate(data_dir, &path, rng).map_err(failed)?;
    }
    master_key_at(data_dir)
}

/// The master key beside the private Postgres, which must be there.
///
/// # Errors
/// When the file is missing, cannot be read, or holds no key.
pub fn master_key_at(data_dir: &Path) -> Result<MasterKeys, MasterKeyFileError> {
    let path = data_dir.join("master.key");
    let failed = |source| MasterKeyFileError::Io { path: path.clone(), source };
    let mut file = File::open(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => MasterKeyFileError::Missing { path: path.clone() },
        _ => failed(source),
    })?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(MasterKeyFileError::Open { path, mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed)?;
    let key = MasterKey::parse(&text).map_err(|_damaged| MasterKeyFileError::Damaged { path: path.clone() })?;
    Ok(MasterKeys { current: Arc::new(key), previous: Arc::new([]) })
}

/// Written beside, made durable, then linked into place: two processes that start at once agree on one key, and a
/// crash leaves no half-written one.
fn generate(data_dir: &Path, path: &Path, rng: &Rng) -> io::Result<()> {
    // A name that nobody can foresee, and a file that was not there: a link of that name would be followed.
    let draft = data_dir.join(format!("master.key.{:032x}", u128::from_be_bytes(rng.bytes::<16>())));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    writeln!(file, "{}", STANDARD.encode(rng.bytes::<32>()))?;
    file.sync_all()?;
    let linked = match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    };
    fs::remove_file(&draft)?;
    File::open(data_dir)?.sync_all()?;
    linked
}
