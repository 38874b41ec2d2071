use super::{
    SignIn, SigningIn,
    api::{device_cookie, parse, require_open},
    return_to,
};
use crate::{
    accounts::{Accounts, Refused, Registration, too_many_attempts},
    config::{HttpOptions, Registration as RegistrationPolicy},
    guessing::DeviceToken,
    kernel::Client,
    sessions::{Grant, NewSession, Opening, Sessions, Transport, token_cookie},
    web::{Endpoint, FieldError, FromClient, Pages, Problem, Query, SameOrigin, form, html, kind, paths},
};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
    web::{Data, Payload, ServiceConfig},
};
use minijinja::{Value, context};
use serde::Deserialize;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// `/login` and `/register`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::LOGIN_PAGE).get(login_page).post(login).mount(config);
    Endpoint::at(paths::REGISTER_PAGE).get(register_page).post(register).mount(config);
}

/// What links to these pages may say.
#[derive(Debug, Default, Deserialize)]
struct Visit {
    return_to: Option<String>,
    /// Why somebody comes who was signed in: the code of a problem.
    reason: Option<String>,
}

/// The fields of both forms.
#[derive(Default, Deserialize)]
struct Typed {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: Zeroizing<String>,
    #[serde(default)]
    name: String,
    remember: Option<String>,
    return_to: Option<String>,
}

/// One form and what the server has to say of it.
#[derive(Debug, Default)]
struct Form {
    template: &'static str,
    email: String,
    name: String,
    remember: bool,
    return_to: String,
    notice: String,
    registration_open: bool,
    problem: Option<Problem>,
}

/// What both handlers share.
struct Rooms {
    pages: Data<Pages>,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
}

const LOGIN: &str = "login/login.html";
const REGISTER: &str = "login/register.html";

impl Rooms {
    fn options(&self) -> &HttpOptions {
        &self.sessions.world().config.http
    }

    fn form(&self, template: &'static str, typed: &Typed) -> Form {
        Form {
            template,
            email: typed.email.clone(),
            name: typed.name.clone(),
            remember: typed.remember.is_some(),
            return_to: return_to::checked(typed.return_to.as_deref(), self.options()),
            registration_open: self.sessions.world().config.registration == RegistrationPolicy::Open,
            ..Form::default()
        }
    }

    /// An empty form, for one that could not be read.
    fn unreadable(&self, template: &'static str, problem: Problem) -> HttpResponse {
        let form = self.form(template, &Typed::default());
        Form { problem: Some(problem), ..form }.answer(&self.pages)
    }

    /// Leads on, signed in. 303, so that the browser does not post the password again (RFC 9700 §4.12).
    fn lead_on(&self, grant: &Grant, device: Option<&DeviceToken>, to: &str) -> HttpResponse {
        let mut answer = HttpResponse::SeeOther();
        answer.cookie(token_cookie(grant, self.options()));
        if let Some(device) = device {
            answer.cookie(device_cookie(device, self.options()));
        }
        answer.insert_header((header::LOCATION, to)).insert_header((header::CACHE_CONTROL, "no-store")).finish()
    }
}

impl Form {
    fn context(&self) -> Value {
        let Self { email, name, remember, return_to, notice, registration_open, .. } = self;
        let fields = self.problem.iter().flat_map(|problem| &problem.errors);
        let errors: BTreeMap<_, _> = fields.map(|error| (error.field.clone(), error.message.clone())).collect();
        let problem = self.problem.as_ref().filter(|problem| problem.errors.is_empty());
        let problem =
            problem.map(|problem| context! { code => problem.kind.code, retry_after => problem.retry_after() });
        context! { email, name, remember, return_to, notice, registration_open, problem, errors }
    }

    /// The page, with the problem's status and headers if there is one.
    fn answer(&self, pages: &Pages) -> HttpResponse {
        let page = match pages.render(self.template, self.context()) {
            Ok(page) => page,
            Err(problem) => return problem.error_response(),
        };
        let Some(problem) = &self.problem else { return html(StatusCode::OK, page) };
        let mut answer = html(problem.status_code(), page);
        for (name, value) in &problem.headers {
            if let Ok(value) = header::HeaderValue::from_str(value) {
                answer.headers_mut().insert(name.clone(), value);
            }
        }
        answer
    }
}

async fn login_page(
    Query(visit): Query<Visit>,
    (pages, accounts, sessions): (Data<Pages>, Data<Accounts>, Data<Sessions>),
) -> HttpResponse {
    show(LOGIN, visit, &Rooms { pages, accounts, sessions })
}

async fn register_page(
    Query(visit): Query<Visit>,
    (pages, accounts, sessions): (Data<Pages>, Data<Accounts>, Data<Sessions>),
) -> HttpResponse {
    show(REGISTER, visit, &Rooms { pages, accounts, sessions })
}

fn show(template: &'static str, visit: Visit, rooms: &Rooms) -> HttpResponse {
    let mut form = rooms.form(template, &Typed { return_to: visit.return_to, ..Typed::default() });
    form.notice = visit.reason.unwrap_or_default();
    if template == REGISTER {
        form.problem = require_open(rooms.sessions.world().config.registration).err();
    }
    form.answer(&rooms.pages)
}

