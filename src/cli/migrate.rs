use super::{CliError, output::Output};
use crate::{
    app::{AppError, open_database},
    config::Config,
};
use private_postgres::Tenant;
use serde_json::json;

/// `heirloom migrate`
pub async fn run(config: Config, output: Output) -> Result<(), CliError> {
    let (private, connector) = open_database(&config, Tenant::Command).await?;
    let applied = if connector.has_choice() && !connector.find_primary().await {
        Err(AppError::NoPrimary)
    } else {
        connector.migrate().await.map_err(AppError::from)
    };
    if let Some(private) = private {
        private.stop().await.map_err(AppError::from)?;
    }
    let applied = applied?;
    output.say(&json!({ "applied": applied }), || match applied.as_slice() {
        [] => "Nothing to do: every migration had been applied.".to_owned(),
        applied => format!("Applied:\n  {}", applied.join("\n  ")),
    })
}
