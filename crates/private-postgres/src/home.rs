use super::{
    FileError, StartError,
    account::{Account, RunAs},
    error::At,
    guard,
    names::ELSEWHERE,
    random::hex,
};
use aws_lc_rs::digest::{SHA256, digest};
use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The home of the cluster, in the data directory.
const INSIDE: &str = "postgres";
/// The file in the data directory that says where the home is, if it is not within it.
const LOCATION: &str = "postgres.location";

/// Where everything of the cluster lies.
///
/// ```text
/// <home>/            ours; as root, Postgres' account may only pass through (0710), so that it cannot plant links
///   data/            Postgres' own (0700)
///   run/             the socket (0700)
///   postgres.log     Postgres' log (0600)
///   *.lock           see `Locks`
/// ```
#[derive(Debug, Clone)]
pub struct Home {
    /// The folder of all the rest.
    pub folder: PathBuf,
    /// Who Postgres runs as.
    pub run_as: RunAs,
    /// The file in the data directory that says where the home is, if that is not within it.
    location: Option<PathBuf>,
}

impl Home {
    /// Finds the home of this data directory and creates the folder if there is none.
    pub fn find(data_dir: &Path) -> Result<Self, StartError> {
        make_data_dir(data_dir).at(data_dir)?;
        let data_dir = data_dir.canonicalize().at(data_dir)?;
        guard::refuse_open_folder(&data_dir)?;
        let (inside, location) = (data_dir.join(INSIDE), data_dir.join(LOCATION));
        let found = remembered(&data_dir)?;
        let cluster = found.as_ref().map(|home| home.join("data")).filter(|data| data.exists());
        let run_as = RunAs::choose(cluster.as_deref())?;
        let folder = match (found, &run_as) {
            (Some(found), _) => found,
            (None, RunAs::Ourselves { .. }) => inside,
            (None, RunAs::Account(account)) => open_to(&data_dir, account, &run_as)?.unwrap_or(inside),
        };
        let location = (!folder.starts_with(&data_dir)).then_some(location);
        let home = Self { folder, run_as, location };
        home.make()?;
        Ok(home)
    }

    /// The data directory of the cluster that belongs to this data directory of ours, if there is one. Changes nothing.
    pub fn look(data_dir: &Path) -> Result<Option<PathBuf>, StartError> {
        if exists(data_dir).at(data_dir)? {
            guard::refuse_open_folder(data_dir)?;
        }
        let Some(data) = remembered(data_dir)?.map(|home| home.join("data")) else { return Ok(None) };
        Ok(exists(&data).at(&data)?.then_some(data))
    }

    /// Postgres' own data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Postgres' log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }

    /// Whether there is a cluster that is ours. Only with the turn.
    pub fn has_cluster(&self) -> Result<bool, StartError> {
        let data = self.data();
        let there = exists(&data).at(&data)?;
        if there && !exists(&data.join("PG_VERSION")).at(&data)? {
            return Err(StartError::NoCluster { path: data });
        }
        match &self.location {
            // Else an empty database would begin in the place of one that was forgotten.
            Some(location) if there && !exists(location).at(location)? => {
                Err(StartError::LeftBehind { location: location.clone(), home: self.folder.clone() })
            }
            _ => Ok(there),
        }
    }

    /// Writes down where the home is, before there is anything in it.
    pub fn remember(&self) -> Result<(), FileError> {
        let Some(location) = &self.location else { return Ok(()) };
        let mut line = self.folder.clone().into_os_string();
        line.push("\n");
        let draft = location.with_extension("draft");
        let write = || {
            let mut file = File::create(&draft)?;
            file.write_all(line.as_encoded_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, location)
        };
        write().at(location)
    }

