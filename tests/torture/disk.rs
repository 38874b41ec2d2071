//! A disk that is full.

use crate::{
    chance::so_many,
    load::{Load, judge::Case},
    report::could_not_run,
    site::{Postgres, Site},
};
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
};

const FAULT: &str = "disk full";
/// A lot for the write-ahead log, and nothing else.
const MESSAGE: &str = "SELECT pg_logical_emit_message(true, 'torture', repeat('x', 100000))";

/// Postgres refuses, or panics and comes up again when there is room: 503 meanwhile, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_is_full() {
    let mut site = Site::lay_out();
    let disk = site.folder.join("disk");
    if !mount(&disk) {
        return could_not_run(FAULT, "mounting a tmpfs needs root");
    }
    site.postgres = move_to(&disk, &site);
    site.postgres.start().await;
    let url = site.postgres.url();
    site.add_server(&url);
    site.start_servers().await;
    let load = Load::start(&site, 8).await;
    let mut case = Case::begin(FAULT, &site, &load).await;
    for _ in 0..so_many(1, 15) {
        let filler = disk.join("filler");
        fill(&filler);
        while_it_is_full(&site, &load).await;
        fs::remove_file(filler).unwrap();
        // It may have given up for good.
        site.postgres.start().await;
        load.further(2).await;
        case.cycles += 1;
    }
    case.close(&site, load).await;
}

fn mount(disk: &Path) -> bool {
    fs::create_dir(disk).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=120m,mode=0755", "tmpfs"]).arg(disk).output();
    mounted.is_ok_and(|mounted| mounted.status.success())
}

/// The data directory becomes a link to the small disk.
fn move_to(disk: &Path, site: &Site) -> Postgres {
    let (here, there) = (site.folder.join("data"), disk.join("data"));
    assert!(Command::new("cp").arg("-a").arg(&here).arg(&there).status().unwrap().success());
    fs::remove_dir_all(&here).unwrap();
    std::os::unix::fs::symlink(there, here).unwrap();
    Postgres::existing(&site.folder, "data")
}

fn fill(filler: &Path) {
    let mut file = File::create(filler).unwrap();
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

/// The write-ahead log soon needs a new file, for which there is no room.
async fn while_it_is_full(site: &Site, load: &Load) {
    let url = site.postgres.superuser();
    let writer = tokio::spawn(async move {
        use sqlx::ConnectOptions;
        let Ok(mut connection) = url.connect().await else { return };
        while sqlx::raw_sql(MESSAGE).execute(&mut connection).await.is_ok() {}
    });
    load.until_away().await;
    writer.abort();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
}
