//! Files to import: the first byte chooses the system, the second the form, the rest is the file.
#![no_main]

use heirloom::{
    kernel::Moment,
    transfer::{Batches, Conversion, Format, Source},
};
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;

const SOURCES: [Source; 11] = [
    Source::Heirloom,
    Source::Auth0,
    Source::Firebase,
    Source::Keycloak,
    Source::Supabase,
    Source::Django,
    Source::Laravel,
    Source::Spring,
    Source::Wordpress,
    Source::Devise,
    Source::BetterAuth,
];
const FORMATS: [Format; 3] = [Format::Ndjson, Format::Csv, Format::Json];

fuzz_target!(|bytes: &[u8]| {
    let [source, format, file @ ..] = bytes else { return };
    let source = SOURCES[usize::from(*source) % SOURCES.len()];
    let format = FORMATS[usize::from(*format) % FORMATS.len()];
    let conversion = Conversion { source, ..Conversion::plain(Moment::UNIX_EPOCH) };
    if let Ok(batches) = Batches::of(Cursor::new(file.to_vec()), format, conversion) {
        batches.for_each(drop);
    }
});
