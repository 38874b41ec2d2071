use super::{causes, output::Output};
use crate::{
    app::open_database,
    config::{Config, MasterKeyFileError, master_key_at},
    kernel::{Clock, Entropy, MasterKeys, World},
    keys::Keys,
    postgres::{Connector, Database, Pooling, now, pending, private::Tenant},
};
use serde::Serialize;
use serde_json::json;
use std::{error::Error, net::IpAddr, process::ExitCode, sync::Arc};

/// Seconds by which this machine's clock may differ from the database's before it is worth a word.
const SKEW_SECONDS: i64 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

#[derive(Debug, Serialize)]
struct Finding {
    verdict: Verdict,
    what: &'static str,
    detail: String,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, verdict: Verdict, what: &'static str, detail: impl Into<String>) {
        self.0.push(Finding { verdict, what, detail: detail.into() });
    }

    fn failed(&mut self, what: &'static str, error: &dyn Error) {
        let told = std::iter::once(error.to_string()).chain(causes(error)).collect::<Vec<_>>();
        self.add(Verdict::Failed, what, told.join(": "));
    }
}

/// `heirloom check`: tries everything, stops at nothing, changes nothing.
pub async fn run(config: Config, output: Output) -> ExitCode {
    let mut findings = Findings::default();
    findings.add(Verdict::Ok, "configuration", "every option is understood");
    of_options(&config, &mut findings);
    match open_database(&config, Tenant::Command).await {
        Err(error) => findings.failed("database", &error),
        Ok((private, connector)) => {
            of_database(&config, &connector, &mut findings).await;
            if let Some(private) = private
                && let Err(error) = private.stop().await
            {
                findings.failed("database", &error);
            }
        }
    }
    let failed = findings.0.iter().any(|finding| finding.verdict == Verdict::Failed);
    output.say(&json!({ "ok": !failed, "findings": findings.0 }), || text(&findings));
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn text(findings: &Findings) -> String {
    let line = |finding: &Finding| {
        let verdict = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "FAILED",
        };
        format!("{verdict:9}{:16}{}", finding.what, finding.detail)
    };
    findings.0.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn of_options(config: &Config, findings: &mut Findings) {
    for name in &config.unknown_names {
        findings.add(
            Verdict::Warning,
            "configuration",
            format!("{name} is no option of this version: it changes nothing"),
        );
    }
    if config.insecure_for_tests {
        let told = "HEIRLOOM_INSECURE_FOR_TESTS is on: never on the internet";
        findings.add(Verdict::Warning, "configuration", told);
    }
    let public_url = config.http.public_url.to_string();
    let local = ["://localhost", "://127.", "://[::1]"].iter().any(|sign| public_url.contains(sign));
    match (config.http.public_url.is_https(), local) {
        (true, _) => findings.add(Verdict::Ok, "public URL", format!("{public_url}: the cookie is Secure")),
        (false, true) => findings.add(Verdict::Ok, "public URL", format!("{public_url}: plain http, for development")),
        (false, false) => {
            let told = format!("{public_url} is plain http: tokens and passwords cross the network readable");
            findings.add(Verdict::Warning, "public URL", told);
        }
    }
    of_proxies(config, findings);
}

fn of_proxies(config: &Config, findings: &mut Findings) {
    let proxies = &config.http.trusted_proxies;
    let everybody = [IpAddr::from([0, 0, 0, 0]), IpAddr::from([0; 16])];
    if proxies.iter().any(|network| network.prefix_len() == 0 && everybody.contains(&network.network())) {
        let told = "HEIRLOOM_TRUSTED_PROXIES trusts everybody: any client can choose its address";
        findings.add(Verdict::Warning, "proxies", told);
    } else {
        findings.add(Verdict::Ok, "proxies", format!("{} networks are believed", proxies.len()));
    }
}

async fn of_database(config: &Config, connector: &Connector, findings: &mut Findings) {
    match connector.pooling().await {
        Ok(Pooling::Sessions) => findings.add(Verdict::Ok, "database", "reachable, every connection its own"),
        Ok(Pooling::Transactions) => {
            let told = "reachable through a pooler in transaction mode that keeps track of prepared statements";
            findings.add(Verdict::Ok, "database", told);
        }
        Ok(Pooling::Unsafe) => findings.failed("database", &crate::app::AppError::UnsafePooler),
        Err(error) => return findings.failed("database", &error),
    }
    let mut connection = match connector.direct().await {
        Ok(connection) => connection,
        Err(error) => return findings.failed("direct database", &error),
    };
    let machine = Clock::start().now();
    match now(&mut connection).await {
        Ok(database) => of_skew((machine - database).num_milliseconds(), findings),
        Err(error) => findings.failed("clock", &error),
    }
    match pending(&mut connection).await {
        Ok(missing) if missing.is_empty() => {
            findings.add(Verdict::Ok, "migrations", "all are applied");
            of_keys(config, connector, findings).await;
        }
        Ok(missing) => {
            let told = format!("{} are missing: run `heirloom migrate`, or `heirloom serve` does", missing.len());
            findings.add(Verdict::Warning, "migrations", told);
        }
        Err(error) => findings.failed("migrations", &error),
    }
}

fn of_skew(milliseconds: i64, findings: &mut Findings) {
    let told = format!("{milliseconds} ms from the database's");
    if milliseconds.abs() > SKEW_SECONDS * 1_000 {
        let told =
            format!("{told}: lifetimes keep the database's clock, but log lines will not agree. Is NTP running?");
        findings.add(Verdict::Warning, "clock", told);
    } else {
        findings.add(Verdict::Ok, "clock", told);
    }
}

/// Whether the master key opens the signing keys.
async fn of_keys(config: &Config, connector: &Connector, findings: &mut Findings) {
    let master_keys: Result<MasterKeys, MasterKeyFileError> = match &config.master_keys {
        Some(keys) => Ok(keys.clone()),
        None => master_key_at(&config.database.data_dir),
    };
    let master_keys = match master_keys {
        Ok(keys) => keys,
        Err(error) => return findings.failed("master key", &error),
    };
    let world = World {
        db: Database::new(connector.pooled(), 1),
        clock: Clock::start(),
        entropy: Entropy::system(),
        config: Arc::new(config.clone()),
    };
    match Keys::probe(world.clone(), &master_keys).await {
        Ok(count) => findings.add(Verdict::Ok, "master key", format!("opens {count} signing keys")),
        Err(error) => findings.failed("master key", &error),
    }
    world.db.close().await;
}
