use crate::{
    cli::output::time,
    transfer::{AtLine, Existing, Note, RowRefused},
};
use heirloom_terminal::printable;
use serde_json::json;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

/// Where rows are reported: a file of NDJSON, or standard error.
pub struct ImportReport(Option<BufWriter<File>>);

/// One line of it.
struct Entry {
    line: u64,
    code: &'static str,
    message: String,
}

impl ImportReport {
    pub const fn to_standard_error() -> Self {
        Self(None)
    }

    /// It reveals which addresses exist: only its owner may read it.
    pub fn create(path: &Path, imported: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let (report, users) = (file.metadata()?, fs::metadata(imported));
        if users.is_ok_and(|users| (users.dev(), users.ino()) == (report.dev(), report.ino())) {
            return Err(io::Error::other("is the file being imported"));
        }
        // Remove an earlier report.
        if report.is_file() {
            file.set_len(0)?;
        }
        Ok(Self(Some(BufWriter::new(file))))
    }

    pub fn refused(&mut self, refused: &[AtLine<RowRefused>]) -> io::Result<()> {
        let entry = |row: &AtLine<RowRefused>| Entry::new(row.line, row.what.code, &row.what.message);
        self.write_all(refused.iter().map(entry))
    }

    pub fn notes(&mut self, notes: &[AtLine<Note>]) -> io::Result<()> {
        let entry = |row: &AtLine<Note>| Entry::new(row.line, row.what.code, &row.what.message);
        self.write_all(notes.iter().map(entry))
    }

    /// Collisions with existing users. Users that are there already are reported to a file only.
    pub fn existing(&mut self, existing: &[AtLine<Existing>]) -> io::Result<()> {
        let is_file = self.0.is_some();
        let entry = |row: &AtLine<Existing>| match row.what {
            Existing::AlreadyThere => is_file.then(|| Entry::already_there(row.line)),
            Existing::AddressTaken => {
                let message = "email: a user with another id has this address; nothing was changed";
                Some(Entry::new(row.line, "address_taken", message))
            }
            Existing::AddressReserved(until) => {
                let message = format!(
                    "email: this address is reserved until {} for a user who can undo the change to another one; nothing was \
                     changed; import the row again after that",
                    time(until)
                );
                Some(Entry::new(row.line, "address_reserved", &message))
            }
            Existing::IdTaken => {
                let message = "id: a user with another address has this id; nothing was changed";
                Some(Entry::new(row.line, "id_taken", message))
            }
            Existing::IdentityTaken => {
                let message = "identities: one of them opens the account of another user; nothing was changed";
                Some(Entry::new(row.line, "identity_taken", message))
            }
        };
        self.write_all(existing.iter().filter_map(entry))
    }

    pub fn repeated(&mut self, lines: &[u64]) -> io::Result<()> {
        let is_file = self.0.is_some();
        self.write_all(lines.iter().filter(|_| is_file).map(|line| Entry::already_there(*line)))
    }

    fn write_all(&mut self, entries: impl Iterator<Item = Entry>) -> io::Result<()> {
        let Some(report) = &mut self.0 else {
            for Entry { line, message, .. } in entries {
                // Where standard error is closed there is no reader.
                drop(writeln!(io::stderr(), "line {line}: {}", printable(&message)));
            }
            return Ok(());
        };
        for Entry { line, code, message } in entries {
            writeln!(report, "{}", json!({ "line": line, "code": code, "message": message }))?;
        }
        report.flush()
    }
}

impl Entry {
    fn new(line: u64, code: &'static str, message: &str) -> Self {
        Self { line, code, message: message.to_owned() }
    }

    fn already_there(line: u64) -> Self {
        Self::new(line, "already_there", "this user already exists; nothing was changed")
    }
}
