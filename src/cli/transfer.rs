//! `heirloom user import` and `heirloom user export`.

mod import;
mod options;
mod report;

use super::{
    error::CliError,
    in_house::in_house,
    output::{JsonLines, Output},
};
use crate::{
    app::House,
    config::Config,
    kernel::Operator,
    transfer::{self, ExportedSecrets},
};
use clap::{Args, Subcommand};
use import::Import;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum TransferCommand {
    /// Import users from another system, with their password hashes
    Import(Import),
    /// Export all users as NDJSON, the format that `import` reads
    Export(ExportArguments),
}

impl TransferCommand {
    pub async fn run(self, config: Config, output: Output) -> Result<ExitCode, CliError> {
        match self {
            Self::Import(import) => Box::pin(import.run(config, output)).await,
            Self::Export(export) => {
                in_house(config, async |house| export.write(house).await).await?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

#[derive(Debug, Args)]
pub struct ExportArguments {
    /// Include password hashes: anyone with the file can try passwords against them
    #[arg(long)]
    with_password_hashes: bool,
    /// Include the secrets of authenticator apps: anyone with the file can compute their codes
    #[arg(long)]
    with_totp_secrets: bool,
}

impl ExportArguments {
    async fn write(&self, house: &House) -> Result<(), CliError> {
        let (mut lines, operator) = (JsonLines::begin(), Operator::at_the_command_line());
        let totp = self.with_totp_secrets.then_some(&house.factors);
        let secrets = ExportedSecrets { password_hashes: self.with_password_hashes, totp };
        transfer::export(&house.world, &house.connector, operator, secrets, |user| lines.say(&user)).await?;
        lines.end()
    }
}
