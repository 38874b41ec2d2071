//! `.env`: only in the current folder, or the file that is named; never one that another user may have written.

use super::{ConfigError, our_user_id};
use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// The file that is read if it is there and no other is named.
const USUAL: &str = ".env";

/// Why the options in a file cannot be used. Never repeats a value: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnvFileError {
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("{path} line {line}: {option} is not in UTF-8. Save the file as UTF-8")]
    Encoding { path: String, line: usize, option: String },
    #[error("{path} belongs to another user (id {owner}), who could change every option: chown {us} {path}")]
    Foreign { path: String, owner: u32, us: u32 },
    #[error("{path} may be written by other users, who could change every option: chmod go-w {path}")]
    Writable { path: String },
    #[error(
        "{path} line {line}: the value of {option} has a $ outside of single quotes. Nothing is substituted here: write \
         {option}='…'"
    )]
    Dollar { path: String, line: usize, option: String },
    #[error(
        "{path} line {line}: {option} cannot be read (near character {at}). Put a value with spaces, quotes, # or \\ into \
         single quotes: NAME='value'"
    )]
    Malformed { path: String, line: usize, option: String, at: usize },
}

/// The options in the file that is named, or in `.env` where there is one.
pub(super) fn read(named: Option<&Path>) -> Result<BTreeMap<String, String>, ConfigError> {
    let path = named.unwrap_or(Path::new(USUAL));
    let shown = path.display().to_string();
    match open(path, &shown) {
        Err(EnvFileError::Unreadable { source, .. }) if named.is_none() && source.kind() == io::ErrorKind::NotFound => {
            Ok(BTreeMap::new())
        }
        opened => opened.and_then(|text| parse(&text, &shown)).map_err(|error| ConfigError::file(&error)),
    }
}

fn open(path: &Path, shown: &str) -> Result<String, EnvFileError> {
    let failed = |source| EnvFileError::Unreadable { path: shown.to_owned(), source };
    let us = our_user_id();
    // A link belongs to the user who chose its target.
    trusted(&fs::symlink_metadata(path).map_err(failed)?, us, shown)?;
    let mut file = File::open(path).map_err(failed)?;
    trusted(&file.metadata().map_err(failed)?, us, shown)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    let text = String::from_utf8(bytes).map_err(|error| not_utf8(error.as_bytes(), shown))?;
    // Editors of another system begin a file with this mark.
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// Where the first byte is that is not UTF-8.
fn not_utf8(bytes: &[u8], shown: &str) -> EnvFileError {
    let text = String::from_utf8_lossy(bytes);
    let before = text.split(char::REPLACEMENT_CHARACTER).next().unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    EnvFileError::Encoding { path: shown.to_owned(), line, option: option_at(&text, line) }
}

fn trusted(file: &Metadata, us: Option<u32>, shown: &str) -> Result<(), EnvFileError> {
    let path = || shown.to_owned();
    match us {
        Some(us) if ![us, 0].contains(&file.uid()) => {
            Err(EnvFileError::Foreign { path: path(), owner: file.uid(), us })
        }
        // The mode of a link means nothing.
        _ if !file.is_symlink() && file.mode() & 0o022 != 0 => Err(EnvFileError::Writable { path: path() }),
        _ => Ok(()),
    }
}

fn parse(text: &str, shown: &str) -> Result<BTreeMap<String, String>, EnvFileError> {
    if let Some(line) = line_with_dollar(text) {
        return Err(EnvFileError::Dollar { path: shown.to_owned(), line, option: option_at(text, line) });
    }
    let malformed = |error: dotenvy::Error| match error {
        dotenvy::Error::LineParse(found, at) => {
            let before = text.find(&found).and_then(|start| text.get(..start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            EnvFileError::Malformed { path: shown.to_owned(), line, option: option_at(text, line), at }
        }
        dotenvy::Error::Io(source) => EnvFileError::Unreadable { path: shown.to_owned(), source },
        other => EnvFileError::Unreadable { path: shown.to_owned(), source: io::Error::other(other) },
    };
    dotenvy::from_read_iter(text.as_bytes()).collect::<Result<_, _>>().map_err(malformed)
}

/// The name that a line gives a value to.
fn option_at(text: &str, line: usize) -> String {
    let name = text.lines().nth(line.saturating_sub(1)).and_then(|line| line.split_once('=')).map(|(name, _)| name);
    let name = name.map(|name| name.trim().trim_start_matches("export ").trim()).unwrap_or_default();
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_name { name.to_owned() } else { "the option there".to_owned() }
}

/// The first line with a value in which dotenvy would substitute a variable: a password with a `$` would silently
/// become another one.
fn line_with_dollar(text: &str) -> Option<usize> {
    let (mut line, mut start, mut quote, mut escaped, mut comment) = (1, 1, None, false, false);
    let mut before = '\n';
    for character in text.chars() {
        match character {
            '\n' => {
                line += 1;
                if quote.is_none() {
                    (start, comment) = (line, false);
                }
            }
            _ if comment => {}
            _ if escaped => {}
            '\\' if quote != Some('\'') => {
                (escaped, before) = (true, character);
                continue;
            }
            '\'' | '"' if quote == Some(character) => quote = None,
            '\'' | '"' if quote.is_none() => quote = Some(character),
            '#' if quote.is_none() && before.is_whitespace() => comment = true,
            '$' if quote != Some('\'') => return Some(start),
            _ => {}
        }
        (escaped, before) = (false, character);
    }
    None
}
