//! What can be found in a profile without a server.

use super::shape::{ClientIdentity, Profile, Request};
use crate::template::{names, names_in, texts};
use std::collections::BTreeSet;

/// Names that have a value in every step of signing in.
const OF_SIGN_IN: [&str; 6] = ["user", "password", "code_verifier", "code_challenge", "state", "nonce"];
/// Methods that a request may have.
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// What makes it unusable.
    pub problems: Vec<String>,
    /// Names that need a value from the command line.
    pub needs: BTreeSet<String>,
    /// What it leaves out, and what is not tried for that reason.
    pub left_out: Vec<&'static str>,
}

/// A request, where it stands, and the names that have a value there.
struct Use<'a> {
    place: String,
    request: &'a Request,
    own: BTreeSet<&'a str>,
}

/// Checks what the parser does not.
#[must_use]
pub fn check(profile: &Profile) -> Checked {
    let mut found = Checked { left_out: left_out(profile), ..Checked::default() };
    for used in uses(profile, true) {
        let of_client = used.request.client_auth.then(|| client_names(&profile.client)).into_iter().flatten();
        let needed = names(used.request).into_iter().chain(of_client);
        found.needs.extend(needed.filter(|name| name != "base" && !used.own.contains(name.as_str())));
        found.problems.extend(problems(&used));
    }
    if profile.access.is_some() && profile.answer.access_token.is_none() {
        found.problems.push("`access` is never used: `answer.access_token` is missing".to_owned());
    }
    found
}

/// The first name in the requests that every run needs, those for tokens and `ready`, that has no value.
#[must_use]
pub fn lacking(profile: &Profile, known: &[&str], with_password: bool) -> Option<String> {
    let wanted = |used: &Use<'_>| {
        matches!(used.place.as_str(), "refresh" | "ready") || with_password && used.place.starts_with("sign_in")
    };
    uses(profile, with_password).into_iter().filter(wanted).find_map(|used| {
        let of_client = used.request.client_auth.then(|| client_names(&profile.client)).into_iter().flatten();
        let given = |name: &str| name == "base" || known.contains(&name) || used.own.contains(name);
        names(used.request).into_iter().chain(of_client).find(|name| !given(name))
    })
}

fn client_names(client: &ClientIdentity) -> Vec<String> {
    let texts = [&client.id, &client.secret, &client.key, &client.key_id, &client.audience];
    texts.into_iter().flatten().flat_map(|text| names_in(text)).collect()
}

fn uses(profile: &Profile, with_sign_in: bool) -> Vec<Use<'_>> {
    let mut found = Vec::new();
    let mut taken: BTreeSet<&str> = OF_SIGN_IN.into();
    let steps = profile.sign_in.iter().filter(|_| with_sign_in).flat_map(|sign_in| &sign_in.steps);
    for (number, step) in steps.enumerate() {
        found.push(Use { place: format!("sign_in step {}", number + 1), request: &step.request, own: taken.clone() });
        taken.extend(step.take.keys().map(String::as_str));
    }
    let mut add = |place: &str, request, own| {
        found.push(Use { place: place.to_owned(), request, own: BTreeSet::from([own]) });
    };
    add("refresh", &profile.refresh.request, "refresh_token");
    if let Some(sign_out) = &profile.sign_out {
        add("sign_out", &sign_out.request, "refresh_token");
    }
    if let Some(access) = &profile.access {
        add("access", &access.request, "access_token");
    }
    if let Some(ready) = &profile.ready {
        add("ready", ready, "base");
    }
    found
}

fn problems(used: &Use<'_>) -> Vec<String> {
    let Use { place, request, .. } = used;
    let mut found = Vec::new();
    if !METHODS.contains(&request.method.as_str()) {
        found.push(format!("{place}: the method `{}` is not one of {}", request.method, METHODS.join(", ")));
    }
    if !(request.url.starts_with('{') || request.url.starts_with("http://") || request.url.starts_with("https://")) {
        found.push(format!("{place}: the URL `{}` begins neither with `{{base}}` nor with http", request.url));
    }
    if let Some(name) = request.headers.keys().find(|name| name.parse::<reqwest::header::HeaderName>().is_err()) {
        found.push(format!("{place}: `{name}` is not the name of a header"));
    }
    let token = match place.as_str() {
        "refresh" => "{refresh_token}",
        "access" => "{access_token}",
        _others => return found,
    };
    if !texts(request).iter().any(|text| text.contains(token)) {
        found.push(format!("{place}: `{token}` is sent nowhere"));
    }
    found
}

fn left_out(profile: &Profile) -> Vec<&'static str> {
    [
        (profile.sign_in.is_none(), "no `sign_in`: sessions begin with --tokens or --tokens-command"),
        (profile.sign_out.is_none(), "no `sign_out`: signing out is not tried"),
        (profile.access.is_none(), "no `access`: access tokens are not tried"),
        (profile.retry.is_none(), "no `retry`: retries with a key are not tried"),
    ]
    .into_iter()
    .filter_map(|(absent, what)| absent.then_some(what))
    .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use serde_json::{Value, json};

    fn profile(change: impl Fn(&mut Value)) -> Profile {
        let mut value: Value = serde_json::from_str(&Profile::text("oauth2").unwrap()).unwrap();
        change(&mut value);
        Profile::parse("test", &value.to_string()).unwrap()
    }

    fn set(pointer: &str, to: Value) -> impl Fn(&mut Value) {
        move |value| *value.pointer_mut(pointer).unwrap() = to.clone()
    }

    #[test]
    fn a_built_in_profile_has_no_problems() {
        for name in Profile::NAMES {
            let found = check(&Profile::load(name).unwrap());
            assert_eq!(found.problems, Vec::<String>::new(), "{name}");
        }
        let needs = check(&Profile::load("oauth2").unwrap()).needs;
        assert_eq!(needs, ["revocation_url", "userinfo_url"].map(str::to_owned).into());
    }

    #[test]
    fn what_cannot_work_is_a_problem() {
        for (profile, problem) in [
            (
                profile(set("/refresh/request/form/refresh_token", json!("{token?}"))),
                "`{refresh_token}` is sent nowhere",
            ),
            (profile(set("/access/request/method", json!("FETCH"))), "the method `FETCH`"),
            (profile(set("/access/request/headers", json!({ "a b": "{access_token}" }))), "the name of a header"),
            (profile(set("/refresh/request/url", json!("/token"))), "begins neither with `{base}`"),
        ] {
            let problems = check(&profile).problems;
            assert!(problems.iter().any(|each| each.contains(problem)), "{problem} is not in {problems:?}");
        }
    }

    #[test]
    fn a_later_step_knows_what_an_earlier_one_took() {
        let steps = json!({ "steps": [
            { "request": { "method": "GET", "url": "{base}" }, "take": { "csrf": "field:csrf" } },
            { "request": { "url": "{base}", "form": { "csrf": "{csrf}", "user": "{user}", "tenant": "{tenant}" } } },
        ]});
        let profile = profile(set("/sign_in", steps));
        assert_eq!(lacking(&profile, &[], true).as_deref(), Some("tenant"));
        assert_eq!(lacking(&profile, &["tenant"], true), None);
        assert_eq!(lacking(&profile, &[], false), None);
    }

    /// Without it, every race would be skipped.
    #[test]
    fn the_request_that_shows_whether_the_server_is_ready_needs_its_values_too() {
        let ready = profile(|value| value["ready"] = json!({ "method": "GET", "url": "{health_url}" }));
        assert_eq!(lacking(&ready, &[], false).as_deref(), Some("health_url"));
    }
}
