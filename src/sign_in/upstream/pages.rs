use super::{BrowserBack, Federation, connect};
use crate::{
    config::HttpOptions,
    factors::{Challenge, FactorKind},
    http::{
        Endpoint, FromClient, Problem, all_tokens_in_cookies, check_costly_limit, cookies, expired_lax_cookie, form,
        lax_cookie, paths, return_to, upstream_cookie_name, upstream_next_cookie_name,
    },
    kernel::Duration,
    lifecycle::Lifecycle,
    sessions::{Sessions, add_cookies, redirect_signed_in},
    upstream::{BeginError, FLOW_LIFETIME, FlowAim, NEXT_LIFETIME, NextFactor, NextStep, Returned, Upstream, Wanted},
    users::Accounts,
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Payload, ServiceConfig},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The pages between us and a provider.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::UPSTREAM_PAGE).get(begin).mount(config);
    Endpoint::at(paths::UPSTREAM_CALLBACK_PAGE).get(callback).post(posted).mount(config);
    connect::routes(config);
}

/// What a callback brings, in a query or as a form. Other members are not looked at.
#[derive(Default, Serialize, Deserialize)]
struct Brought {
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
}

/// Sends the browser to the provider.
async fn begin(
    request: HttpRequest,
    upstream: Data<Upstream>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let (provider, world) = (upstream.named(request.match_info().query("provider"))?, sessions.world());
    let options = &world.config.http;
    let query: Vec<_> = url::form_urlencoded::parse(request.query_string().as_bytes()).collect();
    let first = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_ref());
    let return_to = return_to(first("return_to"), options);
    let wanted = Wanted {
        return_to: return_to.clone(),
        remembered: first("remember") == Some("true"),
        aim: if first("confirm") == Some("true") { FlowAim::NewSignIn } else { FlowAim::SignIn },
        presented: all_tokens_in_cookies(&request, options),
    };
    match upstream.begin(provider, wanted).await {
        Ok(begun) => {
            let mut answer = see_other(begun.authorize.as_str());
            add_cookies(
                &mut answer,
                &[lax_cookie(upstream_cookie_name(options), &begun.cookie, FLOW_LIFETIME, options)],
            )?;
            Ok(answer)
        }
        Err(BeginError::Discovery(error)) => {
            upstream.unreachable(provider, &error);
            Ok(see_other(&refusal("upstream_failed", false, Some(&return_to))))
        }
        Err(BeginError::Ticket(error)) => {
            tracing::error!(%error, "upstream.not_sealed");
            Err(Problem::internal())
        }
    }
}

/// A provider's POST comes without the cookie of the flow, which is `SameSite=Lax`: the browser is sent to our own GET, where it
/// arrives.
async fn posted(request: HttpRequest, payload: Payload, upstream: Data<Upstream>) -> Result<HttpResponse, Problem> {
    let provider = upstream.named(request.match_info().query("provider"))?;
    let brought: Brought = form(&request, payload).await?;
    let query = serde_urlencoded::to_string(&brought).map_err(|_unwritable| Problem::internal())?;
    Ok(see_other(&format!("/auth/upstream/{}/callback?{query}", provider.options.name)))
}

/// The browser is back. No check of the origin: the flow's cookie and the state stand in for it.
async fn callback(
    request: HttpRequest,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
    upstream: Data<Upstream>,
) -> Result<HttpResponse, Problem> {
    let (provider, options) = (upstream.named(request.match_info().query("provider"))?, &sessions.world().config.http);
    let sent = cookies(&request, upstream_cookie_name(options));
    let brought: Brought = serde_urlencoded::from_str(request.query_string()).unwrap_or_default();
    let returned = Returned {
        // Two cookies: another host of the domain has set one. None is believed.
        cookie: if let [one] = sent.as_slice() { Some(one.as_str()) } else { None },
        state: brought.state.as_ref().map(|state| state.as_str()),
        code: brought.code.as_ref().map(|code| code.as_str()),
        error: brought.error.as_deref(),
        issuer: brought.iss.as_deref(),
    };
    // A flow costs nothing to begin: otherwise one address could take all the turns at a provider (U-50).
    if upstream.would_ask(provider, returned) {
        check_costly_limit(&request)?;
    }
    let federation = Federation {
        accounts: &accounts,
        sessions: &sessions,
        lifecycle: &lifecycle,
        upstream: &upstream,
        client: &client,
    };
    let presented = all_tokens_in_cookies(&request, options);
    let back = federation.come_back(provider, returned, presented).await?;
    let is_used = !matches!(back, BrowserBack::Refused("upstream_state_invalid", _));
    let mut answer = answer(&request, back, &upstream, options)?;
    // A callback that belongs to no flow does not end the one that goes on in another tab.
    if is_used {
        add_cookies(&mut answer, &[expired_lax_cookie(upstream_cookie_name(options), options)])?;
    }
    Ok(answer)
}

