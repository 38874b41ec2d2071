use crate::{FileError, Role, account::RunAs, error::At};
use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// `pg_hba.conf`: our own processes sign in by their operating system account, so that there is no password to lose, to
/// share or to leak. Roles that an operator adds need one.
const HBA: &str = "\
# Written at every start: changes are lost. docs/operating.md, \"The private PostgreSQL\"
local all postgres,heirloom,heirloom_runtime peer map=heirloom
local replication postgres peer map=heirloom
local all all scram-sha-256
";

/// The file that says who may connect, and how they prove who they are.
pub fn hba_file(data: &Path) -> PathBuf {
    data.join("pg_hba.conf")
}

/// The file that says which account of the operating system may be which role.
pub fn ident_file(data: &Path) -> PathBuf {
    data.join("pg_ident.conf")
}

/// Writes both files where they differ; true if one did. A cluster of an earlier version, which asked every user for one
/// shared password, is moved to accounts by this.
pub fn write(data: &Path, run_as: &RunAs, account: &str) -> Result<bool, FileError> {
    let hba = replace(&hba_file(data), HBA, run_as)?;
    let ident = replace(&ident_file(data), &ident(account), run_as)?;
    Ok(hba || ident)
}

fn ident(account: &str) -> String {
    let account = account.replace('"', "\"\"");
    let line = |role: Role| format!("heirloom \"{account}\" {}\n", role.name());
    let lines = Role::ALL.map(line).concat();
    format!("# Written at every start: changes are lost.\n{lines}")
}

/// Never through a link: the folder is Postgres' own, and we may be root.
fn replace(path: &Path, text: &str, run_as: &RunAs) -> Result<bool, FileError> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
        && fs::read_to_string(path).is_ok_and(|found| found == text)
    {
        return Ok(false);
    }
    let draft = path.with_extension("conf.draft");
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(FileError::new(&draft, error)),
        _ => {}
    }
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        run_as.give_file(&file, 0o600)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().at(path)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that fails says where")]
    use super::*;

    #[test]
    fn an_account_may_be_our_three_roles_whatever_its_name_holds() {
        let lines = ident("DOMAIN\\jo \"x\"");
        assert_eq!(lines.lines().count(), 4);
        assert!(lines.contains("heirloom \"DOMAIN\\jo \"\"x\"\"\" heirloom_runtime\n"), "{lines}");
    }

    #[test]
    fn every_role_of_ours_signs_in_by_account() {
        for role in Role::ALL {
            let line = HBA.lines().nth(1).unwrap();
            assert!(line.split([' ', ',']).any(|word| word == role.name()), "{line}");
        }
    }

    #[test]
    fn what_stands_there_already_is_left_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("pg_hba.conf"), folder.path().join("target"));
        fs::write(&target, "before").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        let run_as = RunAs::Ourselves { user: 1 };
        assert!(replace(&path, "text", &run_as).unwrap());
        assert!(!replace(&path, "text", &run_as).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        assert_eq!(fs::read_to_string(&target).unwrap(), "before");
    }
}
