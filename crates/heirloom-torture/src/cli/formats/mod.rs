//! The formats of a report.

mod diagram;
mod error;
mod html;
mod junit;
mod sarif;
mod text;
mod wording;

pub use error::FormatError;
pub use text::wrapped_table;

use clap::ValueEnum;
use heirloom_torture::Report;
use std::path::PathBuf;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables, for a terminal
    Text,
    /// Everything, for programs
    Json,
    /// For a build server
    Junit,
    /// For code scanning (SARIF 2.1.0)
    Sarif,
    /// One page, to attach to a report
    Html,
}

impl Format {
    /// The report in this format.
    pub fn write(self, report: &Report) -> Result<String, FormatError> {
        let text = match self {
            Self::Text => text::report(report),
            Self::Json => serde_json::to_string_pretty(report)?,
            Self::Junit => junit::report(report)?,
            Self::Sarif => serde_json::to_string_pretty(&sarif::report(report))?,
            Self::Html => html::report(report)?,
        };
        Ok(format!("{}\n", text.trim_end()))
    }
}

/// A file and its format.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its format.
    pub format: Format,
    /// The file.
    pub path: PathBuf,
}

impl Output {
    /// `report.html`, `junit=report.xml`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let named = text.split_once('=').and_then(|(name, path)| Some((Format::from_str(name, false).ok()?, path)));
        if let Some((format, path)) = named {
            return Ok(Self { format, path: path.into() });
        }
        let path = PathBuf::from(text);
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some("txt") => Format::Text,
            Some("json") => Format::Json,
            Some("xml") => Format::Junit,
            Some("sarif") => Format::Sarif,
            Some("html" | "htm") => Format::Html,
            _other => return Err("name a format, as in junit=report: text, json, junit, sarif or html".to_owned()),
        };
        Ok(Self { format, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_names_its_format_unless_another_is_given() {
        let format = |text: &str| Output::parse(text).ok().map(|output| (output.format, output.path));
        for (text, format_of_it, path) in [
            ("a.txt", Format::Text, "a.txt"),
            ("a.json", Format::Json, "a.json"),
            ("a.xml", Format::Junit, "a.xml"),
            ("a.sarif", Format::Sarif, "a.sarif"),
            ("a=b.html", Format::Html, "a=b.html"),
            ("junit=a", Format::Junit, "a"),
            ("html=a=b", Format::Html, "a=b"),
        ] {
            assert_eq!(format(text), Some((format_of_it, path.into())));
        }
        assert!(Output::parse("a").is_err());
    }
}
