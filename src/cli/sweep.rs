use super::{error::CliError, output::Output};
use crate::{app::House, audit, guessing};
use serde_json::json;

/// `heirloom sweep`
pub async fn run(house: &House, output: Output) -> Result<(), CliError> {
    guessing::forget(&house.world).await?;
    audit::tidy(&house.world).await?;
    let deleted = house.sessions.sweep(&house.connector).await?;
    output.say(&json!({ "deleted": deleted }), || format!("Sessions deleted: {deleted}."))
}
