//! One JSON document: its users are read one by one, and nothing else of it is held.

use super::{
    raw::{BOM, FileError, ROW, RawRow, fields_of},
    unique::Unique,
};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{
    cell::Cell,
    fmt,
    io::{self, BufRead, BufReader, Read},
    sync::mpsc::{self, Receiver, SyncSender},
    thread,
};

/// Rows that are read ahead.
const AHEAD: usize = 100;

/// The rows of a document. The parser calls us for each row, and so runs on a thread of its own.
pub struct JsonDocument(Receiver<Result<RawRow, FileError>>);

impl JsonDocument {
    pub fn of(input: BufReader<impl Read + Send + 'static>, member: &'static str) -> io::Result<Self> {
        let (send, receive) = mpsc::sync_channel(AHEAD);
        let read = move || {
            let error = Parsing { send: &send, position: Position::default(), member }.run(input);
            // Without a receiver the command has ended.
            if let Some(error) = error {
                drop(send.send(Err(error)));
            }
        };
        thread::Builder::new().name("json".to_owned()).spawn(read)?;
        Ok(Self(receive))
    }
}

impl Iterator for JsonDocument {
    type Item = Result<RawRow, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.recv().ok()
    }
}

/// Where the parser is: it reads byte by byte.
struct Position {
    line: Cell<u64>,
    /// The number of the last row.
    row: Cell<u64>,
    /// Bytes that may still be read before a row is too long. None outside a row.
    left: Cell<Option<usize>>,
}

impl Default for Position {
    fn default() -> Self {
        Self { line: Cell::new(1), row: Cell::new(0), left: Cell::new(None) }
    }
}

struct Parsing<'run> {
    send: &'run SyncSender<Result<RawRow, FileError>>,
    position: Position,
    member: &'static str,
}

impl Parsing<'_> {
    fn run(&self, mut input: BufReader<impl Read>) -> Option<FileError> {
        let has_bom = input.fill_buf().is_ok_and(|start| start.starts_with(BOM));
        input.consume(if has_bom { BOM.len() } else { 0 });
        let mut parser = serde_json::Deserializer::from_reader(Counted { input, position: &self.position });
        let done = Users(self).deserialize(&mut parser).and_then(|found| parser.end().map(|()| found));
        let line = self.position.line.get();
        match done {
            Ok(true) => None,
            Ok(false) => Some(FileError::NoUsers(self.member)),
            Err(error) if error.is_io() => Some(FileError::Input { after: line, source: error.into() }),
            // The library's message may quote the file.
            Err(_) => Some(FileError::NotJson(line)),
        }
    }
}

/// Counts lines, and bytes of a row.
struct Counted<'run, R> {
    input: BufReader<R>,
    position: &'run Position,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let lines = buffer.iter().take(read).filter(|byte| **byte == b'\n').count();
        self.position.line.set(self.position.line.get() + u64::try_from(lines).unwrap_or(0));
        if let Some(left) = self.position.left.get() {
            let too_long = || io::Error::other("a row is longer than 64 KiB");
            self.position.left.set(Some(left.checked_sub(read).ok_or_else(too_long)?));
        }
        Ok(read)
    }
}

/// The document: whether it holds users.
struct Users<'run>(&'run Parsing<'run>);

impl<'de> DeserializeSeed<'de> for Users<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Users<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("users")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _value: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _value: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _value: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<bool, A::Error> {
        while rows.next_element_seed(RowSeed(self.0))?.is_some() {}
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(name) = members.next_key::<String>()? {
            if name == self.0.member {
                found = members.next_value_seed(Users(self.0))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// One user.
struct RowSeed<'run>(&'run Parsing<'run>);

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let position = &self.0.position;
        // Where several rows are on one line, the number after that of the row before keeps them apart.
        let line = position.line.get().max(position.row.get() + 1);
        position.row.set(line);
        position.left.set(Some(ROW));
        let is_repeated = Cell::new(false);
        let value = Unique { is_repeated: &is_repeated }.deserialize(deserializer)?;
        let bytes = ROW - position.left.take().unwrap_or(ROW);
        let fields = fields_of(value, is_repeated.get());
        self.0
            .send
            .send(Ok(RawRow { line, bytes, fields }))
            .map_err(|_unsent| D::Error::custom("the command has ended"))
    }
}
