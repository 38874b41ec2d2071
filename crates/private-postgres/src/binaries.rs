use super::{Settings, StartError};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Postgres' server binaries of one major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    pub major: u32,
    pub folder: PathBuf,
}

/// Folders whose subfolders are versions of Postgres.
const ROOTS: [&str; 4] = ["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];
/// What a folder of server binaries holds.
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// The binaries of the version that created the cluster, or the first that are found: only those that the operator
/// names; else those on the PATH, then those that are installed elsewhere, newest first.
pub fn find(settings: &Settings, wanted: Option<u32>) -> Result<Binaries, StartError> {
    let found = match &settings.binaries {
        Some(folder) => examine(folder).into_iter().collect(),
        None => on_path(settings).chain(installed()).collect::<Vec<_>>(),
    };
    let fitting = found.iter().find(|binaries| wanted.is_none_or(|wanted| wanted == binaries.major));
    fitting.cloned().ok_or_else(|| missing(wanted, &found))
}

/// A relative folder on the PATH is ignored: what it contains would depend on where we are called.
fn on_path(settings: &Settings) -> impl Iterator<Item = Binaries> {
    let folders = settings.search_path.iter().flat_map(std::env::split_paths);
    folders.filter(|folder| folder.is_absolute()).filter_map(|folder| examine(&folder))
}

fn installed() -> Vec<Binaries> {
    let entries = ROOTS.iter().filter_map(|root| fs::read_dir(root).ok()).flatten().filter_map(Result::ok);
    let mut found: Vec<_> = entries.filter_map(|entry| examine(&entry.path().join("bin"))).collect();
    found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
    found
}

fn examine(folder: &Path) -> Option<Binaries> {
    if !PROGRAMS.iter().all(|program| folder.join(program).is_file()) {
        return None;
    }
    // They are run from another folder than the one we are in.
    let folder = std::path::absolute(folder).ok()?;
    let output = Command::new(folder.join("postgres")).arg("--version").stdin(Stdio::null()).output().ok()?;
    Some(Binaries { major: major(&String::from_utf8_lossy(&output.stdout))?, folder })
}

/// The major version, of `postgres (PostgreSQL) 15.18 (Debian …)`.
fn major(printed: &str) -> Option<u32> {
    let number = printed.split_whitespace().nth(2)?;
    number.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

fn missing(wanted: Option<u32>, found: &[Binaries]) -> StartError {
    let wanted =
        wanted.map(|major| format!("of version {major}, which created this data directory, ")).unwrap_or_default();
    let found: Vec<_> =
        found.iter().map(|binaries| format!("{} in {}", binaries.major, binaries.folder.display())).collect();
    let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
    StartError::NoBinaries { wanted, found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_prints() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 19beta2\n"), Some(19));
        assert_eq!(major("postgres: command not found\n"), None);
    }

    #[test]
    fn missing_binaries_are_reported_with_the_version_and_what_to_install() {
        let found = [Binaries { major: 17, folder: PathBuf::from("/usr/lib/postgresql/17/bin") }];
        let message = missing(Some(15), &found).to_string();
        assert!(message.contains("of version 15, which created this data directory"), "{message}");
        assert!(message.contains("17 in /usr/lib/postgresql/17/bin"), "{message}");
        assert!(message.contains("apt-get install postgresql"), "{message}");
    }
}
