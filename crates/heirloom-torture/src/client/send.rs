//! Fills requests in, sends them, and reads the answers.

use super::{
    answer::{Answer, Arrived, Reply},
    cause::Cause,
    connection::Connection,
    dpop::Dpop,
    gate::Gate,
    identity::authenticate,
    jar::Jar,
    request::{Draft, RequestError},
};
use crate::{
    profile::{ClientIdentity, Place, Profile, Request},
    secret::Guarded,
    template::Values,
};
use futures_util::future::join_all;
use reqwest::header::{CONNECTION, HeaderValue};
use std::{sync::Arc, time::Duration};

/// Tries of a request that a rate limit refuses. A limit refuses before anything is done, so that a second try is not
/// a replay.
const LIMITED_TRIES: u32 = 5;

/// How the client behaves after it has sent a request.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// It reads the answer, and needs one: an outage may hide what should be seen.
    Patient,
    /// It reads the answer, but is one of many: that some meet an outage is part of the test.
    Crowded,
    /// It closes the connection after this long, unless the answer has arrived.
    GoneAfter(Duration),
    /// As crowded, over a connection that was opened beforehand and serves for this request only.
    Racing,
}

/// A client of the server.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    racing: reqwest::Client,
    values: Values,
    identity: ClientIdentity,
    dpop: Option<Arc<Dpop>>,
    code: Option<Place>,
    gate: Arc<Gate>,
    timeout: Duration,
}

/// A request and what is to be filled in.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Its shape.
    pub request: &'a Request,
    /// Beside the values that the client knows.
    pub values: Vec<(&'static str, Guarded)>,
    /// One header more.
    pub header: Option<(&'a str, &'a str)>,
}

/// A request, and everything that it needs.
pub struct Sending<'a> {
    request: &'a Request,
    values: &'a Values,
    header: Option<(&'a str, &'a str)>,
    jar: Option<&'a Jar>,
}

impl<'a> Sending<'a> {
    /// Nothing but a request and its values.
    pub fn of(request: &'a Request, values: &'a Values) -> Self {
        Self { request, values, header: None, jar: None }
    }

    /// With the cookies of a jar.
    pub fn with(self, jar: &'a Jar) -> Self {
        Self { jar: Some(jar), ..self }
    }
}

