use super::{
    FileError, StartError,
    error::At,
    home::{Home, make_own_folder},
    programs::Programs,
    random::random_name,
};
use std::{
    ffi::OsString,
    fs::{self, File},
    path::Path,
};

/// Creates a cluster under a draft name and renames it, so that an `initdb` that was killed leaves nothing half-made.
pub async fn make(home: &Home, programs: &Programs) -> Result<(), StartError> {
    tracing::info!(home = %home.folder.display(), "postgres.creating_cluster");
    sweep(&home.folder)?;
    // A name of its own: the `initdb` of a killed process of ours may still run, and tidies up after itself.
    let draft = home.folder.join(format!("data.new.{}", random_name().at(&home.folder)?));
    make_own_folder(&draft, &home.run_as)?;
    home.run_as.give(&draft, 0o700).at(&draft)?;
    programs.run("initdb", &initdb_arguments(&draft)).await?;
    home.remember()?;
    fs::rename(&draft, home.data()).at(&draft)?;
    File::open(&home.folder).and_then(|folder| folder.sync_all()).at(&home.folder)?;
    Ok(())
}

/// Nobody may connect until `authentication` has written who may.
fn initdb_arguments(draft: &Path) -> Vec<OsString> {
    let fixed = ["--username=postgres", "--encoding=UTF8", "--locale=C", "--data-checksums", "--auth=reject"];
    let mut arguments: Vec<OsString> = fixed.iter().map(OsString::from).collect();
    arguments.extend(["-D".into(), draft.into()]);
    arguments
}

/// Removes what earlier attempts left.
fn sweep(home: &Path) -> Result<(), FileError> {
    for entry in fs::read_dir(home).at(home)? {
        let entry = entry.at(home)?;
        if entry.file_name().as_encoded_bytes().starts_with(b"data.new") {
            fs::remove_dir_all(entry.path()).at(&entry.path())?;
        }
    }
    Ok(())
}