async fn login(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    (pages, accounts, sessions): (Data<Pages>, Data<Accounts>, Data<Sessions>),
) -> HttpResponse {
    let rooms = Rooms { pages, accounts, sessions };
    let typed = match form(&request, payload).await {
        Ok(typed) => typed,
        Err(problem) => return rooms.unreadable(LOGIN, problem),
    };
    let mut form = rooms.form(LOGIN, &typed);
    match sign_in(&request, &rooms, &typed, &client).await {
        Ok((grant, device)) => rooms.lead_on(&grant, device.as_ref(), &form.return_to),
        Err(problem) => {
            form.problem = Some(problem);
            form.answer(&rooms.pages)
        }
    }
}

async fn sign_in(
    request: &HttpRequest,
    rooms: &Rooms,
    typed: &Typed,
    client: &Client,
) -> Result<(Grant, Option<DeviceToken>), Problem> {
    SameOrigin::extract(request).await?;
    require_both(typed)?;
    let sign_in = SignIn {
        email: &typed.email,
        password: &typed.password,
        transport: Transport::Cookie,
        remembered: typed.remember.is_some(),
        device_name: None,
    };
    match sign_in.attempt(&rooms.accounts, &rooms.sessions, client).await? {
        SigningIn::Opened(grant, device) => Ok((grant, device)),
        SigningIn::WrongCredentials => Err(Problem::new(kind::INVALID_CREDENTIALS, "")),
        SigningIn::Limited { wait } => Err(too_many_attempts(wait)),
        SigningIn::Blocked => Err(Problem::new(kind::ACCOUNT_BLOCKED, "")),
    }
}

fn require_both(typed: &Typed) -> Result<(), Problem> {
    let missing = |field: &str, message: &str| FieldError {
        field: field.to_owned(),
        code: "required",
        message: message.to_owned(),
    };
    let email = typed.email.trim().is_empty().then(|| missing("email", "Enter your e-mail address."));
    let password = typed.password.is_empty().then(|| missing("password", "Enter your password."));
    let errors: Vec<_> = email.into_iter().chain(password).collect();
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(errors)) }
}

async fn register(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    (pages, accounts, sessions): (Data<Pages>, Data<Accounts>, Data<Sessions>),
) -> HttpResponse {
    let rooms = Rooms { pages, accounts, sessions };
    let typed = match form(&request, payload).await {
        Ok(typed) => typed,
        Err(problem) => return rooms.unreadable(REGISTER, problem),
    };
    let mut form = rooms.form(REGISTER, &typed);
    match sign_up(&request, &rooms, &typed, &client).await {
        Ok(grant) => rooms.lead_on(&grant, None, &form.return_to),
        Err(problem) => {
            form.problem = Some(problem);
            form.answer(&rooms.pages)
        }
    }
}

/// Makes an account and opens its first session.
async fn sign_up(request: &HttpRequest, rooms: &Rooms, typed: &Typed, client: &Client) -> Result<Grant, Problem> {
    SameOrigin::extract(request).await?;
    require_open(rooms.sessions.world().config.registration)?;
    let new = parse(&typed.email, &typed.password, Some(&typed.name)).map_err(Problem::fields)?;
    let user = match rooms.accounts.register(new, client).await? {
        Registration::Registered(user) => user,
        Registration::EmailTaken => return Err(taken()),
        Registration::PasswordRefused(error) => return Err(Problem::fields(vec![error.of("password")])),
    };
    let first = NewSession {
        user: user.id,
        // The first password of an account.
        password_version: 0,
        transport: Transport::Cookie,
        remembered: typed.remember.is_some(),
        device_name: None,
        client: client.clone(),
    };
    match rooms.sessions.open(first).await? {
        Opening::Opened(grant) => Ok(grant),
        Opening::Blocked => Err(Problem::new(kind::ACCOUNT_BLOCKED, "")),
        Opening::Outdated => Err(Problem::new(kind::INVALID_CREDENTIALS, "")),
    }
}

fn taken() -> Problem {
    let message = "There is an account with this address already. Sign in instead.".to_owned();
    let error = FieldError { field: "email".to_owned(), code: "taken", message };
    Problem { errors: vec![error], ..Problem::new(kind::EMAIL_TAKEN, "") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: &'static str, problem: Option<Problem>, notice: &str) -> String {
        let form = Form {
            template,
            email: "<script>alert(1)</script>\"'@example.com".to_owned(),
            name: "{{ 7 * 7 }}".to_owned(),
            return_to: "/account?a=\"><b>".to_owned(),
            notice: notice.to_owned(),
            registration_open: true,
            remember: true,
            problem,
        };
        let pages = Pages::load().map_err(|error| error.to_string());
        pages
            .and_then(|pages| pages.render(template, form.context()).map_err(|problem| problem.to_string()))
            .unwrap_or_default()
    }

    #[test]
    fn every_page_renders_with_every_problem_and_escapes_what_was_typed() {
        let problems = kind::ALL.iter().map(|kind| Some(Problem::new(*kind, "detail")));
        let fields =
            Problem::fields(vec![FieldError { field: "email".into(), code: "x", message: "<i>no</i>".into() }]);
        for problem in problems.chain([None, Some(fields)]) {
            for template in [LOGIN, REGISTER] {
                let page = rendered(template, problem.clone(), "refresh_token_reused");
                assert!(page.contains("</html>"), "{template}: {problem:?}");
                assert!(!page.contains("<script>alert") && !page.contains("<i>no") && !page.contains("><b>"), "{page}");
                assert!(!page.contains("49"), "what was typed is no template");
            }
        }
    }
}
