#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;
use crate::{
    config::{Config, Source},
    kernel::{MasterKey, MasterKeys, Rng},
};
use chrono::TimeDelta;
use std::sync::Arc;

const KEY: &str = "the-key-of-the-request";

/// A family whose first token was rotated once, with a key or without, and a second ago.
struct Family {
    keys: TokenKeys,
    stale: PresentedToken,
    current: PresentedToken,
    standing: SessionStanding,
    options: SessionOptions,
}

fn family(key: Option<&str>) -> Family {
    let masters = MasterKeys { current: Arc::new(MasterKey::from_bytes([1; 32])), previous: Arc::new([]) };
    let (keys, rng) = (TokenKeys::new(&masters), Rng::system());
    let now = crate::kernel::Clock::start().now();
    let session = SessionId::new(now, &rng);
    let presented = |generation, secret: &Secret| keys.read(keys.issue(session, generation, secret).reveal()).unwrap();
    let stale = presented(Generation::FIRST, &Secret::draw(&rng));
    let key = key.map(|key| RetryKey::parse(key).unwrap());
    let successor = keys.successor(&stale, &[7; 16], key.as_ref()).unwrap();
    let standing = SessionStanding {
        now,
        transport: Transport::Body,
        generation: Generation::FIRST.next(),
        secret_hash: successor.digest(),
        rotation_nonce: Some([7; 16]),
        last_used_at: now - TimeDelta::seconds(1),
        idle_expires_at: now + TimeDelta::days(1),
        revoked_for: None,
        is_blocked: false,
    };
    let current = presented(Generation::FIRST.next(), &successor);
    let options = Config::from_source(Source::default()).unwrap().sessions;
    Family { keys, stale, current, standing, options }
}

impl Family {
    fn judge(&self, presented: &PresentedToken, key: Option<&str>) -> Verdict {
        self.judge_with_nonce(presented, key, [0; 16])
    }

    fn judge_with_nonce(&self, presented: &PresentedToken, key: Option<&str>, nonce: Nonce) -> Verdict {
        let key = key.map(|key| RetryKey::parse(key).unwrap());
        let presented =
            self.keys.read(self.keys.issue(presented.session, presented.generation, &presented.secret).reveal());
        let presented = presented.unwrap();
        let successor = self.keys.successor(&presented, &nonce, key.as_ref()).unwrap();
        let (client, began, transport) = (Client::default(), Duration::ZERO, Transport::Body);
        let redemption = Redemption {
            presented,
            successor,
            key,
            transport,
            nonce,
            client,
            proof: None,
            began,
            latest_write: LatestWrite::default(),
        };
        self.standing.judge(&redemption, &self.keys, &self.options)
    }
}

#[test]
fn the_same_request_again_is_a_retry() {
    let family = family(Some(KEY));
    let verdict = family.judge(&family.stale, Some(KEY));
    assert!(matches!(verdict, Verdict::Retry(secret) if secret.digest() == family.standing.secret_hash));
}

#[test]
fn a_stale_token_with_another_key_or_none_is_a_replay() {
    let family = family(Some(KEY));
    assert!(matches!(family.judge(&family.stale, Some("another-key-of-the-thief")), Verdict::Breach(Breach::Reused)));
    assert!(matches!(family.judge(&family.stale, None), Verdict::Breach(Breach::Reused)));
}

#[test]
fn a_key_does_not_help_where_none_was_sent_before() {
    let mut family = family(None);
    family.options.reuse_leeway = Duration::from_mins(1);
    assert!(matches!(family.judge(&family.stale, Some(KEY)), Verdict::Breach(Breach::Reused)));
}

