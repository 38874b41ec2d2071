use super::{CliError, output::Output};
use crate::{app::House, audit, guessing, sessions::Sweep};
use serde_json::json;

/// `heirloom sweep`
pub async fn run(house: &House, output: Output) -> Result<(), CliError> {
    guessing::forget(&house.world).await?;
    audit::tidy(&house.world).await?;
    match house.sessions.sweep(&house.connector).await? {
        Sweep::Swept(deleted) => output.say(&json!({ "deleted": deleted }), || format!("Sessions deleted: {deleted}.")),
        Sweep::Elsewhere => {
            let told = "Another instance is cleaning up at this moment.";
            output.say(&json!({ "deleted": 0, "elsewhere": true }), || told.to_owned())
        }
    }
}
