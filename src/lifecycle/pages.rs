use super::{
    Completion, ConfirmationProof, Confirming, Leading, Lifecycle, Needed, Wanted,
    api::{accepted, completed},
    look::{Look, Looked},
};
use crate::{
    confirmations::Purpose,
    http::{
        Endpoint, FieldError, FromClient, Problem, SameOrigin, all_tokens_in_cookies, form, kind, paths, return_to,
    },
    identity::{AuthenticationMethods, EmailAddress, ProvenBy, UpstreamStep},
    kernel::Client,
    pages::{Sample, View, form_problem},
    sessions::{Entering, Entry, SignedIn, redirect_signed_in},
    users::Refused,
};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError,
    http::StatusCode,
    web::{Data, Payload, ServiceConfig},
};
use minijinja::{Value, context};
use serde::Deserialize;
use zeroize::Zeroizing;

const FORGOT: &str = "lifecycle/forgot.html";
const CODE: &str = "lifecycle/code.html";
const CONFIRM: &str = "lifecycle/confirm.html";

/// `/forgot`, and `/confirm`: the page behind an email's link.
pub fn page_routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::FORGOT_PAGE).get(forgot_page).post(forgot).mount(config);
    Endpoint::at(paths::CONFIRM_PAGE).hashing().get(confirm_page).post(confirm).mount(config);
}

/// The fields of `/forgot`.
#[derive(Default, Deserialize)]
struct AddressForm {
    #[serde(default)]
    email: String,
}

/// The fields of `/confirm`: a token by its script, or the flow and the code.
#[derive(Default, Deserialize)]
struct Typed {
    #[serde(default)]
    token: Zeroizing<String>,
    #[serde(default)]
    flow: Zeroizing<String>,
    #[serde(default)]
    code: Zeroizing<String>,
    #[serde(default)]
    password: Zeroizing<String>,
    /// What the page of the code asked for: it decides what that page shows, and nothing else.
    #[serde(default)]
    purpose: String,
    /// `look`: to show what the token confirms. `again`: to send the email again. Otherwise: to confirm.
    #[serde(default)]
    step: String,
}

/// The page on which the code of an email is typed.
#[derive(Debug)]
pub struct CodePage<'a> {
    purpose: Purpose,
    flow: &'a str,
    code: &'a str,
    sent_again: bool,
}

impl<'a> CodePage<'a> {
    /// After a request: the same for every address (L-5).
    #[must_use]
    pub fn new(purpose: Purpose, flow: &'a str) -> Self {
        Self { purpose, flow, code: "", sent_again: false }
    }

    /// As it was asked for, with the code as it was typed: it may be right and the password refused.
    fn of(typed: &'a Typed) -> Self {
        let purpose = Purpose::from_name(&typed.purpose);
        let purpose = purpose.filter(|purpose| matches!(purpose, Purpose::Register | Purpose::Connect));
        Self { code: &typed.code, ..Self::new(purpose.unwrap_or(Purpose::ResetPassword), &typed.flow) }
    }

    /// The page, with what is wrong.
    ///
    /// # Errors
    /// 500 when the template fails.
    pub fn show(&self, view: &View, problem: Option<&Problem>) -> Result<HttpResponse, Problem> {
        shown(view, CODE, &self.context(problem), problem)
    }

    /// A wrong code is a problem of its field.
    fn context(&self, problem: Option<&Problem>) -> Value {
        let Self { purpose, flow, code, sent_again } = self;
        let wrong = problem.filter(|problem| problem.kind.code == kind::CODE_INVALID.code);
        let wrong = wrong.map(|_| Problem::fields(vec![FieldError::new("code", "invalid", "")]));
        context! { purpose => purpose.name(), flow => *flow, code => *code, sent_again, ..form_problem(wrong.as_ref().or(problem)) }
    }
}

async fn forgot_page(view: View) -> Result<HttpResponse, Problem> {
    view.show(StatusCode::OK, FORGOT, &forgot_form("", None))
}

/// Requests the email, and shows where its code is typed: the same for every address (L-5).
async fn forgot(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let view = View::of(&request);
    let (asked, requested) = match form::<AddressForm>(&request, payload).await {
        Ok(asked) => {
            let requested = ask(&request, &asked, &client, &lifecycle).await;
            (asked, requested)
        }
        Err(problem) => (AddressForm::default(), Err(problem)),
    };
    match requested {
        Ok(flow) => CodePage::new(Purpose::ResetPassword, &flow).show(&view, None),
        Err(problem) => shown(&view, FORGOT, &forgot_form(&asked.email, Some(&problem)), Some(&problem)),
    }
}

