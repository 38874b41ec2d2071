//! Checks that need the database.

use super::findings::Findings;
use crate::{
    app::AppError,
    audit,
    cli::error::chain,
    config::{Config, master_key_at, names},
    factors::{self, AdministratorCount, SealedSecrets, count_of_other_domains, count_sealed},
    kernel::{Clock, Duration, Highest, MacKeys, MasterKeys, Metrics, Numbering, Rng},
    keys::Keys,
    postgres::{
        Connector, Database, DatabaseError, Migrations, NO_LIMITS, Notifications, Pooling, Probe, ProbeVerdict, now,
        refuse,
    },
    world::World,
};
use sqlx::PgConnection;
use std::sync::Arc;

/// The clock difference to the database above which the check warns.
const SKEW: Duration = Duration::from_secs(2);

pub async fn look(config: &Config, connector: &Connector, findings: &mut Findings) {
    let is_reached = pool(config, connector, findings).await;
    if !is_reached && config.database.direct_url.is_none() {
        return;
    }
    let mut connection = match connector.direct().await {
        Ok(connection) => connection,
        Err(error) => return unreachable("direct database", names::DATABASE_URL_DIRECT, &error, findings),
    };
    if config.database.direct_url.is_some() {
        notifications(connector, is_reached, findings).await;
    }
    clock(&mut connection, findings).await;
    drop(connection);
    if survey(connector, findings).await && is_reached {
        signing_keys(config, connector, findings).await;
        administrators(config, connector, findings).await;
        passkeys(config, connector, findings).await;
    }
}

/// Whether there are passkeys that no browser offers any more.
async fn passkeys(config: &Config, connector: &Connector, findings: &mut Findings) {
    let (what, rp_id, option) = ("passkeys", &config.passkeys.rp_id, names::PASSKEY_RP_ID);
    if !config.passkeys.enabled {
        return findings.ok(what, format!("are switched off by {}", names::PASSKEYS));
    }
    let counted = match connector.direct().await {
        Ok(mut connection) => count_of_other_domains(&mut connection, rp_id).await,
        Err(error) => Err(error),
    };
    match counted {
        Ok(0) => {
            findings.ok(what, format!("are bound to {rp_id}: no browser offers them after a change of {option}"));
        }
        Ok(count) => {
            let problem = format!("{count} are bound to another domain than {rp_id}: no browser offers them here");
            findings
                .warn(what, format!("{problem}. Set {option} to that domain again, or have their users add new ones"));
        }
        Err(error) => findings.error(what, &error),
    }
}

/// Whether both URLs lead to the same database: a notification sent through one must arrive through the other.
async fn notifications(connector: &Connector, is_reached: bool, findings: &mut Findings) {
    let what = "direct database";
    if !is_reached {
        return findings.ok(what, format!("{} is reachable", names::DATABASE_URL_DIRECT));
    }
    match connector.listen(&[]).await {
        Ok(_) => findings.ok(what, "LISTEN receives notifications"),
        Err(error) => findings.error(what, &error),
    }
}

/// The connection that requests use.
async fn pool(config: &Config, connector: &Connector, findings: &mut Findings) -> bool {
    let what = "database";
    if let Err(error) = connector.find_primary().await {
        findings.error(what, &error);
        return false;
    }
    let pooling = connector.pooling().await;
    if matches!(pooling, Ok(Pooling::Transactions { has_limits: false })) {
        findings.warn("time limits", NO_LIMITS);
    }
    match pooling {
        Err(error) => {
            unreachable(what, names::DATABASE_URL, &error, findings);
            return false;
        }
        // Answers to further statements could belong to other clients.
        Ok(Pooling::Unsafe) => {
            findings.error(what, &AppError::UnsafePooler);
            return false;
        }
        Ok(Pooling::Sessions) if config.database.url.is_none() => {
            findings.ok(what, format!("the private PostgreSQL in {}", config.database.data_dir.display()));
        }
        Ok(Pooling::Sessions) => findings.ok(what, "no transaction pooler detected"),
        Ok(Pooling::Transactions { .. }) if config.database.direct_url.is_some() => {
            findings.ok(what, "reachable through a transaction pooler that supports prepared statements");
        }
        Ok(Pooling::Transactions { .. }) => {
            let problem =
                "reachable through a transaction pooler, which delivers no notifications: revocations by other";
            let todo = "instances do not arrive. Set a URL that bypasses the pooler in";
            findings.warn(what, format!("{problem} {todo} {}", names::DATABASE_URL_DIRECT));
        }
    }
    true
}

fn unreachable(what: &'static str, option: &str, error: &DatabaseError, findings: &mut Findings) {
    findings.fail(what, format!("{}. Is {option} correct, and is PostgreSQL running there?", chain(error).join(": ")));
}

/// Queries twice: the first query of a connection takes longer.
async fn clock(connection: &mut PgConnection, findings: &mut Findings) {
    drop(now(connection).await);
    let machine = Clock::start();
    let asked = machine.now();
    let answer = now(connection).await;
    let middle = asked + (machine.now() - asked) / 2;
    match answer {
        Ok(database) => skew((middle - database).num_milliseconds(), findings),
        Err(error) => findings.error("clock", &error),
    }
}

