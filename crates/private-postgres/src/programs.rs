use super::{ProgramError, account::RunAs, binaries::Binaries, home::Home};
use std::{
    ffi::OsStr,
    io::{self, Write},
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

    /// A command with nothing of our surroundings: no environment, no standard streams, and not our current folder,
    /// into which the account may not be able to look. A process group of its own keeps Ctrl-C in our terminal from
    /// reaching Postgres before we have drained.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.path(program));
        command
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("LC_ALL", "C")])
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
        let mut command = self.command(program);
        command.args(arguments);
        self.finish(program, command).await
    }

    /// Runs a program to its end that reads a little from its standard input (less than a pipe holds, 64 KiB).
    pub async fn run_with_input<S: AsRef<OsStr>>(
        &self,
        program: &str,
        arguments: &[S],
        input: &str,
    ) -> Result<String, ProgramError> {
        let fill = || {
            let (reader, mut writer) = io::pipe()?;
            writer.write_all(input.as_bytes())?;
            Ok(reader)
        };
        let not_run = |source| ProgramError::NotRun { program: self.path(program), source };
        let mut command = self.command(program);
        command.args(arguments).stdin(fill().map_err(not_run)?);
        self.finish(program, command).await
    }

    async fn finish(&self, program: &str, mut command: Command) -> Result<String, ProgramError> {
        let path = self.path(program);
        command.stderr(Stdio::piped()).kill_on_drop(true);
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
