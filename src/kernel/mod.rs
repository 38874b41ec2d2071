//! Types that every room uses. The kernel imports no room.

mod actor;
mod client;
mod database_time;
mod digest;
mod highest;
mod ids;
mod mac;
mod metrics;
mod operator;
mod page;
mod rng;
mod sealed_id;
mod sealing;
mod secrets;
mod tasks;
mod telemetry;
mod time;
mod traces;

pub use actor::{Actor, ActorKind};
pub use client::{Client, breaks_a_line, network_of};
pub use database_time::{database_wait, with_database_time};
pub use digest::{Digest32, sha256};
pub use highest::{Highest, Seen};
pub use ids::{SessionId, UserId, least_uuid, new_uuid};
pub use mac::{MacKeys, TagCheck};
pub use metrics::{Gauges, Metrics, ROTATED};
pub use operator::Operator;
pub use page::PageRequest;
pub use rng::Rng;
pub use sealed_id::SealedIds;
pub use sealing::{Opened, SealingKeys, WrongMasterKey};
pub use secrets::{MasterKey, MasterKeys};
pub use telemetry::{LogFormat, is_log_filter, start_logging};
pub use time::{Clock, Duration, Moment, Stopwatch};
pub use traces::{RequestSpan, TraceOptions, Traces};
