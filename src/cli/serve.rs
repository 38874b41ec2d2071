use crate::{
    app::{AppError, Application, Migrations},
    config::{Config, names},
};
use clap::Args;
use std::{net::TcpListener, process::ExitCode};
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

/// Says how to make the first administrator, while there is none.
async fn welcome(application: &Application) -> Result<(), AppError> {
    if !application.house().accounts.has_admin().await? {
        tracing::info!(
            "There is no administrator yet. Make one, with a password from standard input: \
             heirloom user add you@example.com --admin"
        );
    }
    Ok(())
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
