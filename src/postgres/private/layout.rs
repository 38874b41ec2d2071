use super::account::Account;
use crate::kernel::{Entropy, sha256};
use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

/// Bytes of a folder's path in which a Unix socket still fits (108 in all on Linux, 104 elsewhere).
const SOCKET_FOLDER: usize = 88;
/// Where the cluster goes when its account cannot reach the data directory.
const ELSEWHERE: &str = "/var/lib/heirloom";
/// The file in the data directory that says where, then.
const LOCATION: &str = "postgres.location";

/// Where everything lies.
#[derive(Debug, Clone)]
pub struct Layout {
    /// What we keep for the cluster; the current folder of every program that we run.
    pub home: PathBuf,
    /// Postgres' own data directory.
    pub data: PathBuf,
    /// The socket's folder.
    pub socket: PathBuf,
    /// The file with the password, 0600.
    pub password: PathBuf,
    /// What Postgres says.
    pub log: PathBuf,
    account: Option<Account>,
}

impl Layout {
    /// Lays out the folders below `data_dir`, or elsewhere when the account cannot reach them there.
    pub fn make(data_dir: &Path, account: Option<Account>) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(data_dir)?;
        let data_dir = data_dir.canonicalize()?;
        let home = match account {
            Some(account) if !can_reach(&data_dir, account) => elsewhere(&data_dir)?,
            _ => data_dir.join("postgres"),
        };
        let mut layout = Self {
            data: home.join("data"),
            socket: home.join("run"),
            password: home.join("password"),
            log: home.join("postgres.log"),
            home,
            account,
        };
        if home_is(&layout.home, &data_dir) {
            // As root: the account passes through the folder, and nobody else does.
            layout.own(&data_dir, 0o700)?;
        }
        layout.folder(&layout.home)?;
        if layout.socket.as_os_str().len() > SOCKET_FOLDER {
            layout.socket = PathBuf::from(format!("/tmp/heirloom-{}", name_of(&layout.home)));
        }
        layout.folder(&layout.socket)?;
        layout.make_password()?;
        Ok(layout)
    }

    /// Where the cluster of this data directory is, if there is one. Makes nothing.
    pub fn find(data_dir: &Path) -> io::Result<Option<PathBuf>> {
        let elsewhere = fs::read_to_string(data_dir.join(LOCATION)).ok();
        let homes = [Some(data_dir.join("postgres")), elsewhere.map(|home| PathBuf::from(home.trim()))];
        for home in homes.into_iter().flatten() {
            if home.join("data/PG_VERSION").try_exists()? {
                return Ok(Some(home));
            }
        }
        Ok(None)
    }

    /// Hands a file to the account.
    pub fn own(&self, path: &Path, mode: u32) -> io::Result<()> {
        if let Some(account) = self.account {
            chown(path, Some(account.user), Some(account.group))?;
        }
        fs::set_permissions(path, Permissions::from_mode(mode))
    }

    /// The account that the programs run under, if it is not our own.
    pub fn account(&self) -> Option<Account> {
        self.account
    }

    /// Makes a folder of the account's. One that is there must not be somebody else's, nor a link (a stranger may have
    /// made it in /tmp).
    fn folder(&self, path: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        let found = fs::symlink_metadata(path)?;
        let ours = fs::metadata("/proc/self").map_or(found.uid(), |process| process.uid());
        let account = self.account.map_or(ours, |account| account.user);
        if !found.is_dir() || (found.uid() != ours && found.uid() != account) {
            return Err(io::Error::other(format!("{} belongs to somebody else", path.display())));
        }
        self.own(path, 0o700)
    }

    fn make_password(&self) -> io::Result<()> {
        if self.password.exists() {
            return Ok(());
        }
        let draft = self.home.join(format!("password.{}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        writeln!(file, "{}", hex(Entropy::system().bytes::<16>()))?;
        file.sync_all()?;
        self.own(&draft, 0o600)?;
        fs::rename(&draft, &self.password)
    }
}

fn home_is(home: &Path, data_dir: &Path) -> bool {
    home.starts_with(data_dir)
}

/// Whether the account may pass through every folder above this one.
fn can_reach(folder: &Path, account: Account) -> bool {
    folder.ancestors().skip(1).all(|above| fs::metadata(above).is_ok_and(|above| may_pass(&above, account)))
}

fn may_pass(folder: &fs::Metadata, account: Account) -> bool {
    let bit = match (folder.uid() == account.user, folder.gid() == account.group) {
        (true, _) => 0o100,
        (false, true) => 0o010,
        (false, false) => 0o001,
    };
    folder.mode() & bit != 0
}

/// A home outside the data directory, which says where it is.
fn elsewhere(data_dir: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o755).create(ELSEWHERE)?;
    let home = Path::new(ELSEWHERE).join(name_of(data_dir));
    fs::write(data_dir.join(LOCATION), format!("{}\n", home.display()))?;
    Ok(home)
}

/// A short name that is always the same for a path.
fn name_of(path: &Path) -> String {
    let digest = sha256(path.as_os_str().as_encoded_bytes());
    hex(digest.as_bytes().iter().take(8).copied())
}

fn hex(bytes: impl IntoIterator<Item = u8>) -> String {
    bytes.into_iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
