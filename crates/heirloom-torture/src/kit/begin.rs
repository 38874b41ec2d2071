//! New sessions: a user signs in, or an initial token is redeemed.

use super::{
    super::{
        client::{Asked, Manner, Reply, SignedIn},
        history::Stamp,
        secret::Guarded,
        tokens::printed_by,
    },
    Kit, Source, Stop, lock, matches,
};
use std::{collections::VecDeque, sync::atomic::Ordering, time::Duration};

/// Tries of a sign-in, or of a redemption, that meets an outage.
const TRIES: u32 = 6;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(500);

/// How a session began.
pub struct Begun {
    /// The answer that has its first refresh token.
    pub reply: Reply,
    /// The instance that was asked.
    pub instance: usize,
    /// Before the request was sent.
    pub sent: Stamp,
    /// After the answer was read.
    pub finished: Stamp,
    /// The user did not sign in before; none: nobody knows when.
    pub since: Option<Stamp>,
    /// The initial token that was redeemed, where no user signed in.
    pub redeemed: Option<Guarded>,
}

impl Kit {
    /// Begins a session.
    pub async fn begin_session(&self) -> Result<Begun, Stop> {
        let none_left = || Stop::Fail("no initial token is left".to_owned());
        match &self.settings.source {
            Source::Tokens(tokens) => {
                let token = lock(tokens).pop_front();
                self.redeem(token.ok_or_else(none_left)?, None).await
            }
            Source::Command { command, printed } => {
                let left = lock(printed).pop_front();
                if let Some((token, started)) = left {
                    return self.redeem(token, Some(started)).await;
                }
                let started = self.stamp();
                let mut tokens: VecDeque<_> = printed_by(command).await.map_err(Stop::Fail)?.into();
                let token = tokens.pop_front().ok_or_else(none_left)?;
                lock(printed).extend(tokens.into_iter().map(|token| (token, started)));
                self.redeem(token, Some(started)).await
            }
            Source::SignIn { user, password } => self.sign_in_as(user, password).await,
        }
    }

    /// Redeems an initial token: one that was used before must not look like a fault of the server.
    async fn redeem(&self, token: Guarded, since: Option<Stamp>) -> Result<Begun, Stop> {
        let refresh = &self.profile().refresh;
        let mut outage: Option<String> = None;
        for _try in 0..TRIES {
            let values = vec![("refresh_token", token.clone())];
            let asked = Asked { request: &refresh.request, values, header: None };
            let (instance, sent) = (self.next_instance(), self.stamp());
            let answer = self.send(instance, asked, Manner::Patient).await?;
            let summary = answer.summary();
            match answer.reply() {
                Some(reply) if matches(&refresh.rotated, reply) => {
                    let (reply, finished) = (reply.clone(), self.stamp());
                    return Ok(Begun { reply, instance, sent, finished, since, redeemed: Some(token) });
                }
                Some(reply) if !reply.is_outage() => return Err(Stop::Fail(refused(&summary, outage.as_deref()))),
                _outage => outage = Some(summary),
            }
            // The client itself waits while a limit lasts.
            if answer.is_unreachable() || answer.is_limit() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let outage = outage.unwrap_or_default();
        Err(Stop::Fail(format!("an initial token met an outage: {outage}; try again, perhaps with other tokens")))
    }

    async fn sign_in_as(&self, user: &Guarded, password: &Guarded) -> Result<Begun, Stop> {
        let sign_in = self.profile().sign_in.as_ref();
        let sign_in = sign_in.ok_or_else(|| Stop::Skip("the profile cannot sign in: pass --tokens".to_owned()))?;
        let mut answered = "no answer".to_owned();
        for _try in 0..TRIES {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let (instance, sent) = (self.next_instance(), self.stamp());
            let base = Guarded::new(self.base(instance).to_owned());
            let given = vec![("base", base), ("user", user.clone()), ("password", password.clone())];
            match self.client.sign_in(sign_in, given).await? {
                SignedIn::Done(reply) => {
                    let (finished, since) = (self.stamp(), Some(sent));
                    return Ok(Begun { reply, instance, sent, finished, since, redeemed: None });
                }
                SignedIn::Stopped { answer, cause } => {
                    answered = cause;
                    let is_outage = answer.reply().is_none_or(Reply::is_outage);
                    // The client itself waits while a limit lasts.
                    if answer.is_unreachable() || answer.is_limit() || !is_outage {
                        break;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        Err(Stop::Fail(format!("the sign-in failed: {answered}")))
    }
}

fn refused(answer: &str, outage: Option<&str>) -> String {
    match outage {
        None => format!("an initial token was refused: {answer}; was it used before? Or has its session expired?"),
        Some(outage) => format!(
            "an initial token met an outage ({outage}), which may have spent it, and was refused then: {answer}; try again \
             with other tokens"
        ),
    }
}
