use super::{StartError, error::At};
use std::{
    fs::{self, File, Metadata, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, fchown},
    path::Path,
    process::{Command, Stdio},
};

/// Accounts that are tried when we are root, in this order: Debian's package makes the first, every system has the
/// second.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// The account under which Postgres runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunAs {
    /// Our own.
    Ourselves {
        /// Our user id.
        user: u32,
    },
    /// Another account: Postgres refuses to run as root, which we are.
    Account(Account),
}

/// An unprivileged account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub user: u32,
    pub group: u32,
}

impl RunAs {
    /// The account that made `cluster`, if there is one; else the first that serves.
    pub fn choose(cluster: Option<&Path>) -> Result<Self, StartError> {
        let owner = match cluster {
            Some(path) => Some((path, fs::metadata(path).at(path)?.uid())),
            None => None,
        };
        let user = our_user_id();
        if user != 0 {
            return match owner {
                Some((path, owner)) if owner != user => Err(StartError::Foreign { path: path.to_owned(), owner }),
                _ => Ok(Self::Ourselves { user }),
            };
        }
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let mut known = CANDIDATES.iter().filter_map(|name| find(&accounts, name));
        let account = match owner {
            // An ordinary user's: root does not work in folders in which another user could plant links.
            Some((path, owner)) => known
                .find(|account| account.user == owner)
                .ok_or_else(|| StartError::Foreign { path: path.to_owned(), owner })?,
            None => known.next().ok_or(StartError::NoAccount)?,
        };
        Ok(Self::Account(account))
    }

    /// The user id under which Postgres runs.
    pub fn user(&self) -> u32 {
        match self {
            Self::Ourselves { user } => *user,
            Self::Account(account) => account.user,
        }
    }

    /// The user id that owns what Postgres must not change: our own.
    pub fn keeper(&self) -> u32 {
        match self {
            Self::Ourselves { user } => *user,
            Self::Account(_) => 0,
        }
    }

    /// Keeps a folder to ourselves; the account may pass through it, no more.
    pub fn keep(&self, folder: &Path) -> io::Result<()> {
        let mode = match self {
            Self::Ourselves { .. } => 0o700,
            Self::Account(account) => {
                chown(folder, Some(0), Some(account.group))?;
                0o710
            }
        };
        fs::set_permissions(folder, Permissions::from_mode(mode))
    }

    /// Hands an open file to Postgres: what its name leads to may have been exchanged meanwhile.
    pub fn give_file(&self, file: &File, mode: u32) -> io::Result<()> {
        if let Self::Account(account) = self {
            fchown(file, Some(account.user), Some(account.group))?;
        }
        file.set_permissions(Permissions::from_mode(mode))
    }

    /// Hands a file or folder to Postgres. Only for what lies in a folder that is ours.
    pub fn give(&self, path: &Path, mode: u32) -> io::Result<()> {
        if let Self::Account(account) = self {
            chown(path, Some(account.user), Some(account.group))?;
        }
        fs::set_permissions(path, Permissions::from_mode(mode))
    }

    /// Whether Postgres may pass through this folder.
    pub fn may_pass(&self, folder: &Metadata) -> bool {
        match self {
            Self::Ourselves { .. } => true,
            Self::Account(account) => {
                may_pass(folder.mode(), Owner { user: folder.uid(), group: folder.gid() }, account)
            }
        }
    }
}

/// The name of our account: that by which we sign in to Postgres. `initdb` and every sign-in look it up.
///
/// # Errors
/// When our user id has none.
pub fn our_name() -> Result<String, StartError> {
    let user = our_user_id();
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let known = name_of(&accounts, user).or_else(name_elsewhere);
    known.ok_or_else(|| StartError::NoName { user })
}

fn name_of(accounts: &str, user: u32) -> Option<String> {
    let mut lines = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let fields = lines.find(|fields| fields.get(2).and_then(|id| id.parse().ok()) == Some(user))?;
    fields.first().filter(|name| !name.is_empty()).map(|name| (*name).to_owned())
}

/// A directory service's accounts are not in `/etc/passwd`. Fails for an id without a name.
fn name_elsewhere() -> Option<String> {
    let output = Command::new("/usr/bin/id").arg("-un").env_clear().stdin(Stdio::null()).output().ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

/// Who owns a folder.
#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

fn may_pass(mode: u32, owner: Owner, account: &Account) -> bool {
    let bit = match (owner.user == account.user, owner.group == account.group) {
        (true, _) => 0o100,
        (false, true) => 0o010,
        (false, false) => 0o001,
    };
    mode & bit != 0
}

/// The owner of our own process's folder; where there is none (macOS), what `id` says.
fn our_user_id() -> u32 {
    if let Ok(process) = fs::metadata("/proc/self") {
        return process.uid();
    }
    let said = Command::new("/usr/bin/id").arg("-u").output();
    let user = said.ok().and_then(|output| String::from_utf8_lossy(&output.stdout).trim().parse().ok());
    user.unwrap_or(u32::MAX)
}

fn find(accounts: &str, name: &str) -> Option<Account> {
    let mut lines = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let fields = lines.find(|fields| fields.first() == Some(&name))?;
    let (user, group) = (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
    (user != 0).then(|| Account { name: name.to_owned(), user, group })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(user: u32, group: u32) -> Account {
        Account { name: "postgres".to_owned(), user, group }
    }

    #[test]
    fn an_account_is_found_by_its_name_and_is_never_root() {
        let accounts = "root:x:0:0::/root:/bin/sh\npostgres:x:101:104:,,,:/var:/bin/sh\nevil:x:0:1::/:/bin/sh\n";
        assert_eq!(find(accounts, "postgres"), Some(account(101, 104)));
        assert_eq!(find(accounts, "evil"), None);
        assert_eq!(find(accounts, "nobody"), None);
    }

    #[test]
    fn the_first_name_of_a_user_id_counts() {
        let accounts = "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\nbroken\n";
        assert_eq!(name_of(accounts, 0).as_deref(), Some("root"));
        assert_eq!(name_of(accounts, 1000).as_deref(), Some("app"));
        assert_eq!(name_of(accounts, 12345), None);
    }

    #[test]
    fn the_owner_s_bits_count_before_the_group_s_and_those_before_everyone_s() {
        let ours = account(101, 104);
        assert!(may_pass(0o700, Owner { user: 101, group: 0 }, &ours));
        assert!(
            !may_pass(0o077, Owner { user: 101, group: 104 }, &ours),
            "the owner is not asked for the group's bits"
        );
        assert!(may_pass(0o710, Owner { user: 0, group: 104 }, &ours));
        assert!(!may_pass(0o701, Owner { user: 0, group: 104 }, &ours), "nor the group by everyone's");
        assert!(may_pass(0o701, Owner { user: 0, group: 0 }, &ours));
        assert!(!may_pass(0o770, Owner { user: 0, group: 0 }, &ours));
    }
}
