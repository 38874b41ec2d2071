use super::{Problem, client::client_address, connections::Connection, kind};
use crate::{
    kernel::{Duration, network_of},
    world::World,
};
use actix_web::{
    Error, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, header},
    middleware::Next,
    web::Data,
};
use futures_util::FutureExt;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use std::{fmt, net::IpAddr, num::NonZeroU32, panic::AssertUnwindSafe, sync::Arc};

/// How many requests an address may make, on this instance. It bounds what one address can cost; guessing passwords is
/// bounded elsewhere, in the database.
#[derive(Clone)]
pub struct Limits(Arc<Limiters>);

struct Limiters {
    usual: DefaultKeyedRateLimiter<IpAddr>,
    hashing: DefaultKeyedRateLimiter<IpAddr>,
}

/// Requests a second, and how many may come at once.
#[derive(Clone, Copy)]
struct Rate {
    each_second: u32,
    at_once: u32,
}

/// Requests per second and the burst size: more than the users behind one shared address need together.
const USUAL: Rate = Rate { each_second: 500, at_once: 5_000 };
/// The rate per hashing thread for requests that hash a password, which costs a core a quarter of a second.
const HASHING: Rate = Rate { each_second: 5, at_once: 300 };

impl Rate {
    fn times(self, number: usize) -> Self {
        let number = u32::try_from(number.max(1)).unwrap_or(u32::MAX);
        let [each_second, at_once] = [self.each_second, self.at_once].map(|rate| rate.saturating_mul(number));
        Self { each_second, at_once }
    }
}

/// What a request counts towards. It belongs to the endpoint that matched, never to the text of a path, which can be
/// written in many ways (C-27).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// All requests of an address.
    Usual,
    /// As [`Limit::Usual`], but a POST counts as a password hashed.
    Hashing,
    /// As a password hashed, whatever the method.
    Costly,
    /// Nothing.
    None,
}

/// Seconds after which an address with too many connections may try again.
const CONNECTIONS_AGAIN: u64 = 10;
/// How often idle addresses are removed.
const EVERY: Duration = Duration::from_mins(1);

impl Limits {
    /// Before the first request, on an instance with so many threads that hash passwords.
    #[must_use]
    pub fn new(hashing_threads: usize) -> Self {
        Self(Arc::new(Limiters { usual: limiter(USUAL), hashing: limiter(HASHING.times(hashing_threads)) }))
    }

    /// How long an address has to wait before this request. None if it need not wait.
    fn wait(&self, address: IpAddr, method: &Method, limit: Limit) -> Option<Duration> {
        let limiter = match limit {
            Limit::None => return None,
            Limit::Costly => &self.0.hashing,
            Limit::Hashing if *method == Method::POST => &self.0.hashing,
            Limit::Hashing | Limit::Usual => &self.0.usual,
        };
        let refused = limiter.check_key(&address).err()?;
        Some(refused.wait_time_from(DefaultClock::default().now()))
    }

    /// Removes idle addresses until the process stops.
    pub async fn keep_small(self) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.0.usual.retain_recent();
            self.0.hashing.retain_recent();
        }
    }
}

fn limiter(rate: Rate) -> DefaultKeyedRateLimiter<IpAddr> {
    let whole = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    RateLimiter::keyed(Quota::per_second(whole(rate.each_second)).allow_burst(whole(rate.at_once)))
}

/// Wraps every endpoint: the limit by address, and a 500 if a handler panics.
///
/// # Errors
/// Those of the services inside.
pub(super) async fn guarded(
    limit: Limit,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Some(problem) = refusal(request.request(), limit) {
        return Ok(request.error_response(problem).map_into_right_body());
    }
    let asked = request.request().clone();
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(answered) => Ok(answered?.map_into_left_body()),
        Err(_panic) => {
            tracing::error!(route = asked.match_pattern(), "http.handler_panicked");
            Ok(ServiceResponse::from_err(Problem::internal(), asked).map_into_right_body())
        }
    }
}

/// Applies the limit of an endpoint to a request that matches none.
///
/// # Errors
/// 429 with `Retry-After`.
pub fn check_limit(request: &HttpRequest) -> Result<(), Problem> {
    refusal(request, Limit::Usual).map_or(Ok(()), Err)
}

/// Counts a request as a password hashed, once the handler knows that it costs as much.
///
/// # Errors
/// 429 with `Retry-After`.
pub fn check_costly_limit(request: &HttpRequest) -> Result<(), Problem> {
    refusal(request, Limit::Costly).map_or(Ok(()), Err)
}

/// 429 with `Retry-After` for what an address asks for too often, or over too many connections.
fn refusal(request: &HttpRequest, limit: Limit) -> Option<Problem> {
    let world = request.app_data::<Data<World>>()?;
    if !world.config.http.rate_limit {
        return None;
    }
    if limit != Limit::None && Connection::of(request).is_some_and(Connection::is_one_too_many) {
        world.metrics.limited("connections");
        return Some(too_many(CONNECTIONS_AGAIN, "Too many connections are open from your address."));
    }
    let limits = request.app_data::<Data<Limits>>()?;
    let address = client_address(request, &world.config.http)?;
    let wait = limits.wait(network_of(address), request.method(), limit)?;
    world.metrics.limited("requests");
    Some(too_many(wait.as_secs().saturating_add(1), "Too many requests from your address."))
}

fn too_many(seconds: u64, detail: &str) -> Problem {
    Problem::new(kind::TOO_MANY_REQUESTS, format!("{detail} Wait {seconds} s."))
        .with_header(header::RETRY_AFTER, seconds.to_string())
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C-29.
    #[test]
    fn an_address_that_asks_too_often_waits_and_others_do_not() {
        let (limits, one, other) = (Limits::new(1), IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let sign_in = |address| limits.wait(address, &Method::POST, Limit::Hashing);
        let refused = (0..HASHING.at_once + 100).filter(|_| sign_in(one).is_some()).count();
        assert!(refused > 0);
        assert_eq!(sign_in(other), None);
        assert_eq!(limits.wait(one, &Method::POST, Limit::Usual), None);
        assert_eq!(limits.wait(one, &Method::GET, Limit::Hashing), None);
        assert!(limits.wait(one, &Method::GET, Limit::Costly).is_some(), "it counts with the sign-ins");
    }

    /// C-29.
    #[test]
    fn more_threads_hash_more_passwords_of_one_address() {
        let at_once = |threads| HASHING.times(threads).at_once;
        assert_eq!([0, 1, 7].map(at_once), [300, 300, 2_100]);
        let (limits, address) = (Limits::new(3), IpAddr::from([192, 0, 2, 1]));
        let refused = (0..900).filter(|_| limits.wait(address, &Method::POST, Limit::Hashing).is_some()).count();
        assert_eq!(refused, 0);
    }
}
