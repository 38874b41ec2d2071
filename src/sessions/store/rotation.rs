//! Rotations, one or many in a statement, and the second look.

use crate::{
    config::{Config, SessionOptions},
    identity::{AuthenticationMethod, AuthenticationMethods},
    kernel::{Digest32, Moment, SessionId, Transport, UserId},
    passwords::PasswordHash,
    postgres::DatabaseError,
    sessions::{
        generation::Generation,
        model::{EndReason, Freshness, LiveSession, Proof, Redemption, SessionStanding},
    },
};
use ipnet::IpNet;
use sqlx::PgConnection;
use uuid::Uuid;

/// Rotates one session: one statement, one commit, no indexed column touched. None: nothing was changed. Waits for the
/// row's lock.
///
/// Where the redemption proves the password that counts, or a factor, the session is fresh again: its user has just proved who they are,
/// by the methods of the proof.
///
/// What has not been written by the deadline, on the database's clock, is not written at all: the client is answered
/// 503 by then.
pub async fn rotate(
    connection: &mut PgConnection,
    redemption: &Redemption,
    options: &SessionOptions,
    deadline: Moment,
) -> Result<Option<LiveSession>, DatabaseError> {
    let presented = &redemption.presented;
    let (secret_hash, next_secret_hash) = (presented.secret.digest(), redemption.successor.digest());
    // The generation and the hash let one of any number of concurrent redemptions match (S-2); the transport keeps a
    // cookie's token out of a body; the rest is what makes a session live. `clock_timestamp()`, unlike `now()`, moves
    // while the statement waits for the row's lock.
    let row = sqlx::query_as!(
        LiveSession,
        r#"UPDATE sessions AS s
           SET idle_expires_at = least(now() + make_interval(secs => CASE WHEN s.remembered THEN $7::float8 ELSE $8::float8 END),
                                       s.absolute_expires_at),
               last_used_at = now(), generation = s.generation + 1, secret_hash = $5, rotation_nonce = $6,
               ip = coalesce($10, s.ip), user_agent = coalesce($11, s.user_agent),
               authenticated_at = CASE WHEN u.password_version = $12 OR u.factor_version = $14 THEN now()
                                       ELSE s.authenticated_at END,
               amr = CASE WHEN u.password_version = $12 OR u.factor_version = $14 THEN $13 ELSE s.amr END
           FROM users AS u
           WHERE s.id = $1 AND s.generation = $2 AND s.secret_hash = $3 AND s.transport = $4
             AND s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.absolute_expires_at > now()
             AND u.id = s.user_id AND u.blocked_at IS NULL
             AND clock_timestamp() < $9
           RETURNING now() AS "now!", s.user_id AS "user: UserId",
                     coalesce(s.authenticated_at, s.created_at) AS "authenticated_at!", s.amr, s.remembered, s.idle_expires_at,
                     s.absolute_expires_at, u.roles, u.access_revision, u.claims"#,
        presented.session.as_uuid(),
        presented.generation.number(),
        secret_hash.as_bytes(),
        redemption.transport.name(),
        next_secret_hash.as_bytes(),
        redemption.nonce.as_slice(),
        options.idle_ttl.as_secs_f64(),
        options.short_idle_ttl.as_secs_f64(),
        deadline,
        redemption.client.ip.map(IpNet::from),
        redemption.client.user_agent,
        redemption.proof.as_ref().and_then(Proof::password_version),
        redemption.proof.as_ref().map(|proof| proof.methods.names()) as _,
        redemption.proof.as_ref().and_then(Proof::factor_version),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row)
}

/// Marks where a rotation begins that may be taken back within its transaction.
pub async fn set_savepoint(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::raw_sql("SAVEPOINT rotation").execute(connection).await?;
    Ok(())
}

/// Takes back what was written since [`set_savepoint`].
pub async fn roll_back_to_savepoint(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::raw_sql("ROLLBACK TO SAVEPOINT rotation").execute(connection).await?;
    Ok(())
}

/// The redemptions of a batch as arrays, one element each.
#[derive(Default)]
struct Columns<'a> {
    positions: Vec<i32>,
    sessions: Vec<Uuid>,
    generations: Vec<i32>,
    secret_hashes: Vec<Vec<u8>>,
    transports: Vec<&'static str>,
    next_secret_hashes: Vec<Vec<u8>>,
    nonces: Vec<&'a [u8]>,
    ips: Vec<Option<IpNet>>,
    user_agents: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(batch: impl Iterator<Item = &'a Redemption>) -> Self {
        let mut columns = Self::default();
        for (position, redemption) in (0_i32..).zip(batch) {
            let presented = &redemption.presented;
            columns.positions.push(position);
            columns.sessions.push(presented.session.as_uuid());
            columns.generations.push(presented.generation.number());
            columns.secret_hashes.push(presented.secret.digest().as_bytes().to_vec());
            columns.transports.push(redemption.transport.name());
            columns.next_secret_hashes.push(redemption.successor.digest().as_bytes().to_vec());
            columns.nonces.push(&redemption.nonce);
            columns.ips.push(redemption.client.ip.map(IpNet::from));
            columns.user_agents.push(redemption.client.user_agent.as_deref());
        }
        columns
    }
}

