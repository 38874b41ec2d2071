use super::{model::Kind, resumed::Resumed, store};
use crate::{
    kernel::{MacKeys, Moment, TagCheck},
    postgres::DatabaseError,
};
use serde_json::Value;
use sqlx::PgConnection;

pub(super) async fn resumed(connection: &mut PgConnection, keys: &MacKeys) -> Result<Resumed, DatabaseError> {
    let mut resumed = Resumed::default();
    let events = store::resumed_since(connection, Kind::AuditChainResumed.name(), Moment::UNIX_EPOCH).await?;
    // The newest first.
    for event in events.iter().filter(|event| event.check(keys) == Some(TagCheck::Genuine)) {
        resumed.last = resumed.last.or(Some(event.at));
        if event.details.get("after_restore") == Some(&Value::Bool(true)) {
            resumed.after_restore = resumed.after_restore.or(Some(event.at));
        }
        if resumed.accepted.is_none() {
            resumed.accepted = event.details.get("accepted").and_then(Value::as_str).map(str::to_owned);
        }
    }
    Ok(resumed)
}
