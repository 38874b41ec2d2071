use super::{
    ConfirmationProof, Confirming, Lifecycle, Requested, Wanted,
    api::{completed, too_many_emails},
    look::{Look, Looked},
};
use crate::{
    confirmations::Purpose,
    http::{Endpoint, FieldError, FromClient, Problem, SameOrigin, form, kind, paths},
    identity::EmailAddress,
    kernel::Client,
    pages::{Sample, View, form_problem},
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
}

async fn forgot_page(view: View) -> Result<HttpResponse, Problem> {
    view.show(StatusCode::OK, FORGOT, &forgot_form("", None))
}

/// Requests the email, and shows where its code is typed: the same for every address (L-1).
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
        Ok(flow) => view.show(StatusCode::OK, CODE, &code_form(&flow, None)),
        Err(problem) => refused(&view, FORGOT, &forgot_form(&asked.email, Some(&problem)), &problem),
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
    match lifecycle.request(Wanted::of(Purpose::ResetPassword, email), client).await? {
        Requested::Accepted(flow) => Ok(flow.flow),
        Requested::Limited { wait } => Err(too_many_emails(wait)),
    }
}

/// Without the token, which is in the fragment: the page's script reads it.
async fn confirm_page(view: View) -> Result<HttpResponse, Problem> {
    view.show(StatusCode::OK, CONFIRM, &context! { state => "open", ..form_problem(None) })
}

async fn confirm(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let view = View::of(&request);
    SameOrigin::extract(&request).await?;
    let typed: Typed = form(&request, payload).await?;
    match complete(&typed, &client, &lifecycle).await {
        Ok(purpose) => view.show(
            StatusCode::OK,
            CONFIRM,
            &context! { state => "done", purpose => purpose.name(), ..form_problem(None) },
        ),
        Err(problem) => {
            let (template, shown) = again(&typed, &problem, &client, &lifecycle).await?;
            refused(&view, template, &shown, &problem)
        }
    }
}

async fn complete(typed: &Typed, client: &Client, lifecycle: &Lifecycle) -> Result<Purpose, Problem> {
    let presented = if typed.token.is_empty() {
        if typed.code.trim().is_empty() {
            return Err(Problem::fields(vec![FieldError::new("code", "required", "")]));
        }
        ConfirmationProof::Code { flow: typed.flow.clone(), code: typed.code.clone() }
    } else {
        ConfirmationProof::Token(typed.token.clone())
    };
    let password = Some(typed.password.clone()).filter(|password| !password.is_empty());
    let typed = Confirming { password: password.clone(), new_password: password, name: None, browser: None };
    let (purpose, _) = completed(lifecycle.complete(presented, typed, client).await?)?;
    Ok(purpose)
}

/// The page again, with what is wrong. What was typed stays in no form: it is a code or a password.
async fn again(
    typed: &Typed,
    problem: &Problem,
    client: &Client,
    lifecycle: &Lifecycle,
) -> Result<(&'static str, Value), Problem> {
    if typed.token.is_empty() {
        return Ok((CODE, code_form(&typed.flow, Some(problem))));
    }
    let looked = lifecycle.look(typed.token.clone(), &Confirming::default(), client).await?;
    Ok((
        CONFIRM,
        match looked {
            Look::Found(Looked { email, device, .. }) => {
                context! { state => "ask", token => typed.token.as_str(), email, device, ..form_problem(Some(problem)) }
            }
            Look::Unknown | Look::Expired => context! { state => "expired", ..form_problem(None) },
        },
    ))
}

fn refused(view: &View, template: &str, shown: &Value, problem: &Problem) -> Result<HttpResponse, Problem> {
    let mut answer = view.show(problem.status_code(), template, shown)?;
    problem.add_headers_to(answer.headers_mut());
    Ok(answer)
}

fn forgot_form(email: &str, problem: Option<&Problem>) -> Value {
    context! { email, ..form_problem(problem) }
}

/// A wrong code is a problem of its field.
fn code_form(flow: &str, problem: Option<&Problem>) -> Value {
    let wrong = problem.filter(|problem| problem.kind.code == kind::CODE_INVALID.code);
    let wrong = wrong.map(|_| Problem::fields(vec![FieldError::new("code", "invalid", "")]));
    context! { flow, ..form_problem(wrong.as_ref().or(problem)) }
}

/// Samples of the pages in every state.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    let flow = "\"><b>";
    let weak = Problem::fields(vec![FieldError {
        advice: Some("common"),
        ..FieldError::new("new_password", "too_common", "")
    }]);
    let refused = |problem: &Problem| {
        let asked =
            context! { state => "ask", token => flow, email => "a…e@example.com", device => "Chrome · Windows" };
        [
            (FORGOT, forgot_form("<script>alert(1)</script>@example.com", Some(problem))),
            (CODE, code_form(flow, Some(problem))),
            (CONFIRM, context! { ..form_problem(Some(problem)), ..asked }),
        ]
    };
    let done = Purpose::ALL.iter().filter(|purpose| **purpose == Purpose::ResetPassword);
    let done =
        done.map(|purpose| (CONFIRM, context! { state => "done", purpose => purpose.name(), ..form_problem(None) }));
    let problems = kind::ALL.iter().map(|kind| Problem::new(*kind, "")).chain([weak]);
    let open = [
        (FORGOT, forgot_form("", None)),
        (CODE, code_form(flow, None)),
        (CONFIRM, context! { state => "open", ..form_problem(None) }),
        (CONFIRM, context! { state => "expired", ..form_problem(None) }),
    ];
    problems.flat_map(|problem| refused(&problem)).chain(done).chain(open).collect()
}
