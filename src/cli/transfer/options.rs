use crate::transfer::{Format, SourceSystem};
use clap::ValueEnum;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum FileFormat {
    /// One JSON object per line
    Ndjson,
    /// One JSON document
    Json,
    /// Separated by comma, semicolon or tab, with a first row that names the columns
    Csv,
}

impl From<FileFormat> for Format {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::Ndjson => Self::Ndjson,
            FileFormat::Json => Self::Json,
            FileFormat::Csv => Self::Csv,
        }
    }
}

impl FileFormat {
    /// By the ending of a file's name.
    pub fn of_ending(ending: &str) -> Option<Self> {
        match ending.to_ascii_lowercase().as_str() {
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "json" => Some(Self::Json),
            "csv" | "tsv" => Some(Self::Csv),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum System {
    /// The fields that `heirloom user export` writes
    Heirloom,
    Auth0,
    Firebase,
    Keycloak,
    Supabase,
    Django,
    Laravel,
    Spring,
    Wordpress,
    Devise,
    BetterAuth,
}

impl From<System> for SourceSystem {
    fn from(system: System) -> Self {
        match system {
            System::Heirloom => Self::Heirloom,
            System::Auth0 => Self::Auth0,
            System::Firebase => Self::Firebase,
            System::Keycloak => Self::Keycloak,
            System::Supabase => Self::Supabase,
            System::Django => Self::Django,
            System::Laravel => Self::Laravel,
            System::Spring => Self::Spring,
            System::Wordpress => Self::Wordpress,
            System::Devise => Self::Devise,
            System::BetterAuth => Self::BetterAuth,
        }
    }
}