/// The flow of a new request.
async fn ask(
    request: &HttpRequest,
    asked: &AddressForm,
    client: &Client,
    lifecycle: &Lifecycle,
) -> Result<String, Problem> {
    SameOrigin::extract(request).await?;
    let email = EmailAddress::parse(&asked.email).map_err(|error| Problem::fields(vec![error.of("email")]))?;
    Ok(accepted(lifecycle.request(Wanted::of(Purpose::ResetPassword, email), client).await?)?.flow)
}

/// Without the token, which is in the fragment: the page's script reads it.
async fn confirm_page(view: View) -> Result<HttpResponse, Problem> {
    view.show(StatusCode::OK, CONFIRM, &context! { state => "open", ..form_problem(None) })
}

async fn confirm(
    request: HttpRequest,
    payload: Payload,
    signed_in: Option<SignedIn>,
    FromClient(client): FromClient,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    SameOrigin::extract(&request).await?;
    let typed: Typed = form(&request, payload).await?;
    let confirming = ConfirmPage { request: &request, typed, signed_in, client, lifecycle: &lifecycle };
    match confirming.typed.step.as_str() {
        "look" => confirming.ask_by_link(None).await,
        "again" => confirming.send_again().await,
        _ => confirming.complete().await,
    }
}

/// What was sent to `/confirm`.
struct ConfirmPage<'a> {
    request: &'a HttpRequest,
    typed: Typed,
    /// By an access token, which the page's script sends: the cookie of the session does not come here.
    signed_in: Option<SignedIn>,
    client: Client,
    lifecycle: &'a Lifecycle,
}

impl ConfirmPage<'_> {
    fn view(&self) -> View {
        View::of(self.request)
    }

    async fn complete(&self) -> Result<HttpResponse, Problem> {
        match self.completed().await {
            Ok(answer) => Ok(answer),
            Err(problem) if self.typed.token.is_empty() => CodePage::of(&self.typed).show(&self.view(), Some(&problem)),
            Err(problem) => self.ask_by_link(Some(problem)).await,
        }
    }

    async fn completed(&self) -> Result<HttpResponse, Problem> {
        let completion = self.lifecycle.complete(self.proof()?, self.confirming(), &self.client).await?;
        if let Completion::Done { leads_to: Some(to), .. } = &completion
            && let Some(answer) = self.sign_in(to).await?
        {
            return Ok(answer);
        }
        let here = self.signed_in.as_ref().map(|signed_in| signed_in.user);
        let signed_in = matches!(&completion, Completion::Done { user, .. } if Some(user.id) == here);
        let (purpose, _) = completed(completion)?;
        let done = context! { state => "done", purpose => purpose.name(), signed_in, ..form_problem(None) };
        self.view().show(StatusCode::OK, CONFIRM, &done)
    }

    fn proof(&self) -> Result<ConfirmationProof, Problem> {
        let Typed { token, flow, code, .. } = &self.typed;
        if !token.is_empty() {
            return Ok(ConfirmationProof::Token(token.clone()));
        }
        if code.trim().is_empty() {
            return Err(Problem::fields(vec![FieldError::new("code", "required", "")]));
        }
        Ok(ConfirmationProof::Code { flow: flow.clone(), code: code.clone() })
    }

    /// One field for both passwords: the purpose decides which it is.
    fn confirming(&self) -> Confirming {
        let password = Some(self.typed.password.clone()).filter(|password| !password.is_empty());
        let browser = self.lifecycle.browser_of(self.request);
        let signed_in = self.signed_in.clone();
        Confirming { password: password.clone(), new_password: password, name: None, signed_in, browser }
    }

    /// Signs in the browser that asked for the account. None: the account changed meanwhile.
    async fn sign_in(&self, to: &Leading) -> Result<Option<HttpResponse>, Problem> {
        let (accounts, sessions) = (self.lifecycle.accounts(), self.lifecycle.sessions());
        let options = &sessions.world().config.http;
        let presented = all_tokens_in_cookies(self.request, options);
        let Leading { return_to: to, remembered, credentials, identity } = to;
        let mut entry = Entry { credentials: *credentials, ..Entry::first(credentials.user, *remembered, presented) };
        if let Some(identity) = identity {
            entry.methods = AuthenticationMethods::of(ProvenBy::Provider);
            entry.upstream = Some(UpstreamStep { identity: identity.clone(), is_new: false, proven_at: None });
        }
        Ok(match entry.open(accounts, sessions, &self.client).await? {
            Entering::Opened(entered) => {
                Some(redirect_signed_in(self.request, &entered, &return_to(Some(to), options), options))
            }
            // A new account has no second factor; if it had one, this browser would go to the sign-in.
            Entering::Blocked
            | Entering::Unverified
            | Entering::SecondFactorRequired(_)
            | Entering::EnrolmentRequired(_)
            | Entering::ChallengeExpired
            | Entering::ProofUsed
            | Entering::IdentityTaken
            | Entering::Outdated => None,
        })
    }

    async fn send_again(&self) -> Result<HttpResponse, Problem> {
        let problem = accepted(self.lifecycle.request_again(&self.typed.flow, &self.client).await?).err();
        let sent_again = problem.is_none();
        CodePage { sent_again, ..CodePage::of(&self.typed) }.show(&self.view(), problem.as_ref())
    }

    /// What the link confirms, and what is wrong. What was typed stays in no form: it is a password.
    async fn ask_by_link(&self, problem: Option<Problem>) -> Result<HttpResponse, Problem> {
        let token = &self.typed.token;
        let looked = self.lifecycle.look(token.clone(), &self.confirming(), &self.client).await?;
        let (asked, status) = match looked {
            Look::Found(looked) => {
                let asked = asked(&looked, token, problem.as_ref());
                let signed_in = self.signed_in.is_some();
                (context! { signed_in, ..asked }, StatusCode::OK)
            }
            Look::Unknown => (expired(), StatusCode::NOT_FOUND),
            Look::Expired => (expired(), StatusCode::GONE),
        };
        match &problem {
            Some(problem) => shown(&self.view(), CONFIRM, &asked, Some(problem)),
            None => self.view().show(status, CONFIRM, &asked),
        }
    }
}

