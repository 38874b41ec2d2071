use super::{Problem, client::client_address, kind, paths};
use crate::{config::HttpOptions, kernel::Duration, world::World};
use actix_web::{
    dev::ServiceRequest,
    http::{Method, header},
    web::Data,
};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
};

/// How many requests an address may make, on this instance. It bounds what one address can cost; guessing passwords is
/// bounded elsewhere, in the database.
#[derive(Clone)]
pub struct Limits(Arc<Limiters>);

struct Limiters {
    usual: DefaultKeyedRateLimiter<IpAddr>,
    hashing: DefaultKeyedRateLimiter<IpAddr>,
}

/// Requests a second, and how many may come at once: above what people behind one address do together.
const USUAL: (u32, u32) = (500, 5_000);
/// The same for what hashes a password, each of which costs a core a quarter of a second.
const HASHING: (u32, u32) = (5, 300);
/// What hashes a password.
const HASHES: [&str; 5] =
    [paths::SIGN_IN, paths::REGISTER, paths::LOGIN_PAGE, paths::REGISTER_PAGE, paths::MY_PASSWORD];
/// What is asked by machines on behalf of everybody, and costs next to nothing.
const FREE: [&str; 4] = [paths::HEALTH, paths::READY, paths::CHECK, paths::JWKS];
/// How often addresses are forgotten that have been silent.
const EVERY: Duration = Duration::from_mins(1);

impl Limits {
    /// Nobody has asked for anything yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Limiters { usual: limiter(USUAL), hashing: limiter(HASHING) }))
    }

    /// How long an address has to wait before this request. None: not at all.
    fn wait(&self, address: IpAddr, method: &Method, path: &str) -> Option<Duration> {
        let limiters = &self.0;
        let hashes = *method == Method::POST && HASHES.contains(&path);
        let limiter = if hashes { &limiters.hashing } else { &limiters.usual };
        let refused = limiter.check_key(&address).err()?;
        Some(refused.wait_time_from(DefaultClock::default().now()))
    }

    /// Forgets silent addresses, for ever.
    pub async fn keep_small(self) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.0.usual.retain_recent();
            self.0.hashing.retain_recent();
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

fn limiter((each_second, at_once): (u32, u32)) -> DefaultKeyedRateLimiter<IpAddr> {
    let whole = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    RateLimiter::keyed(Quota::per_second(whole(each_second)).allow_burst(whole(at_once)))
}

/// 429 with `Retry-After` for what an address asks for too often.
#[must_use]
pub fn too_many_requests(request: &ServiceRequest) -> Option<Problem> {
    let seconds = refusal(request)?.as_secs().saturating_add(1);
    let problem = Problem::new(kind::TOO_MANY_REQUESTS, format!("Too many requests came from here. Wait {seconds} s."));
    Some(problem.with_header(header::RETRY_AFTER, seconds.to_string()))
}

fn refusal(request: &ServiceRequest) -> Option<Duration> {
    let world = request.app_data::<Data<World>>()?;
    let limits = request.app_data::<Data<Limits>>()?;
    if !world.config.http.rate_limit || FREE.contains(&request.path()) {
        return None;
    }
    let address = owner(request, &world.config.http);
    let wait = limits.wait(address, request.method(), request.path())?;
    world.metrics.limited("requests");
    Some(wait)
}

/// The address that is counted: of IPv6 the /64 that a provider gives to one customer.
fn owner(request: &ServiceRequest, options: &HttpOptions) -> IpAddr {
    match client_address(request.request(), options) {
        Some(IpAddr::V6(address)) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        Some(address) => address,
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
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
        let (limits, one, other) = (Limits::new(), IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let sign_in = |address| limits.wait(address, &Method::POST, paths::SIGN_IN);
        let refused = (0..HASHING.1 + 100).filter(|_| sign_in(one).is_some()).count();
        assert!(refused > 0);
        assert_eq!(sign_in(other), None);
        assert_eq!(limits.wait(one, &Method::POST, paths::REFRESH), None);
        assert_eq!(limits.wait(one, &Method::GET, paths::LOGIN_PAGE), None);
    }
}
