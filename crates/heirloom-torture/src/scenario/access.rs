//! Access tokens after the end of their session, and after a rotation.

use super::{
    super::{
        family::Family,
        kit::Stop,
        log::Grant,
        model::{Ask, Outcome, TokenNo},
        profile::AccessAfterEnd,
        property::Property,
        report::Figure,
        trial::Trial,
    },
    replays::grown,
};
use futures_util::future::try_join_all;
use std::time::Duration;

/// Sessions that are opened.
pub const SESSIONS: usize = 3;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// How a session ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Reuse,
    SignOut,
}

impl End {
    fn figure(self) -> Property {
        match self {
            Self::Reuse => Property::AccessAfterReuse,
            Self::SignOut => Property::AccessAfterSignOut,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Reuse => "the reuse of a refresh token",
            Self::SignOut => "the sign-out",
        }
    }
}

/// After a reuse, after a sign-out where there is one, and after a rotation: how long does an access token work?
pub async fn after_end(trial: &Trial<'_>) -> Result<(), Stop> {
    if trial.kit.profile().access_after_end() == AccessAfterEnd::UntilExpiry {
        trial.not_applicable(
            Property::AccessRevoked,
            "the profile does not promise it: access tokens may live until they expire",
        );
    }
    if trial.needs_rotation().is_ok() {
        after(trial, End::Reuse).await?;
        after_rotation(trial).await?;
    }
    if trial.needs_sign_out().is_ok() {
        after(trial, End::SignOut).await?;
    }
    Ok(())
}

async fn after(trial: &Trial<'_>, end: End) -> Result<(), Stop> {
    let mut rng = trial.fork_rng();
    let family = grown(trial, 2, &mut rng).await?;
    let grants = alive(trial, &family).await?;
    let outcome = match end {
        End::Reuse => family.settle(TokenNo(0), None).await?,
        End::SignOut => family.sign_out(family.newest()).await?,
    };
    match outcome {
        Outcome::SignedOut => {}
        refused if refused.is_refusal() => {}
        Outcome::Issued(_) => return does_not_end(trial, family, end).await,
        _unknown => return Err(Stop::Fail(format!("{} was answered with {}", end.name(), family.last_answer()))),
    }
    let ended = trial.kit.uptime();
    let instances = 0..trial.kit.settings.bases.len();
    let watched = grants.iter().flat_map(|grant| instances.clone().map(move |instance| Watched { grant, instance }));
    let lived = try_join_all(watched.map(|watched| watch(trial, &family, watched, ended))).await?;
    let latest = lived.into_iter().max().unwrap_or_default();
    // Only of a session that has ended this tells something.
    match family.settle(family.newest(), None).await? {
        Outcome::Issued(_) => return does_not_end(trial, family, end).await,
        refused if refused.is_refusal() => {}
        _unknown => {
            let answer = family.last_answer();
            return Err(Stop::Fail(format!("a refresh after {} was answered with {answer}", end.name())));
        }
    }
    trial.measured(end.figure(), latest.words(), Some(latest.figure()));
    judge(trial, &family, end, latest);
    family.close().await
}

async fn does_not_end(trial: &Trial<'_>, family: Family<'_>, end: End) -> Result<(), Stop> {
    trial.not_applicable(end.figure(), format!("{} does not end the session", end.name()));
    family.close().await
}

/// Every access token of a live session that works: a server may let older ones live on.
async fn alive(trial: &Trial<'_>, family: &Family<'_>) -> Result<Vec<Grant>, Stop> {
    let mut alive = vec![expect_alive(trial, family).await?];
    let older = family.grants().into_iter().rev().skip(1).filter(|grant| grant.access.is_some());
    for grant in older {
        if family.use_access(&grant, trial.kit.next_instance()).await? == Outcome::Alive {
            alive.push(grant);
        }
    }
    Ok(alive)
}

/// Before the end the newest access token works: otherwise its refusal afterwards would prove nothing.
async fn expect_alive(trial: &Trial<'_>, family: &Family<'_>) -> Result<Grant, Stop> {
    let newest = family.grants().last().filter(|grant| grant.access.is_some()).cloned();
    let Some(newest) = newest else { return Err(Stop::Fail("there is no access token".to_owned())) };
    match family.use_access(&newest, trial.kit.next_instance()).await? {
        Outcome::Alive => Ok(newest),
        _refused => {
            Err(Stop::Fail(format!("the access token of a live session does not work: {}", family.last_answer())))
        }
    }
}

