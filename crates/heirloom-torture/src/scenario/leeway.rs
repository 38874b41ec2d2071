//! A leeway: how long a token that was just redeemed is accepted again. It is a permission, and it has an end.

use super::super::{
    client::Manner,
    family::Family,
    kit::{Settings, Stop},
    model::{Outcome, TokenNo},
    property::Property,
    report::Figure,
    trial::Trial,
};
use futures_util::future::try_join_all;
use std::time::Duration;

/// Lost answers inside the leeway.
const LOST: usize = 4;
/// The longest that a client waits before it goes away, in microseconds.
const PATIENCE_MICROS: u64 = 12_000;
/// Until a request whose answer was lost is done.
const BESIDE: Duration = Duration::from_millis(300);
/// Leeways that are waited out.
const LONGEST: Duration = Duration::from_mins(1);
/// Servers count in seconds.
const ROUNDING: Duration = Duration::from_secs(1);
/// When a replay is tried where no leeway is announced, and one is admitted nevertheless.
const UNANNOUNCED: [u64; 3] = [1, 2, 4];

/// Sessions that are opened.
pub fn sessions(settings: &Settings) -> usize {
    let announced = settings.profile.leeway_seconds > 0;
    if announced { LOST.saturating_add(8) } else { 6 }
}

/// A replay and its outcome.
struct Replay<'k> {
    family: Family<'k>,
    delay: Duration,
    outcome: Outcome,
    /// How long after the first redemption was sent the replay was answered, at most.
    answered: Duration,
    /// What came of the tokens that were redeemed afterwards.
    after: Vec<Outcome>,
}

/// From the first request of a session to its last answer.
fn lasted(family: &Family<'_>) -> Duration {
    let calls = family.calls();
    let first = calls.iter().map(|call| call.sent.millis).min().unwrap_or_default();
    let last = calls.iter().map(|call| call.finished.millis).max().unwrap_or_default();
    Duration::from_millis(last.saturating_sub(first))
}

impl Replay<'_> {
    fn is_admitted(&self) -> bool {
        self.outcome.issued().is_some()
    }

    /// Whether a token worked afterwards.
    fn lives(&self) -> bool {
        self.after.iter().any(|outcome| outcome.issued().is_some())
    }

    /// Whether each redemption was answered: an outage is not a refusal.
    fn is_answered(&self) -> bool {
        self.after.iter().chain([&self.outcome]).all(|outcome| is_answer(*outcome))
    }
}

fn is_answer(outcome: Outcome) -> bool {
    outcome.issued().is_some() || outcome.is_refusal()
}

/// Replays inside the leeway, after its end, and after the successor was used.
pub async fn leeway(trial: &Trial<'_>) -> Result<(), Stop> {
    let announced = Duration::from_millis(trial.kit.rules().leeway);
    if announced.is_zero() {
        for property in [Property::LeewayEnds, Property::RetryInLeeway] {
            trial.not_applicable(property, "the profile announces no leeway");
        }
    } else {
        trial.tried(Property::LeewayEnds);
    }
    let at_once = replay(trial, Duration::ZERO, 1).await?;
    if !is_answer(at_once.outcome) {
        return Err(Stop::Fail(format!("a replay was answered with {}", at_once.family.last_answer())));
    }
    if !at_once.is_admitted() {
        trial.not_applicable(Property::RetryInLeeway, "the server has no leeway");
        let figure = Figure { at_least_ms: 0, at_most_ms: Some(0) };
        trial.measured(Property::Leeway, "none: a token that was redeemed is not accepted again", Some(figure));
        return at_once.family.close().await;
    }
    let older = [replay(trial, Duration::ZERO, 2).await?, replay(trial, Duration::ZERO, 3).await?];
    let later = try_join_all(delays(announced).into_iter().map(|delay| replay(trial, delay, 1))).await?;
    measure(trial, &at_once, &older, &later);
    if !announced.is_zero() {
        judge_retries(trial, announced, &later);
        lose_answers(trial, announced).await?;
    }
    for replay in later.into_iter().chain(older).chain([at_once]) {
        replay.family.close().await?;
    }
    if announced > LONGEST {
        let cause = format!("a leeway of {} s is too long to be waited out", announced.as_secs());
        return Err(Stop::Fail(cause));
    }
    Ok(())
}

fn delays(announced: Duration) -> Vec<Duration> {
    if announced.is_zero() {
        return UNANNOUNCED.map(Duration::from_secs).to_vec();
    }
    let inside = [announced.min(LONGEST) / 2, announced.min(LONGEST) * 4 / 5];
    let after = |times: u32| announced.saturating_mul(times) / 2 + ROUNDING;
    let outside = [after(2), after(3), after(4)];
    inside.into_iter().chain(outside.into_iter().filter(|_| announced <= LONGEST)).collect()
}

