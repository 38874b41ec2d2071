//! Clocks that jump, with libfaketime. All lifetimes are kept on the database's clock; a server's own decides nothing.

use crate::{
    chance::so_many,
    load::{Answer, Load, client::parts, judge::Case},
    report::could_not_run,
    site::{Server, Site},
};
use std::{fs, path::PathBuf};

/// The library for programs with threads.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|path| path.exists())
}

/// A clock that can be set by writing a number of seconds into a file.
struct Dial(PathBuf);

impl Dial {
    fn new(site: &Site, name: &str) -> Self {
        let dial = Self(site.folder.join(name));
        dial.turn(0);
        dial
    }

    fn turn(&self, seconds: i64) {
        let beside = self.0.with_extension("new");
        fs::write(&beside, format!("{seconds:+}\n")).unwrap();
        fs::rename(beside, &self.0).unwrap();
    }

    fn environment(&self, library: &std::path::Path) -> [(&'static str, String); 5] {
        [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.0.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            // A step of the wall clock leaves the monotonic one alone.
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

const SKEWED: &str = "servers' clocks an hour off";

/// S-48: One server an hour ahead, one behind, then the other way round: each takes what the other has issued, and both
/// agree about what is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_clocks_decide_nothing() {
    let Some(library) = library() else { return could_not_run(SKEWED, "libfaketime is not installed") };
    let mut site = Site::lay_out();
    site.postgres.start().await;
    let dials = [Dial::new(&site, "clock-1"), Dial::new(&site, "clock-2")];
    let url = site.postgres.url();
    for dial in &dials {
        let server = site.add_server(&url);
        dial.environment(&library).iter().for_each(|(name, value)| server.set(name, value));
    }
    site.start_servers().await;
    let load = Load::start(&site, 8).await;
    let mut case = Case::begin(SKEWED, &site, &load).await;
    for round in 0..so_many(2, 30) {
        let hour = if round % 2 == 0 { 3_600 } else { -3_600 };
        dials[0].turn(hour);
        dials[1].turn(-hour);
        let (ahead, behind) = if hour > 0 { (0, 1) } else { (1, 0) };
        assert!(says(&site.servers[ahead], "ahead of the database. Sessions"), "the clock is not wrong");
        assert!(says(&site.servers[behind], "behind the database. Sessions"), "the clock is not wrong");
        load.further(4).await;
        both_agree_about_lifetimes(&site).await;
        case.cycles += 1;
    }
    case.close(&site, load).await;
}

fn says(server: &Server, what: &str) -> bool {
    let checked = server.command(&["check"]).output().unwrap();
    String::from_utf8_lossy(&checked.stdout).replace('\n', " ").contains(what)
}

/// A minute before its end a session is alive, a second after it is over, on each of them.
async fn both_agree_about_lifetimes(site: &Site) {
    let (_, clients) = Load::clients(site, 4).await;
    for (index, client) in clients.iter().enumerate() {
        let (session, url) = (parts(client.newest()).session, &site.urls()[index % 2]);
        let is_over = index < 2;
        let end = if is_over { "- interval '1 s'" } else { "+ interval '1 min'" };
        let moved = format!("UPDATE sessions SET idle_expires_at = now() {end} WHERE id = '{session}'");
        site.postgres.execute(&moved).await;
        let answer = client.present(url, client.newest(), Some(client.key())).await;
        match answer {
            Answer::Refused(code) if is_over => assert_eq!(code, "session_expired"),
            Answer::Tokens(_) if !is_over => {}
            answer => panic!("{answer:?}, over: {is_over}"),
        }
    }
}

const STEPPED: &str = "Postgres' clock steps";
const NOW: &str = "SELECT extract(epoch FROM clock_timestamp())::int8";

/// Back and forth by less than any lifetime: nobody is signed out. (An access token may be from the future for a while;
/// then its client refreshes.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_clock_steps_forwards_and_back() {
    let Some(library) = library() else { return could_not_run(STEPPED, "libfaketime is not installed") };
    let mut site = Site::lay_out();
    let dial = Dial::new(&site, "clock");
    dial.environment(&library).iter().for_each(|(name, value)| site.postgres.environment(name, value));
    site.postgres.start().await;
    let url = site.postgres.url();
    site.add_server(&url);
    site.start_servers().await;
    let (tally, mut clients) = Load::clients(&site, 8).await;
    for client in &mut clients {
        client.forgives_clocks = true;
    }
    let load = Load::of((tally, clients));
    let mut case = Case::begin(STEPPED, &site, &load).await;
    for step in [3_600, -3_600, 0, -7_200, 7_200, 60, -60, 0].into_iter().cycle().take(so_many(4, 40)) {
        let before = site.postgres.number(NOW).await;
        dial.turn(step);
        let moved = site.postgres.number(NOW).await - before;
        assert!(moved.abs() > 30, "the clock has not been stepped: {moved} s");
        load.further(4).await;
        case.cycles += 1;
    }
    dial.turn(0);
    case.close(&site, load).await;
}
