//! A service with the Rust verifier beside servers and a Postgres that fail: it is never wrong in the dangerous direction.

use crate::{
    load::{Client, Load},
    report::Figures,
    site::Site,
};
use heirloom_verifier::{Error, State, Verifier};
use std::time::{Duration, Instant};

const KEY: &str = "a-key-for-the-torture-of-the-verifier";
const ISSUER: &str = "http://heirloom.test";
/// V1: how old knowledge may be in the worst case, and a little for the verdict itself.
const OLDEST: Duration = Duration::from_millis(10_500);

async fn site(servers: usize) -> Site {
    let mut site = Site::lay_out();
    site.postgres.start().await;
    let url = site.postgres.url();
    for _ in 0..servers {
        site.add_server(&url).set("HEIRLOOM_FEED_KEYS", KEY);
    }
    site.start_servers().await;
    site
}

struct Service(Verifier);

impl Service {
    fn of(url: &str) -> Self {
        Self(Verifier::builder(ISSUER, ISSUER).server_url(url).feed_key(KEY).build().unwrap())
    }

    async fn verdict(&self, client: &Client) -> &'static str {
        self.0.verify(&client.access_token).await.map_or_else(Error::code, |_| "good")
    }

    /// Soon, and until then each verdict is one of these.
    async fn until(&self, client: &Client, verdict: &str, before: &[&str]) {
        let begun = Instant::now();
        loop {
            let found = self.verdict(client).await;
            if found == verdict {
                return;
            }
            assert!(before.contains(&found), "{found} instead of {verdict}");
            assert!(begun.elapsed() < Duration::from_mins(3), "{found} for three minutes instead of {verdict}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn figures(fault: &str) -> Figures {
    Figures { cycles: 1, ..Figures::of(fault) }
}

/// V1, V3: with Postgres suspended no instance knows anything new, so the service stops to trust them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_stale_while_postgres_stands_still() {
    let site = site(2).await;
    let (_, clients) = Load::clients(&site, 2).await;
    let [signed_in, signed_out] = &clients[..] else { panic!("two clients") };
    let service = Service::of(&site.urls()[1]);
    service.until(signed_out, "good", &["stale"]).await;
    assert_eq!(signed_out.sign_out(&site.urls()[0]).await, 204);
    service.until(signed_out, "revoked", &["good", "stale"]).await;
    service.until(signed_in, "good", &["stale"]).await;

    site.postgres.pause();
    let paused = Instant::now();
    let mut stale_after = Duration::ZERO;
    while paused.elapsed() < OLDEST {
        assert_ne!(service.verdict(signed_out).await, "good");
        if service.verdict(signed_in).await == "good" {
            stale_after = paused.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((service.verdict(signed_in).await, service.verdict(signed_out).await), ("stale", "stale"));
    site.postgres.resume();
    service.until(signed_in, "good", &["stale"]).await;
    assert_eq!(service.verdict(signed_out).await, "revoked");
    let note = format!("a service trusted its server for {:.1} s more", stale_after.as_secs_f64());
    Figures { note, ..figures("SIGSTOP of Postgres, seen by a service") }.conclude();
}

/// V3, V4: the service's server is killed; what another instance revokes meanwhile, the service refuses from then on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_server_was_killed_accepts_nothing_that_was_revoked_meanwhile() {
    let mut site = site(2).await;
    let (_, clients) = Load::clients(&site, 2).await;
    let [signed_in, signed_out] = &clients[..] else { panic!("two clients") };
    let service = Service::of(&site.urls()[1]);
    service.until(signed_out, "good", &["stale"]).await;

    site.servers[1].kill();
    assert_eq!(signed_out.sign_out(&site.urls()[0]).await, 204);
    service.until(signed_in, "stale", &["good"]).await;
    assert_eq!(service.0.state(), State::Stale);
    site.servers[1].start().await;
    service.until(signed_out, "revoked", &["stale"]).await;
    service.until(signed_in, "good", &["stale"]).await;
    figures("kill -9 of a service's server").conclude();
}

/// V4: nothing that an instance knows is lost with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_all_instances_brings_no_revoked_session_back() {
    let mut site = site(2).await;
    let (_, clients) = Load::clients(&site, 3).await;
    let [before, between, signed_in] = &clients[..] else { panic!("three clients") };
    let service = Service::of(&site.urls()[1]);
    service.until(before, "good", &["stale"]).await;
    assert_eq!(before.sign_out(&site.urls()[0]).await, 204);
    service.until(before, "revoked", &["good", "stale"]).await;

    site.servers[1].signal("TERM");
    assert_eq!(site.servers[1].ended().await.code(), Some(0));
    assert_eq!(between.sign_out(&site.urls()[0]).await, 204);
    site.servers[0].kill();
    site.start_servers().await;
    service.until(between, "revoked", &["good", "stale"]).await;
    service.until(signed_in, "good", &["stale"]).await;
    assert_eq!((service.verdict(before).await, service.verdict(between).await), ("revoked", "revoked"));
    // And a verifier that has never met them before.
    let second = Service::of(&site.urls()[0]);
    second.until(before, "revoked", &["stale"]).await;
    assert_eq!(second.verdict(between).await, "revoked");
    figures("restart of all instances, seen by a service").conclude();
}
