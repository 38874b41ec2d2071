use crate::{
    config::RegistrationPolicy,
    confirmations::Purpose,
    http::{
        Endpoint, FieldError, FromClient, Problem, all_tokens_in_cookies, expired_lax_cookie, kind, own_form, paths,
        upstream_next_cookie_name,
    },
    identity::EmailAddress,
    lifecycle::{self, AskingBrowser, CodePage, Lifecycle},
    pages::{Sample, View, form_problem},
    sessions::{Sessions, add_cookies, redirect_signed_in},
    sign_in::{
        SigningIn,
        answer::entered,
        api::require_open,
        upstream::{
            Federation, next_factor_of,
            pages::{next_of, see_other, to_next},
        },
    },
    upstream::{ConnectWay, NextStep, PendingIdentity, Upstream},
    users::{Accounts, Refused},
};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::StatusCode,
    web::{Data, Payload, ServiceConfig},
};
use minijinja::{Value, context};
use serde::Deserialize;
use zeroize::Zeroizing;

const TEMPLATE: &str = "sign_in/connect.html";

/// `/connect`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::CONNECT_PAGE).hashing().get(page).post(submit).mount(config);
}

/// What the form sends.
#[derive(Default, Deserialize)]
struct Typed {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: Zeroizing<String>,
}

/// The page, in one of its forms.
struct ConnectPage<'a> {
    pending: &'a PendingIdentity,
    label: &'a str,
    /// As it was typed, where one is asked for.
    typed: &'a str,
}

impl ConnectPage<'_> {
    fn show(&self, view: &View, problem: Option<&Problem>) -> Result<HttpResponse, Problem> {
        let status = problem.map_or(StatusCode::OK, Problem::status_code);
        let mut answer = view.show(status, TEMPLATE, &self.context(problem))?;
        if let Some(problem) = problem {
            problem.add_headers_to(answer.headers_mut());
        }
        Ok(answer)
    }

    fn context(&self, problem: Option<&Problem>) -> Value {
        let Self { pending, label, typed } = self;
        let (way, email) = match &pending.way {
            ConnectWay::SignIn(email) => ("sign_in", email.as_str()),
            ConnectWay::Confirm(email) => ("confirm", email.as_str()),
            ConnectWay::Ask => ("ask", *typed),
        };
        let return_to = &pending.return_to;
        context! { way, email, provider => *label, return_to, ..form_problem(problem) }
    }
}

/// The rooms of this page.
struct Rooms {
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
    upstream: Data<Upstream>,
}

impl Rooms {
    /// What the browser is about to connect.
    fn pending(&self, request: &HttpRequest) -> Option<PendingIdentity> {
        match next_of(request, &self.upstream, &self.sessions.world().config.http)? {
            NextStep::Connect(pending) => Some(*pending),
            NextStep::SecondFactor(_) | NextStep::Enrolment(_) => None,
        }
    }

    fn label<'p>(&'p self, pending: &'p PendingIdentity) -> &'p str {
        let provider = self.upstream.provider(&pending.identity.provider);
        provider.map_or(pending.identity.provider.as_str(), |provider| provider.options.label.as_str())
    }
}

async fn page(
    request: HttpRequest,
    view: View,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
    upstream: Data<Upstream>,
) -> Result<HttpResponse, Problem> {
    let rooms = Rooms { accounts, sessions, lifecycle, upstream };
    let Some(pending) = rooms.pending(&request) else { return Ok(nothing_to_connect()) };
    ConnectPage { pending: &pending, label: rooms.label(&pending), typed: "" }.show(&view, None)
}

async fn submit(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
    upstream: Data<Upstream>,
) -> Result<HttpResponse, Problem> {
    let typed: Typed = own_form(&request, payload).await?;
    let rooms = Rooms { accounts, sessions, lifecycle, upstream };
    let Some(pending) = rooms.pending(&request) else { return Ok(nothing_to_connect()) };
    let federation = Federation {
        accounts: &rooms.accounts,
        sessions: &rooms.sessions,
        lifecycle: &rooms.lifecycle,
        upstream: &rooms.upstream,
        client: &client,
    };
    let connecting = Connecting { request: &request, federation: &federation, pending: &pending };
    match connecting.done(&typed).await {
        Ok(mut answer) => {
            let options = &rooms.sessions.world().config.http;
            if !connecting.goes_on(&answer) {
                add_cookies(&mut answer, &[expired_lax_cookie(upstream_next_cookie_name(options), options)])?;
            }
            Ok(answer)
        }
        Err(problem) => ConnectPage { pending: &pending, label: rooms.label(&pending), typed: &typed.email }
            .show(&View::of(&request), Some(&problem)),
    }
}

