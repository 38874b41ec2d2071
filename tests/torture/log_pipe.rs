//! Log lines that nobody reads any more.

use crate::{
    load::{Load, judge::Case},
    site::Site,
};
use std::process::Stdio;

/// Standard output and standard error lead into a pipe whose reader has gone: the server goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reader_of_the_log_goes_away() {
    let mut site = Site::start(0).await;
    let url = site.postgres.url();
    let server = site.add_server(&url);
    server.set("HEIRLOOM_LOG", "debug");
    let mut child = server.command(&["serve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (stdout, mut stderr) = (child.stdout.take(), child.stderr.take().unwrap());
    server.adopt(child);
    let (gone, until_gone) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while until_gone.try_recv().is_err() && std::io::Read::read(&mut stderr, &mut buffer).is_ok_and(|n| n > 0) {}
    });
    server.until_ready().await;
    let load = Load::start(&site, 8).await;
    let mut case = Case::begin("log into a closed pipe", &site, &load).await;
    drop(stdout);
    gone.send(()).unwrap();
    tokio::task::spawn_blocking(|| reader.join().unwrap()).await.unwrap();
    load.further(20).await;
    case.cycles += 1;
    case.close(&site, load).await;
}
