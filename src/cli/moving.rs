//! `heirloom user import` and `heirloom user export`.

use super::{
    CliError, in_house,
    output::{Lines, Output, printable},
    serve::told_to_stop,
};
use crate::{
    app::House,
    config::Config,
    kernel::{Duration, Operator, Stopwatch},
    transfer::{self, Batch, Batches, FileError, Format, RowRefused},
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, IsTerminal, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
};
use tokio::sync::mpsc::{self, Receiver};

/// How often progress is told where nobody watches.
const PROGRESS: Duration = Duration::from_secs(10);
/// Batches that are read ahead.
const AHEAD: usize = 2;

#[derive(Debug, Subcommand)]
pub enum MovingCommand {
    /// Take people over from another system, with their password hashes, from NDJSON or CSV
    Import(Import),
    /// Write everybody out, as the NDJSON that `import` reads
    Export(Export),
}

impl MovingCommand {
    pub async fn run(self, config: Config, output: Output) -> Result<ExitCode, CliError> {
        match self {
            Self::Import(import) => import.run(config, output).await,
            Self::Export(export) => {
                in_house(config, async |house| export.write(house).await).await?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

#[derive(Debug, Args)]
pub struct Import {
    /// One user a row; `-` is standard input. docs/moving-in.md describes the fields
    file: PathBuf,
    /// How it is written; by default what its ending says
    #[arg(long)]
    format: Option<FileFormat>,
    /// Write what was refused or is already there to this file, as NDJSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Read and check everything, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Export {
    /// With the hashes of passwords: whoever gets the file can try passwords against them
    #[arg(long)]
    with_password_hashes: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileFormat {
    /// One JSON object a line
    Ndjson,
    /// Comma-separated, with a first row that names the columns
    Csv,
}

impl Import {
    /// Failure says that a row was refused.
    async fn run(self, config: Config, output: Output) -> Result<ExitCode, CliError> {
        let batches = Batches::of(self.open()?, self.format()?).map_err(CliError::File)?;
        let mut import = Importing::new(self.open_report()?);
        let batches = read_ahead(batches).map_err(CliError::Input)?;
        let ended = if self.dry_run {
            import.run(batches, None).await
        } else {
            in_house(config, async |house| import.run(batches, Some(house)).await).await
        };
        import.tell(self.dry_run, output, ended.is_ok())?;
        ended?;
        Ok(if import.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn open(&self) -> Result<Box<dyn Read + Send>, CliError> {
        if self.file == Path::new("-") {
            return Ok(Box::new(io::stdin()));
        }
        let unusable = |why: String| CliError::NotAllowed { argument: "FILE", problem: why };
        let file = File::open(&self.file).map_err(|why| unusable(format!("{}: {why}", self.file.display())))?;
        match file.metadata() {
            Ok(data) if data.is_dir() => Err(unusable(format!("{}: is a directory", self.file.display()))),
            Ok(_) => Ok(Box::new(file)),
            Err(why) => Err(unusable(format!("{}: {why}", self.file.display()))),
        }
    }

    /// It says which addresses there are: for its owner only.
    fn open_report(&self) -> Result<Option<BufWriter<File>>, CliError> {
        let Some(path) = &self.report else { return Ok(None) };
        let opened = || {
            let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
            let (report, people) = (file.metadata()?, fs::metadata(&self.file));
            if people.is_ok_and(|people| (people.dev(), people.ino()) == (report.dev(), report.ino())) {
                return Err(io::Error::other("is the file to be imported"));
            }
            // Nothing of an earlier report.
            if report.is_file() {
                file.set_len(0)?;
            }
            Ok(BufWriter::new(file))
        };
        let unusable =
            |why| CliError::NotAllowed { argument: "--report", problem: format!("{}: {why}", path.display()) };
        opened().map(Some).map_err(unusable)
    }

    fn format(&self) -> Result<Format, CliError> {
        let ending = self.file.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        match (self.format, ending.as_deref()) {
            (Some(FileFormat::Ndjson), _) | (None, Some("ndjson" | "jsonl")) => Ok(Format::Ndjson),
            (Some(FileFormat::Csv), _) | (None, Some("csv")) => Ok(Format::Csv),
            (None, _) => Err(CliError::NotAllowed {
                argument: "FILE",
                problem: "its ending says nothing (.ndjson, .jsonl, .csv): name the --format".to_owned(),
            }),
        }
    }
}

/// Reads on a thread of its own, which may wait for a pipe as long as it likes: nobody waits for it at the end.
fn read_ahead(batches: Batches) -> io::Result<Receiver<Result<Batch, FileError>>> {
    let (send, receive) = mpsc::channel(AHEAD);
    let read = move || {
        for batch in batches {
            if send.blocking_send(batch).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("import".to_owned()).spawn(read)?;
    Ok(receive)
}

/// An import under way.
struct Importing {
    imported: usize,
    already_there: usize,
    refused: usize,
    last_line: u64,
    report: Option<BufWriter<File>>,
    watch: Stopwatch,
}

impl Importing {
    fn new(report: Option<BufWriter<File>>) -> Self {
        Self { imported: 0, already_there: 0, refused: 0, last_line: 0, report, watch: Stopwatch::start() }
    }

    /// Until the end of the file, or until somebody wants us to stop: between two batches. Without a house, rows are
    /// only read.
    async fn run(
        &mut self,
        mut batches: Receiver<Result<Batch, FileError>>,
        house: Option<&House>,
    ) -> Result<(), CliError> {
        let mut stop = Box::pin(told_to_stop());
        loop {
            let batch = tokio::select! {
                biased;
                () = &mut stop => return Err(CliError::Refused(format!("stopped after line {}", self.last_line))),
                batch = batches.recv() => batch,
            };
            let Some(batch) = batch else { return Ok(()) };
            self.take(batch.map_err(CliError::File)?, house).await?;
            self.tell_progress();
        }
    }

    async fn take(&mut self, batch: Batch, house: Option<&House>) -> Result<(), CliError> {
        let rows = batch.rows.len();
        let already_there = match house {
            Some(house) if rows > 0 => {
                transfer::import(&house.world, Operator::at_the_command_line(), batch.rows).await?
            }
            Some(_) | None => Vec::new(),
        };
        self.imported += rows.saturating_sub(already_there.len());
        self.already_there += already_there.len();
        self.refused += batch.refused.len();
        self.last_line = batch.last_line;
        self.report(&batch.refused, &already_there).map_err(CliError::Output)
    }

    /// What was refused, to the report or to a person; who is already there, to the report only.
    fn report(&mut self, refused: &[(u64, RowRefused)], already_there: &[u64]) -> io::Result<()> {
        let Some(report) = &mut self.report else {
            for (line, why) in refused {
                // Where standard error is closed nobody wants to know.
                drop(writeln!(io::stderr(), "line {line}: {}", printable(&why.message)));
            }
            return Ok(());
        };
        for (line, why) in refused {
            writeln!(report, "{}", json!({ "line": line, "code": why.code, "message": why.message }))?;
        }
        for line in already_there {
            let message = "somebody has this address or id already; nothing was changed";
            writeln!(report, "{}", json!({ "line": line, "code": "already_there", "message": message }))?;
        }
        report.flush()
    }

    fn tell_progress(&mut self) {
        let is_watched = io::stderr().is_terminal();
        if !is_watched && self.watch.elapsed() < PROGRESS {
            return;
        }
        self.watch = Stopwatch::start();
        let (begin, end) = if is_watched { ("\r", "") } else { ("", "\n") };
        // Where standard error is closed nobody watches.
        drop(write!(io::stderr(), "{begin}line {}: {} imported{end}", self.last_line, self.imported));
    }

    fn tell(&self, is_dry_run: bool, output: Output, is_whole: bool) -> Result<(), CliError> {
        let Self { imported, already_there, refused, last_line, .. } = self;
        if io::stderr().is_terminal() {
            drop(writeln!(io::stderr()));
        }
        let told = json!({
            "dry_run": is_dry_run, "complete": is_whole, "imported": imported, "already_there": already_there,
            "refused": refused, "last_line": last_line,
        });
        output.say(&told, || {
            let imported = if is_dry_run { format!("Good rows: {imported}") } else { format!("Imported: {imported}") };
            let on = if is_whole { "" } else { " The same command goes on where it stopped." };
            format!("{imported}. Already there: {already_there}. Refused: {refused}. Last line: {last_line}.{on}")
        })
    }
}

impl Export {
    async fn write(&self, house: &House) -> Result<(), CliError> {
        let (mut lines, operator) = (Lines::begin(), Operator::at_the_command_line());
        let with_hashes = self.with_password_hashes;
        transfer::export(&house.world, &house.connector, operator, with_hashes, |user| lines.say(&user)).await?;
        lines.end()
    }
}
