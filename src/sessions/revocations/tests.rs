#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
use super::{
    TokenStanding::{Good, Outdated, SessionEnded},
    *,
};
use crate::{
    config::{Config, Source},
    kernel::{Clock, Rng},
};
use chrono::TimeDelta;

fn set() -> (Revocations, Moment) {
    let config = Config::from_source(Source::default()).unwrap();
    (Revocations::new(&config.tokens), Clock::start().now())
}

fn at(moment: Moment) -> Death {
    // On both clocks as much has passed.
    let uptime = Duration::from_millis(u64::try_from(moment.timestamp_millis()).unwrap());
    Death { at: moment, uptime }
}

fn token(opened: Moment, access_revision: i32) -> Verified {
    let rng = Rng::system();
    let (user, session) = (UserId::new(opened, &rng), SessionId::new(opened, &rng));
    Verified { user, session, roles: Vec::new(), access_revision }
}

/// S-59.
#[test]
fn a_revoked_session_is_covered_until_its_last_token_has_expired() {
    let (set, now) = set();
    let (dead, alive) = (token(now, 0), token(now, 0));
    set.apply(&[Revocation::Session(dead.session)], at(now));
    assert_eq!((set.standing_of(&dead), set.standing_of(&alive)), (SessionEnded, Good));
    set.prune(at(now + TimeDelta::minutes(10)));
    assert_eq!(set.standing_of(&dead), SessionEnded);
    set.prune(at(now + TimeDelta::minutes(13)));
    assert!(set.is_empty());
}

#[test]
fn a_changed_role_cuts_off_older_tokens_only() {
    let (set, now) = set();
    let (old, new) = (token(now, 4), token(now, 5));
    set.apply(
        &[Revocation::Access(old.user, 5), Revocation::Access(new.user, 5), Revocation::Access(new.user, 3)],
        at(now),
    );
    assert_eq!((set.standing_of(&old), set.standing_of(&new)), (Outdated, Good));
}

#[test]
fn everyone_is_everyone_who_was_there() {
    let (set, now) = set();
    set.apply(&[Revocation::Everyone(now)], at(now));
    assert_eq!(set.standing_of(&token(now, 0)), SessionEnded);
    assert_eq!(set.standing_of(&token(now + TimeDelta::milliseconds(1), 0)), Good);
}

#[test]
fn a_set_that_is_full_is_not_trusted_until_there_is_room_again() {
    let (set, now) = set();
    let set = Revocations { limit: 2, ..set };
    let (second, later) = (Duration::from_secs(1), now + TimeDelta::minutes(5));
    set.trust(Duration::ZERO, second * 5);
    set.apply(&[Revocation::Session(token(now, 0).session), Revocation::Session(token(now, 0).session)], at(now));
    assert!(set.is_trusted(second));
    set.apply(&[Revocation::Session(token(now, 0).session)], at(later));
    assert!(!set.is_trusted(second) && set.len() == 2);
    set.prune(at(now + TimeDelta::minutes(14)));
    assert!(set.is_empty() && !set.is_trusted(second));
    set.prune(at(later + TimeDelta::minutes(14)));
    assert!(set.is_trusted(second));
}

#[test]
fn what_is_forgotten_is_news_no_longer() {
    let (set, now) = set();
    let (early, late) = (token(now, 0), token(now, 0));
    set.apply(&[Revocation::Session(token(now, 0).session)], at(now));
    set.follow();
    let first = [Revocation::Session(early.session), Revocation::Access(early.user, 4), Revocation::Everyone(now)];
    set.apply(&first, at(now));
    let second = [Revocation::Session(late.session), Revocation::Access(late.user, 4)];
    set.apply(&second, at(now + TimeDelta::minutes(5)));
    set.prune(at(now + TimeDelta::minutes(14)));
    assert_eq!(set.take_news(9), News::Revoked(second.to_vec()));
}

/// a follower forgets on the clock of uptime alone.
#[test]
fn what_outlives_its_time_because_the_clock_of_the_database_was_set_back_is_news_again() {
    let (hour, minute) = (TimeDelta::hours(1), TimeDelta::minutes(1));
    let (set, now) = set();
    let dead = Revocation::Session(token(now, 0).session);
    set.follow();
    set.prune(at(now));
    // Set back by an hour, and then it revokes: entries are kept for thirteen minutes.
    let minutes = |passed: i32| Death { at: now - hour + minute * passed, ..at(now + minute * passed) };
    set.apply(&[dead], minutes(0));
    assert_eq!(set.take_news(9), News::Revoked(vec![dead]));
    // Received again, as after a reconnection of the feed: listeners are sent nothing.
    set.prune(minutes(9));
    set.apply(&[dead], minutes(9));
    assert_eq!(set.take_news(9), News::Revoked(Vec::new()));
    let again = |set: &Revocations, from, to| {
        (from..to)
            .filter(|passed| {
                set.prune(minutes(*passed));
                set.take_news(9) == News::Revoked(vec![dead])
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(again(&set, 10, 60), [11, 22, 33, 44, 55]);
    set.prune(minutes(80));
    assert!(set.is_empty());
}

///
#[test]
fn what_is_forgotten_on_both_clocks_at_once_is_news_once() {
    let (set, now) = set();
    set.follow();
    set.apply(&[Revocation::Session(token(now, 0).session)], at(now));
    assert_ne!(set.take_news(9), News::Revoked(Vec::new()));
    for passed in 1..15 {
        set.prune(at(now + TimeDelta::minutes(passed)));
        assert_eq!(set.take_news(9), News::Revoked(Vec::new()));
    }
    assert!(set.is_empty());
}

#[test]
fn a_database_clock_that_is_set_brings_no_session_back() {
    let (hour, keep) = (TimeDelta::hours(1), TimeDelta::minutes(14));
    let (forward_set, now) = set();
    let (back_set, _) = set();
    let dead = token(now, 0);
    // Set forward by an hour and back again, within the lifetime of an access token.
    forward_set.apply(&[Revocation::Session(dead.session)], at(now));
    forward_set.prune(Death { at: now + hour, ..at(now + TimeDelta::minutes(1)) });
    assert_eq!(forward_set.standing_of(&dead), SessionEnded);
    // Set back by an hour: the token is good again an hour later, when the clock comes round to where it was.
    back_set.prune(at(now));
    back_set.apply(&[Revocation::Session(dead.session)], Death { at: now - hour, ..at(now) });
    back_set.prune(Death { at: now, ..at(now + hour) });
    assert_eq!(back_set.standing_of(&dead), SessionEnded);
    back_set.prune(Death { at: now + keep, ..at(now + hour + keep) });
    assert!(back_set.is_empty());
}

#[test]
fn a_sent_revocation_is_parsed() {
    let (_, now) = set();
    let now = chrono::DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap();
    let mut sent: Vec<_> = (0..500).map(|_| Revocation::Session(token(now, 0).session)).collect();
    sent.extend([Revocation::Access(token(now, 0).user, 7), Revocation::Everyone(now)]);
    let texts = Revocation::texts(&sent);
    assert!(texts.len() > 1 && texts.iter().all(|text| text.len() <= Notifications::LONGEST));
    let understood: Vec<_> = texts.iter().flat_map(|text| Revocation::read(text).0).collect();
    assert_eq!(understood, sent);
    let text = format!("s:nonsense x:new {} e:9223372036854775807", sent.last().unwrap().word());
    assert_eq!(Revocation::read(&text), (vec![Revocation::Everyone(now)], false));
}