impl Client {
    /// A client that knows these values.
    ///
    /// # Errors
    /// When the HTTP client cannot be created.
    pub fn new(profile: &Profile, values: Values, connection: &Connection) -> Result<Self, reqwest::Error> {
        Ok(Self {
            http: connection.http()?,
            racing: connection.http()?,
            values,
            identity: profile.client.clone(),
            // A key can always be created; without one, every answer would name the missing proof.
            dpop: profile.dpop.then(|| Dpop::new().ok().map(Arc::new)).flatten(),
            code: profile.answer.code.clone(),
            gate: Arc::new(Gate::new(connection.pace)),
            timeout: connection.timeout,
        })
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When the request cannot be sent at all.
    pub async fn ask(&self, asked: Asked<'_>, manner: Manner) -> Result<Answer, RequestError> {
        let values = self.values_with(asked.values);
        self.send(Sending { header: asked.header, ..Sending::of(asked.request, &values) }, manner).await
    }

    /// Opens connections for requests that race.
    ///
    /// # Errors
    /// When the request cannot be sent at all.
    pub async fn open_connections(&self, request: &Request, base: &str, count: usize) -> Result<(), RequestError> {
        let values = self.values_with(vec![("base", Guarded::new(base.to_owned()))]);
        let requests = (0..count).map(|_| self.build(&Sending::of(request, &values)));
        let requests = requests.collect::<Result<Vec<_>, _>>()?;
        let opened = requests.into_iter().map(|request| async {
            // Whatever the answer is, the connection is open afterwards.
            if let Ok(answer) = self.racing.execute(request).await {
                drop(answer.bytes().await);
            }
        });
        join_all(opened).await;
        Ok(())
    }

    /// How long a rate limit still asks to wait.
    pub fn waits(&self) -> Option<Duration> {
        self.gate.closed_for()
    }

    /// What the client knows, and more.
    pub fn values_with(&self, more: Vec<(&'static str, Guarded)>) -> Values {
        let mut values = self.values.clone();
        values.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        values
    }

    /// Sends a request until no limit refuses it.
    pub async fn send(&self, sending: Sending<'_>, manner: Manner) -> Result<Answer, RequestError> {
        let is_patient = matches!(manner, Manner::Patient);
        let mut knows_nonce = false;
        for _limited in 0..LIMITED_TRIES {
            self.gate.enter(!is_patient).await;
            let mut answer = self.exchange(self.build(&sending)?, &sending, manner).await;
            if !knows_nonce && self.keeps_nonce(&answer, &sending) {
                knows_nonce = true;
                answer = self.exchange(self.build(&sending)?, &sending, manner).await;
            }
            let is_hopeless = answer.reply().and_then(|reply| reply.retry_after).is_some_and(Gate::is_too_long);
            if !(answer.is_limit() && is_patient) || is_hopeless {
                return Ok(answer);
            }
        }
        Ok(self.exchange(self.build(&sending)?, &sending, manner).await)
    }

    async fn exchange(&self, request: reqwest::Request, sending: &Sending<'_>, manner: Manner) -> Answer {
        let exchange = self.read(request, sending, manner);
        let arrived = match manner {
            Manner::Patient | Manner::Crowded | Manner::Racing => exchange.await,
            Manner::GoneAfter(patience) => match tokio::time::timeout(patience, exchange).await {
                Ok(arrived) => arrived,
                Err(_elapsed) => return Answer::None(Cause::Left),
            },
        };
        let reply = match arrived {
            Ok(reply) => reply,
            Err(error) => return Answer::None(Cause::of(&error, self.timeout)),
        };
        let is_limit = reply.status == 429 || reply.status == 503 && reply.retry_after.is_some();
        if is_limit {
            self.gate.close_for(Duration::from_secs(reply.retry_after.unwrap_or(1)));
        }
        Answer::Reply(reply)
    }

    async fn read(
        &self,
        mut request: reqwest::Request,
        sending: &Sending<'_>,
        manner: Manner,
    ) -> Result<Reply, reqwest::Error> {
        let is_race = matches!(manner, Manner::Racing);
        let http = if is_race { &self.racing } else { &self.http };
        if is_race {
            // The next race opens connections of its own: they reach other workers of the server.
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let answer = http.execute(request).await?;
        let (status, headers, url) = (answer.status().as_u16(), answer.headers().clone(), answer.url().clone());
        let arrived = Arrived { status, headers, url, body: answer.bytes().await?.into() };
        let known = sending.values.iter().filter(|(name, _)| !matches!(name.as_str(), "base" | "client_id"));
        let secrets: Vec<&str> = known.map(|(_, value)| value.reveal()).collect();
        Ok(Reply::read(arrived, self.code.as_ref(), &secrets))
    }

    fn build(&self, sending: &Sending<'_>) -> Result<reqwest::Request, RequestError> {
        let Sending { request, values, header, jar } = sending;
        let mut draft = Draft::fill(request, values)?;
        if let Some((name, value)) = header {
            draft.header(name, *value);
        }
        if let Some(jar) = jar {
            draft.cookies(jar.cookies_for(&draft.url));
        }
        if request.client_auth {
            authenticate(&self.identity, values, &mut draft)?;
        }
        let access = values.get("access_token").map(Guarded::reveal);
        if let Some(dpop) = self.dpop.as_ref().filter(|_| request.client_auth || access.is_some()) {
            draft.bearer_to_dpop();
            draft.header("DPoP", dpop.proof(draft.method.as_str(), &draft.url, access)?);
        }
        draft.build(&self.http)
    }

    /// Keeps the nonce of an answer. Returns whether the request is to come again with it.
    fn keeps_nonce(&self, answer: &Answer, sending: &Sending<'_>) -> bool {
        let (Some(dpop), Some(reply)) = (&self.dpop, answer.reply()) else { return false };
        let nonce = reply.headers().get("DPoP-Nonce").and_then(|nonce| nonce.to_str().ok());
        let target = Draft::fill(sending.request, sending.values).map(|draft| draft.url);
        let (Some(nonce), Ok(url)) = (nonce, target) else { return false };
        dpop.remember(&url, nonce) && asks_for_nonce(reply)
    }
}

/// RFC 9449 §8 and §9: nothing was done, and the request is to come again with a nonce.
fn asks_for_nonce(reply: &Reply) -> bool {
    let challenge = reply.headers().get("WWW-Authenticate").and_then(|value| value.to_str().ok()).unwrap_or_default();
    matches!(reply.status, 400 | 401) && (challenge.contains("use_dpop_nonce") || reply.has_error("use_dpop_nonce"))
}
