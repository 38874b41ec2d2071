use super::{error::CliError, output::Output};
use crate::{
    app::{AppError, Migrations, open_database, prepare, prepare_roles},
    config::{Config, names},
    postgres::{Connector, RoleNames},
};
use clap::Args;
use private_postgres::Tenant;
use serde_json::json;
use sqlx::ConnectOptions;

/// The server's role if `DATABASE_URL` does not name one other than the owner.
const RUNTIME: &str = "heirloom_runtime";

/// `heirloom migrate`
#[derive(Debug, Args)]
pub struct Migrate {
    /// Also create a role that owns the tables and one that only reads and writes rows, if missing; connects
    /// through `HEIRLOOM_DATABASE_URL_OWNER` as a superuser or the owner
    #[arg(long)]
    roles: bool,
    /// The owner [default: the role that connects; one that may create roles creates `heirloom_owner`]
    #[arg(long, value_name = "ROLE", requires = "roles")]
    owner: Option<String>,
    /// The role of the server [default: that of `DATABASE_URL`, or `heirloom_runtime`]
    #[arg(long, value_name = "ROLE", requires = "roles")]
    runtime: Option<String>,
}

impl Migrate {
    /// Applies missing migrations.
    pub async fn run(self, config: Config, output: Output) -> Result<(), CliError> {
        if self.roles && config.database.url.is_none() {
            let message = "the private PostgreSQL already has its roles: --roles is for a database in DATABASE_URL";
            return Err(CliError::Refused(message.to_owned()));
        }
        let (private, mut connector) = open_database(&config, Tenant::Command).await?;
        let roles = self.roles.then(|| self.names(&connector));
        let applied = async {
            if let Some(roles) = &roles {
                prepare_roles(&mut connector, roles).await?;
            }
            let applied = prepare(&config, &connector, Migrations::Apply).await?;
            if let Some(roles) = &roles {
                connector.let_serve(&roles.runtime).await?;
            }
            Ok::<_, AppError>(applied)
        };
        let applied = applied.await;
        if let Some(private) = private {
            private.stop().await.map_err(AppError::from)?;
        }
        report(&applied?, roles.as_ref(), output)
    }

    /// The roles to create: that of `DATABASE_URL` gets the password in it.
    fn names(&self, connector: &Connector) -> RoleNames {
        let pooled = connector.runtime_role();
        let runtime = self.runtime.clone().or_else(|| pooled.clone()).unwrap_or_else(|| RUNTIME.to_owned());
        let url = connector.pooled().to_url_lossy();
        let password =
            url.password().map(|password| percent_encoding::percent_decode_str(password).decode_utf8_lossy());
        let password = password.filter(|_password| pooled.as_ref() == Some(&runtime));
        let password = password.map(std::borrow::Cow::into_owned).filter(|password| !password.is_empty());
        RoleNames { owner: self.owner.clone(), runtime, password }
    }
}

fn report(applied: &[String], roles: Option<&RoleNames>, output: Output) -> Result<(), CliError> {
    let runtime = roles.map(|roles| roles.runtime.as_str());
    output.say(&json!({ "applied": applied, "runtime_role": runtime }), || {
        let message = match applied {
            [] => "Nothing to do: all migrations have already been applied.".to_owned(),
            applied => format!("Applied:\n  {}", applied.join("\n  ")),
        };
        match roles {
            Some(RoleNames { runtime, password: None, .. }) => format!(
                "{message}\nThe server's role is {runtime}. Set a password for it if it has none, and use it in {}.",
                names::DATABASE_URL
            ),
            Some(RoleNames { runtime, .. }) => format!("{message}\nThe server's role is {runtime}."),
            None => message,
        }
    })
}
