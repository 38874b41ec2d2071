use super::{
    options::{FileFormat, System},
    report::ImportReport,
};
use crate::{
    app::House,
    cli::{error::CliError, in_house::in_new_house, output::Output, serve::stop_signal},
    config::Config,
    kernel::{Clock, Duration, Operator, Stopwatch},
    transfer::{
        self, AtLine, Batch, Conversion, Existing, FileError, Format, HashConfig, ImportBatches, PasswordHashes,
    },
};
use clap::Args;
use serde_json::json;
use std::{
    error::Error,
    fs::{self, File},
    io::{self, BufReader, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
};
use tokio::sync::mpsc::{self, Receiver};

/// How often progress is reported when standard error is not a terminal.
const PROGRESS: Duration = Duration::from_secs(10);
/// Batches that are read ahead.
const AHEAD: usize = 2;

#[derive(Debug, Args)]
pub struct Import {
    /// One user per row; `-` is standard input. docs/moving-in.md describes the fields
    file: PathBuf,
    /// The system that wrote the file
    #[arg(long, value_name = "SYSTEM", default_value = "heirloom")]
    from: System,
    /// The form of the file; by default its ending decides
    #[arg(long)]
    format: Option<FileFormat>,
    /// Write what was refused, changed or is already there to this file, as NDJSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Read everything, compare it with the existing users, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Import users without their passwords: each must set a new one
    #[arg(long)]
    without_password_hashes: bool,
    /// Auth0: the export of password hashes, as NDJSON
    #[arg(long, value_name = "FILE")]
    password_hashes: Option<PathBuf>,
    /// Firebase: a file with the password hash parameters, as the console shows them
    #[arg(long, value_name = "FILE")]
    firebase_hash_config: Option<PathBuf>,
    /// Keep ids that are not UUIDs as this claim
    #[arg(long, value_name = "CLAIM")]
    old_id_claim: Option<String>,
}

impl Import {
    /// The exit code is 1 if a row was refused.
    pub async fn run(self, config: Config, output: Output) -> Result<ExitCode, CliError> {
        let batches = ImportBatches::of(self.open()?, self.format()?, self.conversion()?).map_err(CliError::File)?;
        let mut import = Importing::new(self.open_report()?, self.dry_run);
        let batches = read_ahead(batches).map_err(CliError::Input)?;
        let ended = in_new_house(config, async |house| import.run(batches, house).await).await;
        import.summarize(output, ended.is_ok())?;
        ended?;
        Ok(if import.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn open(&self) -> Result<Box<dyn Read + Send>, CliError> {
        if self.file == Path::new("-") {
            return Ok(Box::new(io::stdin()));
        }
        let file = File::open(&self.file).map_err(|why| unusable("FILE", &self.file, &why))?;
        match file.metadata() {
            Ok(data) if data.is_dir() => Err(unusable("FILE", &self.file, &io::Error::other("is a directory"))),
            Ok(_) => Ok(Box::new(file)),
            Err(why) => Err(unusable("FILE", &self.file, &why)),
        }
    }

    fn open_report(&self) -> Result<ImportReport, CliError> {
        let Some(path) = &self.report else { return Ok(ImportReport::to_standard_error()) };
        ImportReport::create(path, &self.file).map_err(|why| unusable("--report", path, &why))
    }

    fn format(&self) -> Result<Format, CliError> {
        let ending = self.file.extension().and_then(|ending| ending.to_str());
        let format = self.format.or_else(|| ending.and_then(FileFormat::of_ending));
        format.map(Format::from).ok_or_else(|| CliError::NotAllowed {
            argument: "FILE",
            problem: "its extension is not one of .ndjson, .jsonl, .json, .csv, .tsv: name the --format".to_owned(),
        })
    }

    fn conversion(&self) -> Result<Conversion, CliError> {
        let firebase = self.firebase_hash_config.as_deref().map(read_hash_config).transpose()?;
        let hashes = self.password_hashes.as_deref().map(read_password_hashes).transpose()?;
        Ok(Conversion {
            source: self.from.into(),
            firebase,
            hashes,
            without_password_hashes: self.without_password_hashes,
            old_id_claim: self.old_id_claim.clone(),
            now: Clock::start().now(),
        })
    }
}

fn read_hash_config(path: &Path) -> Result<HashConfig, CliError> {
    const OPTION: &str = "--firebase-hash-config";
    let text = fs::read_to_string(path).map_err(|why| unusable(OPTION, path, &why))?;
    HashConfig::read(&text).map_err(|why| unusable(OPTION, path, &why))
}

fn read_password_hashes(path: &Path) -> Result<PasswordHashes, CliError> {
    const OPTION: &str = "--password-hashes";
    let file = File::open(path).map_err(|why| unusable(OPTION, path, &why))?;
    PasswordHashes::read(BufReader::new(file)).map_err(|why| unusable(OPTION, path, &why))
}

fn unusable(argument: &'static str, path: &Path, why: &dyn Error) -> CliError {
    CliError::NotAllowed { argument, problem: format!("{}: {why}", path.display()) }
}

/// Reads on a thread of its own, which may wait for a pipe for any time: the command does not wait for it at the end.
fn read_ahead(batches: ImportBatches) -> io::Result<Receiver<Result<Batch, FileError>>> {
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
    is_dry_run: bool,
    imported: usize,
    already_there: usize,
    refused: usize,
    noted: usize,
    last_line: u64,
    report: ImportReport,
    watch: Stopwatch,
}

impl Importing {
    fn new(report: ImportReport, is_dry_run: bool) -> Self {
        let watch = Stopwatch::start();
        Self { is_dry_run, imported: 0, already_there: 0, refused: 0, noted: 0, last_line: 0, report, watch }
    }

    /// Runs until the end of the file, or until the process is asked to stop, which it does between two batches.
    async fn run(&mut self, mut batches: Receiver<Result<Batch, FileError>>, house: &House) -> Result<(), CliError> {
        let mut stop = Box::pin(stop_signal());
        loop {
            let batch = tokio::select! {
                biased;
                () = &mut stop => return Err(CliError::Refused(format!("stopped after line {}", self.last_line))),
                batch = batches.recv() => batch,
            };
            let Some(batch) = batch else { return Ok(()) };
            self.take(batch.map_err(CliError::File)?, house).await?;
            self.show_progress();
        }
    }

    async fn take(&mut self, batch: Batch, house: &House) -> Result<(), CliError> {
        let Batch { rows, refused, repeated, notes, last_line, .. } = batch;
        let count = rows.len();
        let existing = if rows.is_empty() {
            Vec::new()
        } else if self.is_dry_run {
            transfer::compare(&house.world, &rows).await?
        } else {
            transfer::import(&house.world, &house.factors, Operator::at_the_command_line(), rows).await?
        };
        let already_there = existing.iter().filter(|row| row.what == Existing::AlreadyThere).count();
        self.imported += count.saturating_sub(existing.len());
        self.already_there += already_there + repeated.len();
        self.refused += refused.len() + existing.len().saturating_sub(already_there);
        self.last_line = last_line;
        let is_new = |note: &&AtLine<_>| !existing.iter().any(|row| row.line == note.line);
        let notes: Vec<_> = notes.iter().filter(is_new).cloned().collect();
        self.noted += notes.len();
        let reported = (|| {
            self.report.refused(&refused)?;
            self.report.existing(&existing)?;
            self.report.repeated(&repeated)?;
            self.report.notes(&notes)
        })();
        reported.map_err(CliError::Output)
    }

    fn show_progress(&mut self) {
        let is_terminal = io::stderr().is_terminal();
        if !is_terminal && self.watch.elapsed() < PROGRESS {
            return;
        }
        self.watch = Stopwatch::start();
        let (begin, end) = if is_terminal { ("\r", "") } else { ("", "\n") };
        // Where standard error is closed there is no reader.
        drop(write!(io::stderr(), "{begin}line {}: {} imported{end}", self.last_line, self.imported));
    }

    fn summarize(&self, output: Output, is_complete: bool) -> Result<(), CliError> {
        let Self { is_dry_run, imported, already_there, refused, noted, last_line, .. } = self;
        if io::stderr().is_terminal() {
            drop(writeln!(io::stderr()));
        }
        let summary = json!({
            "dry_run": is_dry_run, "complete": is_complete, "imported": imported, "already_there": already_there,
            "refused": refused, "noted": noted, "last_line": last_line,
        });
        output.say(&summary, || {
            let imported = if *is_dry_run { format!("Good rows: {imported}") } else { format!("Imported: {imported}") };
            let noted = if *noted == 0 { String::new() } else { format!(" Notes: {noted}.") };
            let on = if is_complete { "" } else { " The same command goes on where it stopped." };
            format!(
                "{imported}. Already there: {already_there}. Refused: {refused}.{noted} Last line: {last_line}.{on}"
            )
        })
    }
}
