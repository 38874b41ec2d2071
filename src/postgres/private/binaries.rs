use super::Settings;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Postgres' server binaries of one major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    pub major: u32,
    pub folder: PathBuf,
}

/// Folders whose subfolders are versions of Postgres.
const ROOTS: &[&str] = &["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];

/// The newest binaries, or those of the version that made the data directory.
pub fn find(settings: &Settings, wanted: Option<u32>) -> Result<Binaries, Vec<Binaries>> {
    let found = all(settings);
    let fitting = found.iter().find(|binaries| wanted.is_none_or(|wanted| wanted == binaries.major));
    fitting.cloned().ok_or(found)
}

/// Everything there is, newest first; what the operator names goes alone.
fn all(settings: &Settings) -> Vec<Binaries> {
    let folders = match &settings.binaries {
        Some(folder) => vec![folder.clone()],
        None => on_path(settings).into_iter().chain(installed()).collect(),
    };
    let mut found: Vec<_> = folders.into_iter().filter_map(examine).collect();
    found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
    found
}

fn on_path(settings: &Settings) -> Vec<PathBuf> {
    settings.search_path.iter().flat_map(std::env::split_paths).collect()
}

fn installed() -> Vec<PathBuf> {
    let entries = ROOTS.iter().filter_map(|root| fs::read_dir(root).ok()).flatten().filter_map(Result::ok);
    entries.map(|entry| entry.path().join("bin")).collect()
}

fn examine(folder: PathBuf) -> Option<Binaries> {
    let complete = ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file());
    let major = complete.then(|| version(&folder)).flatten()?;
    Some(Binaries { major, folder })
}

/// The major version, of `postgres (PostgreSQL) 15.18 (Debian …)`.
fn version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.split_whitespace().nth(2)?;
    number.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}
