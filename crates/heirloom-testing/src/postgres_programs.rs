//! The programs of Postgres, run as the account that they accept: they refuse to run as root.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

/// One of Postgres' programs, with nothing of our environment but the search path.
pub fn postgres_program(name: &str) -> Command {
    let found = binaries().join(name);
    as_postgres(if found.exists() { found.as_os_str() } else { name.as_ref() })
}

/// Any program, as the account of Postgres.
pub fn as_postgres(program: &OsStr) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").expect("a PATH")).current_dir("/");
    if let Some((user, group)) = account() {
        command.uid(user).gid(group);
    }
    command
}

/// Gives a path to the account of Postgres.
pub fn give_to_postgres(path: &Path) {
    if let Some((user, group)) = account() {
        std::os::unix::fs::chown(path, Some(user), Some(group)).expect("root may give a file away");
    }
}

/// User and group; none where we are an ordinary user, who may run Postgres.
fn account() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").expect("a process").uid() != 0 {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").expect("a list of accounts");
    let of = |name: &str| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map_while(|number| number.parse().ok());
        Some((numbers.next()?, numbers.next()?))
    };
    Some(of("postgres").or_else(|| of("nobody")).expect("an account that is not root"))
}

/// The folder of the server's programs: `HEIRLOOM_PG_BIN`, the search path, or the newest of Debian's.
fn binaries() -> PathBuf {
    if let Some(named) = std::env::var_os("HEIRLOOM_PG_BIN") {
        return named.into();
    }
    let in_path = std::env::var_os("PATH").expect("a PATH");
    let in_path = std::env::split_paths(&in_path).find(|folder| folder.join("initdb").exists());
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = installed.map(|entry| entry.path()).max_by_key(version).map(|path| path.join("bin"));
    in_path.or(newest).expect("Postgres' server programs: see script/test")
}