/// How long an access token worked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Lived {
    /// The last look that found it alive.
    alive: Duration,
    /// Whether it was never seen dead.
    lives_on: bool,
    dead: Duration,
}

impl Lived {
    fn figure(self) -> Figure {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Figure { at_least_ms: millis(self.alive), at_most_ms: (!self.lives_on).then(|| millis(self.dead)) }
    }

    fn words(self) -> String {
        if self.lives_on {
            format!("lives on: it still works after {:.1} s", self.alive.as_secs_f64())
        } else if self.alive.is_zero() {
            "dies at once".to_owned()
        } else {
            format!("dies within {:.1} s", self.dead.as_secs_f64())
        }
    }
}

/// An access token at one instance.
#[derive(Debug, Clone, Copy)]
struct Watched<'a> {
    grant: &'a Grant,
    instance: usize,
}

/// Looks at one instance until it refuses the token, or for as long as the settings and the profile have it.
async fn watch(
    trial: &Trial<'_>,
    family: &Family<'_>,
    Watched { grant, instance }: Watched<'_>,
    ended: Duration,
) -> Result<Lived, Stop> {
    let deadline = ended.saturating_add(trial.kit.settings.access_patience.max(promised(trial)));
    let mut lived = Lived::default();
    loop {
        let asked = trial.kit.uptime();
        match family.use_access(grant, instance).await? {
            Outcome::Alive => lived.alive = asked.saturating_sub(ended).max(Duration::from_millis(1)),
            Outcome::Dead => {
                lived.dead = trial.kit.uptime().saturating_sub(ended);
                return Ok(lived);
            }
            _unknown => {
                // Others are watched at the same time.
                let answer = family.calls().iter().rfind(|call| !call.is_answered()).map(|call| family.answer_to(call));
                let answer = answer.unwrap_or_default();
                return Err(Stop::Fail(format!("an access token after its session was answered with {answer}")));
            }
        }
        // The last look comes after what is promised, not just before.
        if asked > deadline {
            lived.lives_on = true;
            return Ok(lived);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A server has a while to learn of the end: one URL may stand for many instances.
fn promised(trial: &Trial<'_>) -> Duration {
    Duration::from_secs(trial.kit.profile().revocation_seconds)
}

fn judge(trial: &Trial<'_>, family: &Family<'_>, end: End, lived: Lived) {
    if trial.kit.profile().access_after_end() != AccessAfterEnd::Refused {
        return;
    }
    trial.tried(Property::AccessRevoked);
    if lived.alive <= promised(trial) {
        return;
    }
    let last = family.calls().iter().rfind(|call| call.outcome == Outcome::Alive).map(|call| call.number);
    let shown = family.shown(|call| {
        let ends = matches!(call.ask, Ask::SignOut(_)) || call.ask == Ask::Refresh(TokenNo(0), None);
        let rotates = call.issued().is_some();
        ends || rotates || Some(call.number) == last
    });
    let sentence = format!(
        "An access token of the session still worked {:.1} s after {} was answered, although the profile promises that it \
         is refused.",
        lived.alive.as_secs_f64(),
        end.name(),
    );
    trial.violate(Property::AccessRevoked, sentence, shown);
}

async fn after_rotation(trial: &Trial<'_>) -> Result<(), Stop> {
    let family = Family::open(trial).await?;
    let first = expect_alive(trial, &family).await?;
    if !matches!(family.rotate(&mut trial.fork_rng()).await?, Outcome::Issued(_)) {
        return family.close().await;
    }
    let words = match family.use_access(&first, trial.kit.next_instance()).await? {
        Outcome::Alive => "works on after a rotation",
        Outcome::Dead => "dies at rotation",
        _unknown => return Err(Stop::Fail(format!("an access token was answered with {}", family.last_answer()))),
    };
    trial.measured(Property::AccessAfterRotation, words, None);
    family.close().await
}
