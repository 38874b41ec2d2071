use super::{SecondStep, api::cookie_of_trust, open};
use crate::{
    config::Config,
    factors::{Challenge, FactorCode, FactorKind, PresentedFactor},
    http::{Endpoint, FromClient, Problem, all_tokens_in_cookies, kind, own_form, paths, return_to},
    kernel::{Moment, Transport},
    pages::{Sample, View, form_problem},
    sessions::{Entered, Sessions, add_cookies, redirect_signed_in},
    sign_in::{
        answer::{challenge_expired, entered},
        recovery::shown,
        upstream::next_factor,
    },
    users::Accounts,
};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    cookie::Cookie,
    http::{StatusCode, header},
    web::{Data, Payload, ServiceConfig},
};
use minijinja::{Value, context};
use serde::Deserialize;
use zeroize::Zeroizing;

const TEMPLATE: &str = "sign_in/second_factor.html";

/// `/login/code`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::LOGIN_CODE_PAGE).hashing().get(page).post(submit).mount(config);
}

/// The page of the second step: a code of an authenticator app, a recovery code, or a passkey.
pub struct CodePage {
    challenge: Zeroizing<String>,
    /// Which factors the user has: only what the page shows depends on it.
    factors: Vec<FactorKind>,
    return_to: String,
    /// How many hours the removal of lost factors waits.
    recovery_hours: u64,
    /// When they can be removed, if someone began to wait for that: on the first page only.
    recovery_ready_at: Option<Moment>,
    /// Whether the user can have them removed.
    can_recover: bool,
    /// Whether the first step was the password.
    by_password: bool,
    /// For how many days a browser may stand for the second factor. Zero: none may.
    trust_days: u64,
}

#[derive(Default, Deserialize)]
struct Typed {
    #[serde(default)]
    challenge: Zeroizing<String>,
    #[serde(default)]
    code: Zeroizing<String>,
    trust_device: Option<String>,
    /// Names of factors, separated by spaces: what the page showed before.
    #[serde(default)]
    factors: String,
    /// Whether the page offered the removal of lost factors before.
    can_recover: Option<String>,
    /// Whether it came after the password.
    by_password: Option<String>,
    return_to: Option<String>,
}

impl CodePage {
    /// For this challenge, as it was just made after the password.
    #[must_use]
    pub fn after_password(challenge: Challenge, return_to: String, config: &Config) -> Self {
        Self { by_password: true, ..Self::first(challenge, return_to, config) }
    }

    fn first(challenge: Challenge, return_to: String, config: &Config) -> Self {
        let Challenge { token, factors, recovery_ready_at, can_recover, .. } = challenge;
        Self { factors, recovery_ready_at, can_recover, ..Self::new(token, return_to, config) }
    }

    fn new(challenge: Zeroizing<String>, return_to: String, config: &Config) -> Self {
        let trust_days = config.factors.trusted_device_ttl.as_secs().div_ceil(24 * 60 * 60);
        let recovery_hours = config.accounts.factor_recovery_delay.as_secs().div_ceil(60 * 60);
        Self {
            challenge,
            factors: Vec::new(),
            return_to,
            recovery_hours,
            recovery_ready_at: None,
            can_recover: false,
            by_password: false,
            trust_days,
        }
    }

    fn again(typed: Typed, return_to: String, config: &Config) -> Self {
        let factors = typed.factors.split(' ').filter_map(FactorKind::from_name).collect();
        let (can_recover, by_password) = (typed.can_recover.is_some(), typed.by_password.is_some());
        Self { factors, can_recover, by_password, ..Self::new(typed.challenge, return_to, config) }
    }

    /// The form, with the problem's status and headers if there is one.
    ///
    /// # Errors
    /// When the template fails.
    pub fn show(&self, view: &View, problem: Option<&Problem>) -> Result<HttpResponse, Problem> {
        let status = problem.map_or(StatusCode::OK, Problem::status_code);
        let mut answer = view.show(status, TEMPLATE, &self.context(problem))?;
        if let Some(problem) = problem {
            problem.add_headers_to(answer.headers_mut());
        }
        Ok(answer)
    }

