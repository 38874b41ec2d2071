//! A command that prints initial tokens.

use super::secret::Guarded;
use std::process::Stdio;
use tokio::process::Command;

/// Runs the command. It prints at least one token, one per line.
///
/// # Errors
/// When it fails, or prints none.
pub async fn printed_by(command: &str) -> Result<Vec<Guarded>, String> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = shell.output().await.map_err(|error| format!("the tokens command: {error}"))?;
    if !output.status.success() {
        return Err(format!("the tokens command ended with {}", output.status));
    }
    let text = String::from_utf8(output.stdout).map_err(|_bytes| "the tokens command printed no text".to_owned())?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let tokens: Vec<_> = lines.map(|line| Guarded::new(line.to_owned())).collect();
    if tokens.is_empty() { Err("the tokens command printed no token".to_owned()) } else { Ok(tokens) }
}
