use super::House;
use crate::{
    audit, factors, guessing, http::Limits, keys, lifecycle, mail, pages::Pages, postgres::keep_to_primary, sessions,
    users,
};
use tokio::task::JoinHandle;

/// What is done beside the requests, again and again.
pub(super) struct BackgroundTasks(Vec<JoinHandle<()>>);

impl BackgroundTasks {
    pub fn start(house: &House, limits: Limits, pages: Pages) -> Self {
        let House { world, keys, factors, sessions, mail, lifecycle, connector, .. } = house;
        Self(vec![
            tokio::spawn(sessions::feed(sessions.clone(), connector.clone())),
            tokio::spawn(sessions::publish(sessions.clone())),
            tokio::spawn(keys::keep_ring(keys.clone())),
            tokio::spawn(keep_to_primary(world.db.clone(), connector.clone())),
            tokio::spawn(sessions::keep_clean(sessions.clone(), connector.clone())),
            tokio::spawn(sessions::keep_count(sessions.clone())),
            tokio::spawn(guessing::keep_small(world.clone())),
            tokio::spawn(limits.keep_small()),
            tokio::spawn(audit::keep(world.clone())),
            tokio::spawn(audit::keep_verified(world.clone(), connector.clone())),
            tokio::spawn(mail::keep_sending(mail.clone(), pages)),
            tokio::spawn(lifecycle::keep_looking_up(lifecycle.clone())),
            tokio::spawn(lifecycle::keep_swept(lifecycle.clone())),
            tokio::spawn(users::keep_searchable(world.clone())),
            tokio::spawn(factors::seal_again(factors.clone())),
        ])
    }

    pub fn stop(self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
