//! A service with actix-web: `cargo run --example actix --features actix -- ISSUER AUDIENCE ADDRESS`, with the feed key in
//! `FEED_KEY`. Then: `curl -H "Authorization: Bearer $TOKEN" http://ADDRESS/hello`.

use actix_web::{App, HttpServer, get, web};
use heirloom_verifier::{SignedIn, Verifier};

#[get("/hello")]
async fn hello(SignedIn(user): SignedIn) -> String {
    format!("Hello {}, your roles are {:?}.\n", user.sub, user.roles)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = std::env::args().skip(1);
    let mut next = || options.next().ok_or("usage: actix ISSUER AUDIENCE ADDRESS");
    let (issuer, audience, address) = (next()?, next()?, next()?);

    let verifier = Verifier::builder(issuer, audience);
    let verifier = verifier.feed_key(option_env("FEED_KEY"));
    let verifier = verifier.on_state(|state, reason| eprintln!("revocations: {state:?}, {reason}")).build()?;

    let app = move || App::new().app_data(web::Data::new(verifier.clone())).service(hello);
    HttpServer::new(app).bind(address)?.run().await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this is an application: it may read its environment")]
fn option_env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
