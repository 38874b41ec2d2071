use super::{
    Migrations, Probe,
    ProbeVerdict::{self, Advice, Good, Refusal, Warning},
    facts::{Facts, Server, TableFacts},
};
use crate::postgres::migrate;

/// The oldest version that we are tested with.
const OLDEST: i32 = 15;
/// The newest.
const NEWEST: i32 = 18;

pub(super) fn is_supported(version: i32) -> bool {
    version / 10_000 >= OLDEST
}

/// Every probe, in the order in which an operator would look.
pub(super) fn all(facts: &Facts) -> Vec<Probe> {
    let server = &facts.server;
    let mut probes = vec![
        version(server.version),
        probe("encoding", encoding(server)),
        probe("collation", collation(facts)),
        probe("writes", writes(server)),
        probe("schema", schema(facts)),
        probe("migrations", migrations(facts)),
        probe("privileges", privileges(facts)),
        probe("row security", row_security(facts)),
    ];
    probes.extend(settings(server).into_iter().map(|verdict| probe("settings", verdict)));
    probes
}

/// Settings of the server, the database, the role or `DATABASE_URL`'s options that we cannot live with, or badly.
fn settings(server: &Server) -> Vec<ProbeVerdict> {
    let off = |name: &str, why: &str| {
        format!("{name} is off{why}. Set it to on, as it is by default: ALTER DATABASE … SET {name} = on")
    };
    let replica = "session_replication_role is replica, so that no trigger and no foreign key is in force: ALTER ROLE … \
                   RESET session_replication_role, or remove it from the options in DATABASE_URL";
    let fsync = "fsync is off: a crash of the machine may destroy the database. Set it to on in postgresql.conf";
    let local = "synchronous_commit is local or remote_write, and there are synchronous standbys: a fail-over may undo sign-outs, \
                 revocations and refreshes that were answered already. Set it to on: ALTER DATABASE … SET synchronous_commit = on";
    let undone = ": a crash of Postgres may undo sign-outs, revocations and refreshes that were answered already";
    let verdicts = [
        (!server.has_triggers).then(|| Refusal(replica.to_owned())),
        (!server.commits_wait).then(|| Warning(off("synchronous_commit", undone))),
        (!server.standbys_have_it).then(|| Warning(local.to_owned())),
        (!server.flushes).then(|| Warning(fsync.to_owned())),
        (!server.strings_conform).then(|| Warning(off("standard_conforming_strings", ""))),
    ];
    verdicts.into_iter().flatten().collect()
}

/// The owner's connection leads to another database: migrations would be applied there.
pub(super) fn owner_elsewhere() -> Probe {
    let what = "HEIRLOOM_DATABASE_URL_OWNER leads to another database than DATABASE_URL, in which migrations would be \
                applied: correct the host, the port or the name of the database";
    probe("owner", Refusal(what.to_owned()))
}

fn probe(what: &'static str, verdict: ProbeVerdict) -> Probe {
    Probe { what, verdict }
}

pub(super) fn version(number: i32) -> Probe {
    let (major, minor) = (number / 10_000, number % 10_000);
    let shown =
        if major < 10 { format!("PostgreSQL {major}.{}", minor / 100) } else { format!("PostgreSQL {major}.{minor}") };
    let verdict = match major {
        ..OLDEST => Refusal(format!("{shown} is too old: use PostgreSQL {OLDEST} to {NEWEST}")),
        OLDEST..=NEWEST => Good(shown),
        _ => Warning(format!(
            "{shown} is newer than what this version of Heirloom was tested with ({OLDEST} to {NEWEST})"
        )),
    };
    probe("server version", verdict)
}

fn encoding(server: &Server) -> ProbeVerdict {
    let Server { encoding, client_encoding, database, .. } = server;
    if encoding != "UTF8" {
        let todo = "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0";
        return Refusal(format!(
            "the database {database} has the encoding {encoding}, which cannot hold every name. Create one with UTF8: {todo}"
        ));
    }
    if client_encoding != "UTF8" {
        let todo = "remove client_encoding from DATABASE_URL's options and from the pooler's settings";
        return Refusal(format!("the connection has the encoding {client_encoding} instead of UTF8: {todo}"));
    }
    Good("UTF8".to_owned())
}

