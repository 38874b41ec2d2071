use crate::{
    app::{AppError, Application, Migrations},
    config::{Config, names},
};
use clap::Args;
use std::{
    io::{self, IsTerminal},
    net::TcpListener,
    process::ExitCode,
};
use tokio::signal::unix::{SignalKind, signal};

/// `heirloom serve`
#[derive(Debug, Default, Args)]
pub struct Serve {
    /// Do not migrate; refuse to start when migrations are missing
    #[arg(long)]
    no_migrate: bool,
}

impl Serve {
    /// Serves until SIGTERM or SIGINT.
    pub async fn run(self, config: Config) -> Result<ExitCode, AppError> {
        warn_of(&config);
        let address = config.http.bind;
        let listen = |source| AppError::Listen { address: address.to_string(), source };
        let listener = TcpListener::bind(address).map_err(listen)?;
        let migrations = if self.no_migrate { Migrations::Require } else { Migrations::Apply };
        let public_url = config.http.public_url.to_string();
        let application = Application::build(config, listener, migrations).await?;
        welcome(&application).await?;
        tracing::info!(%address, public_url, "app.listening");
        application.run_until_stopped(told_to_stop()).await?;
        Ok(ExitCode::SUCCESS)
    }
}

fn warn_of(config: &Config) {
    for name in &config.unknown_names {
        tracing::warn!(name, "config.unknown_option: this version knows no such option, it changes nothing");
    }
    if config.insecure_for_tests {
        let name = names::INSECURE_FOR_TESTS;
        tracing::warn!("{name} is on: short lifetimes and weak hashing are allowed. Never on the internet");
    }
}

/// Says how to make the first administrator, while there is none: to a person as text, elsewhere as a log line.
#[expect(clippy::print_stderr, reason = "a person at a terminal reads it")]
async fn welcome(application: &Application) -> Result<(), AppError> {
    let house = application.house();
    if house.accounts.has_admin().await? {
        return Ok(());
    }
    let command = first_admin_command(&house.world.config);
    if io::stderr().is_terminal() {
        eprintln!("\nThere is no administrator yet. Make the first one, in another terminal:\n\n  {command}\n");
    } else {
        tracing::warn!(command, "app.no_admin: there is no administrator yet; this command makes the first");
    }
    Ok(())
}

/// The exact command, for the database that this server uses.
fn first_admin_command(config: &Config) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "heirloom".to_owned());
    let absolute = |path: &std::path::Path| path.canonicalize().unwrap_or_else(|_missing| path.to_owned());
    let database = match config.database.url {
        // It holds a password: it is not repeated.
        Some(_) => String::new(),
        None => format!("HEIRLOOM_DATA_DIR={} ", absolute(&config.database.data_dir).display()),
    };
    format!("{database}{program} user add you@example.com --admin")
}

/// Done once the operating system wants us to end.
async fn told_to_stop() {
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