    /// Creates the folder, or takes the one that exists if it is ours: not a link, not another's, nothing foreign in it.
    fn make(&self) -> Result<(), StartError> {
        if let RunAs::Account(account) = &self.run_as {
            let closed = self.folder.ancestors().skip(1).find(|above| !is_open(above, &self.run_as));
            if let Some(folder) = closed {
                return Err(StartError::Unreachable { account: account.name.clone(), folder: folder.to_owned() });
            }
        }
        make_own_folder(&self.folder, &self.run_as)?;
        guard::refuse_foreign_files(&self.folder)?;
        self.run_as.keep(&self.folder).at(&self.folder)?;
        Ok(())
    }
}

/// Creates a folder or takes the one that exists, if it is not a link or another account's.
pub fn make_own_folder(folder: &Path, run_as: &RunAs) -> Result<(), StartError> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(FileError::new(folder, error).into()),
        _ => {}
    }
    let found = fs::symlink_metadata(folder).at(folder)?;
    if !found.is_dir() || ![run_as.user(), run_as.keeper()].contains(&found.uid()) {
        return Err(StartError::Foreign { path: folder.to_owned(), owner: found.uid() });
    }
    Ok(())
}

/// Unlike [`Path::exists`], a folder that we may not read is not taken for one that is missing.
fn exists(path: &Path) -> io::Result<bool> {
    path.try_exists()
}

fn make_data_dir(data_dir: &Path) -> io::Result<()> {
    if data_dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = data_dir.parent() {
        // Whatever the umask: a folder above that others could change would be a way around our own.
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(data_dir) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The home that this data directory has already.
fn remembered(data_dir: &Path) -> Result<Option<PathBuf>, StartError> {
    if let Some(elsewhere) = read_location(&data_dir.join(LOCATION))? {
        return Ok(Some(elsewhere));
    }
    let inside = data_dir.join(INSIDE);
    Ok(exists(&inside.join("data")).at(&inside)?.then_some(inside))
}

fn read_location(location: &Path) -> Result<Option<PathBuf>, StartError> {
    let text = match fs::read_to_string(location) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.at(location)?,
    };
    let home = PathBuf::from(text.trim());
    if !exists(&home).at(&home)? {
        return Err(StartError::Missing { location: location.to_owned(), home });
    }
    Ok(Some(home.canonicalize().at(&home)?))
}

/// None when the account can reach the data directory; else the folder where the cluster goes instead.
///
/// A data directory that is still empty is opened to the account, to pass through and no more. One that contains
/// something may be anything: its permissions are left alone.
fn open_to(data_dir: &Path, account: &Account, run_as: &RunAs) -> Result<Option<PathBuf>, StartError> {
    let above_is_open = data_dir.ancestors().skip(1).all(|above| is_open(above, run_as));
    if above_is_open && !is_open(data_dir, run_as) && is_empty_and_ours(data_dir).at(data_dir)? {
        run_as.keep(data_dir).at(data_dir)?;
    }
    if above_is_open && is_open(data_dir, run_as) {
        return Ok(None);
    }
    let name = digest(&SHA256, data_dir.as_os_str().as_encoded_bytes());
    let name = hex(name.as_ref().get(..8).unwrap_or_default());
    let elsewhere = Path::new(ELSEWHERE);
    if !elsewhere.exists() {
        fs::create_dir_all(elsewhere).at(elsewhere)?;
        fs::set_permissions(elsewhere, Permissions::from_mode(0o711)).at(elsewhere)?;
    }
    let home = elsewhere.join(name);
    tracing::info!(home = %home.display(), account = account.name, "postgres.home_elsewhere: the account cannot reach the data directory");
    Ok(Some(home))
}

fn is_open(folder: &Path, run_as: &RunAs) -> bool {
    fs::metadata(folder).is_ok_and(|folder| run_as.may_pass(&folder))
}

fn is_empty_and_ours(folder: &Path) -> io::Result<bool> {
    Ok(fs::metadata(folder)?.uid() == 0 && fs::read_dir(folder)?.next().is_none())
}