fn skew(milliseconds: i64, findings: &mut Findings) {
    let direction = if milliseconds < 0 { "behind" } else { "ahead of" };
    let problem = format!("this machine is {} ms {direction} the database", milliseconds.unsigned_abs());
    if Duration::from_millis(milliseconds.unsigned_abs()) > SKEW {
        let todo =
            "Sessions use the database's clock, but services that verify tokens use their own, and log lines use";
        findings.warn("clock", format!("{problem}. {todo} this machine's: check NTP on both"));
    } else {
        findings.ok("clock", problem);
    }
}

/// Everything that a start would refuse or warn about. True if it would refuse nothing and has no migration to apply.
async fn survey(connector: &Connector, findings: &mut Findings) -> bool {
    let probes = match connector.survey(Migrations::Apply).await {
        Ok(probes) => probes,
        Err(error) => {
            findings.error("database", &error);
            return false;
        }
    };
    let is_migrated =
        !probes.iter().any(|probe| probe.what == "migrations" && !matches!(probe.verdict, ProbeVerdict::Good(_)));
    let is_fit = refuse(&probes).is_ok();
    for Probe { what, verdict } in probes {
        match verdict {
            ProbeVerdict::Good(found) => findings.ok(what, found),
            ProbeVerdict::Advice(found) | ProbeVerdict::Warning(found) => findings.warn(what, found),
            ProbeVerdict::Refusal(found) => findings.fail(what, found),
        }
    }
    is_fit && is_migrated
}

/// Whether the master key decrypts the signing keys.
async fn signing_keys(config: &Config, connector: &Connector, findings: &mut Findings) {
    let what = "master key";
    let master_keys = match &config.master_keys {
        Some(keys) => Ok(keys.clone()),
        None => master_key_at(&config.database.data_dir),
    };
    let master_keys = match master_keys {
        Ok(keys) => keys,
        Err(error) => return findings.error(what, &error),
    };
    let db = Database::new(connector.pooled(), 1);
    let world = World {
        db: db.clone(),
        clock: Clock::start(),
        rng: Rng::system(),
        audit_keys: MacKeys::new(&master_keys, audit::KEY_PURPOSE),
        audit_head: Highest::default(),
        audit_numbers: Numbering::default(),
        notifications: Notifications::new(&master_keys, Rng::system()),
        metrics: Metrics::new(),
        config: Arc::new(config.clone()),
    };
    match Keys::probe(world, &master_keys).await {
        Ok(0) => findings.ok(what, "there is no signing key yet: the first start creates one"),
        Ok(count) => findings.ok(what, format!("decrypts every signing key ({count})")),
        Err(error) => findings.error(what, &error),
    }
    app_secrets(&db, &master_keys, findings).await;
    db.close().await;
}

/// Whether the master key decrypts the secrets of authenticator apps.
async fn app_secrets(db: &Database, master_keys: &MasterKeys, findings: &mut Findings) {
    let (what, previous) = ("authenticator apps", names::MASTER_KEY_PREVIOUS);
    match count_sealed(db, master_keys).await {
        Ok(SealedSecrets { all, unreadable: 0, under_previous: 0 }) => {
            findings.ok(what, format!("the current master key decrypts every secret ({all})"));
        }
        Ok(SealedSecrets { all, unreadable: 0, under_previous }) => findings.warn(
            what,
            format!("{under_previous} of {all} secrets still need a key of {previous}: a server that starts seals them again"),
        ),
        Ok(SealedSecrets { all, unreadable, .. }) => findings.fail(
            what,
            format!(
                "no master key decrypts {unreadable} of {all} secrets: their users' codes are answered with 500. Add the key \
                 under which they were sealed to {previous}, or reset these users' factors"
            ),
        ),
        Err(error) => findings.error(what, &error),
    }
}

/// Whether the password of an administrator is all that an attacker needs.
async fn administrators(config: &Config, connector: &Connector, findings: &mut Findings) {
    let what = "second factors";
    let mut connection = match connector.direct().await {
        Ok(connection) => connection,
        Err(error) => return findings.error(what, &error),
    };
    let AdministratorCount { all, without_factor } = match factors::count_administrators(&mut connection).await {
        Ok(counted) => counted,
        Err(error) => return findings.error(what, &error),
    };
    let is_demanded = config.factors.required_by_roles.iter().any(|role| role == "admin");
    let counted = format!("{without_factor} of {all} administrators have no second factor");
    match (without_factor, is_demanded) {
        (0, _) => findings.ok(what, format!("every administrator has one ({all})")),
        (_, true) => findings.warn(what, format!("{counted}: they are asked for one at their next sign-in")),
        (_, false) => {
            let todo = format!("Set {}=admin, and a sign-in asks for one", names::SECOND_FACTOR_ROLES);
            findings.warn(what, format!("{counted}: their password alone opens the administration. {todo}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::findings::Severity;

    #[test]
    fn two_seconds_are_let_pass() {
        for (milliseconds, verdict, problem) in [
            (0, Severity::Ok, "this machine is 0 ms ahead of the database"),
            (-2_000, Severity::Ok, "this machine is 2000 ms behind the database"),
            (2_001, Severity::Warn, "this machine is 2001 ms ahead of the database. "),
            (-60_000, Severity::Warn, "this machine is 60000 ms behind the database. "),
        ] {
            let mut findings = Findings::default();
            skew(milliseconds, &mut findings);
            let found = findings.0.first().map(|finding| (finding.verdict, finding.detail.starts_with(problem)));
            assert_eq!(found, Some((verdict, true)), "{milliseconds}");
        }
    }
}
