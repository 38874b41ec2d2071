//! Revocations of sessions, and what every instance must know about them.

use crate::{
    identity::{AuthenticationMethod, UpstreamIdentity},
    kernel::{Duration, Moment, SessionId, UserId},
    postgres::DatabaseError,
    sessions::{
        model::EndReason,
        revocations::{Revocation, TokenStanding},
    },
};
use sqlx::PgConnection;
use uuid::Uuid;

/// A session that was just revoked.
pub struct EndedRow {
    pub id: SessionId,
    /// Whether it had not expired yet.
    pub was_live: bool,
}

/// Revokes sessions that are not revoked yet, and returns them. The time is that of the write, not of the transaction's
/// start, which may have waited for a lock meanwhile: a revocation of all sessions in between must not seem to come
/// after. Nor is it before the last rotation: should the clock have been set back since, tokens live until it comes
/// round again.
pub async fn end(
    connection: &mut PgConnection,
    sessions: &[Uuid],
    reason: &EndReason,
) -> Result<Vec<EndedRow>, DatabaseError> {
    let rows = sqlx::query_as!(
        EndedRow,
        r#"UPDATE sessions SET revoked_at = greatest(clock_timestamp(), last_used_at), revoked_reason = $2
           WHERE id = ANY($1) AND revoked_at IS NULL
           RETURNING id AS "id: SessionId", idle_expires_at > now() AS "was_live!""#,
        sessions,
        reason.text(),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Ends the sessions of a user that have not proved two factors.
pub async fn end_with_one_factor(
    connection: &mut PgConnection,
    user: UserId,
    reason: &EndReason,
) -> Result<Vec<EndedRow>, DatabaseError> {
    let rows = sqlx::query_as!(
        EndedRow,
        r#"UPDATE sessions SET revoked_at = greatest(clock_timestamp(), last_used_at), revoked_reason = $3
           WHERE user_id = $1 AND revoked_at IS NULL AND NOT $2 = ANY (amr)
           RETURNING id AS "id: SessionId", idle_expires_at > now() AS "was_live!""#,
        user.as_uuid(),
        AuthenticationMethod::SeveralFactors.name(),
        reason.text(),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Ends the sessions of a user that were opened through an identity of another provider, until a time if one is given, but perhaps
/// one.
pub async fn end_through(
    connection: &mut PgConnection,
    user: UserId,
    identity: &UpstreamIdentity,
    until: Option<Moment>,
    except: Option<SessionId>,
    reason: &EndReason,
) -> Result<Vec<EndedRow>, DatabaseError> {
    let rows = sqlx::query_as!(
        EndedRow,
        r#"UPDATE sessions SET revoked_at = greatest(clock_timestamp(), last_used_at), revoked_reason = $5
           WHERE user_id = $1 AND identity_issuer = $2 AND identity_subject = $3 AND ($4::timestamptz IS NULL OR created_at <= $4)
             AND revoked_at IS NULL AND id IS DISTINCT FROM $6
           RETURNING id AS "id: SessionId", idle_expires_at > now() AS "was_live!""#,
        user.as_uuid(),
        identity.issuer,
        identity.subject,
        until,
        reason.text(),
        except.map(|session| session.as_uuid()),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// The users with sessions that were opened through an identity of another provider, also where another user has it now.
pub async fn signed_in_through(
    connection: &mut PgConnection,
    identity: &UpstreamIdentity,
) -> Result<Vec<UserId>, DatabaseError> {
    let found = sqlx::query_scalar!(
        r#"SELECT DISTINCT user_id AS "user!: UserId" FROM sessions
           WHERE identity_issuer = $1 AND identity_subject = $2 AND revoked_at IS NULL"#,
        identity.issuer,
        identity.subject,
    );
    Ok(found.fetch_all(connection).await?)
}

/// Ends all sessions of a user but perhaps one, and says which.
pub async fn end_all_of(
    connection: &mut PgConnection,
    user: UserId,
    except: Option<SessionId>,
    reason: &EndReason,
) -> Result<Vec<EndedRow>, DatabaseError> {
    let rows = sqlx::query_as!(
        EndedRow,
        r#"UPDATE sessions SET revoked_at = greatest(clock_timestamp(), last_used_at), revoked_reason = $3
           WHERE user_id = $1 AND revoked_at IS NULL AND ($2::uuid IS NULL OR id <> $2)
           RETURNING id AS "id: SessionId", idle_expires_at > now() AS "was_live!""#,
        user.as_uuid(),
        except.map(|id| id.as_uuid()),
        reason.text(),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Until the transaction ends, no session is opened: opening one takes a weaker lock on the same table, in
/// [`super::lock_user`]. A lock on a table takes a privilege on it; any role that may connect can take an advisory one.
async fn lock_out_sign_ins(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::query!("LOCK TABLE everyone_revocations IN SHARE ROW EXCLUSIVE MODE").execute(connection).await?;
    Ok(())
}

/// All sessions of all users, just revoked.
pub struct EveryoneEnded {
    /// How many were not revoked before, expired ones too.
    pub all: i64,
    /// How many were live.
    pub live: i64,
    /// Up to when sessions are revoked.
    pub at: Moment,
}

/// Revokes all sessions of all users. No session is opened meanwhile: opening one takes the same lock, shared.
pub async fn end_everyone(connection: &mut PgConnection, reason: &EndReason) -> Result<EveryoneEnded, DatabaseError> {
    lock_out_sign_ins(connection).await?;
    let at = sqlx::query_scalar!(
        "INSERT INTO everyone_revocations (revoked_at) VALUES (clock_timestamp()) RETURNING revoked_at"
    )
    .fetch_one(&mut *connection)
    .await?;
    let ended = sqlx::query!(
        r#"WITH ended AS (
               UPDATE sessions SET revoked_at = $1, revoked_reason = $2 WHERE revoked_at IS NULL
               RETURNING idle_expires_at > now() AS was_live)
           SELECT count(*) AS "all!", count(*) FILTER (WHERE was_live) AS "live!" FROM ended"#,
        at,
        reason.text(),
    )
    .fetch_one(connection)
    .await?;
    Ok(EveryoneEnded { all: ended.all, live: ended.live, at })
}

/// Whether the database has this revocation of all sessions, or a later one.
pub async fn knows_end_of_everyone(connection: &mut PgConnection, until: Moment) -> Result<bool, DatabaseError> {
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM everyone_revocations WHERE revoked_at >= $1) AS "known!""#,
        until,
    );
    Ok(known.fetch_one(connection).await?)
}

/// Revokes all sessions that were opened up to this moment, to the millisecond that their ids hold.
pub async fn end_everyone_again(
    connection: &mut PgConnection,
    until: Moment,
    reason: &EndReason,
) -> Result<EveryoneEnded, DatabaseError> {
    lock_out_sign_ins(connection).await?;
    sqlx::query!("INSERT INTO everyone_revocations (revoked_at) VALUES ($1) ON CONFLICT DO NOTHING", until)
        .execute(&mut *connection)
        .await?;
    let ended = sqlx::query!(
        r#"WITH ended AS (
               UPDATE sessions SET revoked_at = greatest(clock_timestamp(), last_used_at), revoked_reason = $2
               WHERE revoked_at IS NULL AND created_at < date_trunc('milliseconds', $1::timestamptz) + interval '1 ms'
               RETURNING idle_expires_at > now() AS was_live)
           SELECT count(*) AS "all!", count(*) FILTER (WHERE was_live) AS "live!" FROM ended"#,
        until,
        reason.text(),
    )
    .fetch_one(connection)
    .await?;
    Ok(EveryoneEnded { all: ended.all, live: ended.live, at: until })
}

/// Whether a session is revoked, and its user. None if the session does not exist.
pub async fn find(connection: &mut PgConnection, session: SessionId) -> Result<Option<(UserId, bool)>, DatabaseError> {
    let row = sqlx::query!(
        r#"SELECT user_id AS "user_id: UserId", revoked_at IS NOT NULL AS "is_revoked!" FROM sessions WHERE id = $1"#,
        session.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.user_id, row.is_revoked)))
}

/// Whether an access token of this session and state of the user's access is still good: the database's own answer.
pub async fn token_standing(
    connection: &mut PgConnection,
    session: SessionId,
    access_revision: i32,
) -> Result<TokenStanding, DatabaseError> {
    let current = sqlx::query_scalar!(
        "SELECT u.access_revision FROM sessions AS s JOIN users AS u ON u.id = s.user_id
         WHERE s.id = $1 AND s.revoked_at IS NULL AND u.blocked_at IS NULL",
        session.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(match current {
        None => TokenStanding::SessionEnded,
        Some(current) if access_revision < current => TokenStanding::Outdated,
        Some(_) => TokenStanding::Good,
    })
}

/// Everything revoked within this period, and when. Revoking all sessions counts as one entry.
pub async fn recent(connection: &mut PgConnection, keep: Duration) -> Result<Vec<(Revocation, Moment)>, DatabaseError> {
    let seconds = keep.as_secs_f64();
    let everyone =
        sqlx::query_scalar!("SELECT max(revoked_at) FROM everyone_revocations WHERE revoked_at <= clock_timestamp()")
            .fetch_one(&mut *connection)
            .await?;
    let sessions = sqlx::query!(
        r#"SELECT id AS "id!: SessionId", revoked_at AS "at!" FROM (
               SELECT id, revoked_at FROM sessions UNION ALL SELECT id, revoked_at FROM departed_sessions) AS ended
           WHERE revoked_at > now() - make_interval(secs => $1) AND ($2::timestamptz IS NULL OR revoked_at > $2)"#,
        seconds,
        everyone,
    )
    .fetch_all(&mut *connection)
    .await?;
    let access = sqlx::query!(
        r#"SELECT id AS "id: UserId", access_revision, access_revised_at AS "at!" FROM users
           WHERE access_revised_at > now() - make_interval(secs => $1)"#,
        seconds,
    )
    .fetch_all(connection)
    .await?;
    let everyone = everyone.map(|at| (Revocation::Everyone(at), at));
    let sessions = sessions.into_iter().map(|row| (Revocation::Session(row.id), row.at));
    let access = access.into_iter().map(|row| (Revocation::Access(row.id, row.access_revision), row.at));
    Ok(everyone.into_iter().chain(sessions).chain(access).collect())
}
