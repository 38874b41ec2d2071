use super::{
    error::CliError,
    output::{Output, time},
};
use crate::{app::House, kernel::Operator, keys::KeyView};
use clap::Subcommand;
use heirloom_terminal::table;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// List the published keys, oldest first
    List,
    /// Create a new key: published at once, used for signing within a minute
    Rotate,
}

impl KeysCommand {
    pub async fn run(self, house: &House, output: Output) -> Result<(), CliError> {
        match self {
            Self::List => list(house, output),
            Self::Rotate => rotate(house, output).await,
        }
    }
}

fn list(house: &House, output: Output) -> Result<(), CliError> {
    let keys = house.keys.list();
    output.say(&json!({ "items": keys }), || {
        table(&["ID", "ALGORITHM", "SIGNS", "SIGNS FROM", "CREATED"], &keys.iter().map(row).collect::<Vec<_>>())
    })
}

async fn rotate(house: &House, output: Output) -> Result<(), CliError> {
    let id = house.keys.rotate(Operator::at_the_command_line()).await?;
    let keys = house.keys.list();
    let Some(key) = keys.iter().find(|key| key.id == id) else {
        let message = "another instance just added a key; none was added: see `keys list`";
        return Err(CliError::Refused(message.to_owned()));
    };
    output.say(&json!({ "key": key }), || {
        let signs_from = time(key.signs_from);
        format!(
            "Published {id}. It signs from {signs_from}; the previous key stays published until its last token \
             has expired."
        )
    })
}

fn row(key: &KeyView) -> Vec<String> {
    let signs = if key.signs { "yes" } else { "no" };
    vec![key.id.to_string(), key.algorithm.to_owned(), signs.to_owned(), time(key.signs_from), time(key.created_at)]
}
