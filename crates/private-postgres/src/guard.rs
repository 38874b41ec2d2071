use crate::{StartError, error::At, locks::TURN};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The folder in a home that holds the cluster.
const DATA: &str = "data";
/// Files by which a home is recognised: the lock is created before anything else, the password by earlier versions.
const MARKS: [&str; 2] = [TURN, "password"];
/// Write permission of the group and of all others.
const WRITE_OF_OTHERS: u32 = 0o022;
/// Write permission of all others.
const WRITE_OF_ALL: u32 = 0o002;
/// Where this is set, entries belong to who created them.
const STICKY: u32 = 0o1000;

/// Refuses a data directory in which others can create, replace or delete what we rely on, the master key included.
pub fn refuse_open_folder(data_dir: &Path) -> Result<(), StartError> {
    let data_dir = data_dir.canonicalize().at(data_dir)?;
    let mode = fs::metadata(&data_dir).at(&data_dir)?.mode();
    if mode & WRITE_OF_OTHERS != 0 {
        return Err(StartError::OpenToOthers { path: data_dir, mode: mode & 0o7777 });
    }
    if let Some(above) = exposed_above(&data_dir) {
        let path = above.display();
        tracing::warn!(%path, "postgres.folder_exposed: others can replace what is in this folder: chmod o-w it");
    }
    Ok(())
}

/// A parent folder in which every user can rename ours.
fn exposed_above(data_dir: &Path) -> Option<PathBuf> {
    let is_exposed = |folder: &&Path| {
        let mode = fs::metadata(folder).map_or(0, |folder| folder.mode());
        mode & WRITE_OF_ALL != 0 && mode & STICKY == 0
    };
    data_dir.ancestors().skip(1).find(is_exposed).map(Path::to_owned)
}

/// Refuses a folder that contains something, and nothing by which it is recognised as ours: its permissions would be
/// changed, and a cluster in it taken over.
pub fn refuse_foreign_files(home: &Path) -> Result<(), StartError> {
    if MARKS.iter().any(|mark| home.join(mark).exists()) || fs::read_dir(home).at(home)?.next().is_none() {
        return Ok(());
    }
    let has_cluster = home.join(DATA).join("PG_VERSION").exists();
    let mark = home.join(TURN);
    Err(StartError::ForeignFiles { path: home.to_owned(), remedy: remedy(has_cluster, &mark) })
}

fn remedy(has_cluster: bool, mark: &Path) -> String {
    if has_cluster {
        format!("; if it is a restored backup of this application's database, say so with `touch {}`", mark.display())
    } else {
        String::new()
    }
}
