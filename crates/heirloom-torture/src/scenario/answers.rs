//! What answers look like: RFC 6749, sections 5.1 and 5.2.

use super::super::{
    client::Reply,
    family::{Family, Foreign},
    kit::Stop,
    model::Outcome,
    profile::{Place, Profile},
    property::Property,
    trial::Trial,
};

/// Not a token of any server.
const GARBAGE: &str = "not-a-refresh-token";
/// The codes of section 5.2.
const CODES: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// Whether refusals have to have the shape of RFC 6749.
fn is_oauth(profile: &Profile) -> bool {
    profile.answer.code == Some(Place::Pointer("/error".to_owned()))
}

/// Sessions that are opened.
pub fn sessions(profile: &Profile) -> usize {
    if is_oauth(profile) { 2 } else { 1 }
}

/// An answer with tokens, and a refusal.
pub async fn answers(trial: &Trial<'_>) -> Result<(), Stop> {
    let family = Family::open(trial).await?;
    let (text, what) = (family.text(family.newest()), "the newest refresh token".to_owned());
    let (outcome, answer) = family.refresh_foreign(Foreign { text, what, ..Foreign::default() }).await?;
    let Some(reply) = answer.reply().filter(|_| matches!(outcome, Outcome::Issued(_))) else {
        return Err(Stop::Fail(format!("a refresh was answered with {}", answer.summary())));
    };
    trial.tried(Property::NoStore);
    let directives: Vec<_> = reply.list("cache-control").collect();
    if !directives.iter().any(|directive| directive.eq_ignore_ascii_case("no-store")) {
        let found = if directives.is_empty() {
            "no `Cache-Control`".to_owned()
        } else {
            format!("`{}`", directives.join(", "))
        };
        let sentence = format!(
            "The answer that issues a refresh token carries {found} in place of `Cache-Control: no-store`: a cache on the way \
             may keep the token."
        );
        trial.violate(Property::NoStore, sentence, family.shown(|_| true));
    }
    refusal(trial).await
}

async fn refusal(trial: &Trial<'_>) -> Result<(), Stop> {
    if !is_oauth(trial.kit.profile()) {
        trial.not_applicable(Property::ErrorShape, "the profile's errors are not those of OAuth 2.0");
        return Ok(());
    }
    let family = Family::open(trial).await?;
    let foreign = Foreign { text: GARBAGE.to_owned(), what: "garbage".to_owned(), ..Foreign::default() };
    let (_, answer) = family.refresh_foreign(foreign).await?;
    let Some(reply) = answer.reply().filter(|reply| !reply.is_outage()) else {
        return Err(Stop::Fail(format!("garbage was answered with {}", answer.summary())));
    };
    trial.tried(Property::ErrorShape);
    if let Some(fault) = fault(reply) {
        let sentence =
            format!("The refusal of a refresh token does not have the shape of RFC 6749, section 5.2: {fault}.");
        trial.violate(Property::ErrorShape, sentence, family.shown(|_| true));
    }
    family.close().await
}

fn fault(reply: &Reply) -> Option<String> {
    let code = reply.code.as_deref();
    if !matches!(reply.status, 400 | 401) {
        Some(format!("its status is {}, not 400 or 401", reply.status))
    } else if !reply.is_json() {
        Some("its body is not JSON".to_owned())
    } else if !code.is_some_and(|code| CODES.contains(&code)) {
        let shown = reply.shown_code().map_or_else(|| "missing".to_owned(), |code| format!("`{code}`"));
        Some(format!("`error` is {shown}"))
    } else {
        None
    }
}
