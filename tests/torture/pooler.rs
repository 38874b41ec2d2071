//! Behind `PgBouncer`: in session mode everything works, in transaction mode one that does not keep track of prepared
//! statements is refused.

use crate::{
    load::{Answer, Load, judge::Case},
    report::could_not_run,
    site::{Server, Site, postgres},
};
use heirloom_testing::{Port, as_postgres, eventually, wait_until};
use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

const FAULT: &str = "behind PgBouncer, session mode";

fn pgbouncer() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap();
    let folders = std::env::split_paths(&folders).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.exists())
}

/// Starts it before the site's Postgres, and says where.
fn start(program: &std::path::Path, site: &Site, mode: &str) -> (String, Port) {
    let reserved = Port::reserve();
    let port = reserved.number();
    let output = Command::new(program).arg("--version").output().unwrap();
    let version = String::from_utf8_lossy(&output.stdout).split_whitespace().nth(1).unwrap_or_default().to_owned();
    let minor: u32 = version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or_default();
    // From 1.21 on it tracks prepared statements, unless it is configured not to.
    let untracked = if minor >= 21 { "max_prepared_statements = 0" } else { "" };
    let run = site.folder.join("run");
    let options = format!(
        "[databases]\nheirloom = host={} dbname=heirloom user=heirloom\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
         pool_mode = {mode}\ndefault_pool_size = 30\nlogfile = {}\n{untracked}\n",
        run.display(),
        run.join(format!("pgbouncer-{mode}.log")).display()
    );
    let file = site.folder.join(format!("pgbouncer-{mode}.ini"));
    fs::write(&file, options).unwrap();
    let mut pooler = as_postgres(program.as_os_str());
    #[expect(clippy::zombie_processes, reason = "the undertaker ends it, and it goes with this process at the latest")]
    let child = pooler.arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    postgres::note(&site.folder, &format!("pgbouncer-{mode}"), child.id());
    wait_until("pgbouncer listens", || std::net::TcpStream::connect(reserved.address()).is_ok());
    (format!("postgres://heirloom@127.0.0.1:{port}/heirloom?sslmode=disable"), reserved)
}

/// Sign in, refresh, check, a replay, a revocation on the other instance, the list: with rotations beside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_live_behind_a_pooler_in_session_mode() {
    let Some(program) = pgbouncer() else { return could_not_run(FAULT, "pgbouncer is not installed") };
    let mut site = Site::lay_out();
    site.postgres.start().await;
    let ((url, _port), direct) = (start(&program, &site, "session"), site.postgres.url());
    for _ in 0..2 {
        site.add_server(&url).set("HEIRLOOM_DATABASE_URL_DIRECT", &direct);
    }
    site.start_servers().await;
    let checked = site.servers[0].command(&["check"]).output().unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stdout));
    let load = Load::start(&site, 6).await;
    let mut case = Case::begin(FAULT, &site, &load).await;
    a_revocation_is_felt_on_the_other_instance(&site).await;
    a_replay_ends_the_session(&site).await;
    case.ended += 2;
    load.further(10).await;
    case.cycles += 1;
    case.close(&site, load).await;
}

async fn a_revocation_is_felt_on_the_other_instance(site: &Site) {
    let (_, clients) = Load::clients(site, 1).await;
    let (client, urls) = (&clients[0], site.urls());
    assert!(matches!(client.ask_check(&urls[1]).await, Answer::Tokens(_)));
    let list = reqwest::Client::new().get(format!("{}/api/v1/me/sessions", urls[1]));
    let listed: serde_json::Value = list.bearer_auth(&client.access_token).send().await.unwrap().json().await.unwrap();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(client.sign_out(&urls[0]).await, 204);
    eventually("the other instance refuses the token", async || match client.ask_check(&urls[1]).await {
        Answer::Refused(code) => code == "session_revoked",
        Answer::Tokens(_) | Answer::Away | Answer::None | Answer::Odd(_) => false,
    })
    .await;
}

async fn a_replay_ends_the_session(site: &Site) {
    let (_, mut clients) = Load::clients(site, 1).await;
    let (client, urls) = (&mut clients[0], site.urls());
    assert!(client.refresh().await && client.refresh().await);
    let replayed = client.present(&urls[0], &client.tokens[0], None).await;
    assert!(matches!(&replayed, Answer::Refused(code) if code == "refresh_token_reused"), "{replayed:?}");
    let newest = client.present(&urls[1], client.newest(), None).await;
    assert!(matches!(&newest, Answer::Refused(code) if code == "session_revoked"), "{newest:?}");
}

const REFUSED: &str = "behind PgBouncer, transaction mode";

/// The server reports what is wrong and what to do, and does not start; `check` reports the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_would_mix_up_statements_is_refused() {
    let Some(program) = pgbouncer() else { return could_not_run(REFUSED, "pgbouncer is not installed") };
    let mut site = Site::lay_out();
    site.postgres.start().await;
    let ((url, _port), direct) = (start(&program, &site, "transaction"), site.postgres.url());
    site.add_server(&url).set("HEIRLOOM_DATABASE_URL_DIRECT", &direct);
    let server = &site.servers[0];
    assert_eq!(says(server, "migrate", "Applied").0, Some(0), "migrations go around it");
    // More than once: a run leaves its traces in the pooler, and the next must not take them for health.
    let mut figures = crate::report::Figures::of(REFUSED);
    for _ in 0..3 {
        for command in ["serve", "check"] {
            let (code, output) = says(server, command, "pooler in transaction mode");
            assert_eq!(code, Some(1), "{command}: {output}");
            assert!(
                output.contains("session mode") && output.contains("max_prepared_statements"),
                "{command}: {output}"
            );
        }
        figures.cycles += 1;
    }
    "refused".clone_into(&mut figures.note);
    figures.conclude();
}

/// How a command ended, and what it said, on one line.
fn says(server: &Server, command: &str, what: &str) -> (Option<i32>, String) {
    let ran = server.command(&[command]).output().unwrap();
    let output = [ran.stdout, ran.stderr].map(|text| String::from_utf8(text).unwrap()).join(" ");
    let output = output.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(output.contains(what), "{command}: {output}");
    (ran.status.code(), output)
}
