use crate::{
    factors::Challenge,
    http::{Endpoint, FromClient, Problem, kind, own_form, paths},
    kernel::{Client, Transport},
    lifecycle::Lifecycle,
    pages::{Sample, View},
    sessions::Sessions,
    sign_in::{
        SignIn, SigningIn,
        answer::entered,
        api::require_both,
        enrolment::{self, Enrolling},
        verification::ask_to_verify,
        without_script::pages::{TEMPLATE, Typed, context, show},
    },
    users::Accounts,
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload, ServiceConfig},
};

/// `/account/app`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::SET_UP_APP_PAGE).hashing().get(page).post(set_up_app).mount(config);
}

/// For the template.
const PAGE: &str = "app";
/// What follows once the app is set up.
const RETURN_TO: &str = paths::ACCOUNT_PAGE;

async fn page(view: View) -> Result<HttpResponse, Problem> {
    show(PAGE, &view, &Typed::default(), None)
}

async fn set_up_app(
    request: HttpRequest,
    payload: Payload,
    FromClient(client): FromClient,
    accounts: Data<Accounts>,
    sessions: Data<Sessions>,
    lifecycle: Data<Lifecycle>,
) -> Result<HttpResponse, Problem> {
    let enrolling = Enrolling { accounts: &accounts, sessions: &sessions, lifecycle: &lifecycle, client: &client };
    let view = View::of(&request);
    let (typed, begun) = match own_form::<Typed>(&request, payload).await {
        Ok(typed) => {
            let begun = begin(&enrolling, &typed, &client).await;
            (typed, begun)
        }
        Err(problem) => (Typed::default(), Err(problem)),
    };
    match begun {
        Ok(challenge) => enrolment::show_page(&view, &enrolling, challenge, RETURN_TO.to_owned()).await,
        Err(problem) => show(PAGE, &view, &typed, Some(&problem)),
    }
}

async fn begin(enrolling: &Enrolling<'_>, typed: &Typed, client: &Client) -> Result<Challenge, Problem> {
    let Enrolling { accounts, sessions, lifecycle, .. } = *enrolling;
    require_both(&typed.email, &typed.password)?;
    let sign_in = SignIn {
        email: &typed.email,
        password: &typed.password,
        transport: Transport::Cookie,
        remembered: false,
        device_name: None,
        wants_factor: true,
        presented: Vec::new(),
    };
    match sign_in.attempt(accounts, sessions, client).await? {
        SigningIn::EnrolmentRequired(challenge) => {
            enrolment::send_code(lifecycle, &challenge, &typed.email, client).await?;
            Ok(challenge)
        }
        SigningIn::SecondFactorRequired(_) => Err(exists()),
        outcome => {
            if matches!(outcome, SigningIn::Unverified) {
                ask_to_verify(lifecycle, &typed.email, client).await?;
            }
            // No session is opened without a factor.
            Err(entered(outcome).err().unwrap_or_else(Problem::internal))
        }
    }
}

fn exists() -> Problem {
    Problem::new(kind::FACTOR_EXISTS, "")
}

/// Samples of the page with every problem.
#[must_use]
pub fn page_samples() -> Vec<Sample> {
    let mut typed = Typed::default();
    "\"><b>".clone_into(&mut typed.email);
    let problems = kind::ALL.iter().map(|kind| Some(Problem::new(*kind, ""))).chain([None]);
    problems.map(|problem| (TEMPLATE, context(PAGE, &typed, problem.as_ref()))).collect()
}
