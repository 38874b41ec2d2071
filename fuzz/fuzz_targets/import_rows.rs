//! Files to import: the first byte chooses the system, the second the form, the rest is the file.
#![no_main]

use heirloom::{
    kernel::Moment,
    transfer::{ImportBatches, Conversion, Format, SourceSystem},
};
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;

const FORMATS: [Format; 3] = [Format::Ndjson, Format::Csv, Format::Json];

fuzz_target!(|bytes: &[u8]| {
    let [source, format, file @ ..] = bytes else { return };
    let source = SourceSystem::ALL[usize::from(*source) % SourceSystem::ALL.len()];
    let format = FORMATS[usize::from(*format) % FORMATS.len()];
    let conversion = Conversion { source, ..Conversion::plain(Moment::UNIX_EPOCH) };
    if let Ok(batches) = ImportBatches::of(Cursor::new(file.to_vec()), format, conversion) {
        batches.for_each(drop);
    }
});