fn asked(looked: &Looked, token: &str, problem: Option<&Problem>) -> Value {
    let Looked { purpose, email, device, needs, .. } = looked;
    let need = needs.first().map(|need| need.name());
    context! { state => "ask", token, purpose => purpose.name(), need, email, device, ..form_problem(problem) }
}

fn expired() -> Value {
    context! { state => "expired", ..form_problem(None) }
}

/// A page, with the status and the headers of the problem that it shows.
fn shown(view: &View, template: &str, context: &Value, problem: Option<&Problem>) -> Result<HttpResponse, Problem> {
    let mut answer = view.show(problem.map_or(StatusCode::OK, Problem::status_code), template, context)?;
    if let Some(problem) = problem {
        problem.add_headers_to(answer.headers_mut());
    }
    Ok(answer)
}

fn forgot_form(email: &str, problem: Option<&Problem>) -> Value {
    context! { email, ..form_problem(problem) }
}

/// Samples of the pages in every state.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    const HOSTILE: &str = "\"><b>";
    let weak = Problem::fields(vec![FieldError {
        advice: Some("common"),
        ..FieldError::new("new_password", "too_common", "")
    }]);
    let code = |purpose, sent_again| CodePage { purpose, flow: HOSTILE, code: HOSTILE, sent_again };
    let of_problem = |problem: &Problem| {
        let forgot = forgot_form("<script>alert(1)</script>@example.com", Some(problem));
        let codes = [Purpose::Register, Purpose::Connect, Purpose::ResetPassword];
        let codes = codes.map(|purpose| (CODE, code(purpose, false).context(Some(problem))));
        let asks = Purpose::ALL.iter().flat_map(|purpose| sample_asks(*purpose, Some(problem)));
        asks.chain(codes).chain([(FORGOT, forgot)]).collect::<Vec<_>>()
    };
    let of_purpose = |purpose: &Purpose| {
        let done = [true, false].map(|signed_in| {
            (CONFIRM, context! { state => "done", purpose => purpose.name(), signed_in, ..form_problem(None) })
        });
        let asks = sample_asks(*purpose, None);
        asks.into_iter().chain(done).chain([(CODE, code(*purpose, true).context(None))]).collect::<Vec<_>>()
    };
    let problems = kind::ALL.iter().map(|kind| Problem::new(*kind, "")).chain([weak]);
    let open = [
        (FORGOT, forgot_form("", None)),
        (CONFIRM, context! { state => "open", ..form_problem(None) }),
        (CONFIRM, expired()),
    ];
    let problems = problems.flat_map(|problem| of_problem(&problem));
    problems.chain(Purpose::ALL.iter().flat_map(of_purpose)).chain(open).collect()
}

fn sample_asks(purpose: Purpose, problem: Option<&Problem>) -> Vec<Sample> {
    let ask = |need: &Needed| {
        let shown = context! {
            state => "ask", token => "\"><b>", purpose => purpose.name(), need => need.name(),
            email => "a…e@example.com", device => "Chrome · Windows", signed_in => *need == Needed::Button,
        };
        (CONFIRM, context! { ..form_problem(problem), ..shown })
    };
    [Needed::Button, Needed::Password, Needed::NewPassword].iter().map(ask).collect()
}
