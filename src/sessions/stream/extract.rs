use crate::{
    config::FeedReaders,
    http::{Problem, kind},
    sessions::{Sessions, extract::bearer},
};
use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Data};
use std::future::{Ready, ready};

/// Proof that the request may read the stream of revocations.
#[derive(Debug, Clone, Copy)]
pub struct FeedReader(());

impl FromRequest for FeedReader {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(admitted(request))
    }
}

fn admitted(request: &HttpRequest) -> Result<FeedReader, Problem> {
    let sessions = request.app_data::<Data<Sessions>>().ok_or_else(Problem::internal)?;
    let readers = &sessions.world().config.feed.readers;
    if matches!(readers, FeedReaders::Nobody) {
        return Err(Problem::not_found("endpoint"));
    }
    let key = bearer(request).unwrap_or_default();
    if readers.admit(key.as_deref()) { Ok(FeedReader(())) } else { Err(unknown_key()) }
}

fn unknown_key() -> Problem {
    Problem::new(kind::FEED_KEY_INVALID, "Send one of the keys of HEIRLOOM_FEED_KEYS as a bearer token.")
        .with_challenge()
}
