use super::{
    CliError,
    output::{Output, table},
};
use crate::{app::House, keys::KeyView};
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// The published keys, oldest first
    List,
    /// Make a new key: published at once, signing within a minute
    Rotate,
}

impl KeysCommand {
    pub async fn run(self, house: &House, output: Output) -> Result<(), CliError> {
        if let Self::Rotate = self {
            let id = house.keys.rotate().await?;
            let keys = house.keys.list();
            let key = keys.iter().find(|key| key.id == id);
            output.say(&json!({ "key": key }), || {
                let signs_from = key.map(|key| key.signs_from.to_rfc3339()).unwrap_or_default();
                format!("Published {id}. It signs from {signs_from} on; the key before it stays published until its last token has expired.")
            });
            return Ok(());
        }
        let keys = house.keys.list();
        output.say(&json!({ "items": keys }), || {
            table(&["ID", "ALGORITHM", "SIGNS", "SIGNS FROM", "MADE"], &keys.iter().map(row).collect::<Vec<_>>())
        });
        Ok(())
    }
}

fn row(key: &KeyView) -> Vec<String> {
    let signs = if key.signs { "yes" } else { "no" };
    vec![
        key.id.to_string(),
        key.algorithm.to_owned(),
        signs.to_owned(),
        key.signs_from.to_rfc3339(),
        key.created_at.to_rfc3339(),
    ]
}
