//! What an account was before its address was changed: kept with the undo, which leads back to it.

use crate::{
    audit,
    confirmations::Confirmation,
    identity::{CustomClaims, Role, Roles},
    kernel::{Moment, UserId},
    lifecycle::{removes_the_last_admin, reset_password::SUSPECT_IDENTITIES},
    postgres::DatabaseError,
    sessions::{self, Ended},
    users::{self, AccessChange, User},
    work::Work,
};
use chrono::TimeDelta;
use serde_json::{Value, json};

/// The member of an undo's payload that holds when the session was opened that requested the change.
pub(super) const OPENED_AT: &str = "opened_at";
/// The member that holds the roles and claims of then.
pub(super) const ACCESS: &str = "access";
const ROLES: &str = "roles";
const CLAIMS: &str = "claims";

/// Factors that were set up within this time before a change of address may be of the one who changed it, whichever session
/// requested it. Shorter than for identities: an identity opens the account, and a factor only protects it.
const SUSPECT_FACTORS: TimeDelta = TimeDelta::days(1);

/// The roles and claims of a user, as an undo keeps them.
pub(super) fn access_of(user: &User) -> Value {
    json!({ ROLES: user.roles, CLAIMS: user.claims })
}

/// Since when factors may be a thief's: since the session began that requested the change, and at least for a day before it.
pub(super) fn suspect_factors_since(undo: &Confirmation) -> Moment {
    let at_least = undo.created_at - SUSPECT_FACTORS;
    let opened_at = undo.payload.get(OPENED_AT).and_then(Value::as_str).and_then(|at| at.parse::<Moment>().ok());
    opened_at.map_or(at_least, |opened_at| opened_at.min(at_least))
}

/// Since when connected identities may be a thief's.
pub(super) fn suspect_identities_since(undo: &Confirmation) -> Moment {
    undo.created_at - SUSPECT_IDENTITIES
}

/// Takes away the roles and claims that were granted since the change: to the reader of the new address, not to that of the old
/// one. What was taken away since stays away. The last administrator keeps that role. In the caller's transaction, which holds the
/// locks on administrators and on the user.
pub(super) async fn take_access_back(
    work: &mut Work<'_>,
    user: UserId,
    undo: &Confirmation,
) -> Result<Ended, DatabaseError> {
    let Some(now) = users::lookup_in(work.connection, user).await? else { return Ok(Ended::default()) };
    let then = undo.payload.get(ACCESS).cloned().unwrap_or_default();
    let (mut roles, claims) = (roles_of_both(&now, &then), claims_of_both(&now, &then));
    if now.is_admin() && !roles.is_admin() && removes_the_last_admin(work, &now).await? {
        tracing::error!(user.id = %user, "lifecycle.last_admin_kept_by_undo");
        roles = roles.with(Role::admin()).unwrap_or_default();
    }
    let change = AccessChange { roles: Some(roles.clone()), claims: Some(claims.clone()) };
    let Some(revision) = users::change_access(work.connection, user, &change).await? else {
        return Ok(Ended::default());
    };
    if roles.to_strings() != now.roles {
        work.record(audit::Kind::RolesChanged, user, json!({ "roles": roles.to_strings() })).await?;
    }
    if claims.into_value() != now.claims {
        work.record(audit::Kind::ClaimsChanged, user, json!({})).await?;
    }
    sessions::cut_off(work, user, revision).await
}

/// The roles that the user had then and has now.
fn roles_of_both(now: &User, then: &Value) -> Roles {
    let had = |role: &&String| {
        let had = then.get(ROLES).and_then(Value::as_array);
        had.is_some_and(|had| had.iter().any(|had| had.as_str() == Some(role)))
    };
    Roles::parse(now.roles.iter().filter(had)).unwrap_or_default()
}

/// The claims of then whose names are there now.
fn claims_of_both(now: &User, then: &Value) -> CustomClaims {
    let then = then.get(CLAIMS).and_then(Value::as_object).into_iter().flatten();
    let kept = then.filter(|(name, _)| now.claims.get(name).is_some());
    let kept = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    CustomClaims::parse(Value::Object(kept)).unwrap_or_default()
}
