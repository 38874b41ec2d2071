use super::{
    SignIn, SigningIn,
    answer::entered,
    api::{parse, require_both, require_open},
    enrolment::{self, Enrolling},
    recovery,
    second_factor::{self, CodePage as SecondFactorPage},
    upstream,
    verification::ask_to_verify,
    without_script,
};
use crate::{
    config::{EmailVerification, HttpOptions, RegistrationPolicy},
    confirmations::Purpose,
    factors::Challenge,
    http::{Endpoint, FieldError, FromClient, Problem, all_tokens_in_cookies, kind, own_form, paths, return_to},
    kernel::{Client, Transport},
    lifecycle::{self, Asker, AskingBrowser, CodePage, Flow, Lifecycle},
    pages::{Sample, View, form_problem, kept},
    sessions::{Entered, Entry, Sessions, redirect_signed_in},
    users::{Accounts, Refused, Registration},
    work::Caller,
};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
    web::{Data, Payload, ServiceConfig},
};
use minijinja::{Value, context};
use serde::Deserialize;
use zeroize::Zeroizing;

/// `/login` and `/register`, and what `/account` does where no script runs.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::LOGIN_PAGE).hashing().get(login_page).post(login).mount(config);
    Endpoint::at(paths::REGISTER_PAGE).hashing().get(register_page).post(register).mount(config);
    second_factor::page_routes(config);
    enrolment::page_routes(config);
    recovery::page_routes(config);
    upstream::page_routes(config);
    without_script::routes(config);
    without_script::app_routes(config);
}

/// The two pages: one form, with one field more or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Login,
    Register,
}

impl Page {
    fn template(self) -> &'static str {
        match self {
            Self::Login => "sign_in/login.html",
            Self::Register => "sign_in/register.html",
        }
    }
}

/// The query of these pages. An unknown or repeated parameter is ignored: the page is shown in any case.
#[derive(Debug, Default)]
struct Visit {
    return_to: Option<String>,
    /// Why the user is no longer signed in: the code of a problem or of a revocation's reason.
    reason: String,
}

impl Visit {
    fn of(request: &HttpRequest) -> Self {
        let mut visit = Self::default();
        for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
            match &*name {
                "return_to" if visit.return_to.is_none() => visit.return_to = Some(value.into_owned()),
                "reason" if visit.reason.is_empty() => visit.reason = value.into_owned(),
                _ => {}
            }
        }
        visit
    }
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

/// The other providers that a page offers.
#[derive(Debug, Default)]
struct Offered {
    /// Name, label.
    providers: Vec<(String, String)>,
    /// Whether they are above the form.
    are_first: bool,
}

/// One form with the server's answer.
#[derive(Debug, Default)]
struct Form {
    email: String,
    name: String,
    remember: bool,
    return_to: String,
    notice: String,
    registration_open: bool,
    offers_passkeys: bool,
    providers: Offered,
    problem: Option<Problem>,
}

impl Form {
    fn new(typed: &Typed, rooms: &PageRooms) -> Self {
        Self {
            email: typed.email.clone(),
            name: typed.name.clone(),
            remember: typed.remember.is_some(),
            return_to: return_to(typed.return_to.as_deref(), rooms.options()),
            registration_open: rooms.registration() == RegistrationPolicy::Open,
            offers_passkeys: rooms.sessions.factors().passkeys().is_enabled(),
            providers: rooms.offered(),
            ..Self::default()
        }
    }

    fn context(&self) -> Value {
        let Self { email, name, remember, return_to, notice, registration_open, offers_passkeys, .. } = self;
        let shown = |(name, label): &(String, String)| context! { name, label };
        let providers: Vec<_> = self.providers.providers.iter().map(shown).collect();

        let kept = kept(&[("return_to", return_to), ("reason", notice)]);
        let problem = form_problem(self.problem.as_ref());
        context! { email, name, remember, return_to, notice, registration_open, offers_passkeys, providers, providers_first => self.providers.are_first, kept, ..problem }
    }

    /// The page, with the problem's status and headers if there is one.
    fn show(&self, page: Page, view: &View) -> Result<HttpResponse, Problem> {
        let status = self.problem.as_ref().map_or(StatusCode::OK, Problem::status_code);
        let mut answer = view.show(status, page.template(), &self.context())?;
        if let Some(problem) = &self.problem {
            problem.add_headers_to(answer.headers_mut());
        }
        Ok(answer)
    }
}

/// What both pages need.
struct PageRooms {
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
}

