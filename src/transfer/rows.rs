use super::newcomer::{FIELDS, Newcomer, RowRefused, unknown_field};
use serde_json::{Map, Value};
use std::io::{self, BufRead, BufReader, Read};

/// The longest row, in bytes: claims have 4 KiB at most, everything else is short.
const ROW: usize = 64 * 1024;
/// The most rows of a batch.
const BATCH_ROWS: usize = 1_000;
/// A batch with so many bytes gets no more rows.
const BATCH_BYTES: usize = 1024 * 1024;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Ndjson,
    /// RFC 4180, with a first row that names the columns. Roles are separated by spaces, claims are JSON; an empty cell
    /// is no field.
    Csv,
}

/// Why a file cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system says so.
    #[error("the file cannot be read after line {after}")]
    Input {
        /// The last line that was read.
        after: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The first row of a CSV file does not name the columns.
    #[error("the first row must name the columns: {0}")]
    Header(String),
}

/// Rows that are imported together.
#[derive(Debug, Default)]
pub struct Batch {
    /// Those that can be, by line.
    pub rows: Vec<(u64, Newcomer)>,
    /// Those that cannot be, by line.
    pub refused: Vec<(u64, RowRefused)>,
    /// The last line that was read for it.
    pub last_line: u64,
    bytes: usize,
}

/// A file's rows, by the batch. Holds one batch and one row in memory, whatever the file.
pub struct Batches {
    rows: Box<dyn Iterator<Item = Result<Row, FileError>> + Send>,
    /// Told after the rows that came before it.
    error: Option<FileError>,
}

struct Row {
    line: u64,
    bytes: usize,
    read: Result<Newcomer, RowRefused>,
}

impl Batches {
    /// Begins to read a file.
    ///
    /// # Errors
    /// When its first row must name columns, and does not.
    pub fn of(input: impl Read + Send + 'static, format: Format) -> Result<Self, FileError> {
        let rows: Box<dyn Iterator<Item = Result<Row, FileError>> + Send> = match format {
            Format::Ndjson => Box::new(Lines { input: BufReader::new(input), line: 0 }),
            Format::Csv => Box::new(Records::of(input)?),
        };
        Ok(Self { rows, error: None })
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.error.take() {
            return Some(Err(error));
        }
        let mut batch = Batch::default();
        while batch.rows.len() + batch.refused.len() < BATCH_ROWS && batch.bytes < BATCH_BYTES {
            match self.rows.next() {
                Some(Ok(row)) => batch.add(row),
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
    fn add(&mut self, row: Row) {
        self.last_line = row.line;
        self.bytes = self.bytes.saturating_add(row.bytes);
        match row.read {
            Ok(newcomer) => self.rows.push((row.line, newcomer)),
            Err(refused) => self.refused.push((row.line, refused)),
        }
    }
}

/// NDJSON.
struct Lines<R> {
    input: BufReader<R>,
    line: u64,
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<Row, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (bytes, is_whole) = match self.read_line() {
                Ok(Some(line)) => line,
                Ok(None) => return None,
                Err(source) => return Some(Err(FileError::Input { after: self.line, source })),
            };
            self.line += 1;
            let text = if self.line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes) } else { &bytes };
            if is_whole && text.trim_ascii().is_empty() {
                continue;
            }
            let read = if is_whole { read_json(text) } else { Err(too_long()) };
            return Some(Ok(Row { line: self.line, bytes: bytes.len(), read }));
        }
    }
}

impl<R: Read> Lines<R> {
    /// The next line and whether that is all of it: what is too long is skipped without being held. None: there is none.
    fn read_line(&mut self) -> io::Result<Option<(Vec<u8>, bool)>> {
        let (mut line, limit) = (Vec::new(), u64::try_from(ROW).unwrap_or(u64::MAX));
        if self.input.by_ref().take(limit + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') || line.len() <= ROW {
            return Ok(Some((line, true)));
        }
        self.input.skip_until(b'\n')?;
        Ok(Some((line, false)))
    }
}

fn read_json(line: &[u8]) -> Result<Newcomer, RowRefused> {
    let not_json = |_may_quote_it| RowRefused::new("not_json", "is no JSON object in UTF-8 on a line of its own");
    let fields: Map<String, Value> = serde_json::from_slice(line).map_err(not_json)?;
    Newcomer::read(fields)
}

