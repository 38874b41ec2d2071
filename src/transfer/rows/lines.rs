use super::{
    raw::{BOM, FileError, ROW, RawRow, fields_of, too_long},
    unique::Unique,
};
use crate::transfer::row::{RawFields, RowRefused};
use serde::de::DeserializeSeed;
use std::{
    cell::Cell,
    io::{self, BufRead, BufReader, Read},
};

/// NDJSON.
pub struct LineRows<R> {
    input: BufReader<R>,
    line: u64,
}

impl<R: Read> LineRows<R> {
    pub const fn of(input: BufReader<R>) -> Self {
        Self { input, line: 0 }
    }

    /// The next line and whether that is all of it: what is too long is skipped without being held. `None` at the end.
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

fn read(line: &[u8]) -> Result<RawFields, RowRefused> {
    // The library's message may quote the row.
    let not_json = |_error| RowRefused::new("not_json", "is not a JSON object in UTF-8 on a line of its own");
    let (mut parser, is_repeated) = (serde_json::Deserializer::from_slice(line), Cell::new(false));
    let row = Unique { is_repeated: &is_repeated }.deserialize(&mut parser).map_err(not_json)?;
    parser.end().map_err(not_json)?;
    fields_of(row, is_repeated.get())
}

impl<R: Read> Iterator for LineRows<R> {
    type Item = Result<RawRow, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (bytes, is_whole) = match self.read_line() {
                Ok(Some(line)) => line,
                Ok(None) => return None,
                Err(source) => return Some(Err(FileError::Input { after: self.line, source })),
            };
            self.line += 1;
            let text = if self.line == 1 { bytes.strip_prefix(BOM).unwrap_or(&bytes) } else { &bytes };
            if is_whole && text.trim_ascii().is_empty() {
                continue;
            }
            let fields = if is_whole { read(text) } else { Err(too_long()) };
            return Some(Ok(RawRow { line: self.line, bytes: bytes.len(), fields }));
        }
    }
}
