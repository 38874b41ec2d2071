use crate::{
    app::{AppError, Application, Migrations},
    config::{Config, DatabaseOptions, Risk, names, our_user_id},
};
use clap::Args;
use std::{
    io::{self, IsTerminal, Write},
    net::TcpListener,
    path::Path,
    process::ExitCode,
};
use tokio::signal::unix::{SignalKind, signal};

/// `heirloom serve`
#[derive(Debug, Default, Args)]
pub struct Serve {
    /// Do not apply migrations; refuse to start if any are missing
    #[arg(long)]
    no_migrate: bool,
}

impl Serve {
    /// Serves until SIGTERM or SIGINT.
    pub async fn run(self, config: Config) -> Result<ExitCode, AppError> {
        log_risks(&config);
        let address = config.http.bind;
        let listen = |source| AppError::Listen { address: address.to_string(), source };
        let listener = TcpListener::bind(address).map_err(listen)?;
        let migrations = if self.no_migrate { Migrations::Require } else { Migrations::Apply };
        let public_url = config.http.public_url.to_string();
        let application = Application::build(config, listener, migrations).await?;
        if let Err(error) = welcome(&application).await {
            application.close().await?;
            return Err(error);
        }
        let metrics = application.metrics_address().map(|address| address.to_string()).unwrap_or_default();
        announce(&public_url);
        tracing::info!(public_url, %address, metrics, "app.listening: open the public URL");
        application.run_until_stopped(stop_signal()).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The URL to open. The pages work at the public URL only, which is often not the address that the server listens on.
fn announce(public_url: &str) {
    if io::stderr().is_terminal() {
        // Without a terminal this would go unread.
        drop(writeln!(io::stderr(), "\nOpen {public_url}\n"));
    }
}

fn log_risks(config: &Config) {
    for Risk { what, detail } in config.risks(our_user_id()) {
        tracing::warn!(what, detail, "config.risk");
    }
}

/// While there is no administrator, reports how to create one: as text at a terminal, elsewhere as a log line.
async fn welcome(application: &Application) -> Result<(), AppError> {
    let house = application.house();
    if house.accounts.has_admin().await? {
        return Ok(());
    }
    let config = &house.world.config;
    let (command, condition) = (first_admin_command(config), condition(config));
    if io::stderr().is_terminal() {
        let message = format!("There is no administrator yet. Create one in another terminal{condition}:");
        // If the terminal is closed there is no reader.
        drop(writeln!(io::stderr(), "\n{message}\n\n  {command}\n"));
    } else {
        tracing::warn!(command, "app.no_admin: there is no administrator yet; this command{condition} creates one");
    }
    Ok(())
}

/// The exact command for this server's database. It works in a shell in any folder.
fn first_admin_command(config: &Config) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "heirloom".to_owned());
    let program = if program.contains('/') { whole(Path::new(&program)) } else { program };
    let options = match &config.database {
        DatabaseOptions { url: Some(_), .. } => Vec::new(),
        DatabaseOptions { data_dir, binaries, .. } => {
            let binaries = binaries.as_ref().map(|folder| (names::PG_BIN, folder));
            std::iter::once((names::DATA_DIR, data_dir)).chain(binaries).collect()
        }
    };
    let options = options.into_iter().map(|(name, path)| format!("{name}={} ", quoted(&whole(path))));
    format!("{}{} user add you@example.com --admin", options.collect::<String>(), quoted(&program))
}

/// The secrets that the command also needs. They are not printed.
fn condition(config: &Config) -> &'static str {
    match (&config.database.url, &config.master_keys) {
        (Some(_), _) => ", with the DATABASE_URL and the HEIRLOOM_MASTER_KEY of this server",
        (None, Some(_)) => ", with the HEIRLOOM_MASTER_KEY of this server",
        (None, None) => "",
    }
}

/// A path that means the same in any folder.
fn whole(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_unknown| path.to_owned()).display().to_string()
}

/// As one word of a shell.
fn quoted(word: &str) -> String {
    let is_plain = word.chars().all(|c| c.is_alphanumeric() || "/._-+:@%,".contains(c));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Completes when the operating system asks the process to stop.
pub async fn stop_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("app.no_signals: this process can only be killed");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn command(options: &[(&str, &str)]) -> (String, &'static str) {
        let config = Config::from_source(Source::from_pairs(options.iter().copied())).unwrap_or_else(|error| {
            unreachable!("{error}");
        });
        let command = first_admin_command(&config);
        let from_options = command.find("HEIRLOOM_").map_or("", |at| command.get(at..).unwrap_or_default());
        (from_options.to_owned(), condition(&config))
    }

    #[test]
    fn the_command_for_the_private_postgres_works_in_any_folder() {
        let (command, condition) = command(&[("HEIRLOOM_DATA_DIR", "/srv/it's here"), ("HEIRLOOM_PG_BIN", "/opt/pg")]);
        assert!(command.starts_with(r"HEIRLOOM_DATA_DIR='/srv/it'\''s here' HEIRLOOM_PG_BIN=/opt/pg /"), "{command}");
        assert!(command.ends_with(" user add you@example.com --admin"), "{command}");
        assert_eq!(condition, "");
    }

    #[test]
    fn the_command_for_a_database_elsewhere_repeats_no_secret() {
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=";
        let (command, condition) =
            command(&[("DATABASE_URL", "postgres://u:secret@db/heirloom"), ("HEIRLOOM_MASTER_KEY", key)]);
        assert_eq!(command, "");
        assert_eq!(condition, ", with the DATABASE_URL and the HEIRLOOM_MASTER_KEY of this server");
    }
}
