use super::{
    StartError,
    account::RunAs,
    error::At,
    home::{Home, make_own_folder},
    names::SOCKET_PREFIX,
    random::random_name,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Bytes of a folder's path in which a Unix socket still fits (108 in all on Linux, 104 elsewhere, of which Postgres'
/// file name takes 15).
const LONGEST: usize = 88;

/// The folder of the socket: in the home, or, where that path is too long for a socket, one in `/tmp` with a random name
/// that is written down. Created if it is missing (whatever cleans `/tmp` may delete it); a name that another account
/// has taken since is given up. Only with the turn.
pub fn folder(home: &Home) -> Result<PathBuf, StartError> {
    let inside = home.folder.join("run");
    if inside.as_os_str().len() <= LONGEST {
        make(&inside, &home.run_as)?;
        return Ok(inside);
    }
    let location = home.folder.join("run.location");
    let remembered = fs::read_to_string(&location).ok().map(|text| PathBuf::from(text.trim()));
    if let Some(folder) = remembered.filter(|folder| make(folder, &home.run_as).is_ok()) {
        return Ok(folder);
    }
    let folder = PathBuf::from("/tmp").join(format!("{SOCKET_PREFIX}{}", random_name().at(&location)?));
    make(&folder, &home.run_as)?;
    fs::write(&location, format!("{}\n", folder.display())).at(&location)?;
    Ok(folder)
}

fn make(folder: &Path, run_as: &RunAs) -> Result<(), StartError> {
    make_own_folder(folder, run_as)?;
    Ok(run_as.give(folder, 0o700).at(folder)?)
}
