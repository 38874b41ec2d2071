use super::Rooms;
use crate::{
    audit::{self, Kind},
    kernel::{Duration, Moment},
    postgres::DatabaseError,
    sessions::Admin,
};
use chrono::{DurationRound, TimeDelta};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How many hours the overview covers, including the current one.
const HOURS: i32 = 24;

/// The numbers on the administration start page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Overview {
    /// Sessions that can still be used.
    pub live_sessions: i64,
    /// Accounts.
    pub users: i64,
    /// Blocked accounts.
    pub blocked_users: i64,
    /// The last 24 hours, oldest first; the last entry is the current hour.
    pub hours: Vec<Hour>,
}

/// What happened in one hour.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hour {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub begins_at: Moment,
    /// Sign-ins.
    pub sign_ins: i64,
    /// Rotated refresh tokens; the count is updated once a minute.
    pub refreshes: i64,
    /// Reused refresh tokens.
    pub reuses: i64,
}

/// Counts everything.
///
/// # Errors
/// When the database fails.
pub async fn overview(rooms: Rooms<'_>, _by: &Admin) -> Result<Overview, DatabaseError> {
    let Rooms { accounts, sessions } = rooms;
    let world = sessions.world();
    let since = first_hour(world.clock.now());
    let counting = world.db.run(move |connection| {
        Box::pin(audit::by_hour(connection, &[Kind::SignedIn, Kind::RefreshTokenReused], since))
    });
    let events: BTreeMap<_, _> =
        counting.await?.into_iter().map(|(hour, kind, number)| ((hour, kind), number)).collect();
    let rotations: BTreeMap<_, _> = sessions.rotations_by_hour(since).await?.into_iter().collect();
    let of = |hour, kind: Kind| events.get(&(hour, kind.name().to_owned())).copied().unwrap_or_default();
    let hour = |number| {
        let begins_at = since + Duration::from_hours(number);
        let refreshes = rotations.get(&begins_at).copied().unwrap_or_default();
        Hour {
            begins_at,
            sign_ins: of(begins_at, Kind::SignedIn),
            refreshes,
            reuses: of(begins_at, Kind::RefreshTokenReused),
        }
    };
    let counts = accounts.counts().await?;
    Ok(Overview {
        live_sessions: sessions.live().await?,
        users: counts.all,
        blocked_users: counts.blocked,
        hours: (0..HOURS.unsigned_abs().into()).map(hour).collect(),
    })
}

fn first_hour(now: Moment) -> Moment {
    let this = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
    this - TimeDelta::hours(i64::from(HOURS) - 1)
}
