use super::{
    Completion, Enrolling, Shown,
    api::{enrolled, require_email_code},
};
use crate::{
    factors::{NewCodes, NewTotp},
    http::{Endpoint, FromClient, Problem, all_tokens_in_cookies, kind, own_form, paths, return_to},
    kernel::Transport,
    lifecycle::Lifecycle,
    pages::{Sample, View, form_problem},
    sessions::{Entered, Sessions, add_cookies, cookies_of_sign_in},
    sign_in::{answer::challenge_expired, upstream::next_factor},
    users::Accounts,
};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
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

/// What the form sends.
#[derive(Default, Deserialize)]
struct Typed {
    #[serde(default)]
    challenge: Zeroizing<String>,
    #[serde(default)]
    code: Zeroizing<String>,
    email_code: Option<Zeroizing<String>>,
    return_to: Option<String>,
}

/// The page on which an app is set up.
struct EnrolPage {
    challenge: Zeroizing<String>,
    /// From the database, never from a form: nobody else's text becomes a picture or a link.
    shown: Option<NewTotp>,
    asks_email_code: bool,
    offers_passkeys: bool,
    return_to: String,
}

impl EnrolPage {
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
        let shown = self.shown.as_ref().map(|new| app(&new.secret, &new.uri, &new.qr_svg));
        self.context_with(shown, problem)
    }

    fn context_with(&self, app: Option<Value>, problem: Option<&Problem>) -> Value {
        let Self { challenge, asks_email_code, offers_passkeys, return_to, .. } = self;
        let is_over = challenge.is_empty() || problem.is_some_and(|problem| !can_go_on(problem));
        context! { challenge => &**challenge, app, asks_email_code, offers_passkeys, return_to, is_over, ..form_problem(problem) }
    }
}

/// What is shown of a new app.
fn app(secret: &str, uri: &str, picture: &str) -> Value {
    context! { picture, uri, groups => groups(secret) }
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

/// After a sign-in with another provider, the page; otherwise it leads to the sign-in page: there is nothing to set up before the
/// password.
async fn page(
    request: HttpRequest,
    view: View,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let Some((challenge, to)) = next_factor(&request, true) else {
        return Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, paths::LOGIN_PAGE)).finish());
    };
    let enrolling = Enrolling { accounts: &accounts, sessions: &sessions, lifecycle: &lifecycle, client: &client };
    show(&view, &enrolling, challenge, to).await
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
    let asks_email_code = kind.asks_email_code();
    let offers_passkeys = offers_passkeys(enrolling);
    EnrolPage { challenge: challenge.token, shown: Some(new), asks_email_code, offers_passkeys, return_to }
        .show(view, None)
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
    let (typed, done) = match own_form::<Typed>(&request, payload).await {
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
        Err(problem) => {
            // Where the database fails again, the form stays without the picture.
            let shown = enrolling.shown_again(&typed.challenge).await.ok().flatten();
            let Typed { challenge, email_code, .. } = typed;
            let (asks_email_code, offers_passkeys) = (email_code.is_some(), offers_passkeys(&enrolling));
            let page = EnrolPage { challenge, shown, asks_email_code, offers_passkeys, return_to: to };
            page.show(&view, Some(&problem))
        }
    }
}

fn offers_passkeys(enrolling: &Enrolling<'_>) -> bool {
    enrolling.sessions.factors().passkeys().is_enabled()
}

async fn complete(
    enrolling: &Enrolling<'_>,
    request: &HttpRequest,
    typed: &Typed,
) -> Result<(Box<Entered>, Arc<NewCodes>), Problem> {
    let challenge = enrolling.look(&typed.challenge).await?;
    let challenge =
        challenge.filter(|open| open.pending.transport == Transport::Cookie).ok_or_else(challenge_expired)?;
    let email_code = typed.email_code.as_ref().map(|code| code.as_str());
    let completion = Completion { shown: Shown::Code(&typed.code), email_code };
    if typed.code.trim().is_empty() {
        return Err(Problem::field("code", "required", ""));
    }
    require_email_code(&challenge, &completion)?;
    let presented = all_tokens_in_cookies(request, &enrolling.sessions.world().config.http);
    enrolled(enrolling.confirm(&typed.challenge, &completion, presented).await?)
}

/// Samples of the pages with every problem.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    let page = |asks_email_code| EnrolPage {
        challenge: Zeroizing::new("\"><b>".to_owned()),
        shown: None,
        asks_email_code,
        offers_passkeys: asks_email_code,
        return_to: "/account?a=\"><b>".to_owned(),
    };
    let pages = [page(true), page(false)];
    // In place of a picture, whose numbers are any.
    let drawn = || app("GEZDGNBVGY3TQOJQ", "otpauth://totp/<b>?secret=GEZDGNBVGY3TQOJQ", "<svg></svg>");
    let problems = kind::ALL.iter().map(|kind| Some(Problem::new(*kind, "")));
    let more = [
        None,
        Some(Problem::field("code", "required", "")),
        Some(Problem::field("email_code", "required", "")),
        Some(Problem::field("email_code", "invalid", "")),
    ];
    let all = problems.chain(more).flat_map(|problem| {
        let of =
            |page: &EnrolPage| [None, Some(drawn())].map(|app| (TEMPLATE, page.context_with(app, problem.as_ref())));
        pages.iter().flat_map(of).collect::<Vec<_>>()
    });
    all.chain([(CODES, context! { codes => ["1-7KQF-M2XA-9TRD"], return_to => "/account?a=\"><b>" })]).collect()
}