/// Redeems a token and so many successors less one, waits, and redeems the first one again.
async fn replay<'k>(trial: &'k Trial<'k>, delay: Duration, rotations: usize) -> Result<Replay<'k>, Stop> {
    let family = Family::open(trial).await?;
    for _rotation in 0..rotations {
        if !is_answer(family.settle(family.newest(), None).await?) {
            return Err(Stop::Fail(format!("a refresh before a replay was answered with {}", family.last_answer())));
        }
    }
    tokio::time::sleep(delay).await;
    let outcome = family.settle(TokenNo(0), None).await?;
    let (newest, answered, mut after) = (family.newest().0, lasted(&family), Vec::new());
    // The token that it was issued, and the one that it should have been issued.
    for number in (1..=newest).rev().take(2) {
        after.push(family.settle(TokenNo(number), None).await?);
    }
    Ok(Replay { family, delay, outcome, answered, after })
}

fn measure(trial: &Trial<'_>, at_once: &Replay<'_>, older: &[Replay<'_>], later: &[Replay<'_>]) {
    if !older.iter().chain(later).all(|replay| is_answer(replay.outcome)) {
        return;
    }
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let admitted = later.iter().filter(|replay| replay.is_admitted()).map(|replay| replay.delay).max();
    let at_least = admitted.unwrap_or_default();
    let refused = later.iter().filter(|replay| !replay.is_admitted()).map(|replay| replay.delay);
    let at_most = refused.filter(|delay| *delay > at_least).min();
    let length = match at_most {
        Some(end) => format!("{:.1} to {:.1} s", at_least.as_secs_f64(), end.as_secs_f64()),
        None => format!("at least {:.1} s", at_least.as_secs_f64()),
    };
    let what = if at_once.outcome == Outcome::Issued(TokenNo(1)) { "the same token" } else { "another token" };
    let generations = older.iter().filter(|replay| replay.is_admitted()).count();
    let admits = match generations {
        0 => "ends when the successor is used".to_owned(),
        more => format!("admits older generations too, up to n-{}", more.saturating_add(1)),
    };
    let figure = Figure { at_least_ms: millis(at_least), at_most_ms: at_most.map(millis) };
    trial.measured(Property::Leeway, format!("{length}; issues {what}; {admits}"), Some(figure));
}

/// A server that uses its leeway uses it until its end.
fn judge_retries(trial: &Trial<'_>, announced: Duration, later: &[Replay<'_>]) {
    let in_time =
        |replay: &&Replay<'_>| replay.is_answered() && replay.answered < announced && !replay.family.may_have_expired();
    for replay in later.iter().filter(in_time) {
        trial.tried(Property::RetryInLeeway);
        if !replay.is_admitted() && !replay.lives() {
            let sentence = format!(
                "A client repeated its refresh {:.1} s after the first one, inside the announced leeway of {} s, as one does \
                 that lost an answer. The server revoked the session: an honest user is signed out.",
                replay.delay.as_secs_f64(),
                announced.as_secs(),
            );
            trial.violate(Property::RetryInLeeway, sentence, replay.family.shown(|_| true));
        }
    }
}

/// Redeems the first token again; after a refusal once more, and then its successor if that is known. A server may refuse a
/// request that meets the one whose answer was lost.
async fn insist(family: &Family<'_>) -> Result<Vec<Outcome>, Stop> {
    let mut outcomes = vec![family.settle(TokenNo(0), None).await?];
    if outcomes.iter().all(|outcome| outcome.is_refusal()) {
        tokio::time::sleep(BESIDE).await;
        outcomes.push(family.settle(TokenNo(0), None).await?);
        if family.newest() != TokenNo(0) {
            outcomes.push(family.settle(family.newest(), None).await?);
        }
    }
    Ok(outcomes)
}

/// The client goes away before it has read the answer, and repeats its request at once.
async fn lose_answers(trial: &Trial<'_>, announced: Duration) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    for _round in 0..LOST {
        let family = Family::open(trial).await?;
        let patience = Duration::from_micros(rng.u64(..PATIENCE_MICROS));
        family.refresh_in(TokenNo(0), None, Manner::GoneAfter(patience)).await?;
        let outcomes = insist(&family).await?;
        let in_time = lasted(&family) < announced && !family.may_have_expired();
        if in_time && outcomes.iter().all(|outcome| is_answer(*outcome)) {
            trial.tried(Property::RetryInLeeway);
            if outcomes.iter().all(|outcome| outcome.is_refusal()) {
                let sentence = "A client lost the answer to its refresh and repeated the request at once, inside the announced \
                                leeway. The server refused it, and again a moment later: an honest user is signed out.";
                trial.violate(Property::RetryInLeeway, sentence.to_owned(), family.shown(|_| true));
            }
        }
        family.close().await?;
    }
    Ok(())
}