#[test]
fn the_leeway_is_for_rotations_without_a_key_and_is_off_by_default() {
    let mut plain = family(None);
    assert!(matches!(plain.judge(&plain.stale, None), Verdict::Breach(Breach::Reused)));
    plain.options.reuse_leeway = Duration::from_mins(1);
    assert!(matches!(plain.judge(&plain.stale, None), Verdict::Retry(_)));
    let mut keyed = family(Some(KEY));
    keyed.options.reuse_leeway = Duration::from_mins(1);
    assert!(matches!(keyed.judge(&keyed.stale, None), Verdict::Breach(Breach::Reused)));
}

/// A laptop that was suspended in the middle of a refresh comes back hours later (S-10).
#[test]
fn a_retry_with_the_key_is_honoured_as_long_as_the_successor_is_unused() {
    let mut family = family(Some(KEY));
    family.standing.last_used_at = family.standing.now - TimeDelta::days(13);
    assert!(matches!(family.judge(&family.stale, Some(KEY)), Verdict::Retry(_)));
}

#[test]
fn a_retry_after_a_window_that_the_operator_set_is_a_replay() {
    let mut family = family(Some(KEY));
    family.options.retry_window = Duration::from_mins(2);
    family.standing.last_used_at = family.standing.now - TimeDelta::seconds(120);
    assert!(matches!(family.judge(&family.stale, Some(KEY)), Verdict::Breach(Breach::Reused)));
}

#[test]
fn a_retry_whose_successor_was_used_is_a_replay() {
    let mut family = family(Some(KEY));
    family.standing.generation = family.standing.generation.next();
    assert!(matches!(family.judge(&family.stale, Some(KEY)), Verdict::Breach(Breach::Reused)));
}

#[test]
fn a_rotation_whose_answer_from_the_database_was_lost_is_known_by_its_nonce() {
    let family = family(None);
    assert!(matches!(family.judge_with_nonce(&family.stale, None, [7; 16]), Verdict::Ours));
}

#[test]
fn the_current_token_is_current() {
    let family = family(None);
    assert!(matches!(family.judge(&family.current, None), Verdict::Current));
}

/// S-22.
#[test]
fn a_token_from_a_forgotten_future_ends_the_family() {
    let mut family = family(None);
    let ahead = |verdict| matches!(verdict, Verdict::Breach(Breach::Ahead));
    family.standing.generation = Generation::FIRST;
    assert!(ahead(family.judge(&family.current, None)));
    assert!(ahead(family.judge(&family.stale, None)), "the same generation with another secret");
}

/// S-27.
#[test]
fn a_revoked_session_stays_revoked_whatever_token_is_presented() {
    let refused = |change: fn(&mut SessionStanding), refusal| {
        let mut family = family(Some(KEY));
        change(&mut family.standing);
        for presented in [&family.stale, &family.current] {
            assert!(matches!(family.judge(presented, Some(KEY)), Verdict::Refused(found) if found == refusal));
        }
    };
    refused(|standing| standing.revoked_for = Some("signed_out"), Refusal::Revoked("signed_out"));
    refused(|standing| standing.idle_expires_at = standing.now, Refusal::Expired);
    refused(|standing| (standing.is_blocked, standing.revoked_for) = (true, Some("blocked")), Refusal::Blocked);
    refused(|standing| (standing.transport, standing.is_blocked) = (Transport::Cookie, true), Refusal::Invalid);
}

/// what is stored is read again as what it was.
#[test]
fn every_reason_is_known_by_its_code_and_the_words_of_an_administrator_are_not_shown() {
    for reason in EndReason::ALL {
        assert_eq!(EndReason::code_of(reason.text()), reason.code());
    }
    assert_eq!(EndReason::code_of("moved to another team"), "revoked_by_admin");
}

/// S-38.
#[test]
fn what_was_sent_may_be_written_until_the_latest_deadline() {
    let sent = LatestWrite::default();
    assert!(!sent.may_be_written(Duration::from_millis(1)));
    for until in [800, 2_400, 900] {
        sent.note(Duration::from_millis(until));
    }
    assert!(sent.may_be_written(Duration::from_millis(2_400)) && !sent.may_be_written(Duration::from_millis(2_401)));
}
