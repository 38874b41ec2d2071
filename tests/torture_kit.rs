//! `heirloom-torture` finds no violation in our own server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test may fail loudly, and sets up the environment of the programs it runs"
)]

use heirloom_testing::{Port, eventually};
use heirloom_torture::{Guarded, Profile, Report, Settings as Torture, Source, Verdict, run};
use private_postgres::{PrivatePostgres, Role, Settings, Tenant};
use serde_json::json;
use sqlx::ConnectOptions;
use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tempfile::TempDir;

const ALICE: &str = "alice@example.com";
const PASSWORD: &str = "plum-garage-velvet-9";
const MASTER_KEY: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

/// Instances of the server on one database, each started again whenever it ends.
struct House {
    instances: Vec<Instance>,
    /// Holds the private Postgres up.
    tenancy: Option<PrivatePostgres>,
    data: TempDir,
}

struct Instance {
    url: String,
    /// The file that holds its process id.
    process: PathBuf,
    stopping: Arc<AtomicBool>,
    keeper: Option<JoinHandle<()>>,
    _port: Port,
}

impl House {
    async fn start(count: usize, options: &[(&str, &str)]) -> Self {
        let data = TempDir::new().unwrap();
        let settings =
            Settings { data_dir: data.path().to_owned(), binaries: None, search_path: std::env::var_os("PATH") };
        let postgres = PrivatePostgres::start(&settings, Tenant::Command).await.unwrap();
        let database = postgres.connect_options(Role::Owner).to_url_lossy().to_string();
        let mut house = Self { instances: Vec::new(), tenancy: Some(postgres), data };
        let options = [options, &[("DATABASE_URL", &database), ("HEIRLOOM_MASTER_KEY", MASTER_KEY)]].concat();
        for number in 0..count {
            let instance = Instance::start(&house, number, &options);
            instance.until_ready().await;
            house.instances.push(instance);
        }
        let request = reqwest::Client::new().post(format!("{}/api/v1/auth/register", house.instances[0].url));
        let answer = request.json(&json!({ "email": ALICE, "password": PASSWORD })).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        house
    }

    /// How the kit is pointed at all instances.
    fn torture(&self) -> Torture {
        let urls = self.instances.iter().map(|instance| instance.url.clone()).collect();
        let (user, password) = (Guarded::new(ALICE.to_owned()), Guarded::new(PASSWORD.to_owned()));
        let profile = Profile::load("heirloom").unwrap();
        Torture { storm: Duration::from_secs(5), ..Torture::new(urls, profile, Source::SignIn { user, password }) }
    }
}

/// Everything that was tried held, and nothing else was left out.
#[track_caller]
fn expect_all_hold(report: &Report, left_out: &[&str]) {
    let with = |verdict| {
        let rows = report.scenarios.iter().filter(move |row| row.verdict == verdict);
        rows.map(|row| row.scenario.as_str()).collect::<Vec<_>>()
    };
    assert_eq!((report.verdict, report.exit_code()), (Verdict::Holds, 0), "{report:#?}");
    assert!(!with(Verdict::Holds).is_empty(), "{report:#?}");
    assert_eq!(with(Verdict::NotApplicable), left_out, "{report:#?}");
}

/// A second client, scopes and JWTs as refresh tokens are not ours.
const NOT_OURS: [&str; 2] = ["other-client", "wider-scope"];

impl Drop for House {
    /// The last command to leave stops Postgres.
    fn drop(&mut self) {
        self.instances.clear();
        drop(self.tenancy.take());
        let mut command = Command::new(env!("CARGO_BIN_EXE_heirloom"));
        command.arg("migrate").env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HEIRLOOM_DATA_DIR", self.data.path()).current_dir(self.data.path());
        drop(command.stdout(Stdio::null()).stderr(Stdio::null()).status());
    }
}

impl Instance {
    fn start(house: &House, number: usize, options: &[(&str, &str)]) -> Self {
        let port = Port::reserve();
        let url = format!("http://{}", port.address());
        let folder = house.data.path();
        let process = folder.join(format!("process-{number}"));
        let (data, written, bind) = (folder.to_owned(), process.clone(), port.address().to_string());
        let options: Vec<_> = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let spawn = move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_heirloom"));
            command.arg("serve").env_clear().env("PATH", std::env::var_os("PATH").unwrap()).current_dir(&data);
            command.env("HEIRLOOM_BIND", &bind);
            command.env("HEIRLOOM_INSECURE_FOR_TESTS", "true").env("HEIRLOOM_BCRYPT_COST", "4");
            command.env("HEIRLOOM_PUBLIC_URL", "http://heirloom.test").env("HEIRLOOM_RATE_LIMIT", "off");
            command.env("HEIRLOOM_METRICS_BIND", "").envs(options.iter().cloned());
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let keeper = std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                let mut child: Child = spawn();
                fs::write(&written, child.id().to_string()).unwrap();
                child.wait().unwrap();
                // A server that answers again at once would not have been seen to be away.
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        Self { url, process, stopping, keeper: Some(keeper), _port: port }
    }

    async fn until_ready(&self) {
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        eventually("the server is ready", async || {
            let answer = http.get(format!("{}/readyz", self.url)).send().await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    /// A shell command that kills the server and returns when the next one runs.
    fn restart_command(&self) -> String {
        let file = self.process.display();
        let until_another = format!("while [ \"$(cat {file})\" = \"$old\" ]; do sleep 0.05; done");
        format!("old=$(cat {file}); kill -KILL $old; {until_another}")
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let process = fs::read_to_string(&self.process).unwrap_or_default();
        drop(Command::new("kill").arg(process).status());
        drop(self.keeper.take().map(JoinHandle::join));
    }
}

#[tokio::test]
async fn all_holds_of_our_server() {
    let house = House::start(1, &[]).await;
    let restart = Some(house.instances[0].restart_command());
    let absolute_lifetime = Some(Duration::from_hours(90 * 24));
    let report = run(Torture { restart, absolute_lifetime, ..house.torture() }, |_| {}).await.unwrap();
    expect_all_hold(&report, &[&NOT_OURS[..], &["idle"]].concat());
    assert_eq!(report.grade.letter, Some('A'), "{report:#?}");
}

#[tokio::test]
async fn all_holds_of_two_instances_on_one_database() {
    let house = House::start(2, &[]).await;
    let restart = Some(house.instances[1].restart_command());
    let report = run(Torture { restart, ..house.torture() }, |_| {}).await.unwrap();
    expect_all_hold(&report, &[&NOT_OURS[..], &["lifetime", "idle"]].concat());
}

/// S-7.
#[tokio::test]
async fn no_session_of_ours_outlives_its_absolute_end() {
    let house = House::start(1, &[("HEIRLOOM_SESSION_ABSOLUTE_TTL", "6s")]).await;
    let (only, absolute_lifetime) = (vec!["lifetime".to_owned()], Some(Duration::from_secs(6)));
    let report = run(Torture { only, absolute_lifetime, ..house.torture() }, |_| {}).await.unwrap();
    expect_all_hold(&report, &[]);
}
