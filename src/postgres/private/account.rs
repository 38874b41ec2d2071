use std::{fs, os::unix::fs::MetadataExt, process::Command};

/// The account under which Postgres runs when we are root, for which it refuses to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    pub user: u32,
    pub group: u32,
}

/// Accounts that are tried, in this order: Debian's package makes the first, every system has the second.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// None: we are no root, and Postgres runs as ourselves.
///
/// # Errors
/// When we are root and there is no unprivileged account.
pub fn unprivileged() -> Result<Option<Account>, ()> {
    if !are_we_root() {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    CANDIDATES.iter().find_map(|name| find(&accounts, name)).map(Some).ok_or(())
}

/// The owner of our own process's folder, or what `id` says where there is none.
fn are_we_root() -> bool {
    if let Ok(process) = fs::metadata("/proc/self") {
        return process.uid() == 0;
    }
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn find(accounts: &str, name: &str) -> Option<Account> {
    let fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut ours = fields.filter(|fields| fields.first() == Some(&name));
    let fields = ours.next()?;
    let account = Account { user: fields.get(2)?.parse().ok()?, group: fields.get(3)?.parse().ok()? };
    (account.user != 0).then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_name_and_is_never_root() {
        let accounts = "root:x:0:0::/root:/bin/sh\npostgres:x:101:104:,,,:/var:/bin/sh\nevil:x:0:1::/:/bin/sh\n";
        assert_eq!(find(accounts, "postgres"), Some(Account { user: 101, group: 104 }));
        assert_eq!(find(accounts, "evil"), None);
        assert_eq!(find(accounts, "nobody"), None);
    }
}
