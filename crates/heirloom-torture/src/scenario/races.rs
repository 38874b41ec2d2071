//! Many at once.

use super::super::{
    client::Manner,
    family::Family,
    history::Call,
    kit::{Settings, Source, Stop, lock},
    model::{KeyNo, Outcome, TokenNo},
    trial::Trial,
};
use super::beside::spread;
use futures_util::future::try_join_all;
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Redemptions with two keys.
pub const TWO_KEYS: usize = 8;

/// Rounds of a race, for a setting of 1: more of the narrow ones, which cost little. A fork may show in one of four.
pub fn rounds(width: usize) -> usize {
    if width < 8 {
        16
    } else if width < 64 {
        4
    } else {
        1
    }
}

/// Rounds in which the first that is answered goes on while the others wait, for a setting of 1: a fork may show in one of six. Fewer
/// where each session needs an initial token.
const USED_ROUNDS: usize = 12;
const COUNTED_ROUNDS: usize = 2;
/// Sessions side by side in each, with the redemptions in each: many in one, and a few in each of several, where no one comes so
/// late that the reuse of the token ends the session.
const USED: [usize; 7] = [12, 3, 3, 3, 3, 3, 3];
/// Sessions of it, for a setting of 1.
pub fn used_sessions(settings: &Settings) -> usize {
    used_rounds(settings).saturating_mul(USED.len())
}

fn used_rounds(settings: &Settings) -> usize {
    if matches!(settings.source, Source::Tokens(_)) { COUNTED_ROUNDS } else { USED_ROUNDS }
}

/// How often the planned rounds may be run once more while what was seen may be a fork or not.
const FURTHER: usize = 7;

/// Redemptions that are to meet.
struct Rivals {
    token: TokenNo,
    keys: Vec<Option<KeyNo>>,
    /// Between the first and the last.
    spread: Duration,
    /// Whether their successors are used one after the other.
    in_turn: bool,
    /// Whether the first that is answered uses its successor while others still wait, as a user does who goes on. A server
    /// that looks at the successor once it has the lock may find a used one, and issue another.
    hurries: bool,
}

impl Rivals {
    fn of(family: &Family<'_>, keys: Vec<Option<KeyNo>>, round: usize) -> Self {
        Self { token: family.newest(), keys, spread: spread(round), in_turn: round % 2 == 1, hurries: false }
    }
}

fn all_rounds(trial: &Trial<'_>, width: usize) -> std::ops::Range<usize> {
    0..rounds(width).saturating_mul(trial.kit.settings.rounds)
}

/// Of any number of redemptions without a key one rotates; the others are replays.
pub async fn race(trial: &Trial<'_>, width: usize) -> Result<(), Stop> {
    let planned = all_rounds(trial, width).len();
    for round in (0..planned.saturating_mul(1 + FURTHER)).take_while(may_go_on(trial, planned)) {
        without_key(trial, round, |family| rivals(family, width, round)).await?;
    }
    Ok(())
}

/// The same in several sessions at once, in each of which the first that is answered goes on.
pub async fn race_and_use(trial: &Trial<'_>) -> Result<(), Stop> {
    let planned = used_rounds(&trial.kit.settings).saturating_mul(trial.kit.settings.rounds);
    let mut was_used_beside = false;
    for round in (0..planned.saturating_mul(1 + FURTHER)).take_while(may_go_on(trial, planned)) {
        let begin =
            |width| without_key(trial, round, move |family| Rivals { hurries: true, ..rivals(family, width, round) });
        let [many, few @ ..] = USED;
        let in_one = begin(many).await?;
        let in_several = try_join_all(few.map(begin)).await?;
        was_used_beside |= in_one || in_several.contains(&true);
    }
    if !was_used_beside {
        trial.remark("no successor was used while another request of its race still waited");
    }
    Ok(())
}

fn rivals(family: &Family<'_>, width: usize, round: usize) -> Rivals {
    Rivals::of(family, vec![None; width], round)
}

/// There are more rounds than planned where one token was redeemed for two, and in no round both were seen to live: by chance
/// they may not have met so.
fn may_go_on(trial: &Trial<'_>, planned: usize) -> impl FnMut(&usize) -> bool {
    move |round| *round < planned || trial.kit.tokens_left().is_none() && trial.suspects_fork()
}

/// Returns the same as `meet`.
async fn without_key(trial: &Trial<'_>, round: usize, rivals: impl Fn(&Family<'_>) -> Rivals) -> Result<bool, Stop> {
    let family = begun(trial, round).await?;
    let was_used_beside = meet(trial, &family, rivals(&family)).await?;
    family.expect_revoked().await?;
    family.close().await?;
    Ok(was_used_beside)
}

/// With one key they are one request: all get the same successor.
pub async fn shared_key(trial: &Trial<'_>, width: usize) -> Result<(), Stop> {
    for round in all_rounds(trial, width) {
        let family = begun(trial, round).await?;
        let key = family.new_key(&mut trial.fork_rng());
        meet(trial, &family, Rivals::of(&family, vec![key; width], round)).await?;
        // Whatever was handed out must be the one token that lives.
        family.rotate(&mut trial.fork_rng()).await?;
        family.close().await?;
    }
    Ok(())
}

