//! An API for notes. Each user sees only their own; the access token shows whose they are.

mod notes;

use actix_cors::Cors;
use actix_web::{
    App, HttpResponse, HttpServer, Responder, delete, get,
    http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    middleware::DefaultHeaders,
    post,
    web::{Data, Json, JsonConfig, Path},
};
use clap::Parser;
use heirloom_verifier::{SignedIn, Verifier};
use notes::{NewNote, Notes};
use uuid::Uuid;

/// Each option is also a variable of the environment.
#[derive(Parser)]
struct Options {
    /// Heirloom's public URL.
    #[arg(long, env = "AUTH_ISSUER")]
    issuer: String,
    /// The name of this API, one of Heirloom's `HEIRLOOM_AUDIENCES`.
    #[arg(long, env = "AUTH_AUDIENCE")]
    audience: String,
    /// One of Heirloom's `HEIRLOOM_FEED_KEYS`.
    #[arg(long, env = "AUTH_FEED_KEY", hide_env_values = true)]
    feed_key: String,
    /// The origin whose pages may call this API.
    #[arg(long, env = "APP_ORIGIN")]
    app_origin: String,
    /// The port to listen on.
    #[arg(long, env = "PORT", default_value_t = 3000)]
    port: u16,
}

// A handler that takes `SignedIn` runs only for a good token. All other requests are answered 401, or 503 while revocations
// are not known.

#[get("/notes")]
async fn list(SignedIn(user): SignedIn, notes: Data<Notes>) -> impl Responder {
    Json(notes.of(&user.sub))
}

#[post("/notes")]
async fn create(SignedIn(user): SignedIn, notes: Data<Notes>, new: Json<NewNote>) -> impl Responder {
    match notes.add(&user.sub, new.into_inner()) {
        Some(note) => HttpResponse::Created().json(note),
        None => HttpResponse::UnprocessableEntity().body("A note has 1 to 500 characters."),
    }
}

#[delete("/notes/{id}")]
async fn remove(SignedIn(user): SignedIn, notes: Data<Notes>, id: Path<Uuid>) -> impl Responder {
    if notes.remove(&user.sub, *id) { HttpResponse::NoContent() } else { HttpResponse::NotFound() }
}

/// Which pages may call this API, with which headers. Cookies are not used.
fn cors(app_origin: &str) -> Cors {
    Cors::default()
        .allowed_origin(app_origin)
        .allowed_methods(["GET", "POST", "DELETE"])
        .allowed_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([WWW_AUTHENTICATE, RETRY_AFTER])
        .max_age(600)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Options { issuer, audience, feed_key, app_origin, port } = Options::parse();
    let verifier = Verifier::builder(issuer, audience)
        .feed_key(feed_key)
        .on_state(|state, reason| eprintln!("revocations: {state:?} {reason}"))
        .build()?;
    let (verifier, notes) = (Data::new(verifier), Data::new(Notes::default()));

    let app = move || {
        App::new()
            .app_data(verifier.clone())
            .app_data(notes.clone())
            .app_data(JsonConfig::default().limit(16 * 1024))
            .service(list)
            .service(create)
            .service(remove)
            .wrap(DefaultHeaders::new().add(("Cache-Control", "no-store")))
            // The last one is the outermost: refusals get its headers too, so that the page can read them.
            .wrap(cors(&app_origin))
    };
    HttpServer::new(app).bind(("127.0.0.1", port))?.run().await?;
    Ok(())
}
