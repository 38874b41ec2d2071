use super::House;
use crate::{http::Scrape, world::World};

/// Reads the metrics of the house: the counters as they stand, the gauges now.
pub(super) fn of(house: &House) -> Scrape {
    let (world, sessions, accounts) = (house.world.clone(), house.sessions.clone(), house.accounts.clone());
    Scrape::new(move || {
        let (gauges, uptime) = (world.metrics.gauges(), world.clock.uptime());
        let revocations = sessions.revocations();
        gauges.revocations.set(count(revocations.len()));
        gauges.revocations_age.set(revocations.age(uptime).as_secs_f64());
        gauges.revocations_trusted.set(i64::from(revocations.is_trusted(uptime)));
        gauges.listeners.set(count(sessions.stream().listeners()));
        let (queued, running) = accounts.hashing_load();
        gauges.hashing_queued.set(count(queued));
        gauges.hashing_running.set(count(running));
        world.metrics.observe_tasks(uptime);
        observe_pool(&world);
        world.metrics.text()
    })
}

fn observe_pool(world: &World) {
    let (gauges, (connections, resting)) = (world.metrics.gauges(), world.db.connections());
    gauges.connections.set(count(connections));
    gauges.connections_idle.set(count(resting));
    gauges.connections_max.set(i64::from(world.config.database.max_connections));
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