/// Rotates many sessions, each of which appears once, in one statement and one commit. Returns the position of each
/// redemption that was granted; for the others nothing was changed, or another transaction locks their row: no batch
/// waits for a lock, so that two batches cannot deadlock (S-42).
///
/// Each row decides for itself, by the conditions of [`rotate`]. They stand in the statement twice: the first takes the
/// rows that match and can be locked, the second is the one that Postgres checks again should a row have changed
/// between the statement's snapshot and its lock.
///
/// The arrays are read by subqueries, so that their length does not change the plan: Postgres then keeps one plan. Given
/// as parameters, it would plan each small batch again, which costs more than to execute it (docs/performance.md).
pub async fn rotate_batch<'a>(
    connection: &mut PgConnection,
    batch: impl Iterator<Item = &'a Redemption>,
    options: &SessionOptions,
    deadline: Moment,
) -> Result<Vec<(usize, LiveSession)>, DatabaseError> {
    let columns = Columns::of(batch);
    let rows = sqlx::query!(
        r#"WITH taken AS MATERIALIZED (
               SELECT r.position, r.id, r.generation, r.secret_hash, r.next_secret_hash, r.nonce, r.ip, r.user_agent
               FROM unnest((SELECT $1::int[]), (SELECT $2::uuid[]), (SELECT $3::int[]), (SELECT $4::bytea[]),
                           (SELECT $5::text[]), (SELECT $6::bytea[]), (SELECT $7::bytea[]), (SELECT $8::inet[]),
                           (SELECT $9::text[]))
                    AS r (position, id, generation, secret_hash, transport, next_secret_hash, nonce, ip, user_agent)
               JOIN sessions AS s ON s.id = r.id
               WHERE s.generation = r.generation AND s.secret_hash = r.secret_hash AND s.transport = r.transport
                 AND s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.absolute_expires_at > now()
               FOR NO KEY UPDATE OF s SKIP LOCKED
           )
           UPDATE sessions AS s
           SET idle_expires_at = least(now() + make_interval(secs => CASE WHEN s.remembered THEN $10::float8 ELSE $11::float8 END),
                                       s.absolute_expires_at),
               last_used_at = now(), generation = s.generation + 1, secret_hash = t.next_secret_hash,
               rotation_nonce = t.nonce, ip = coalesce(t.ip, s.ip), user_agent = coalesce(t.user_agent, s.user_agent)
           FROM taken AS t, users AS u
           WHERE s.id = t.id AND s.generation = t.generation AND s.secret_hash = t.secret_hash
             AND s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.absolute_expires_at > now()
             AND u.id = s.user_id AND u.blocked_at IS NULL
             AND clock_timestamp() < $12
           RETURNING t.position AS "position!", now() AS "now!", s.user_id AS "user: UserId",
                     coalesce(s.authenticated_at, s.created_at) AS "authenticated_at!", s.amr, s.remembered, s.idle_expires_at, s.absolute_expires_at, u.roles, u.access_revision, u.claims"#,
        &columns.positions,
        &columns.sessions,
        &columns.generations,
        &columns.secret_hashes,
        columns.transports.as_slice() as _,
        &columns.next_secret_hashes,
        columns.nonces.as_slice() as _,
        columns.ips.as_slice() as _,
        columns.user_agents.as_slice() as _,
        options.idle_ttl.as_secs_f64(),
        options.short_idle_ttl.as_secs_f64(),
        deadline,
    )
    .fetch_all(connection)
    .await?;
    let granted = rows.into_iter().map(|row| {
        let position = usize::try_from(row.position).map_err(|_negative| DatabaseError::Nonsense("a batch's row"))?;
        let live = LiveSession {
            now: row.now,
            user: row.user,
            authenticated_at: row.authenticated_at,
            amr: row.amr,
            remembered: row.remembered,
            idle_expires_at: row.idle_expires_at,
            absolute_expires_at: row.absolute_expires_at,
            roles: row.roles,
            access_revision: row.access_revision,
            claims: row.claims,
        };
        Ok((position, live))
    });
    granted.collect()
}