    fn context(&self, problem: Option<&Problem>) -> Value {
        let Self { challenge, factors, return_to, recovery_hours, can_recover, by_password, trust_days, .. } = self;
        let has = |kind| factors.contains(&kind);
        let (by_totp, by_passkey) = (has(FactorKind::Totp), has(FactorKind::Passkey));
        let factors = factors.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" ");
        let recovery_ready_at = self.recovery_ready_at.map(shown);
        let is_over = problem.is_some_and(|problem| !can_go_on(problem));
        context! { challenge => &**challenge, factors, by_totp, by_passkey, return_to, recovery_hours, recovery_ready_at,
        can_recover, by_password, trust_days, is_over, ..form_problem(problem) }
    }
}

/// Whether another code may be typed after this problem.
fn can_go_on(problem: &Problem) -> bool {
    let last = [kind::CHALLENGE_EXPIRED, kind::ACCOUNT_BLOCKED, kind::EMAIL_NOT_VERIFIED, kind::INVALID_CREDENTIALS];
    !last.contains(&problem.kind)
}

/// After a sign-in with another provider, the page; otherwise it leads to the sign-in page: there is no code to type before the
/// password.
async fn page(request: HttpRequest, view: View, sessions: Data<Sessions>) -> Result<HttpResponse, Problem> {
    match next_factor(&request, false) {
        Some((challenge, to)) => CodePage::first(challenge, to, &sessions.world().config).show(&view, None),
        None => Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, paths::LOGIN_PAGE)).finish()),
    }
}

async fn submit(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let options = &sessions.world().config.http;
    let step = SecondStep { accounts: &accounts, sessions: &sessions, client: &client };
    let (typed, done) = match own_form::<Typed>(&request, payload).await {
        Ok(typed) => {
            let done = complete(&step, &request, &typed).await;
            (typed, done)
        }
        Err(problem) => (Typed::default(), Err(problem)),
    };
    let to = return_to(typed.return_to.as_deref(), options);
    match done {
        Ok((entered, trust)) => {
            let mut answer = redirect_signed_in(&request, &entered, &to, options);
            add_cookies(&mut answer, &trust)?;
            Ok(answer)
        }
        Err(problem) => CodePage::again(typed, to, &sessions.world().config).show(&View::of(&request), Some(&problem)),
    }
}

async fn complete(
    step: &SecondStep<'_>,
    request: &HttpRequest,
    typed: &Typed,
) -> Result<(Box<Entered>, Vec<Cookie<'static>>), Problem> {
    if typed.code.trim().is_empty() {
        return Err(Problem::field("code", "required", ""));
    }
    let challenge = open(step.sessions.factors(), &typed.challenge).await?;
    let challenge =
        challenge.filter(|open| open.pending.transport == Transport::Cookie).ok_or_else(challenge_expired)?;
    let presented = all_tokens_in_cookies(request, &step.sessions.world().config.http);
    let factor = PresentedFactor::Code(FactorCode::of_either(&typed.code));
    let entered = entered(step.attempt(challenge.clone(), factor, presented).await?)?;
    let trust = if typed.trust_device.is_some() { cookie_of_trust(step, &challenge).await } else { Vec::new() };
    Ok((entered, trust))
}

/// Samples of the page with every problem.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    let kinds = [
        (vec![FactorKind::Totp, FactorKind::RecoveryCode], true),
        (vec![FactorKind::Passkey, FactorKind::RecoveryCode], true),
        (vec![FactorKind::Totp, FactorKind::Passkey], false),
    ];
    let pages = kinds.map(|(factors, can_recover)| CodePage {
        challenge: Zeroizing::new("\"><b>".to_owned()),
        factors,
        return_to: "/account?a=\"><b>".to_owned(),
        recovery_hours: 72,
        recovery_ready_at: Some(Moment::UNIX_EPOCH),
        can_recover,
        by_password: can_recover,
        trust_days: 30,
    });
    let problems = kind::ALL.iter().map(|kind| Some(Problem::new(*kind, "")));
    let problems: Vec<_> = problems.chain([None, Some(Problem::field("code", "required", ""))]).collect();
    let of_page = |page: &CodePage| problems.iter().map(|problem| (TEMPLATE, page.context(problem.as_ref()))).collect();
    pages.iter().flat_map(|page| -> Vec<Sample> { of_page(page) }).collect()
}
