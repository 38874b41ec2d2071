use super::{
    Enrolling, TypedCodes,
    api::{enrolled, require_email_code},
};
use crate::{
    factors::{NewCodes, NewTotp, TotpSecret},
    http::{Endpoint, FromClient, Problem, SameOrigin, all_tokens_in_cookies, form, kind, paths, return_to},
    lifecycle::Lifecycle,
    pages::{Sample, View, form_problem},
    sessions::{Entered, Sessions, add_cookies, cookies_of_sign_in},
    sign_in::answer::challenge_expired,
    users::Accounts,
};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
    web::{Data, Payload, ServiceConfig},
};
use minijinja::{Value, context};
use serde::Deserialize;
use std::sync::Arc;
use zeroize::Zeroizing;

const TEMPLATE: &str = "sign_in/enrol.html";
const CODES: &str = "sign_in/recovery_codes.html";

/// `/login/enrol`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::LOGIN_ENROL_PAGE).hashing().get(page).post(submit).mount(config);
}

/// What the form sends. The secret comes back with it, so that the picture can be shown again: it decides nothing.
#[derive(Default, Deserialize)]
struct Typed {
    #[serde(default)]
    challenge: Zeroizing<String>,
    #[serde(default)]
    secret: Zeroizing<String>,
    #[serde(default)]
    uri: Zeroizing<String>,
    #[serde(default)]
    code: Zeroizing<String>,
    email_code: Option<Zeroizing<String>>,
    return_to: Option<String>,
}

/// The page on which an app is set up.
struct EnrolPage {
    challenge: Zeroizing<String>,
    secret: Zeroizing<String>,
    uri: Zeroizing<String>,
    asks_email_code: bool,
    return_to: String,
}

impl EnrolPage {
    fn first(challenge: Zeroizing<String>, new: &NewTotp, asks_email_code: bool, return_to: String) -> Self {
        Self { challenge, secret: new.secret.clone(), uri: new.uri.clone(), asks_email_code, return_to }
    }

    /// As it was sent, but the codes.
    fn again(typed: &Typed, return_to: String) -> Self {
        Self {
            challenge: typed.challenge.clone(),
            secret: typed.secret.clone(),
            uri: typed.uri.clone(),
            asks_email_code: typed.email_code.is_some(),
            return_to,
        }
    }

    /// The form, with the problem's status and headers if there is one.
    fn show(&self, view: &View, problem: Option<&Problem>) -> Result<HttpResponse, Problem> {
        let status = problem.map_or(StatusCode::OK, Problem::status_code);
        let mut answer = view.show(status, TEMPLATE, &self.context(problem))?;
        if let Some(problem) = problem {
            problem.add_headers_to(answer.headers_mut());
        }
        Ok(answer)
    }

    fn context(&self, problem: Option<&Problem>) -> Value {
        let Self { challenge, secret, uri, asks_email_code, return_to } = self;
        let is_over = problem.is_some_and(|problem| !can_go_on(problem));
        // The URI that was sent back is shown if it holds the secret that was: nobody else's text becomes a picture.
        let is_ours = TotpSecret::parse(secret).is_some_and(|secret| uri.contains(&**secret.reveal_base32()));
        let picture = if is_ours { crate::factors::qr_svg(uri) } else { None };
        context! {
            challenge => &**challenge, secret => &**secret, uri => &**uri, picture => picture.as_ref().map(|svg| &***svg),
            groups => groups(secret), asks_email_code, return_to, is_over, ..form_problem(problem)
        }
    }
}

/// In groups of four, as they are typed.
fn groups(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().filter(char::is_ascii_alphanumeric).collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// Whether other codes may be typed after this problem.
fn can_go_on(problem: &Problem) -> bool {
    let last = [kind::CHALLENGE_EXPIRED, kind::ACCOUNT_BLOCKED, kind::EMAIL_NOT_VERIFIED, kind::INVALID_CREDENTIALS];
    !last.contains(&problem.kind)
}

/// Leads to the sign-in page: there is nothing to set up before the password.
async fn page() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, paths::LOGIN_PAGE)).finish()
}

/// The page with a new secret, after the right password.
///
/// # Errors
/// When the database or the template fails.
pub async fn show(
    view: &View,
    enrolling: &Enrolling<'_>,
    challenge: crate::factors::Challenge,
    return_to: String,
) -> Result<HttpResponse, Problem> {
    let (new, kind) = enrolling.begin(&challenge.token).await?.ok_or_else(challenge_expired)?;
    EnrolPage::first(challenge.token, &new, kind.asks_email_code(), return_to).show(view, None)
}

async fn submit(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let options = &sessions.world().config.http;
    let enrolling = Enrolling { accounts: &accounts, sessions: &sessions, lifecycle: &lifecycle, client: &client };
    let (typed, done) = match form::<Typed>(&request, payload).await {
        Ok(typed) => {
            let done = complete(&enrolling, &request, &typed).await;
            (typed, done)
        }
        Err(problem) => (Typed::default(), Err(problem)),
    };
    let (view, to) = (View::of(&request), return_to(typed.return_to.as_deref(), options));
    match done {
        Ok((entered, codes)) => {
            let codes: Vec<String> = codes.reveal().iter().map(|code| code.to_string()).collect();
            let mut answer = view.show(StatusCode::OK, CODES, &context! { codes, return_to => to })?;
            add_cookies(&mut answer, &cookies_of_sign_in(&request, &entered, options))?;
            Ok(answer)
        }
        Err(problem) => EnrolPage::again(&typed, to).show(&view, Some(&problem)),
    }
}

async fn complete(
    enrolling: &Enrolling<'_>,
    request: &HttpRequest,
    typed: &Typed,
) -> Result<(Box<Entered>, Arc<NewCodes>), Problem> {
    SameOrigin::extract(request).await?;
    let challenge = enrolling.look(&typed.challenge).await?.ok_or_else(challenge_expired)?;
    let codes = TypedCodes { code: &typed.code, email_code: typed.email_code.as_ref().map(|code| code.as_str()) };
    if typed.code.trim().is_empty() {
        return Err(Problem::field("code", "required", ""));
    }
    require_email_code(&challenge, &codes)?;
    let presented = all_tokens_in_cookies(request, &enrolling.sessions.world().config.http);
    enrolled(enrolling.confirm(&typed.challenge, &codes, presented).await?)
}

/// Samples of the pages with every problem.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    let hostile = || Zeroizing::new("\"><b>".to_owned());
    let page = |asks_email_code, secret: &str| EnrolPage {
        challenge: hostile(),
        secret: Zeroizing::new(secret.to_owned()),
        uri: Zeroizing::new("https://example.com/?issuer=<b>".to_owned()),
        asks_email_code,
        return_to: "/account?a=\"><b>".to_owned(),
    };
    let pages = [page(true, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), page(false, "<script>")];
    let problems = kind::ALL.iter().map(|kind| Some(Problem::new(*kind, "")));
    let more = [
        None,
        Some(Problem::field("code", "required", "")),
        Some(Problem::field("email_code", "required", "")),
        Some(Problem::field("email_code", "invalid", "")),
    ];
    let all = problems
        .chain(more)
        .flat_map(|problem| pages.iter().map(|page| (TEMPLATE, page.context(problem.as_ref()))).collect::<Vec<_>>());
    // In place of a picture, whose numbers are any.
    let drawn = context! { picture => "<svg></svg>", ..page(true, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").context(None) };
    all.chain([
        (TEMPLATE, drawn),
        (CODES, context! { codes => ["1-7KQF-M2XA-9TRD"], return_to => "/account?a=\"><b>" }),
    ])
    .collect()
}
