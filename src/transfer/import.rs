use super::{
    ImportedIdentity, ImportedUser,
    row::AtLine,
    store::{self, Adding, ExistingUser, ImportedRow},
};
use crate::{
    audit::{self, About},
    factors::Factors,
    kernel::{Duration, Moment, Operator, UserId},
    postgres::DatabaseError,
    world::World,
};
use serde_json::json;
use std::collections::{HashMap, HashSet};

/// How long one batch may take: beside a busy server's requests, it waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// How an existing user stands in the way of a row. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It is the same user: same address, and same id if the row has one.
    AlreadyThere,
    /// The row's address belongs to a user with another id.
    AddressTaken,
    /// Until then, the row's address is reserved for a user who can undo the change to another one.
    AddressReserved(Moment),
    /// The row's id belongs to a user with another address.
    IdTaken,
    /// One of the row's identities at other providers opens the account of another user.
    IdentityTaken,
}

/// What a row claims.
struct Claim {
    line: u64,
    id: Option<UserId>,
    email: Option<String>,
    identities: Vec<[String; 2]>,
}

impl Claim {
    fn of(row: &AtLine<ImportedUser>) -> Self {
        let identities = row.what.identities.iter().map(ImportedIdentity::key).collect();
        Self {
            line: row.line,
            id: row.what.id,
            email: row.what.email.as_ref().map(|email| email.as_str().to_owned()),
            identities,
        }
    }
}

/// Adds the users of a batch who do not exist yet, in one transaction with the event that records it. Secrets of apps are
/// sealed before they are stored. Returns the others, by line.
///
/// # Errors
/// When the database fails: no user of the batch was added then.
pub async fn import(
    world: &World,
    factors: &Factors,
    operator: Operator,
    rows: Vec<AtLine<ImportedUser>>,
) -> Result<Vec<AtLine<Existing>>, DatabaseError> {
    let now = world.clock.now();
    let claims: Vec<Claim> = rows.iter().map(Claim::of).collect();
    let rows: Result<Vec<ImportedRow>, _> =
        rows.into_iter().map(|numbered| row(numbered.what, now, world, factors)).collect();
    let rows = rows?;
    let imported = world.long_transaction(PATIENCE, operator.into(), move |mut work| {
        Box::pin(async move {
            let added = store::add_all(work.connection, rows).await?;
            let users = added.iter().filter(|adding| **adding == Adding::Added).count();
            if users > 0 {
                let (first, last) = (claims.first().map(|claim| claim.line), claims.last().map(|claim| claim.line));
                let details = json!({ "users": users, "first_line": first, "last_line": last });
                work.record(audit::Kind::UsersImported, About::NOBODY, details).await?;
            }
            let others = claims.into_iter().zip(added).filter(|(_, adding)| *adding != Adding::Added);
            let (others, outcomes): (Vec<Claim>, Vec<Adding>) = others.unzip();
            let existing = existing(work.connection, &others).await?;
            let found = |(claim, outcome): (&Claim, Adding)| {
                let found = match outcome {
                    Adding::Reserved(until) => Existing::AddressReserved(until),
                    // Whoever was in the way and was deleted in this moment counts as there.
                    Adding::Added | Adding::Exists => existing.of(claim).unwrap_or(Existing::AlreadyThere),
                };
                AtLine::new(claim.line, found)
            };
            Ok(others.iter().zip(outcomes).map(found).collect())
        })
    });
    imported.await
}

/// Compares a batch with the existing users, and changes nothing: what [`import`] would return.
///
/// # Errors
/// When the database fails.
pub async fn compare(world: &World, rows: &[AtLine<ImportedUser>]) -> Result<Vec<AtLine<Existing>>, DatabaseError> {
    let claims: Vec<Claim> = rows.iter().map(Claim::of).collect();
    let compared = world.db.run(move |connection| {
        Box::pin(async move {
            let existing = existing(connection, &claims).await?;
            let found = |claim: &Claim| existing.of(claim).map(|existing| AtLine::new(claim.line, existing));
            Ok(claims.iter().filter_map(found).collect())
        })
    });
    compared.await
}

/// What stands in the way of rows.
struct ExistingUsers {
    by_address: HashMap<String, UserId>,
    ids: HashSet<UserId>,
    identities: HashSet<[String; 2]>,
    /// The addresses that are reserved, and until when.
    reserved: HashMap<String, Moment>,
}

async fn existing(connection: &mut sqlx::PgConnection, claims: &[Claim]) -> Result<ExistingUsers, DatabaseError> {
    let ids: Vec<_> = claims.iter().filter_map(|claim| claim.id).map(|id| id.as_uuid()).collect();
    let emails: Vec<String> = claims.iter().filter_map(|claim| claim.email.clone()).collect();
    let found = if claims.is_empty() { Vec::new() } else { store::existing(connection, &ids, &emails).await? };
    let ids = found.iter().map(|user| user.id).collect();
    let keys: Vec<_> = claims.iter().flat_map(|claim| claim.identities.iter().cloned()).collect();
    let identities = if keys.is_empty() { Vec::new() } else { store::taken(connection, keys).await? };
    let identities = identities.into_iter().collect();
    let by_address = found.into_iter().filter_map(|ExistingUser { id, email }| Some((email?, id))).collect();
    let reserved = store::reserved(connection, &emails).await?;
    Ok(ExistingUsers { by_address, ids, identities, reserved })
}

impl ExistingUsers {
    fn of(&self, claim: &Claim) -> Option<Existing> {
        match (claim.email.as_ref().and_then(|email| self.by_address.get(email)), claim.id) {
            (Some(_), None) => Some(Existing::AlreadyThere),
            (Some(user), Some(id)) if *user == id => Some(Existing::AlreadyThere),
            (Some(_), Some(_)) => Some(Existing::AddressTaken),
            // Without an address, the id is what is compared.
            (None, Some(id)) if self.ids.contains(&id) && claim.email.is_none() => Some(Existing::AlreadyThere),
            (None, Some(id)) if self.ids.contains(&id) => Some(Existing::IdTaken),
            (None, _) => self.reserved_for(claim).map(Existing::AddressReserved).or_else(|| self.identity_of(claim)),
        }
    }

    fn reserved_for(&self, claim: &Claim) -> Option<Moment> {
        self.reserved.get(claim.email.as_ref()?).copied()
    }

    fn identity_of(&self, claim: &Claim) -> Option<Existing> {
        let is_taken = claim.identities.iter().any(|key| self.identities.contains(key));
        is_taken.then_some(Existing::IdentityTaken)
    }
}

/// A new id is as old as the account: lists show the newest first, by id.
fn row(user: ImportedUser, now: Moment, world: &World, factors: &Factors) -> Result<ImportedRow, DatabaseError> {
    let created_at = user.created_at.unwrap_or(now);
    let id = user.id.unwrap_or_else(|| UserId::new(created_at, &world.rng));
    let sealed = user.totp.map(|secret| factors.seal(id, &secret)).transpose();
    Ok(ImportedRow {
        id,
        sealed_totp: sealed.map_err(|_library| DatabaseError::Nonsense("the seal of an app's secret"))?,
        identities: user.identities,
        email: user.email,
        email_verified_at: user.email_verified.then(|| user.email_verified_at.unwrap_or(created_at)),
        hash: user.hash,
        name: user.name,
        roles: user.roles,
        claims: user.claims,
        blocked_at: user.blocked.then(|| user.blocked_at.unwrap_or(now)),
        blocked_reason: user.blocked_reason.filter(|_| user.blocked),
        language: user.language,
        created_at,
        last_login_at: user.last_login_at,
    })
}
