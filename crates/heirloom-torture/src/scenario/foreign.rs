//! Tokens in the wrong hands, of the wrong kind, without a signature, or for more than was granted.

use super::super::{
    client::Answer,
    family::{Family, Foreign},
    kit::Stop,
    model::Outcome,
    profile::Place,
    property::Property,
    secret::Guarded,
    trial::Trial,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use std::collections::BTreeSet;

/// An access token redeems nothing, and a refresh token opens nothing.
pub async fn token_kinds(trial: &Trial<'_>) -> Result<(), Stop> {
    let family = rotated(trial).await?;
    let access = family.grants().last().and_then(|grant| grant.access.clone());
    let access = access.ok_or_else(|| Stop::Fail("there is no access token".to_owned()))?;
    let text = access.reveal().to_owned();
    let what = "an access token as a refresh token".to_owned();
    if let Outcome::Issued(_) = family.refresh_forged(text, what).await? {
        let sentence = "The server accepted an access token as a refresh token: who has the short-lived one can renew it \
                        for as long as the session lives.";
        trial.violate(Property::TokenKindsKept, sentence.to_owned(), family.shown(|_| true));
        return Ok(());
    }
    let refresh = Guarded::new(family.text(family.newest()));
    if family.use_forged_access(&refresh, "a refresh token as an access token").await? == Outcome::Alive {
        let sentence = "The server accepted a refresh token as an access token: it is sent to every resource server, and a \
                        revoked session may still be used with it.";
        trial.violate(Property::TokenKindsKept, sentence.to_owned(), family.shown(|_| true));
    }
    trial.tried(Property::TokenKindsKept);
    family.rotate(&mut trial.fork_rng()).await?;
    family.close().await
}

async fn rotated<'k>(trial: &'k Trial<'k>) -> Result<Family<'k>, Stop> {
    let family = Family::open(trial).await?;
    expect_refresh(trial, &family, "a refresh of a new session").await?;
    Ok(family)
}

/// Otherwise a refusal of something else proves nothing.
async fn expect_refresh(trial: &Trial<'_>, family: &Family<'_>, what: &str) -> Result<(), Stop> {
    match family.rotate(&mut trial.fork_rng()).await? {
        Outcome::Issued(_) => Ok(()),
        _refused => Err(Stop::Fail(format!("{what} was answered with {}", family.last_answer()))),
    }
}

/// Where tokens are JWTs, one without a signature is refused.
pub async fn unsigned(trial: &Trial<'_>) -> Result<(), Stop> {
    let family = rotated(trial).await?;
    let mut is_any = false;
    for forgery in without_signature(&family.text(family.newest())) {
        is_any = true;
        let what = "the refresh token with `alg: none` and no signature".to_owned();
        if let Outcome::Issued(_) = family.refresh_forged(forgery, what).await? {
            let sentence = "The server accepted a refresh token with `alg: none`: anyone can write one.";
            trial.violate(Property::UnsignedRefused, sentence.to_owned(), family.shown(|_| true));
            return Ok(());
        }
        trial.tried(Property::UnsignedRefused);
    }
    let access = family.grants().last().and_then(|grant| grant.access.clone()).filter(|_| trial.can_use_access());
    for forgery in access.iter().flat_map(|access| without_signature(access.reveal())) {
        is_any = true;
        let what = "the access token with `alg: none` and no signature";
        if family.use_forged_access(&Guarded::new(forgery), what).await? == Outcome::Alive {
            let sentence = "The server accepted an access token with `alg: none`: anyone can write one.";
            trial.violate(Property::UnsignedRefused, sentence.to_owned(), family.shown(|_| true));
            return Ok(());
        }
        trial.tried(Property::UnsignedRefused);
    }
    family.close().await?;
    if is_any { Ok(()) } else { Err(Stop::Skip("the tokens are not JWTs".to_owned())) }
}

/// The same claims under headers that ask for no signature; none, if it is not a JWT.
fn without_signature(token: &str) -> Vec<String> {
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Vec::new();
    };
    let header = BASE64_URL_SAFE_NO_PAD.decode(header).ok();
    let header =
        header.and_then(|bytes| serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes).ok());
    let Some(header) = header.filter(|header| header.contains_key("alg")) else { return Vec::new() };
    let unsigned = |name: &str| {
        let mut header = header.clone();
        header.insert("alg".to_owned(), name.into());
        let header = serde_json::Value::Object(header).to_string();
        format!("{}.{claims}.", BASE64_URL_SAFE_NO_PAD.encode(header))
    };
    ["none", "None"].map(unsigned).to_vec()
}

/// Not a token of any server.
const GARBAGE: &str = "not-a-refresh-token";

