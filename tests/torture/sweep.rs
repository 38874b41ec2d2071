//! A clean-up of very many expired sessions, with rotations beside it.

use crate::{
    chance::{is_long, so_many},
    load::{Load, judge::Case},
    site::Site,
};
use std::time::Instant;

/// Ids in the order of time, as ours are; older than any that lives.
const EXPIRED: &str = "INSERT INTO sessions (id, user_id, created_at, absolute_expires_at, transport, remembered,
        idle_expires_at, last_used_at, generation, secret_hash, rotation_nonce, ip, device_name, user_agent)
    SELECT ('018f0000-' || substr(lpad(to_hex(n), 8, '0'), 1, 4) || '-7' || substr(lpad(to_hex(n), 8, '0'), 5, 3) || '-8'
            || right(lpad(to_hex(n), 8, '0'), 1) || '00-' || lpad(to_hex(n), 12, '0'))::uuid,
        (SELECT id FROM users LIMIT 1), now() - interval '100 days', now() - interval '10 days', 'body', true,
        now() - interval '40 days', now() - interval '54 days', 3, decode(repeat('ab', 32), 'hex'),
        decode(repeat('cd', 16), 'hex'), '192.0.2.1', 'phone', 'Mozilla/5.0 (X11, Linux x86_64, rv:140.0)'
    FROM generate_series($first, $last) AS n";

/// S-69, S-70: Every rotation beside it succeeds, none of the living is swept, and of the dead nobody stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn very_many_expired_sessions_are_swept_beside_rotations() {
    let mut site = Site::lay_out();
    site.postgres.set("max_wal_size", "2GB");
    site.postgres.start().await;
    let url = site.postgres.url();
    site.add_server(&url);
    site.start_servers().await;
    let load = Load::start(&site, 8).await;
    let mut case = Case::begin("sweep of expired sessions", &site, &load).await;
    let rows: u64 = so_many(30_000, 10_000_000);
    insert(&site, rows).await;
    let (rotations, away, began) = (load.rotations(), load.away(), Instant::now());
    let mut command = site.servers[0].command(&["sweep", "--json"]);
    let swept = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert!(swept.status.success(), "{}", String::from_utf8_lossy(&swept.stderr));
    let swept: serde_json::Value = serde_json::from_slice(&swept.stdout).unwrap();
    assert_eq!(swept["deleted"], rows);
    // On a busy machine a rotation may be slow or refused for reasons of its own.
    if is_long() {
        assert!(load.rotations() > rotations, "rotations went on");
        assert_eq!(load.away(), away, "and none of them was refused or unanswered");
    }
    let beside = load.rotations() - rotations;
    let rate = f64::from(u32::try_from(rows).unwrap()) / seconds;
    case.note = format!("{rows} rows in {seconds:.0} s, {rate:.0}/s, {beside} rotations beside");
    case.cycles = 1;
    case.close(&site, load).await;
}

/// In the order of ids, and without asking for each row whether its user is there.
async fn insert(site: &Site, rows: u64) {
    const BATCH: u64 = 500_000;
    let mut first = 1;
    while first <= rows {
        let last = rows.min(first + BATCH - 1);
        let insert = EXPIRED.replace("$first", &first.to_string()).replace("$last", &last.to_string());
        site.postgres.execute(&format!("SET session_replication_role = replica; {insert}")).await;
        first = last + 1;
    }
}