/// What a form leads to.
enum Led {
    /// Signed in.
    In(Box<Entered>),
    /// To the page on which a code of the second factor is typed.
    ToSecondFactor(Challenge),
    /// To the page on which a second factor is set up.
    ToEnrolment(Challenge),
    /// To the page on which the code of an email is typed.
    ToCode(Flow, AskingBrowser),
}

async fn login_page(
    request: HttpRequest,
    view: View,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    PageRooms { accounts, sessions, lifecycle }.page(Page::Login, &request).show(Page::Login, &view)
}

async fn register_page(
    request: HttpRequest,
    view: View,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    PageRooms { accounts, sessions, lifecycle }.page(Page::Register, &request).show(Page::Register, &view)
}

async fn login(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    PageRooms { accounts, sessions, lifecycle }.submitted(Page::Login, &request, payload, &client).await
}

async fn register(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    PageRooms { accounts, sessions, lifecycle }.submitted(Page::Register, &request, payload, &client).await
}

impl PageRooms {
    fn options(&self) -> &HttpOptions {
        &self.sessions.world().config.http
    }

    fn registration(&self) -> RegistrationPolicy {
        self.sessions.world().config.registration
    }

    fn offered(&self) -> Offered {
        let options = &self.sessions.world().config.upstream;
        let providers = options.providers.iter().map(|provider| (provider.name.clone(), provider.label.clone()));
        Offered { providers: providers.collect(), are_first: options.are_first }
    }

    /// The empty form.
    fn page(&self, page: Page, request: &HttpRequest) -> Form {
        let visit = Visit::of(request);
        let closed = if page == Page::Register { require_open(self.registration()).err() } else { None };
        let form = Form::new(&Typed { return_to: visit.return_to, ..Typed::default() }, self);
        Form { notice: visit.reason, problem: closed, ..form }
    }

    /// Redirects, signed in; or shows the form again with the typed values, except the password, and the errors.
    async fn submitted(
        &self,
        page: Page,
        request: &HttpRequest,
        payload: Payload,
        client: &Client,
    ) -> Result<HttpResponse, Problem> {
        let (typed, led) = match own_form::<Typed>(request, payload).await {
            Ok(typed) => {
                let led = self.enter(page, request, &typed, client).await;
                (typed, led)
            }
            Err(problem) => (Typed::default(), Err(problem)),
        };
        let form = Form::new(&typed, self);
        match led {
            Ok(Led::In(entered)) => Ok(redirect_signed_in(request, &entered, &form.return_to, self.options())),
            Ok(Led::ToSecondFactor(challenge)) => {
                SecondFactorPage::after_password(challenge, form.return_to, &self.sessions.world().config)
                    .show(&View::of(request), None)
            }
            Ok(Led::ToEnrolment(challenge)) => {
                enrolment::show_page(&View::of(request), &self.enrolling(client), challenge, form.return_to).await
            }
            Ok(Led::ToCode(flow, browser)) => self.show_code(request, &flow, &browser),
            Err(problem) => Form { problem: Some(problem), ..form }.show(page, &View::of(request)),
        }
    }

    /// "Check your e-mail": the same for every address.
    fn show_code(&self, request: &HttpRequest, flow: &Flow, browser: &AskingBrowser) -> Result<HttpResponse, Problem> {
        let mut answer = CodePage::new(Purpose::Register, &flow.flow).show(&View::of(request), None)?;
        let cookie = browser.cookie(flow.expires_in, self.options());
        answer.add_cookie(&cookie).map_err(|_malformed| Problem::internal())?;
        Ok(answer)
    }

    async fn enter(&self, page: Page, request: &HttpRequest, typed: &Typed, client: &Client) -> Result<Led, Problem> {
        match page {
            Page::Login => self.sign_in(request, typed, client).await,
            Page::Register => self.sign_up(request, typed, client).await,
        }
    }

    async fn sign_in(&self, request: &HttpRequest, typed: &Typed, client: &Client) -> Result<Led, Problem> {
        require_both(&typed.email, &typed.password)?;
        let sign_in = SignIn {
            email: &typed.email,
            password: &typed.password,
            transport: Transport::Cookie,
            remembered: typed.remember.is_some(),
            device_name: None,
            wants_factor: false,
            presented: all_tokens_in_cookies(request, self.options()),
        };
        let outcome = sign_in.attempt(&self.accounts, &self.sessions, client).await?;
        if matches!(outcome, SigningIn::Unverified) {
            ask_to_verify(&self.lifecycle, &typed.email, client).await?;
        }
        match outcome {
            SigningIn::SecondFactorRequired(challenge) => Ok(Led::ToSecondFactor(challenge)),
            SigningIn::EnrolmentRequired(challenge) => {
                enrolment::send_code(&self.lifecycle, &challenge, &typed.email, client).await?;
                Ok(Led::ToEnrolment(challenge))
            }
            outcome => entered(outcome).map(Led::In),
        }
    }

