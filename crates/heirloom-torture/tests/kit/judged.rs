//! The kit in this process, pointed at a stub.

use crate::{
    kit::PASSWORD,
    stub::{Fault, Kind, Stub},
};
use heirloom_torture::{Guarded, OldTokens, Profile, Report, SCENARIOS, Settings, Source, Verdict, run};
use std::{collections::BTreeMap, time::Duration};

/// How the server talks, and what its profile promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// As Heirloom: keys for retries, a reason for each refusal, access tokens that are refused after their session.
    Own,
    /// As RFC 6749, 7009: one word for every refusal, no keys, nothing promised of access tokens.
    OAuth,
}

/// Which scenarios are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// Those that take a moment.
    Quick,
    /// These and one more.
    With(&'static str),
    /// One alone.
    Only(&'static str),
    /// Those that look at leeways; the profile announces one.
    Leeway,
    /// The one that waits for the end of a session.
    Lifetime,
    /// The one that waits for the end of a session that is not used.
    Idle,
    /// All but those that wait.
    All,
}

const NOT_QUICK: [&str; 7] = ["race-64", "shared-key-64", "replay-100", "restart", "lifetime", "idle", "storm"];
const WITH_LEEWAY: [&str; 7] = ["race-2", "race-8", "race-and-use", "replay-2", "after-reuse", "leeway", "sign-out"];
/// Long enough for a replay at once on a busy machine.
pub const LEEWAY_SECONDS: u64 = 4;
const ABSOLUTE: Duration = Duration::from_secs(6);
const IDLE: Duration = Duration::from_secs(3);
const LONG: Duration = Duration::from_hours(1);

impl Tried {
    /// Whether it takes time rather than work.
    pub fn waits(self) -> bool {
        matches!(self, Self::Leeway | Self::Lifetime | Self::Idle | Self::Only(_))
    }

    fn scenarios(self) -> Vec<String> {
        let quick = SCENARIOS.iter().map(|scenario| scenario.name).filter(|name| !NOT_QUICK.contains(name));
        let names: Vec<&str> = match self {
            Self::Quick => quick.collect(),
            Self::With(more) => quick.chain([more]).collect(),
            Self::Only(one) => vec![one],
            Self::Leeway => WITH_LEEWAY.to_vec(),
            Self::Lifetime => vec!["lifetime"],
            Self::Idle => vec!["idle"],
            Self::All => SCENARIOS.iter().map(|scenario| scenario.name).collect(),
        };
        names.into_iter().map(str::to_owned).collect()
    }

    /// What the kit reports. Where time matters, a busy machine may be too slow for a verdict, and the kit reports that:
    /// then it is asked again.
    pub async fn judge(self, fault: Fault, talk: Talk, kind: Kind) -> Report {
        let mut report = self.judge_once(fault, talk, kind).await;
        for _again in 0..3 {
            if !self.waits() || report.verdict != Verdict::CouldNotBeTried {
                break;
            }
            report = self.judge_once(fault, talk, kind).await;
        }
        report
    }

    /// What the kit reports.
    pub async fn judge_once(self, fault: Fault, talk: Talk, kind: Kind) -> Report {
        let lifetime = if self == Self::Lifetime { ABSOLUTE } else { LONG };
        let idle = if self == Self::Idle { IDLE } else { LONG };
        let stub = Stub::living(fault, kind, lifetime, idle);
        let leeway = if self == Self::Leeway { LEEWAY_SECONDS } else { 0 };
        let mut settings = talk.settings(&stub, leeway);
        settings.profile.old_tokens = (kind == Kind::StaysValid).then_some(OldTokens::StayValid);
        let restart = matches!(self, Self::With("restart") | Self::Only("restart") | Self::All);
        let settings = Settings {
            restart: restart.then(|| stub.restart_command()),
            absolute_lifetime: (self == Self::Lifetime).then_some(lifetime),
            idle_lifetime: (self == Self::Idle).then_some(idle),
            only: self.scenarios(),
            ..settings
        };
        run(settings, |_| {}).await.unwrap()
    }
}

impl Talk {
    fn name(self) -> &'static str {
        match self {
            Self::Own => "heirloom",
            Self::OAuth => "oauth2",
        }
    }

    /// The kit's settings for a stub.
    pub fn settings(self, stub: &Stub, leeway_seconds: u64) -> Settings {
        let mut profile = Profile::load(self.name()).unwrap();
        profile.leeway_seconds = leeway_seconds;
        profile.revocation_seconds = profile.revocation_seconds.min(1);
        let guarded = |text: &str| Guarded::new(text.to_owned());
        let source = Source::SignIn { user: guarded("alice"), password: guarded(PASSWORD) };
        let (base, values) = match self {
            Self::Own => (stub.url.clone(), [("wider_scope", "read admin".to_owned())].into()),
            Self::OAuth => (format!("{}/token", stub.url), oauth_values(&stub.url)),
        };
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), Guarded::new(value))).collect();
        let (storm, access_patience) = (Duration::from_secs(1), Duration::from_millis(300));
        Settings { values, storm, access_patience, seed: 7, ..Settings::new(vec![base], profile, source) }
    }
}

fn oauth_values(url: &str) -> BTreeMap<&'static str, String> {
    [
        ("client_id", "web".to_owned()),
        ("other_client_id", "other".to_owned()),
        ("wider_scope", "read admin".to_owned()),
        ("revocation_url", format!("{url}/revoke")),
        ("userinfo_url", format!("{url}/userinfo")),
    ]
    .into()
}
