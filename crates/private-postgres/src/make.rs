use super::{
    FileError, ProgramError, StartError,
    error::At,
    home::{Home, make_own_folder},
    password::{Password, random_name},
    programs::Programs,
};
use std::{
    ffi::OsString,
    fs::{self, File},
    path::Path,
};

/// The application's role and its database. The superuser, `postgres`, is for people: a hole in our SQL must not
/// become one through which Postgres runs programs.
pub const ROLE: &str = "heirloom";

/// Makes a cluster: beside, then renamed, so that an `initdb` that was killed leaves nothing half-made.
pub async fn make(home: &Home, programs: &Programs) -> Result<(), StartError> {
    tracing::info!(home = %home.folder.display(), "postgres.making_cluster");
    sweep(&home.folder)?;
    let password = Password::make(&home.password(), &home.run_as)?;
    // A name of its own: the `initdb` of a killed process of ours may still be at work, and tidies up after itself.
    let draft = home.folder.join(format!("data.new.{}", random_name().at(&home.folder)?));
    make_own_folder(&draft, &home.run_as)?;
    home.run_as.give(&draft, 0o700).at(&draft)?;
    programs.run("initdb", &initdb_arguments(&draft, &home.password())).await?;
    make_role(&draft, programs, &password).await?;
    home.remember()?;
    fs::rename(&draft, home.data()).at(&draft)?;
    File::open(&home.folder).and_then(|folder| folder.sync_all()).at(&home.folder)?;
    Ok(())
}

fn initdb_arguments(draft: &Path, password: &Path) -> Vec<OsString> {
    let fixed = ["--username=postgres", "--encoding=UTF8", "--locale=C", "--data-checksums", "--auth=scram-sha-256"];
    let mut arguments: Vec<OsString> = fixed.iter().map(OsString::from).collect();
    let mut password_file = OsString::from("--pwfile=");
    password_file.push(password);
    arguments.extend([password_file, "-D".into(), draft.into()]);
    arguments
}

/// In single-user mode, before the cluster is ever reachable.
async fn make_role(draft: &Path, programs: &Programs, password: &Password) -> Result<(), StartError> {
    let statements =
        format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{}'\nCREATE DATABASE {ROLE} OWNER {ROLE}\n", password.reveal());
    // An error must not repeat the statement, which holds the password.
    let fixed = ["--single", "-c", "log_min_error_statement=panic", "-D"].map(OsString::from);
    let arguments = fixed.into_iter().chain([draft.into(), "postgres".into()]).collect::<Vec<_>>();
    let said = programs.run_with_input("postgres", &arguments, &statements).await?;
    if said.contains("ERROR:") {
        // It says so and goes on.
        let (program, ended) = (programs.path("postgres"), "in single-user mode".to_owned());
        return Err(ProgramError::Failed { program, ended, said }.into());
    }
    Ok(())
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
