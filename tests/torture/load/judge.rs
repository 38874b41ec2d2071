//! After the fault: what must hold, looked at from the clients' side and in the database.

use super::{Answer, Client, Load, client::parts};
use crate::{
    report::Figures,
    site::{POOL, Site, process::Held},
};
use aws_lc_rs::digest::{SHA256, digest};
use sqlx::{PgConnection, Row};
use std::{sync::atomic::Ordering, time::Duration};

/// What a site was like before the fault, and how often it has had it.
#[derive(Debug)]
pub struct Case {
    pub fault: &'static str,
    pub cycles: u64,
    pub before: Vec<Held>,
    /// Sessions that the test itself has ended.
    pub ended: i64,
    /// What else is worth telling.
    pub note: String,
}

impl Case {
    /// Before the fault, with the load well under way.
    pub async fn begin(fault: &'static str, site: &Site, load: &Load) -> Self {
        load.further(5).await;
        Self { fault, cycles: 0, before: site.held(), ended: 0, note: String::new() }
    }

    /// Looks at everything, writes the figures down, and fails if any of them is wrong.
    pub async fn close(self, site: &Site, load: Load) {
        load.further(2).await;
        let tally = load.tally.clone();
        let clients = load.end().await;
        let mut figures = Figures {
            fault: self.fault.to_owned(),
            cycles: self.cycles,
            rotations: tally.rotations.load(Ordering::Relaxed),
            unavailable: tally.unavailable.load(Ordering::Relaxed),
            unanswered: tally.unanswered.load(Ordering::Relaxed),
            left_in_transaction: site.left_in_transaction().await,
            note: self.note,
            ..Figures::default()
        };
        rows(site, &clients, self.ended, &mut figures).await;
        for (index, client) in clients.iter().enumerate() {
            present_tokens(client, &site.urls(), index, &mut figures).await;
        }
        drop(clients);
        compare(site, &self.before, &mut figures).await;
        figures.false_revocations += tally.false_revocations.lock().unwrap().len();
        figures.violations.append(&mut tally.false_revocations.lock().unwrap());
        figures.violations.append(&mut tally.surprises.lock().unwrap());
        panics(site, &mut figures);
        figures.conclude();
    }
}

/// Each client's row is exactly as far as the client, and holds the digest of its newest token; no session is revoked that
/// we did not revoke.
async fn rows(site: &Site, clients: &[Client], ended: i64, figures: &mut Figures) {
    let mut connection = site.connect().await;
    for client in clients {
        let newest = parts(client.newest());
        let found = sqlx::query("SELECT generation, secret_hash, revoked_at IS NULL FROM sessions WHERE id = $1");
        let row = found.bind(newest.session).fetch_one(&mut connection).await.unwrap();
        let generation = u32::try_from(row.get::<i32, _>(0)).unwrap();
        if generation < newest.generation {
            figures.acknowledged_lost += 1;
            figures.violation(format!(
                "{}: {} was acknowledged, the row says {generation}",
                client.email, newest.generation
            ));
        }
        let is_live = digest(&SHA256, &newest.secret).as_ref() == row.get::<Vec<u8>, _>(1);
        if generation > newest.generation || !is_live {
            figures.two_live += 1;
            figures.violation(format!("{}: the live token is not the one acknowledged last", client.email));
        }
    }
    let revoked = revoked(&mut connection).await;
    if revoked != ended {
        figures.false_revocations += 1;
        figures.violation(format!("{revoked} sessions were revoked, of which we revoked {ended}"));
    }
}

async fn revoked(connection: &mut PgConnection) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL");
    count.fetch_one(connection).await.unwrap()
}

/// Of every second family an older token comes back: it must end the family, and the newest with it. Of the others
/// the newest must still rotate.
async fn present_tokens(client: &Client, urls: &[String], index: usize, figures: &mut Figures) {
    let url = &urls[index % urls.len()];
    if index % 2 == 1 {
        let newest = client.present(url, client.newest(), Some(client.key())).await;
        if !matches!(newest, Answer::Tokens(_)) {
            figures.violation(format!("{}: the newest token is answered {newest:?}", client.email));
        }
        return;
    }
    let back = 2 + (index / 2) % (client.tokens.len() - 1);
    let older = client.present(url, &client.tokens[client.tokens.len() - back], None).await;
    let newest = client.present(&urls[(index + 1) % urls.len()], client.newest(), Some(client.key())).await;
    if !is_refused(&older, "refresh_token_reused") || !is_refused(&newest, "session_revoked") {
        figures.two_live += 1;
        figures.violation(format!("{}: the {back}th last token: {older:?}, the newest: {newest:?}", client.email));
    }
}

fn is_refused(answer: &Answer, code: &str) -> bool {
    matches!(answer, Answer::Refused(refused) if refused == code)
}

/// File descriptors come back as connections close; memory is compared generously, for an allocator keeps some.
async fn compare(site: &Site, before: &[Held], figures: &mut Figures) {
    let grew = |now: &[Held]| {
        let mut both = before.iter().zip(now);
        both.any(|(before, now)| now.descriptors > before.descriptors + POOL + 4)
    };
    for _ in 0..1_200 {
        if !grew(&site.held()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let now = site.held();
    if grew(&now) {
        figures.violation(format!("file descriptors: {before:?} → {now:?}"));
    }
    if before.iter().zip(&now).any(|(before, now)| now.memory_mib > before.memory_mib * 2 + 64) {
        figures.violation(format!("memory: {before:?} → {now:?}"));
    }
    (figures.before, figures.after) = (before.to_vec(), now);
}

/// No fault of the environment is a reason to panic.
fn panics(site: &Site, figures: &mut Figures) {
    for server in &site.servers {
        if let Some(line) = server.log().lines().find(|line| line.contains("panicked at")) {
            figures.violation(format!("a panic: {line}"));
        }
    }
}