/// Our own keys compare byte by byte; what else lies in the database may not.
fn collation(facts: &Facts) -> ProbeVerdict {
    match (&facts.collation.recorded, &facts.collation.actual) {
        (Some(recorded), Some(actual)) if recorded != actual => Warning(format!(
            "the database was created with version {recorded} of its collation, and the operating system has {actual}. \
             Heirloom compares its keys byte by byte and is not affected; other indexes on text may be wrong. Run \
             REINDEX DATABASE {database}, then ALTER DATABASE {database} REFRESH COLLATION VERSION",
            database = facts.server.database
        )),
        (_, Some(actual)) => Good(format!("version {actual}, as recorded")),
        (_, None) => Good("without a version: it does not change".to_owned()),
    }
}

fn writes(server: &Server) -> ProbeVerdict {
    if server.is_standby {
        return Refusal("DATABASE_URL leads to a standby, which accepts no writes: name the primary".to_owned());
    }
    if server.is_read_only {
        let Server { database, role, .. } = server;
        return Refusal(format!(
            "default_transaction_read_only is on, so that nothing can be written: ALTER DATABASE {database} (or ALTER \
             ROLE {role}) RESET default_transaction_read_only, or remove it from the options in DATABASE_URL"
        ));
    }
    Good("accepted".to_owned())
}

/// Whether the table names resolve to Heirloom's own tables and not to others of the same name.
fn schema(facts: &Facts) -> ProbeVerdict {
    let (server, path) = (&facts.server, &facts.server.search_path);
    // Postgres' own schemas take no tables of ours.
    let is_usable = |schema: &&str| !schema.starts_with("pg_") && *schema != "information_schema";
    let Some(schema) = server.schema.as_deref().filter(is_usable) else {
        return Refusal(format!(
            "no schema of the search_path ({path}) exists for tables of ours, or {} may not use it: CREATE SCHEMA …, GRANT USAGE ON \
             SCHEMA …, or name another one (DATABASE_URL with ?options=-c%20search_path%3Dname)",
            server.role
        ));
    };
    match facts.history.schema() {
        None => {
            let is_foreign = |table: &&TableFacts| table.schema == schema && !facts.history.is_recorded_in(&table.name);
            let foreign: Vec<_> = facts.tables.iter().filter(is_foreign).map(|table| table.name.as_str()).collect();
            if foreign.is_empty() {
                return Good(format!("{schema}: has no tables of Heirloom yet"));
            }
            Refusal(format!(
                "the schema {schema} contains tables of another program with the same names as Heirloom's ({}). Use a database of its \
                 own, or a schema: CREATE SCHEMA heirloom, and DATABASE_URL with ?options=-c%20search_path%3Dheirloom",
                foreign.join(", ")
            ))
        }
        Some(own) => {
            let todo = format!("Set it for our role: ALTER ROLE {} SET search_path = {own}", server.role);
            let ours = format!("Heirloom's tables are in the schema {own}, but the search_path ({path})");
            match facts.tables.iter().find(|table| table.schema != own || !table.is_ordinary) {
                Some(TableFacts { name, schema, .. }) => Refusal(format!("{ours} finds {name} in {schema}. {todo}")),
                None if own != schema && !facts.history.is_complete() && !facts.history.is_closed() => {
                    Refusal(format!("{ours} would create the missing ones in {schema}. {todo}"))
                }
                None => Good(own.to_owned()),
            }
        }
    }
}

