//! What a provider says of its member, each in its own way.

use super::{
    behaviour::State,
    client::{CLIENT_ID, CLIENT_SECRET},
    forgery::Forgery,
    keys::{encode, now},
    kind::ProviderKind,
    member::Member,
};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The discovery document (`OpenID` Connect Discovery §3).
pub fn discovery(state: &State) -> Value {
    let url = &state.url;
    let mut document = json!({
        "issuer": state.kind.documented_issuer(url),
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "userinfo_endpoint": format!("{url}/userinfo"),
        "jwks_uri": format!("{url}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "code_challenge_methods_supported": ["S256"],
    });
    if state.behaviour.announces_issuer {
        document["authorization_response_iss_parameter_supported"] = json!(true);
    }
    for (name, value) in &state.behaviour.document {
        if value.is_null() {
            drop(document.as_object_mut().and_then(|document| document.remove(name)));
        } else {
            document[name] = value.clone();
        }
    }
    document
}

/// The ID token of the current member.
pub fn id_token(state: &State, nonce: Option<&str>, access_token: Option<&str>) -> String {
    let signed_in_at = (state.behaviour.signed_in_ago > 0).then(|| now() - state.behaviour.signed_in_ago);
    id_token_of(state, &state.behaviour.member, (nonce, signed_in_at), access_token)
}

/// The ID token of a member, forged if the behaviour says so.
pub fn id_token_of(
    state: &State,
    member: &Member,
    (nonce, signed_in_at): (Option<&str>, Option<i64>),
    access_token: Option<&str>,
) -> String {
    let behaviour = &state.behaviour;
    let mut claims = json!({
        "iss": state.kind.token_issuer(&state.url, member),
        "aud": CLIENT_ID,
        "iat": now(),
        "exp": now() + 600,
        "sub": member.subject,
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    if let Some(time) = signed_in_at {
        claims["auth_time"] = json!(time);
    }
    if let Some(token) = access_token {
        let hash = digest(&SHA256, token.as_bytes());
        claims["at_hash"] = json!(encode(&hash.as_ref()[..16]));
    }
    if behaviour.email_in_token {
        describe(state.kind, member, &mut claims);
    }
    if state.kind == ProviderKind::Microsoft {
        claims["tid"] = json!(member.tenant);
        claims["oid"] = json!(member.subject);
        claims["sub"] = json!(format!("pairwise-{}", member.subject));
    }
    if let Some(forgery) = &behaviour.forgery {
        forgery.change(&mut claims);
    }
    let generation = behaviour.key_generation;
    Forgery::sign(behaviour.forgery.as_ref(), generation, behaviour.algorithm, CLIENT_SECRET, &claims)
}

/// Adds the address and the name, as this provider writes them into its tokens.
fn describe(kind: ProviderKind, member: &Member, claims: &mut Value) {
    let email = member.email.as_deref();
    match kind {
        // Kakao's tokens hold verified addresses only.
        ProviderKind::Kakao => {
            set(claims, "email", email.filter(|_| member.is_email_verified));
            set(claims, "nickname", member.name.as_deref());
        }
        ProviderKind::Apple => {
            set(claims, "email", email);
            set(claims, "email_verified", email.map(|_| if member.is_email_verified { "true" } else { "false" }));
        }
        ProviderKind::Microsoft => {
            set(claims, "email", email);
            set(claims, "name", member.name.as_deref());
        }
        _ => {
            set(claims, "email", email);
            set(claims, "name", member.name.as_deref());
            if email.is_some() {
                claims["email_verified"] = json!(member.is_email_verified);
            }
        }
    }
}

fn set(claims: &mut Value, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        claims[name] = json!(value);
    }
}

/// The profile of a member.
pub fn profile(state: &State, member: &Member) -> Value {
    let subject = state.behaviour.userinfo_subject.as_ref().unwrap_or(&member.subject);
    match state.kind {
        ProviderKind::Naver => {
            let mut response = json!({ "id": subject });
            set(&mut response, "email", member.email.as_deref());
            set(&mut response, "name", member.name.as_deref());
            json!({ "resultcode": "00", "message": "success", "response": response })
        }
        ProviderKind::GitHub => {
            let id: u64 = subject.parse().expect("GitHub's ids are numbers");
            json!({ "id": id, "login": "octocat", "name": member.name, "email": null })
        }
        ProviderKind::OAuth2 => json!({ "data": {
            "id": subject, "email": member.email, "email_verified": member.is_email_verified, "name": member.name,
        } }),
        ProviderKind::Microsoft => {
            let mut profile = json!({ "sub": format!("pairwise-{subject}") });
            describe(state.kind, member, &mut profile);
            profile
        }
        _ => {
            let mut profile = json!({ "sub": subject });
            set(&mut profile, "email", member.email.as_deref());
            set(&mut profile, "name", member.name.as_deref());
            if member.email.is_some() {
                profile["email_verified"] = json!(member.is_email_verified);
            }
            profile
        }
    }
}

/// GitHub's addresses: one is not the primary one.
pub fn emails(member: &Member) -> Value {
    let secondary = json!({ "email": "1001+octocat@users.noreply.github.com", "primary": false, "verified": true });
    let primary = member.email.as_ref().map(|email| {
        json!({ "email": email, "primary": true, "verified": member.is_email_verified, "visibility": "private" })
    });
    Value::Array([Some(secondary), primary].into_iter().flatten().collect())
}

/// A page that posts a form at once (OAuth 2.0 Form Post Response Mode §2).
pub fn form_page(action: &str, fields: &BTreeMap<String, String>) -> String {
    let input = |(name, value): (&String, &String)| {
        format!(r#"<input type="hidden" name="{name}" value="{}">"#, escaped(value))
    };
    let inputs = fields.iter().map(input).collect::<Vec<_>>().concat();
    format!(
        r#"<!DOCTYPE html><title>Back</title><body onload="document.forms[0].submit()"><form method="post" action="{}">{inputs}<button>Back</button></form></body>"#,
        escaped(action)
    )
}

/// What such a page posts, and where.
pub fn read_form(page: &str) -> (String, BTreeMap<String, String>) {
    let between = |text: &str, before: &str| {
        let (_, rest) = text.split_once(before).expect("a form");
        unescaped(rest.split_once('"').expect("a form").0)
    };
    let fields = page.split("<input").skip(1).map(|input| (between(input, "name=\""), between(input, "value=\"")));
    (between(page, "action=\""), fields.collect())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&quot;", "\"").replace("&amp;", "&")
}