fn answer(
    request: &HttpRequest,
    back: BrowserBack,
    upstream: &Upstream,
    options: &HttpOptions,
) -> Result<HttpResponse, Problem> {
    Ok(match back {
        BrowserBack::In(entered, to) => redirect_signed_in(request, &entered, &to, options),
        BrowserBack::SignedInAsBefore(to) => see_other(&to),
        BrowserBack::Next(next) => to_next(&next, upstream, options)?,
        BrowserBack::Refused(code, flow) => {
            let has_session = flow.as_ref().is_some_and(|flow| flow.aim.has_session());
            see_other(&refusal(code, has_session, flow.as_ref().map(|flow| flow.return_to.as_str())))
        }
    })
}

/// To the page of the next step, which its cookie remembers.
pub(super) fn to_next(next: &NextStep, upstream: &Upstream, options: &HttpOptions) -> Result<HttpResponse, Problem> {
    let (to, lifetime) = match next {
        NextStep::SecondFactor(_) => (paths::LOGIN_CODE_PAGE, Duration::from_mins(5)),
        NextStep::Enrolment(_) => (paths::LOGIN_ENROL_PAGE, Duration::from_mins(10)),
        NextStep::Connect(_) => (paths::CONNECT_PAGE, NEXT_LIFETIME),
    };
    let sealed = upstream.seal_next(next).map_err(|_unsealed| Problem::internal())?;
    let mut answer = see_other(to);
    add_cookies(&mut answer, &[lax_cookie(upstream_next_cookie_name(options), &sealed, lifetime, options)])?;
    Ok(answer)
}

/// Where a refusal is explained: on the account page if the flow was begun in a session, which lives on.
fn refusal(code: &str, has_session: bool, return_to: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("reason", code);
    if has_session {
        return format!("{}?{}", paths::ACCOUNT_PAGE, query.finish());
    }
    if let Some(return_to) = return_to {
        query.append_pair("return_to", return_to);
    }
    format!("{}?{}", paths::LOGIN_PAGE, query.finish())
}

/// The next step of a browser, from its cookie.
pub(super) fn next_of(request: &HttpRequest, upstream: &Upstream, options: &HttpOptions) -> Option<NextStep> {
    let sent = cookies(request, upstream_next_cookie_name(options));
    let [one] = sent.as_slice() else { return None };
    upstream.open_next(one)
}

/// The second factor that a browser has to present, or to set up, after a sign-in with another provider.
pub fn next_factor(request: &HttpRequest, is_enrolment: bool) -> Option<(Challenge, String)> {
    let upstream = request.app_data::<Data<Upstream>>()?;
    let sessions = request.app_data::<Data<Sessions>>()?;
    let next = match next_of(request, upstream, &sessions.world().config.http)? {
        NextStep::SecondFactor(next) if !is_enrolment => next,
        NextStep::Enrolment(next) if is_enrolment => next,
        NextStep::SecondFactor(_) | NextStep::Enrolment(_) | NextStep::Connect(_) => return None,
    };
    let NextFactor { challenge, factors, recovery_ready_at, can_recover, return_to } = next;
    let factors = factors.iter().filter_map(|name| FactorKind::from_name(name)).collect();
    let challenge = Challenge {
        token: challenge,
        factors,
        expires_in: Duration::ZERO,
        email_code_required: false,
        recovery_ready_at,
        can_recover,
    };
    Some((challenge, return_to))
}

/// Redirects with GET.
pub(super) fn see_other(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, to))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}