/// Reads a session that did not rotate. None if the session does not exist.
pub async fn look(
    connection: &mut PgConnection,
    session: SessionId,
) -> Result<Option<(SessionStanding, LiveSession)>, DatabaseError> {
    let row = sqlx::query!(
        r#"SELECT now() AS "now!", s.user_id AS "user: UserId",
                  coalesce(s.authenticated_at, s.created_at) AS "authenticated_at!", s.amr, s.remembered, s.idle_expires_at,
                  s.absolute_expires_at, s.last_used_at, s.generation, s.secret_hash, s.rotation_nonce, s.transport,
                  CASE WHEN s.revoked_at IS NOT NULL THEN coalesce(s.revoked_reason, '') END AS revoked_for, u.blocked_at IS NOT NULL AS "is_blocked!",
                  u.roles, u.access_revision, u.claims
           FROM sessions AS s JOIN users AS u ON u.id = s.user_id WHERE s.id = $1"#,
        session.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let nonsense = || DatabaseError::Nonsense("a session's row");
    let nonce = row.rotation_nonce.map(|nonce| nonce.try_into().map_err(|_length| nonsense())).transpose()?;
    let standing = SessionStanding {
        now: row.now,
        transport: Transport::from_name(&row.transport).ok_or_else(nonsense)?,
        generation: Generation::new(row.generation).ok_or_else(nonsense)?,
        secret_hash: Digest32::from_slice(&row.secret_hash).ok_or_else(nonsense)?,
        rotation_nonce: nonce,
        last_used_at: row.last_used_at,
        idle_expires_at: row.idle_expires_at.min(row.absolute_expires_at),
        revoked_for: row.revoked_for.as_deref().map(EndReason::code_of),
        is_blocked: row.is_blocked,
    };
    let live = LiveSession {
        now: row.now,
        user: row.user,
        authenticated_at: row.authenticated_at,
        amr: row.amr,
        remembered: row.remembered,
        idle_expires_at: row.idle_expires_at,
        absolute_expires_at: row.absolute_expires_at,
        roles: row.roles,
        access_revision: row.access_revision,
        claims: row.claims,
    };
    Ok(Some((standing, live)))
}

/// Whether the user of a live session proved a moment ago who they are, with two factors where they have a second one, and
/// what else is true of them now. None: it is not live, or does not exist.
pub async fn freshness(
    connection: &mut PgConnection,
    session: SessionId,
    config: &Config,
) -> Result<Option<Freshness>, DatabaseError> {
    let max_age = config.sessions.step_up_max_age;
    let providers = config.upstream.names();
    let no_password = PasswordHash::none();
    let found = sqlx::query_as!(
        Freshness,
        r#"SELECT coalesce(s.authenticated_at, s.created_at) > clock_timestamp() - make_interval(secs => $2)
                      AND ($3 = ANY (s.amr) OR NOT (f.has_totp OR f.has_passkey)) AS "is_fresh!",
                  u.roles, f.has_totp AS "has_totp!", f.has_passkey AS "has_passkey!",
                  u.password_hash <> $4 AS "has_password!",
                  EXISTS (SELECT FROM identities WHERE user_id = u.id AND provider = ANY ($5)) AS "has_identity!"
           FROM sessions AS s JOIN users AS u ON u.id = s.user_id
           CROSS JOIN LATERAL (
               SELECT EXISTS (SELECT FROM totp_secrets WHERE user_id = u.id AND confirmed_at IS NOT NULL) AS has_totp,
                      EXISTS (SELECT FROM passkeys WHERE user_id = u.id AND disabled_at IS NULL) AS has_passkey
           ) AS f
           WHERE s.id = $1 AND s.revoked_at IS NULL AND s.idle_expires_at > now() AND u.blocked_at IS NULL"#,
        session.as_uuid(),
        max_age.as_secs_f64(),
        AuthenticationMethod::SeveralFactors.name(),
        no_password.reveal(),
        &providers,
    );
    Ok(found.fetch_optional(connection).await?)
}

/// The user of a live session proved one more method in it: `amr`.
pub async fn set_methods(
    connection: &mut PgConnection,
    session: SessionId,
    methods: &AuthenticationMethods,
) -> Result<(), DatabaseError> {
    sqlx::query!("UPDATE sessions SET amr = $2 WHERE id = $1", session.as_uuid(), methods.names() as _)
        .execute(connection)
        .await?;
    Ok(())
}

/// The user of a live session proved now who they are, by these methods; or at this time, if that was before.
pub async fn prove(
    connection: &mut PgConnection,
    session: SessionId,
    methods: &AuthenticationMethods,
    proven_at: Option<Moment>,
) -> Result<(), DatabaseError> {
    let proven = sqlx::query!(
        "UPDATE sessions SET amr = $2, authenticated_at = least(now(), $3) WHERE id = $1",
        session.as_uuid(),
        methods.names() as _,
        proven_at as _,
    );
    proven.execute(connection).await?;
    Ok(())
}

/// By which methods the user of a session proved who they are.
pub async fn methods_of(
    connection: &mut PgConnection,
    session: SessionId,
) -> Result<AuthenticationMethods, DatabaseError> {
    let names = sqlx::query_scalar!("SELECT amr FROM sessions WHERE id = $1", session.as_uuid());
    Ok(AuthenticationMethods::from_names(&names.fetch_optional(connection).await?.unwrap_or_default()))
}