/// What was sent.
struct Connecting<'a> {
    request: &'a HttpRequest,
    federation: &'a Federation<'a>,
    pending: &'a PendingIdentity,
}

impl Connecting<'_> {
    async fn done(&self, typed: &Typed) -> Result<HttpResponse, Problem> {
        match &self.pending.way {
            ConnectWay::SignIn(email) => self.by_password(email, &typed.password).await,
            ConnectWay::Confirm(email) => self.by_email(EmailAddress::from_stored(email.clone())).await,
            ConnectWay::Ask => {
                require_open(self.registration())?;
                let email =
                    EmailAddress::parse(&typed.email).map_err(|error| Problem::fields(vec![error.of("email")]))?;
                self.by_email(email).await
            }
        }
    }

    fn registration(&self) -> RegistrationPolicy {
        self.federation.upstream.registration()
    }

    async fn by_password(&self, email: &str, password: &str) -> Result<HttpResponse, Problem> {
        if password.is_empty() {
            return Err(Problem::fields(vec![FieldError::new("password", "required", "")]));
        }
        let options = &self.federation.sessions.world().config.http;
        let presented = all_tokens_in_cookies(self.request, options);
        let return_to = self.pending.return_to.clone();
        let next = match self.federation.connect_by_password(self.pending, email, password, presented).await? {
            SigningIn::SecondFactorRequired(challenge) => NextStep::SecondFactor(next_factor_of(challenge, return_to)),
            SigningIn::EnrolmentRequired(challenge) => NextStep::Enrolment(next_factor_of(challenge, return_to)),
            outcome => {
                let signed_in = entered(outcome)?;
                return Ok(redirect_signed_in(self.request, &signed_in, &return_to, options));
            }
        };
        to_next(&next, self.federation.upstream, options)
    }

    /// "Check your e-mail": the same for every address.
    async fn by_email(&self, email: EmailAddress) -> Result<HttpResponse, Problem> {
        let world = self.federation.sessions.world();
        let browser = AskingBrowser::of(self.request, &world.config.http, &world.rng);
        let requested = self.federation.connect_by_email(self.pending, email, browser.digest()).await?;
        let flow = lifecycle::accepted(requested)?;
        let mut answer = CodePage::new(Purpose::Connect, &flow.flow).show(&View::of(self.request), None)?;
        add_cookies(&mut answer, &[browser.cookie(flow.expires_in, &world.config.http)])?;
        Ok(answer)
    }

    /// Whether the cookie holds another step now, or is needed again: an address that was mistyped.
    fn goes_on(&self, answer: &HttpResponse) -> bool {
        let name = upstream_next_cookie_name(&self.federation.sessions.world().config.http);
        answer.cookies().any(|cookie| cookie.name() == name) || answer.status() == StatusCode::OK
    }
}

/// The step has expired, was taken in another tab, or never was.
fn nothing_to_connect() -> HttpResponse {
    see_other(&format!("{}?reason=upstream_state_invalid", paths::LOGIN_PAGE))
}

/// Samples of the page with every problem.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    const HOSTILE: &str = "<script>alert(1)</script>\"'@example.com";
    let identity = crate::identity::UpstreamIdentity {
        provider: "kakao".to_owned(),
        issuer: "https://kauth.kakao.com".to_owned(),
        subject: "1".to_owned(),
        email: None,
    };
    let ways = [ConnectWay::SignIn(HOSTILE.to_owned()), ConnectWay::Confirm(HOSTILE.to_owned()), ConnectWay::Ask];
    let problems = kind::ALL.iter().map(|kind| Some(Problem::new(*kind, "")));
    let fields = ["email", "password"].map(|field| Some(Problem::field(field, "required", "")));
    let problems: Vec<_> = problems.chain([None]).chain(fields).collect();
    let of_way = |way: ConnectWay| {
        let return_to = "/account?a=\"><b>".to_owned();
        let pending = PendingIdentity { identity: identity.clone(), name: None, way, return_to, remembered: false };
        let page = ConnectPage { pending: &pending, label: "<b>Kakao</b>", typed: HOSTILE };
        problems.iter().map(|problem| (TEMPLATE, page.context(problem.as_ref()))).collect::<Vec<_>>()
    };
    ways.into_iter().flat_map(of_way).collect()
}