fn too_long() -> RowRefused {
    RowRefused::new("too_long", "is longer than 64 KiB")
}

/// CSV.
struct Records<R> {
    reader: csv::Reader<Metered<R>>,
    columns: Vec<&'static str>,
}

/// A quote that is never closed would read the rest of the file as one field.
struct Metered<R> {
    input: R,
    left: usize,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other("a row is longer than 64 KiB: is a quote not closed?"));
        }
        let read = self.input.read(buffer)?;
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }
}

impl<R: Read> Records<R> {
    fn of(input: R) -> Result<Self, FileError> {
        // With CRLF as its terminator the library would count lines from the wrong one: the CR is ours to take off.
        let mut options = csv::ReaderBuilder::new();
        let options = options.flexible(true).terminator(csv::Terminator::Any(b'\n'));
        let mut reader = options.from_reader(Metered { input, left: ROW });
        let header = reader.headers().map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(source) => FileError::Input { after: 0, source },
            _ => FileError::Header("it is not UTF-8".to_owned()),
        })?;
        let columns = header.iter().map(|name| {
            let known = FIELDS.iter().find(|field| **field == name.trim()).copied();
            known.ok_or_else(|| FileError::Header(unknown_field(name.trim()).message))
        });
        let columns: Vec<&'static str> = columns.collect::<Result<_, _>>()?;
        if !columns.contains(&"email") {
            return Err(FileError::Header("there must be a column email".to_owned()));
        }
        let twice = |(at, name)| columns.iter().skip(at + 1).any(|other| other == name);
        if columns.iter().enumerate().any(twice) {
            return Err(FileError::Header("a column is named twice".to_owned()));
        }
        Ok(Self { reader, columns })
    }

    fn read(&self, cells: &[&[u8]]) -> Result<Newcomer, RowRefused> {
        if cells.len() != self.columns.len() {
            return Err(RowRefused::new("wrong_columns", "has not as many cells as the first row"));
        }
        let cells = self.columns.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
        let fields = cells.map(|(name, cell)| {
            let not_utf8 = |_why| RowRefused::new("not_utf8", format!("{name}: is not UTF-8"));
            Ok(((*name).to_owned(), value_of(name, std::str::from_utf8(cell).map_err(not_utf8)?)?))
        });
        Newcomer::read(fields.collect::<Result<_, RowRefused>>()?)
    }
}

impl<R: Read> Iterator for Records<R> {
    type Item = Result<Row, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.reader.get_mut().left = ROW;
            let (line, mut record) = (self.reader.position().line(), csv::ByteRecord::new());
            match self.reader.read_byte_record(&mut record) {
                Ok(false) => return None,
                Ok(true) => {}
                Err(error) => {
                    let source = io::Error::from(error);
                    return Some(Err(FileError::Input { after: line.saturating_sub(1), source }));
                }
            }
            let line = record.position().map_or(line, csv::Position::line);
            let cells = cells(&record);
            if cells.iter().any(|cell| !cell.is_empty()) {
                return Some(Ok(Row { line, bytes: record.as_slice().len(), read: self.read(&cells) }));
            }
        }
    }
}

/// The cells, without the CR of a CRLF.
fn cells(record: &csv::ByteRecord) -> Vec<&[u8]> {
    let mut cells: Vec<&[u8]> = record.iter().collect();
    if let Some(last) = cells.last_mut() {
        *last = last.strip_suffix(b"\r").unwrap_or(last);
    }
    cells
}

/// A cell as the JSON that NDJSON has in its place.
fn value_of(name: &str, cell: &str) -> Result<Value, RowRefused> {
    match name {
        "roles" => Ok(cell.split_whitespace().collect()),
        "blocked" if cell == "true" => Ok(Value::Bool(true)),
        "blocked" if cell == "false" => Ok(Value::Bool(false)),
        "claims" => {
            serde_json::from_str(cell).map_err(|_may_quote_it| RowRefused::new("not_json", "claims: is no JSON object"))
        }
        _ => Ok(Value::String(cell.to_owned())),
    }
}

#[cfg(test)]
mod tests;
