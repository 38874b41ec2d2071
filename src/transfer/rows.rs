//! A file's rows, read one after another.

mod document;
mod lines;
mod raw;
mod records;
mod unique;

use super::{
    ImportedUser,
    collisions::{Occurrence, SeenRows},
    row::{AtLine, Note, RawFields, RowRefused},
    source::{Conversion, SourceSystem},
};
use document::JsonDocument;
use lines::LineRows;
pub use raw::FileError;
use raw::{BOM, RawRow};
use records::Records;
use std::io::{BufRead, BufReader, Read};

/// The most rows of a batch.
const BATCH_ROWS: usize = 1_000;
/// A batch with so many bytes gets no more rows.
const BATCH_BYTES: usize = 1024 * 1024;
/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Ndjson,
    /// RFC 4180, or with `;` or a tab between the cells; the first row names the columns. An empty cell, `NULL` and `\N`
    /// are not a value.
    Csv,
    /// One JSON document: an array of objects, or an object with the array in the member that the system uses. If the
    /// file is neither, [`Format::Ndjson`].
    Json,
}

/// Rows that are imported together.
#[derive(Debug, Default)]
pub struct Batch {
    /// Those that can be imported.
    pub rows: Vec<AtLine<ImportedUser>>,
    /// Those that cannot.
    pub refused: Vec<AtLine<RowRefused>>,
    /// The lines that repeat an earlier row of the file without any difference.
    pub repeated: Vec<u64>,
    /// What was changed in rows that can be imported.
    pub notes: Vec<AtLine<Note>>,
    /// The last line that was read for it.
    pub last_line: u64,
    bytes: usize,
}

type RawRows = Box<dyn Iterator<Item = Result<RawRow, FileError>> + Send>;

/// A file's rows, by the batch. Holds in memory one batch, one row, and some 80 bytes for each row read, by which it
/// finds collisions.
pub struct ImportBatches {
    rows: RawRows,
    conversion: Conversion,
    seen: SeenRows,
    /// Reported after the rows that came before it.
    error: Option<FileError>,
}

impl ImportBatches {
    /// Begins to read a file.
    ///
    /// # Errors
    /// When its first row must name columns, and does not.
    pub fn of(input: impl Read + Send + 'static, format: Format, conversion: Conversion) -> Result<Self, FileError> {
        let input = BufReader::new(input);
        let rows: RawRows = match format {
            Format::Ndjson => Box::new(LineRows::of(input)),
            Format::Csv => Box::new(Records::of(input, conversion.source == SourceSystem::Heirloom)?),
            Format::Json => of_json(input, conversion.source)?,
        };
        Ok(Self { rows, conversion, seen: SeenRows::default(), error: None })
    }

    fn add(&mut self, batch: &mut Batch, row: RawRow) {
        batch.last_line = row.line;
        batch.bytes = batch.bytes.saturating_add(row.bytes);
        let line = row.line;
        match self.read(line, row.fields) {
            Ok(Some(ReadRow::New(user))) => {
                batch.notes.extend(user.notes.iter().cloned().map(|note| AtLine::new(line, note)));
                batch.rows.push(AtLine::new(line, *user));
            }
            Ok(Some(ReadRow::Repeated)) => batch.repeated.push(line),
            Ok(None) => {}
            Err(refused) => batch.refused.push(AtLine::new(line, refused)),
        }
    }

    fn read(&mut self, line: u64, fields: Result<RawFields, RowRefused>) -> Result<Option<ReadRow>, RowRefused> {
        let fields = fields?;
        let content = self.seen.fingerprint(&fields);
        let Some(user) = self.conversion.user(fields)? else { return Ok(None) };
        match self.seen.note(line, &user, content) {
            Occurrence::First => Ok(Some(ReadRow::New(Box::new(user)))),
            Occurrence::Repeated => Ok(Some(ReadRow::Repeated)),
            Occurrence::Collides(refused) => Err(refused),
        }
    }
}

/// A row that is right.
enum ReadRow {
    New(Box<ImportedUser>),
    Repeated,
}

impl Iterator for ImportBatches {
    type Item = Result<Batch, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.error.take() {
            return Some(Err(error));
        }
        let mut batch = Batch::default();
        while batch.len() < BATCH_ROWS && batch.bytes < BATCH_BYTES {
            match self.rows.next() {
                Some(Ok(row)) => self.add(&mut batch, row),
                Some(Err(error)) if batch.last_line == 0 => return Some(Err(error)),
                Some(Err(error)) => {
                    self.error = Some(error);
                    break;
                }
                None => break,
            }
        }
        (batch.last_line > 0).then_some(Ok(batch))
    }
}

impl Batch {
    const fn len(&self) -> usize {
        self.rows.len() + self.refused.len() + self.repeated.len()
    }
}

/// What the file begins with decides: products name NDJSON `.json` too.
fn of_json(mut input: BufReader<impl Read + Send + 'static>, source: SourceSystem) -> Result<RawRows, FileError> {
    let failed = |source| FileError::Input { after: 0, source };
    let start = input.fill_buf().map_err(failed)?;
    let start = start.strip_prefix(BOM).unwrap_or(start).trim_ascii_start();
    let is_document = match start.first() {
        Some(b'[') => true,
        _ => source.member().is_some(),
    };
    if !is_document {
        return Ok(Box::new(LineRows::of(input)));
    }
    Ok(Box::new(JsonDocument::of(input, source.member().unwrap_or("users")).map_err(failed)?))
}

#[cfg(test)]
mod tests;
