//! How reports name things.

use heirloom_torture::{
    Rank, Report, Verdict,
    report::{Action, CallOutcome, CallRecord, PropertyReport, Token},
};

/// What `t0` and the others mean.
pub const TOKENS: &str =
    "t0 is the refresh token that the session began with; t1, t2 and so on are those that were issued after it.";

/// A token by its number.
pub fn token(token: &Token) -> String {
    format!("t{}", token.number)
}

/// What is left out before a call.
pub fn lead(call: &CallRecord) -> Option<&str> {
    call.note.as_deref().filter(|note| note.starts_with("after "))
}

fn own_note(call: &CallRecord) -> Option<&str> {
    call.note.as_deref().filter(|_| lead(call).is_none())
}

/// What was asked in a call.
pub fn asked(call: &CallRecord) -> String {
    let with = |words: &str| match &call.token {
        Some(presented) => format!("{words} {}", token(presented)),
        None => String::new(),
    };
    // Where there is no answer, the note is the cause.
    let forged = |usual: &str| {
        let note = own_note(call).filter(|_| call.outcome != CallOutcome::NoAnswer);
        note.unwrap_or(usual).to_owned()
    };
    let key = call.key.map(|key| format!(" with key k{key}")).unwrap_or_default();
    match call.action {
        Action::Begin => "sign in".to_owned(),
        Action::Refresh => format!("refresh{}{key}", with("")),
        Action::RefreshForged => format!("refresh with {}", forged("a forged token")),
        Action::SignOut => format!("sign out{}", with(" with")),
        Action::UseAccess => format!("use the access token{}", with(" of")),
        Action::UseForgedAccess => format!("use {} as an access token", forged("a forgery")),
        Action::Restart => "restart the server".to_owned(),
    }
}

/// How it was answered.
pub fn answered(call: &CallRecord) -> String {
    let issued = call.issued.as_ref().map(|issued| format!("issued {}", token(issued)));
    let meaning = issued.unwrap_or_else(|| call.outcome.name().to_owned());
    let code = call.code.iter().map(|code| format!(" {code}"));
    let status = call.status.map(|status| format!("{status}{}", code.collect::<String>()));
    let is_asked =
        matches!(call.action, Action::RefreshForged | Action::UseForgedAccess) && call.outcome != CallOutcome::NoAnswer;
    let note = own_note(call).into_iter().filter(|_| !is_asked).map(|note| format!(" ({note})"));
    let meaning = format!("{meaning}{}", note.collect::<String>());
    match (status, call.outcome) {
        (Some(status), CallOutcome::SignedOut) => format!("{status}: done"),
        (Some(status), _) => format!("{status}: {meaning}"),
        (None, _) => meaning,
    }
}

/// The same for a diagram, without the note: where the server gives a code, that is enough.
pub fn answered_briefly(call: &CallRecord) -> String {
    match (call.status, &call.code, &call.issued) {
        (Some(status), Some(code), None) => format!("{status} {code}"),
        _without_code => answered(&CallRecord { note: None, ..call.clone() }),
    }
}

/// A call in one line.
pub fn line(call: &CallRecord) -> String {
    let who = if call.client == 0 { String::new() } else { format!("client {}: ", call.client) };
    let place = call.instance.filter(|instance| *instance > 0);
    let place = place.map(|instance| format!(" at instance {}", instance + 1)).unwrap_or_default();
    let lead = lead(call).map(|lead| format!("{lead}, ")).unwrap_or_default();
    format!("{lead}{who}{}{place} → {}", asked(call), answered(call))
}

/// What was seen of a property.
pub fn seen(property: &PropertyReport) -> String {
    let times = |count: u64| if count == 1 { "once".to_owned() } else { format!("{count} times") };
    match property.verdict {
        Verdict::Violated => format!("violated {} of {}", property.violated, times(property.tried)),
        Verdict::Holds if property.saw.is_empty() => format!("tried {}", times(property.tried)),
        _with_reason => property.saw.clone(),
    }
}

/// How SARIF and other tools rank it.
pub fn level(rank: Rank) -> &'static str {
    match rank {
        Rank::Critical | Rank::High | Rank::HighForUsers => "error",
        Rank::Medium => "warning",
        Rank::Low | Rank::Figure => "note",
    }
}

/// The letter of the grade, or a dash.
pub fn letter(report: &Report) -> String {
    report.grade.letter.map_or_else(|| "–".to_owned(), String::from)
}

/// The command that repeats the run, as far as the report knows it.
pub fn again(report: &Report) -> String {
    let instances: Vec<_> = report.instances.iter().map(String::as_str).collect();
    let only = report.settings.only.iter().map(|name| format!(" --only {name}"));
    let is_found = report.profile.contains("/.well-known/") || report.profile.contains(' ');
    let profile = if is_found { String::new() } else { format!(" --profile {}", report.profile) };
    let sessions = if report.settings.sessions_from == "sign_in" { " --user …" } else { " --tokens …" };
    let only = only.collect::<String>();
    format!("heirloom-torture {}{profile}{sessions}{only} --seed {}", instances.join(" --url "), report.seed)
}

/// Seconds, with one digit after the point.
pub fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}
