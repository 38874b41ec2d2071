use super::{ProgramError, account::RunAs, binaries::Binaries, home::Home};
use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};
use tokio::process::Command;

/// How long a program of Postgres may take that is not the server.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs the programs of Postgres, as its account.
#[derive(Debug)]
pub struct Programs {
    folder: PathBuf,
    home: PathBuf,
    run_as: RunAs,
}

impl Programs {
    pub fn new(binaries: &Binaries, home: &Home) -> Self {
        Self { folder: binaries.folder.clone(), home: home.folder.clone(), run_as: home.run_as.clone() }
    }

    pub fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    /// A command that inherits nothing: no environment (`PGOPTIONS`, `LC_…` and `TZ` would change what is created), no
    /// standard streams, and not our current folder, which the account may not be able to read. Its own process group
    /// keeps Ctrl-C in our terminal from reaching Postgres before the server has drained.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.path(program));
        command
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("LC_ALL", "C"), ("TZ", "UTC")])
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        if let RunAs::Account(account) = &self.run_as {
            command.uid(account.user).gid(account.group);
        }
        command
    }

    /// Runs a program to its end.
    pub async fn run<S: AsRef<OsStr>>(&self, program: &str, arguments: &[S]) -> Result<String, ProgramError> {
        let path = self.path(program);
        let mut command = self.command(program);
        command.args(arguments).stderr(Stdio::piped()).kill_on_drop(true);
        let Ok(ended) = tokio::time::timeout(PATIENCE, command.output()).await else {
            let ended = format!("it did not end within {} s", PATIENCE.as_secs());
            return Err(ProgramError::Failed { program: path, ended, said: String::new() });
        };
        judge(&path, ended)
    }
}

fn judge(program: &Path, ended: io::Result<Output>) -> Result<String, ProgramError> {
    let program = program.to_owned();
    let output = match ended {
        Ok(output) => output,
        Err(source) => return Err(ProgramError::NotRun { program, source }),
    };
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(ProgramError::Failed { program, ended: output.status.to_string(), said })
}