/// With two keys they are two holders.
pub async fn two_keys(trial: &Trial<'_>) -> Result<(), Stop> {
    for round in all_rounds(trial, TWO_KEYS) {
        let family = begun(trial, round).await?;
        let mut rng = trial.fork_rng();
        let keys = [family.new_key(&mut rng), family.new_key(&mut rng)];
        let keys = keys.repeat(TWO_KEYS / 2);
        meet(trial, &family, Rivals::of(&family, keys, round)).await?;
        family.expect_revoked().await?;
        family.close().await?;
    }
    Ok(())
}

/// A session: in even rounds a new one, in odd rounds one that was refreshed before.
async fn begun<'k>(trial: &'k Trial<'k>, round: usize) -> Result<Family<'k>, Stop> {
    let family = Family::open(trial).await?;
    if round % 2 == 1 {
        let mut rng = lock(&trial.rng).fork();
        family.rotate(&mut rng).await?;
    }
    Ok(family)
}

/// One redemption for each key, over new connections; then the successors are redeemed, which shows whether they live.
/// A busy server may refuse some: whether two were answered is seen in the history. Returns whether the first successor was used
/// while another redemption was under way.
async fn meet(trial: &Trial<'_>, family: &Family<'_>, rivals: Rivals) -> Result<bool, Stop> {
    let Rivals { token, keys, spread, in_turn, hurries } = rivals;
    let hurries = &AtomicBool::new(hurries);
    trial.kit.open_connections(keys.len()).await?;
    let apart = spread / u32::try_from(keys.len().saturating_sub(1).max(1)).unwrap_or(u32::MAX);
    let redemptions = (0_u32..).zip(&keys).map(|(place, key)| async move {
        tokio::time::sleep(apart.saturating_mul(place)).await;
        let outcome = family.refresh_in(token, *key, Manner::Racing).await?;
        let used = match outcome.issued().filter(|_first| hurries.swap(false, Ordering::Relaxed)) {
            Some(successor) => Some((successor, family.refresh_in(successor, None, Manner::Crowded).await?)),
            None => None,
        };
        Ok::<_, Stop>((outcome, used))
    });
    let outcomes = try_join_all(redemptions).await?;
    if outcomes.iter().all(|(outcome, _)| *outcome == Outcome::Unknown) {
        let last = family.last_answer();
        return Err(Stop::Fail(format!("none of {} redemptions at once was answered: {last}", keys.len())));
    }
    let used = outcomes.iter().find_map(|(_, used)| *used);
    let was_used_beside = used.is_some_and(|(successor, _)| is_used_beside(&family.calls(), successor, token));
    let last = outcomes.into_iter().map(|(outcome, used)| used.map_or(outcome, |(_, outcome)| outcome));
    let successors: BTreeSet<_> = last.filter_map(Outcome::issued).collect();
    if successors.len() > 1 && in_turn {
        // Their use at once must not be what ends them.
        for successor in successors {
            family.settle(successor, None).await?;
        }
    } else if successors.len() > 1 {
        // All at once: the use of one must not be what ends another.
        try_join_all(successors.into_iter().map(|successor| family.settle(successor, None))).await?;
    }
    Ok(was_used_beside)
}

/// Whether the use of a successor was answered, and overlapped a redemption of the token that raced.
fn is_used_beside(calls: &[Call], successor: TokenNo, raced: TokenNo) -> bool {
    let redeeming = |token: TokenNo| calls.iter().filter(move |call| call.redeems() == Some(token));
    redeeming(successor).any(|used| used.is_answered() && redeeming(raced).any(|other| used.overlaps(other)))
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::{history::Stamp, model::Ask},
        *,
    };

    #[test]
    fn a_use_counts_where_it_was_answered_while_another_redemption_waited() {
        let (raced, successor) = (TokenNo(3), TokenNo(4));
        let call = |number: usize, token, outcome, (sent, finished): (u64, u64)| {
            let stamp = |tick| Stamp { tick, millis: tick };
            Call { number, ask: Ask::Refresh(token, None), outcome, sent: stamp(sent), finished: stamp(finished) }
        };
        let used = Outcome::Issued(TokenNo(5));
        for (outcome, at, expected) in [
            (used, (11, 15), true),
            (Outcome::Denied, (11, 15), true),
            (Outcome::Unknown, (11, 15), false),
            (used, (21, 25), false),
        ] {
            let calls = [
                call(0, raced, Outcome::Issued(successor), (1, 10)),
                call(1, raced, Outcome::Denied, (2, 20)),
                call(2, successor, outcome, at),
            ];
            assert_eq!(is_used_beside(&calls, successor, raced), expected, "{outcome:?} {at:?}");
        }
    }
}