fn migrations(facts: &Facts) -> ProbeVerdict {
    let (history, names) = (&facts.history, |names: &[String]| names.join("\n"));
    let altered = history.altered();
    if !altered.is_empty() {
        return Refusal(format!(
            "these migrations were applied from files that differ from this version's; use the version that applied \
             them, or a database of its own:\n{}",
            names(&altered)
        ));
    }
    if history.is_closed() {
        return Refusal(format!("which ones were applied may not be read: GRANT SELECT ON {}", migrate::TABLE));
    }
    let missing = history.missing();
    match facts.migrations {
        _ if missing.is_empty() => Good("all are applied".to_owned()),
        Migrations::Require => Refusal(format!(
            "migrations are missing: run `heirloom migrate`, or `heirloom serve` without --no-migrate:\n{}",
            names(&missing)
        )),
        Migrations::Apply => Advice(format!(
            "{} are missing, which `heirloom migrate` or the next `heirloom serve` applies:\n{}",
            missing.len(),
            names(&missing)
        )),
    }
}

fn privileges(facts: &Facts) -> ProbeVerdict {
    let (role, schema) = (&facts.server.role, facts.server.schema.as_deref().unwrap_or("public"));
    if facts.migrations == Migrations::Apply && !facts.history.is_complete() && !facts.history.is_closed() {
        if !facts.server.may_create {
            return Refusal(format!(
                "migrations are missing, and the role {role} may not create tables in the schema {schema}. Run `heirloom \
                 migrate` as the owner (HEIRLOOM_DATABASE_URL_OWNER) and `heirloom serve --no-migrate` as {role}, or GRANT CREATE ON SCHEMA {schema} \
                 TO {role}"
            ));
        }
        if let Some(table) = facts.tables.iter().find(|table| !table.is_owned && facts.history.schema().is_some()) {
            return Refusal(format!(
                "migrations are missing, and the role {role} does not own the table {}. Run `heirloom migrate` as its \
                 owner and `heirloom serve --no-migrate` as {role}",
                table.name
            ));
        }
    }
    match facts.tables.iter().find_map(lacking).filter(|_| facts.history.schema().is_some()) {
        Some(lacking) if facts.owner_grants => Advice(format!(
            "the role {role} lacks {lacking}, which `heirloom migrate` or the next `heirloom serve` grants"
        )),
        Some(lacking) => Refusal(format!(
            "the role {role} lacks {lacking}. Run `heirloom migrate` with the owner in HEIRLOOM_DATABASE_URL_OWNER and {role} in \
             DATABASE_URL, which grants what it needs"
        )),
        None if facts.server.is_superuser => Advice(format!(
            "the role {role} is a superuser, and could run programs: `heirloom migrate --roles` creates one that only reads \
                 and writes rows"
        )),
        None if facts.tables.iter().any(|table| table.is_owned) => Advice(format!(
            "the role {role} owns the tables, and could change or drop them: `heirloom migrate --roles` creates one that \
             only reads and writes rows"
        )),
        None if facts.server.is_open => Advice(format!(
            "every role of this server may connect to the database: REVOKE CONNECT ON DATABASE {} FROM PUBLIC",
            facts.server.database
        )),
        None => Good(format!("the role {role} has what it needs")),
    }
}

/// `UPDATE on users`. The audit log is append-only, and the migrations' own table is only read.
fn lacking(table: &TableFacts) -> Option<String> {
    let is_needed = |right: &&String| match table.name.as_str() {
        // Reached through the table of all months.
        "audit_events_default" => false,
        migrate::TABLE | "audit_retention" => *right == "SELECT",
        // The columns of its chain are updated, which the server cannot do with the others.
        "audit_events" => matches!(right.as_str(), "SELECT" | "INSERT"),
        name if name.starts_with("audit_") => *right != "DELETE",
        _ => true,
    };
    let rights: Vec<_> = table.lacking.iter().filter(is_needed).map(String::as_str).collect();
    (!rights.is_empty()).then(|| format!("{} on {}", rights.join(", "), table.name))
}

fn row_security(facts: &Facts) -> ProbeVerdict {
    match facts.tables.iter().find(|table| table.hides_rows && facts.history.schema().is_some()) {
        None => Good("does not hide rows".to_owned()),
        Some(table) => Refusal(format!(
            "row security is on for the table {name} and hides rows: ALTER TABLE {name} DISABLE ROW LEVEL SECURITY, or \
             ALTER ROLE {role} BYPASSRLS",
            name = table.name,
            role = facts.server.role
        )),
    }
}
