use super::{CliError, output::Output};
use crate::{
    app::{AppError, Migrations, open_database, prepare},
    config::Config,
};
use private_postgres::Tenant;
use serde_json::json;

/// `heirloom migrate`
pub async fn run(config: Config, output: Output) -> Result<(), CliError> {
    let (private, connector) = open_database(&config, Tenant::Command).await?;
    let applied = prepare(&config, &connector, Migrations::Apply).await;
    if let Some(private) = private {
        private.stop().await.map_err(AppError::from)?;
    }
    let applied = applied?;
    output.say(&json!({ "applied": applied }), || match applied.as_slice() {
        [] => "Nothing to do: every migration had been applied.".to_owned(),
        applied => format!("Applied:\n  {}", applied.join("\n  ")),
    })
}
