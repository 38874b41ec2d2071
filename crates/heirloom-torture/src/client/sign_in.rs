//! Signing in, in one step or several: cookies and values are kept from step to step.

use super::{
    answer::{Answer, Reply},
    jar::Jar,
    request::RequestError,
    send::{Client, Manner, Sending},
};
use crate::{
    profile::{SignIn, Step},
    random::random_text,
    secret::Guarded,
    template::Values,
};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// What came of a sign-in.
#[derive(Debug)]
pub enum SignedIn {
    /// The answer with the tokens.
    Done(Reply),
    /// A step had another answer than the profile expects.
    Stopped {
        /// The answer.
        answer: Answer,
        /// What was wrong.
        cause: String,
    },
}

impl Client {
    /// Signs in.
    ///
    /// # Errors
    /// When a request cannot be sent at all.
    pub async fn sign_in(
        &self,
        sign_in: &SignIn,
        given: Vec<(&'static str, Guarded)>,
    ) -> Result<SignedIn, RequestError> {
        let mut values = self.values_with(given);
        values.extend(one_time_values());
        let mut jar = Jar::default();
        let mut last = None;
        for (number, step) in (1..).zip(&sign_in.steps) {
            let sending = Sending::of(&step.request, &values).with(&jar);
            let answer = self.send(sending, Manner::Patient).await?;
            let place = if sign_in.steps.len() > 1 { format!("step {number}: ") } else { String::new() };
            let Answer::Reply(reply) = answer else {
                return Ok(SignedIn::Stopped { cause: format!("{place}{}", answer.summary()), answer });
            };
            jar.keep(&reply);
            match take(step, &reply) {
                Ok(taken) => values.extend(taken),
                Err(cause) => {
                    return Ok(SignedIn::Stopped { answer: Answer::Reply(reply), cause: format!("{place}{cause}") });
                }
            }
            last = Some(reply);
        }
        let reply = last.ok_or_else(|| RequestError::Malformed("signing in has no step".to_owned()))?;
        Ok(SignedIn::Done(reply))
    }
}

/// For PKCE (RFC 7636) and against forgery, new for each sign-in.
fn one_time_values() -> Values {
    let verifier = random_text();
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    [("code_verifier", verifier), ("code_challenge", challenge), ("state", random_text()), ("nonce", random_text())]
        .map(|(name, value)| (name.to_owned(), Guarded::new(value)))
        .into()
}

/// What later steps need, or what is wrong with the answer.
fn take(step: &Step, reply: &Reply) -> Result<Values, String> {
    let is_done = if step.done.is_empty() { reply.status < 400 } else { step.done.iter().any(|sign| reply.is(sign)) };
    if !is_done {
        return Err(reply.summary());
    }
    let taken = step.take.iter().map(|(name, place)| {
        let value = reply.secret(place);
        let value = value.ok_or_else(|| format!("{}, without `{name}` at `{place}`", reply.summary()))?;
        Ok((name.clone(), value))
    });
    taken.collect()
}
