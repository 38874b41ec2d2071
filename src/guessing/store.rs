use super::{
    device::DeviceOwner,
    model::{Bucket, Circle, Guess, StoredPassword, digests},
};
use crate::{
    kernel::{Digest32, Duration, UserId},
    postgres::DatabaseError,
};
use sqlx::PgConnection;

/// The outcome of a guess.
pub struct CountedGuess {
    /// The password of the account, if there is one.
    pub stored: Option<StoredPassword>,
    pub circle: Circle,
    /// The first bucket whose wait is not over: nothing was counted then.
    pub refusing: Option<(Digest32, Wait)>,
    /// The buckets that counted it. One may be missing although none refused: guesses at the same moment were faster.
    pub taken: Vec<Digest32>,
}

/// Finds the account, chooses the circle, and counts the guess in each of its buckets, unless one's wait is not over.
/// A guess that is refused takes no lock. Otherwise the rows' locks make those that come at once come one after another,
/// and each sees what the one before has counted.
pub async fn take(
    connection: &mut PgConnection,
    guess: Guess,
    forget: Duration,
) -> Result<CountedGuess, DatabaseError> {
    let columns = Columns::of(&guess.circles);
    let row = sqlx::query!(
        r#"WITH found AS MATERIALIZED (SELECT id, password_hash, password_version FROM users WHERE email = $1),
           chosen AS MATERIALIZED (
               SELECT CASE
                   WHEN EXISTS (SELECT FROM found WHERE id = $2 AND password_version = $3) THEN 0
                   WHEN EXISTS (SELECT FROM sessions
                       WHERE user_id = coalesce((SELECT id FROM found), '00000000-0000-0000-0000-000000000000')
                         AND ip <<= $4 AND revoked_at IS NULL AND idle_expires_at > now()) THEN 1
                   ELSE 2 END AS circle
           ),
           wanted AS MATERIALIZED (
               SELECT w.position, w.bucket, w.free, w.waits::float8[] AS waits
               FROM unnest($5::int4[], $6::bytea[], $7::int4[], $8::text[])
                    WITH ORDINALITY AS w (circle, bucket, free, waits, position) JOIN chosen USING (circle)
           ),
           refusing AS MATERIALIZED (
               SELECT bucket, is_reported, seconds FROM (
                   SELECT w.bucket, w.position, g.reported_guess_at IS NOT DISTINCT FROM g.last_at AS is_reported,
                          ceil(extract(epoch FROM g.last_at - clock_timestamp())
                          + w.waits[least(g.failures - w.free + 1, cardinality(w.waits))])::int8 AS seconds
                   FROM wanted AS w JOIN password_guesses AS g USING (bucket) WHERE g.failures >= w.free) AS full_ones
               WHERE seconds > 0 ORDER BY position LIMIT 1
           ),
           taken AS (
               INSERT INTO password_guesses AS g (bucket, failures, last_at)
               SELECT bucket, 1, clock_timestamp() FROM wanted WHERE NOT EXISTS (SELECT FROM refusing) ORDER BY position
               ON CONFLICT ON CONSTRAINT password_guesses_pkey DO UPDATE
               SET failures = CASE WHEN g.last_at < clock_timestamp() - make_interval(secs => $9) THEN 1
                                   ELSE g.failures + 1 END,
                   last_at = clock_timestamp()
               WHERE (SELECT g.failures < w.free OR clock_timestamp() >= g.last_at
                             + make_interval(secs => w.waits[least(g.failures - w.free + 1, cardinality(w.waits))])
                      FROM wanted AS w WHERE w.bucket = excluded.bucket)
               RETURNING bucket
           )
           SELECT chosen.circle AS "circle!", found.id AS "user?: UserId", found.password_hash AS "password_hash?",
                  found.password_version AS "password_version?", refusing.bucket AS "refusing?",
                  refusing.seconds AS "seconds?", refusing.is_reported AS "is_reported?",
                  ARRAY(SELECT bucket FROM taken) AS "taken!"
           FROM chosen LEFT JOIN found ON true LEFT JOIN refusing ON true"#,
        guess.email,
        guess.device.map(|owner| owner.user.as_uuid()),
        guess.device.map(|owner| owner.password_version),
        guess.place,
        &columns.circles,
        &columns.buckets,
        &columns.free,
        &columns.waits,
        forget.as_secs_f64(),
    )
    .fetch_one(connection)
    .await?;
    let nonsense = || DatabaseError::Nonsense("a bucket of guesses");
    let digest = |bytes: &Vec<u8>| Digest32::from_slice(bytes).ok_or_else(nonsense);
    let stored = match (row.user, row.password_hash, row.password_version) {
        (Some(user), Some(hash), Some(password_version)) => {
            Some(StoredPassword::new(DeviceOwner { user, password_version }, hash))
        }
        _ => None,
    };
    let refusing = match (row.refusing, row.seconds, row.is_reported) {
        (Some(bucket), Some(seconds), Some(is_reported)) => Wait::of(seconds, is_reported).map(|wait| (bucket, wait)),
        _ => None,
    };
    Ok(CountedGuess {
        stored,
        circle: usize::try_from(row.circle).ok().and_then(|at| Circle::ALL.get(at).copied()).ok_or_else(nonsense)?,
        refusing: refusing.map(|(bucket, wait)| Ok::<_, DatabaseError>((digest(&bucket)?, wait))).transpose()?,
        taken: row.taken.iter().map(digest).collect::<Result<_, _>>()?,
    })
}