    fn enrolling<'a>(&'a self, client: &'a Client) -> Enrolling<'a> {
        Enrolling { accounts: &self.accounts, sessions: &self.sessions, lifecycle: &self.lifecycle, client }
    }

    fn verification(&self) -> EmailVerification {
        self.sessions.world().config.accounts.email_verification
    }

    /// Requests an account. There is none before its address is confirmed.
    async fn ask(&self, request: &HttpRequest, typed: &Typed, client: &Client) -> Result<Led, Problem> {
        let new = parse(&typed.email, &typed.password, Some(&typed.name)).map_err(Problem::fields)?;
        let browser = AskingBrowser::of(request, self.options(), &self.sessions.world().rng);
        let return_to = Some(return_to(typed.return_to.as_deref(), self.options()));
        let asker = Asker { browser: Some(browser.digest()), return_to };
        let requested = self.lifecycle.request_registration(new, asker, client).await?;
        let requested = requested.map_err(|error| Problem::fields(vec![error.of("password")]))?;
        Ok(Led::ToCode(lifecycle::accepted(requested)?, browser))
    }

    /// Creates an account and opens its first session; or requests the account.
    async fn sign_up(&self, request: &HttpRequest, typed: &Typed, client: &Client) -> Result<Led, Problem> {
        require_open(self.registration())?;
        if self.verification() == EmailVerification::Required {
            return self.ask(request, typed, client).await;
        }
        let new = parse(&typed.email, &typed.password, Some(&typed.name)).map_err(Problem::fields)?;
        let user = match self.accounts.register(new, Caller::anonymous(client)).await? {
            Registration::Registered(user) => user,
            Registration::EmailTaken => return Err(taken()),
            Registration::PasswordRefused(error) => return Err(Problem::fields(vec![error.of("password")])),
        };
        if self.verification() == EmailVerification::Optional {
            ask_to_verify(&self.lifecycle, &typed.email, client).await?;
        }
        let presented = all_tokens_in_cookies(request, self.options());
        let entry = Entry::first(user.id, typed.remember.is_some(), presented);
        entered(entry.open(&self.accounts, &self.sessions, client).await?.into()).map(Led::In)
    }
}

fn taken() -> Problem {
    Problem { errors: vec![FieldError::new("email", "taken", "")], ..Problem::new(kind::EMAIL_TAKEN, "") }
}

/// Samples of the pages with every problem and with notices.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    let sample = |problem: Option<Problem>, notice: &str| {
        let form = Form {
            email: "<script>alert(1)</script>\"'@example.com".to_owned(),
            name: "{{ 7 * 7 }}".to_owned(),
            return_to: "/account?a=\"><b>".to_owned(),
            notice: notice.to_owned(),
            registration_open: true,
            offers_passkeys: true,
            providers: Offered {
                providers: vec![("kakao".to_owned(), "<b>Kakao</b>".to_owned())],
                are_first: problem.is_some(),
            },
            remember: true,
            problem,
        };
        [(Page::Login.template(), form.context()), (Page::Register.template(), form.context())]
    };
    let limited = Problem::new(kind::TOO_MANY_ATTEMPTS, "");
    let field =
        |code| Problem::fields(vec![FieldError { advice: Some("common"), ..FieldError::new("password", code, "") }]);
    let waits = ["20", "600"].map(|wait| limited.clone().with_header(header::RETRY_AFTER, wait));
    let problems = kind::ALL.iter().map(|kind| Problem::new(*kind, "")).chain(waits);
    let problems = problems.chain([field("too_common"), field("<i>no</i>")]);
    let noticed = ["", "signed_out", "refresh_token_reused", "<b>"].map(|notice| sample(None, notice));
    let both = problems.map(|problem| sample(Some(problem), "")).chain(noticed).flatten();
    both.chain(second_factor::page_samples())
        .chain(enrolment::page_samples())
        .chain(recovery::page_samples())
        .chain(upstream::page_samples())
        .chain(without_script::page_samples())
        .chain(without_script::app_page_samples())
        .collect()
}
