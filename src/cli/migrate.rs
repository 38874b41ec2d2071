use super::{CliError, output::Output};
use crate::{
    app::{AppError, open_database},
    config::Config,
    postgres::private::Tenant,
};
use serde_json::json;
use std::process::ExitCode;

/// `heirloom migrate`
pub async fn run(config: Config, output: Output) -> Result<ExitCode, CliError> {
    let (private, connector) = open_database(&config, Tenant::Command).await?;
    let applied = connector.migrate().await.map_err(AppError::from);
    if let Some(private) = private {
        private.stop().await.map_err(AppError::from)?;
    }
    let applied = applied?;
    output.say(&json!({ "applied": applied }), || match applied.as_slice() {
        [] => "Nothing to do: every migration had been applied.".to_owned(),
        applied => format!("Applied:\n  {}", applied.join("\n  ")),
    });
    Ok(ExitCode::SUCCESS)
}