/// The buckets of all circles, as the statement takes them.
#[derive(Default)]
struct Columns {
    circles: Vec<i32>,
    buckets: Vec<Vec<u8>>,
    free: Vec<i32>,
    waits: Vec<String>,
}

impl Columns {
    fn of(circles: &[(Circle, Vec<Bucket>)]) -> Self {
        let mut columns = Self::default();
        let numbered = (0..).zip(Circle::ALL);
        for (number, circle) in numbered {
            let buckets = circles.iter().filter(|one| one.0 == circle).flat_map(|one| &one.1);
            for bucket in buckets.filter(|bucket| bucket.is_counted) {
                columns.circles.push(number);
                columns.buckets.push(bucket.digest.as_bytes().to_vec());
                columns.free.push(bucket.limit.free);
                // Arrays of several lengths do not fit into one array: each is cast from its text.
                let waits: Vec<_> = bucket.limit.waits.iter().map(ToString::to_string).collect();
                columns.waits.push(format!("{{{}}}", waits.join(",")));
            }
        }
        columns
    }
}

/// The stored password of an address.
pub async fn password_of(
    connection: &mut PgConnection,
    email: String,
) -> Result<Option<StoredPassword>, DatabaseError> {
    let row = sqlx::query!(
        r#"SELECT id AS "id: UserId", password_hash, password_version FROM users WHERE email = $1"#,
        email,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        let owner = DeviceOwner { user: row.id, password_version: row.password_version };
        StoredPassword::new(owner, row.password_hash)
    }))
}

/// How long a bucket will go on refusing.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// In whole seconds.
    pub left: Duration,
    /// Whether there is an event of it.
    pub is_reported: bool,
}

impl Wait {
    /// None if it is over.
    fn of(seconds: i64, is_reported: bool) -> Option<Self> {
        let left = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)?;
        Some(Self { left, is_reported })
    }
}

/// How long a bucket continues to refuse. None if it does not. Does not wait for locks.
pub async fn wait_left(connection: &mut PgConnection, bucket: &Bucket) -> Result<Option<Wait>, DatabaseError> {
    let found = sqlx::query!(
        r#"SELECT ceil(extract(epoch FROM g.last_at - clock_timestamp()) +
             ($3::float8[])[least(g.failures - $2 + 1, cardinality($3::float8[]))])::int8 AS "seconds!",
                  reported_guess_at IS NOT DISTINCT FROM last_at AS "is_reported!"
           FROM password_guesses AS g WHERE bucket = $1 AND g.failures >= $2"#,
        bucket.digest.as_bytes(),
        bucket.limit.free,
        &bucket.limit.wait_seconds(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.and_then(|row| Wait::of(row.seconds, row.is_reported)))
}

/// Records that the event of a bucket's wait exists. False if another request was first.
pub async fn mark_reported(connection: &mut PgConnection, bucket: &Bucket) -> Result<bool, DatabaseError> {
    let marked = sqlx::query!(
        "UPDATE password_guesses SET reported_guess_at = last_at
         WHERE bucket = $1 AND reported_guess_at IS DISTINCT FROM last_at",
        bucket.digest.as_bytes(),
    );
    Ok(marked.execute(connection).await?.rows_affected() == 1)
}

/// Empties some of an attempt's buckets, and gives the others their last guess back. They are in the order in which guesses
/// lock them: else two that settle, or one and a guess, could wait for each other.
pub async fn settle(
    connection: &mut PgConnection,
    attempt: Vec<Bucket>,
    is_emptied: fn(&Bucket) -> bool,
) -> Result<(), DatabaseError> {
    let emptied: Vec<_> = attempt.iter().filter(|bucket| is_emptied(bucket)).cloned().collect();
    sqlx::query!(
        "WITH attempt AS MATERIALIZED (
             SELECT bucket FROM unnest($1::bytea[]) WITH ORDINALITY AS wanted (bucket, position)
             JOIN password_guesses AS g USING (bucket) ORDER BY position FOR UPDATE OF g
         ),
         emptied AS (
             DELETE FROM password_guesses WHERE bucket IN (SELECT bucket FROM attempt) AND bucket = ANY ($2::bytea[])
         )
         UPDATE password_guesses SET failures = greatest(failures - 1, 0)
         WHERE bucket IN (SELECT bucket FROM attempt) AND bucket <> ALL ($2::bytea[])",
        &digests(&attempt),
        &digests(&emptied),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets buckets that were left alone for so long.
pub async fn forget(connection: &mut PgConnection, after: Duration) -> Result<u64, DatabaseError> {
    let forgotten = sqlx::query!(
        "DELETE FROM password_guesses WHERE last_at < clock_timestamp() - make_interval(secs => $1)",
        after.as_secs_f64(),
    );
    Ok(forgotten.execute(connection).await?.rows_affected())
}
