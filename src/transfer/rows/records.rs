use super::raw::{BOM, FileError, ROW, RawRow};
use crate::transfer::{
    imported_user::{FIELDS, unknown_field},
    row::{RawFields, RowRefused},
};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

/// Separators, the most likely first.
const SEPARATORS: [u8; 3] = *b",;\t";

/// The first line, which was looked at, and the rest.
type Input<R> = Chain<Cursor<Vec<u8>>, BufReader<R>>;

/// CSV.
pub struct Records<R> {
    reader: csv::Reader<Metered<Input<R>>>,
    columns: Vec<String>,
    /// Whether the columns are those of `ImportedUser`.
    is_plain: bool,
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
    pub fn of(mut input: BufReader<R>, is_plain: bool) -> Result<Self, FileError> {
        let first = first_line(&mut input)?;
        // With CRLF as its terminator the library would count lines from the wrong one: we remove the CR.
        let mut options = csv::ReaderBuilder::new();
        let options = options.flexible(true).terminator(csv::Terminator::Any(b'\n')).delimiter(separator(&first));
        let mut reader = options.from_reader(Metered { input: Cursor::new(first).chain(input), left: ROW });
        let header = reader.headers().map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(source) => FileError::Input { after: 0, source },
            _ => FileError::Header("it is not UTF-8".to_owned()),
        })?;
        let columns: Vec<String> = header.iter().map(column).collect();
        check(&columns, is_plain)?;
        Ok(Self { reader, columns, is_plain })
    }

    fn read(&self, cells: &[&[u8]]) -> Result<RawFields, RowRefused> {
        if cells.len() != self.columns.len() {
            return Err(RowRefused::new("wrong_columns", "has a different number of cells from the first row"));
        }
        let mut fields = RawFields::new();
        for (name, cell) in self.columns.iter().zip(cells) {
            let not_utf8 = |_error| RowRefused::new("not_utf8", format!("{name}: is not UTF-8"));
            let cell = std::str::from_utf8(cell).map_err(not_utf8)?;
            fields.insert(name.clone(), self.value(name, cell)?);
        }
        Ok(fields)
    }

    /// A cell as the JSON that NDJSON has in its place.
    fn value(&self, name: &str, cell: &str) -> Result<Value, RowRefused> {
        if matches!(cell.trim(), "" | "NULL" | "\\N") {
            return Ok(Value::Null);
        }
        match name {
            "roles" if self.is_plain => Ok(words(cell).collect()),
            "claims" | "identities" if self.is_plain => serde_json::from_str(cell)
                .map_err(|_may_quote_it| RowRefused::new("not_json", format!("{name}: is not JSON"))),
            "name" => Ok(cell.into()),
            _ => Ok(cell.trim().into()),
        }
    }
}

/// Between roles stands white space, or what databases write around lists.
fn words(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|' | '{' | '}')).filter(|word| !word.is_empty())
}

impl<R: Read> Iterator for Records<R> {
    type Item = Result<RawRow, FileError>;

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
                return Some(Ok(RawRow { line, bytes: record.as_slice().len(), fields: self.read(&cells) }));
            }
        }
    }
}

/// The line that names the columns, as far as a row may be long.
fn first_line<R: Read>(input: &mut BufReader<R>) -> Result<Vec<u8>, FileError> {
    let (mut line, limit) = (Vec::new(), u64::try_from(ROW).unwrap_or(u64::MAX));
    let read = input.by_ref().take(limit).read_until(b'\n', &mut line);
    read.map_err(|source| FileError::Input { after: 0, source })?;
    if line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff") {
        return Err(FileError::Header("the file is UTF-16, save it as CSV in UTF-8".to_owned()));
    }
    Ok(line.strip_prefix(BOM).map(<[u8]>::to_vec).unwrap_or(line))
}

/// The one that stands most often in the first line: names of columns contain none.
fn separator(line: &[u8]) -> u8 {
    let count = |separator: u8| line.split(|byte| *byte == separator).count();
    let [first, others @ ..] = SEPARATORS;
    others.into_iter().fold(first, |most, other| if count(other) > count(most) { other } else { most })
}

/// A column's name as spreadsheets write it: `Password Hash` is `password_hash`.
fn column(name: &str) -> String {
    name.trim().trim_start_matches('\u{feff}').trim().to_lowercase().replace([' ', '-'], "_")
}

fn check(columns: &[String], is_plain: bool) -> Result<(), FileError> {
    let refused = |why: &str| Err(FileError::Header(why.to_owned()));
    if is_plain && let Some(unknown) = columns.iter().find(|name| !FIELDS.contains(&name.as_str())) {
        return refused(&unknown_field(unknown).message);
    }
    if is_plain && !columns.iter().any(|name| name == "email") {
        return refused("an `email` column is required");
    }
    let is_twice = |(at, name): (usize, &String)| columns.iter().skip(at + 1).any(|other| other == name);
    if columns.iter().enumerate().any(is_twice) {
        return refused("a column is named twice");
    }
    Ok(())
}

/// The cells, without the CR of a CRLF.
fn cells(record: &csv::ByteRecord) -> Vec<&[u8]> {
    let mut cells: Vec<&[u8]> = record.iter().collect();
    if let Some(last) = cells.last_mut() {
        *last = last.strip_suffix(b"\r").unwrap_or(last);
    }
    cells
}
