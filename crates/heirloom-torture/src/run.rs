use super::{
    address::shown_url,
    kit::{Kit, Settings, Source, Stop, lock},
    preflight,
    profile::AccessAfterEnd,
    report::{Grade, Preflight, PropertyReport, Report, ScenarioReport, SettingsUsed, Verdict},
    row::Row,
    scenario::{ALL, Scenario},
    time::unix_seconds,
    trial::{Seen, Trial},
    verdicts::verdicts,
};
use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

/// How often a long run reports its progress.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Attempts at a scenario that meets outages.
const ATTEMPTS: u32 = 3;
/// Between two of them.
const PAUSE: Duration = Duration::from_secs(2);

/// What a run reports while it lasts.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A scenario is running: since when, and the requests sent in all.
    Running(&'static str, Duration, u64),
    /// A scenario waits: a rate limit asks for so much time.
    Waiting(&'static str, Duration),
    /// A scenario has finished.
    Done(&'a ScenarioReport),
}

/// No scenario has this name.
#[derive(Debug, thiserror::Error)]
#[error("no scenario `{0}`: --list lists them")]
pub struct UnknownScenario(pub String);

/// The scenarios with these names; all, if no name is given.
///
/// # Errors
/// When a name is unknown.
pub fn chosen(names: &[String]) -> Result<Vec<&'static Scenario>, UnknownScenario> {
    if names.is_empty() {
        return Ok(ALL.iter().collect());
    }
    let found =
        |name: &String| ALL.iter().find(|scenario| scenario.name == name).ok_or_else(|| UnknownScenario(name.clone()));
    names.iter().map(found).collect()
}

/// Runs one scenario after another.
///
/// # Errors
/// When the HTTP client cannot be created.
pub async fn run(settings: Settings, tell: impl Fn(&Progress<'_>)) -> Result<Report, reqwest::Error> {
    run_until(settings, tell, std::future::pending()).await
}

/// The same until something interrupts it: then the report has what is known.
///
/// # Errors
/// When the HTTP client cannot be created.
pub async fn run_until(
    settings: Settings,
    tell: impl Fn(&Progress<'_>),
    interrupted: impl Future<Output = ()>,
) -> Result<Report, reqwest::Error> {
    let started = unix_seconds();
    let scenarios = chosen(&settings.only).unwrap_or_default();
    let kit = Kit::new(settings)?;
    let mut run = Run { kit: &kit, tell: &tell, rows: Vec::new(), running: None, preflight: Preflight::default() };
    let was_interrupted = {
        let mut running = std::pin::pin!(run.all(&scenarios));
        let mut interrupted = std::pin::pin!(interrupted);
        tokio::select! {
            () = &mut running => false,
            () = &mut interrupted => true,
        }
    };
    let stopped = || Stop::Fail("the run was interrupted".to_owned());
    let Run { mut rows, running, mut preflight, .. } = run;
    preflight.rotates_irregularly = kit.rotation.is_irregular();
    rows.extend(running.map(|running| running.ended(&kit, Err(stopped()))));
    for scenario in scenarios.iter().skip(rows.len()) {
        rows.push(Row::not_run(scenario, stopped()));
    }
    Ok(Finished { started, rows, preflight, was_interrupted }.report(&kit))
}

struct Run<'a, Tell> {
    kit: &'a Kit,
    tell: &'a Tell,
    rows: Vec<Row>,
    /// An interruption must not lose what it has seen.
    running: Option<Running>,
    preflight: Preflight,
}

/// A scenario that is being run.
struct Running {
    scenario: &'static Scenario,
    /// What its trial sees.
    seen: Arc<Mutex<Seen>>,
    /// Requests sent before it.
    calls: u64,
    begun: Duration,
    /// What earlier attempts have seen.
    earlier: Option<Row>,
}

impl Running {
    /// All its attempts together.
    fn ended(self, kit: &Kit, ended: Result<(), Stop>) -> Row {
        let Self { scenario, seen, calls, begun, earlier } = self;
        let row = Row {
            scenario,
            calls: kit.calls().saturating_sub(calls),
            seen: std::mem::take(&mut *lock(&seen)),
            ended,
            attempts: 1,
            lasted: kit.uptime().saturating_sub(begun),
        };
        match earlier {
            Some(mut earlier) => {
                earlier.add(row);
                earlier
            }
            None => row,
        }
    }
}

impl<Tell: Fn(&Progress<'_>)> Run<'_, Tell> {
    async fn all(&mut self, scenarios: &[&'static Scenario]) {
        let (kit, begun) = (self.kit, self.kit.uptime());
        self.preflight =
            self.with_heartbeat("preflight", begun, Box::pin(preflight::check(kit, scenarios)).as_mut()).await;
        for scenario in scenarios {
            let row = if self.preflight.failed.is_some() {
                Row::not_run(scenario, Stop::Fail("the preflight failed".to_owned()))
            } else {
                self.one(scenario).await
            };
            (self.tell)(&Progress::Done(&row.report()));
            self.rows.push(row);
        }
    }

    /// Runs a scenario, and once or twice more while outages hide what should be seen.
    async fn one(&mut self, scenario: &'static Scenario) -> Row {
        let mut row = self.attempt(scenario, None).await;
        for _further in 1..ATTEMPTS {
            if !row.is_disturbed() {
                break;
            }
            row = self.attempt(scenario, Some(row)).await;
        }
        row
    }

    async fn attempt(&mut self, scenario: &'static Scenario, earlier: Option<Row>) -> Row {
        let trial = Trial::new(self.kit, scenario.name);
        let (calls, begun, is_further) = (self.kit.calls(), self.kit.uptime(), earlier.is_some());
        let running = Running { scenario, seen: trial.seen(), calls, begun, earlier };
        self.running = Some(running);
        if is_further {
            tokio::time::sleep(PAUSE).await;
        }
        let ended = self.with_heartbeat(scenario.name, begun, Box::pin(scenario.run(&trial)).as_mut()).await;
        match self.running.take() {
            Some(running) => running.ended(self.kit, ended),
            None => Row::not_run(scenario, Stop::Fail("it was not run".to_owned())),
        }
    }

    async fn with_heartbeat<T>(
        &self,
        name: &'static str,
        begun: Duration,
        mut running: Pin<&mut impl Future<Output = T>>,
    ) -> T {
        loop {
            tokio::select! {
                ended = &mut running => return ended,
                () = tokio::time::sleep(HEARTBEAT) => {
                    let lasted = self.kit.uptime().saturating_sub(begun);
                    (self.tell)(&match self.kit.waits() {
                        Some(left) => Progress::Waiting(name, left),
                        None => Progress::Running(name, lasted, self.kit.calls()),
                    });
                }
            }
        }
    }
}

struct Finished {
    started: u64,
    rows: Vec<Row>,
    preflight: Preflight,
    was_interrupted: bool,
}

impl Finished {
    fn report(self, kit: &Kit) -> Report {
        let properties = verdicts(&self.rows, &self.preflight);
        let started = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.started));
        Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: humantime::format_rfc3339_seconds(started.unwrap_or(SystemTime::UNIX_EPOCH)).to_string(),
            duration_ms: millis(kit.uptime()),
            seed: kit.settings.seed,
            instances: kit.settings.bases.iter().map(|base| shown_url(base)).collect(),
            profile: kit.settings.profile_name.clone(),
            about: kit.settings.profile.about.clone(),
            settings: used(kit),
            verdict: overall(&properties, &self.preflight),
            grade: Grade::of(&properties, are_all_chosen(&kit.settings.only)),
            preflight: self.preflight,
            calls: kit.calls(),
            interrupted: self.was_interrupted,
            properties,
            scenarios: self.rows.iter().map(Row::report).collect(),
        }
    }
}

fn are_all_chosen(only: &[String]) -> bool {
    only.is_empty() || ALL.iter().all(|scenario| only.iter().any(|name| name == scenario.name))
}

/// Where nothing was tried, nothing holds.
fn overall(properties: &[PropertyReport], preflight: &Preflight) -> Verdict {
    let with = |verdict| properties.iter().any(|property| property.verdict == verdict);
    if with(Verdict::Violated) {
        Verdict::Violated
    } else if preflight.failed.is_some() || with(Verdict::CouldNotBeTried) {
        Verdict::CouldNotBeTried
    } else if with(Verdict::Holds) {
        Verdict::Holds
    } else {
        Verdict::NotApplicable
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn used(kit: &Kit) -> SettingsUsed {
    let (settings, rules) = (&kit.settings, kit.rules());
    let from = if matches!(settings.source, Source::SignIn { .. }) { "sign_in" } else { "tokens" };
    SettingsUsed {
        rounds: settings.rounds,
        storm_ms: millis(settings.storm),
        clients: settings.clients,
        sessions_from: from.to_owned(),
        restarts: settings.restart.is_some(),
        absolute_lifetime_ms: settings.absolute_lifetime.map(millis),
        idle_lifetime_ms: settings.idle_lifetime.map(millis),
        retry_window_ms: rules.retry_window,
        leeway_ms: rules.leeway,
        access_refused_after_end: settings.profile.access_after_end() == AccessAfterEnd::Refused,
        revocation_ms: settings.profile.revocation_seconds.saturating_mul(1000),
        only: settings.only.clone(),
    }
}