/// Another client, which the server knows, cannot redeem the token. A client that it does not know is refused for that:
/// it refuses the other client's garbage as it refuses ours.
pub async fn other_client(trial: &Trial<'_>) -> Result<(), Stop> {
    let family = rotated(trial).await?;
    let values = &trial.kit.settings.values;
    let own = [("client_id", "other_client_id"), ("client_secret", "other_client_secret")];
    let other = own.into_iter().filter_map(|(name, other)| Some((name, values.get(other)?.clone())));
    let other: Vec<_> = other.collect();
    let presented = |text: String, what: &str, values: &[(&'static str, Guarded)]| {
        family.refresh_foreign(Foreign { text, what: what.to_owned(), values: values.to_vec(), ..Foreign::default() })
    };
    let (_, ours) = presented(GARBAGE.to_owned(), "garbage", &[]).await?;
    let (_, theirs) = presented(GARBAGE.to_owned(), "garbage as another client", &other).await?;
    if !are_refused_alike(&ours, &theirs) {
        let (ours, theirs) = (ours.summary(), theirs.summary());
        let cause =
            format!("is the other client known? Garbage from it is answered with {theirs}, from this one with {ours}");
        return Err(Stop::Fail(cause));
    }
    let newest = family.text(family.newest());
    let (outcome, answer) = presented(newest, "as another client", &other).await?;
    match outcome {
        Outcome::Issued(_) => {
            let sentence = "Another client redeemed the refresh token: a token that leaks from one client works in every \
                            other.";
            trial.violate(Property::OtherClientRefused, sentence.to_owned(), family.shown(|_| true));
        }
        Outcome::Unknown | Outcome::Unforeseen => {
            return Err(Stop::Fail(format!("it was answered with {}", answer.summary())));
        }
        _refused => trial.tried(Property::OtherClientRefused),
    }
    // A server may revoke a session whose token another client presents: its history is not judged.
    Ok(())
}

/// Scopes, one by one.
fn words(scope: &str) -> BTreeSet<String> {
    scope.split_whitespace().map(str::to_owned).collect()
}

/// The scope of a session: of its newest answer that names one, or else what was asked for (RFC 6749 §5.1).
fn scope_of(trial: &Trial<'_>, family: &Family<'_>) -> Result<BTreeSet<String>, Stop> {
    let granted = family.grants().iter().rev().find_map(|grant| grant.scope.clone());
    let asked = || trial.kit.settings.values.get("scope").map(|scope| scope.reveal().to_owned());
    let scope = granted.or_else(asked).map(|scope| words(&scope));
    scope.ok_or_else(|| Stop::Fail("no answer tells which scope the session has: pass --set scope=…".to_owned()))
}

/// A refresh asks for more scope than the session has.
pub async fn wider_scope(trial: &Trial<'_>) -> Result<(), Stop> {
    let family = rotated(trial).await?;
    let wider = trial.kit.settings.values.get("wider_scope").map(|scope| scope.reveal().to_owned()).unwrap_or_default();
    let had = scope_of(trial, &family)?;
    if words(&wider).is_subset(&had) {
        return Err(Stop::Fail(format!("the session has scope={wider} already: --set wider_scope=… names more")));
    }
    let what = format!("the newest refresh token, with scope={wider}");
    let (text, field) = (family.text(family.newest()), Some(("scope", wider.clone())));
    let (outcome, answer) = family.refresh_foreign(Foreign { text, field, what, ..Foreign::default() }).await?;
    match (outcome, answer.reply()) {
        (Outcome::Issued(_), Some(reply)) => {
            let Some(granted) = reply.secret(&Place::scope()) else {
                let cause = "the refresh was accepted, and its answer does not tell which scope it grants";
                return Err(Stop::Fail(cause.to_owned()));
            };
            trial.tried(Property::ScopeNotWidened);
            let more: Vec<_> = words(granted.reveal()).difference(&had).cloned().collect();
            if !more.is_empty() {
                let more = more.join(" ");
                let sentence = format!(
                    "A refresh that asked for scope={wider} was granted scope={more} more than the session has, although the \
                     user never agreed to it."
                );
                trial.violate(Property::ScopeNotWidened, sentence, family.shown(|_| true));
            }
        }
        (Outcome::Unknown | Outcome::Unforeseen, _) => {
            return Err(Stop::Fail(format!("it was answered with {}", answer.summary())));
        }
        _refused => {
            // Refused for its scope, and not for what else is in the request.
            expect_refresh(trial, &family, "the same without the scope, after a refusal,").await?;
            trial.tried(Property::ScopeNotWidened);
        }
    }
    Ok(())
}

/// With the same status and code.
fn are_refused_alike(one: &Answer, other: &Answer) -> bool {
    let seen = |answer: &Answer| answer.reply().map(|reply| (reply.status, reply.code.clone()));
    let is_refusal = |status: u16| (400..500).contains(&status) && status != 429;
    seen(one).is_some_and(|(status, _)| is_refusal(status)) && seen(one) == seen(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_jwt_loses_its_signature() {
        // {"alg":"ES256"} and {"sub":"1"}
        let forged = without_signature("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln");
        assert_eq!(forged, ["eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "eyJhbGciOiJOb25lIn0.eyJzdWIiOiIxIn0."]);
        for other in ["", "opaque", "a.b.c", "hrt_1.2", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0"] {
            assert!(without_signature(other).is_empty(), "{other}");
        }
    }
}
