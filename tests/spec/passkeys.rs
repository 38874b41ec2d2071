//! Passkeys: registration and assertion, by the room's verbs, on a real database.

use crate::support::{
    TestApp, at_once,
    passkey_device::{PRESENT, PasskeyDevice, VERIFIED},
};
use heirloom::{
    factors::{
        add_passkey,
        passkeys::{
            Added, AssertionCheck, Passkeys, PresentedPasskey, PresentedRegistration, ProvenPasskey, Refusal,
            Registrant, RegistrationCheck, UserVerification, VerifiedRegistration,
        },
    },
    kernel::{MasterKey, MasterKeys, UserId},
    work::Caller,
};
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

const ORIGIN: &str = crate::support::PUBLIC_URL;

/// What holds the tickets of registrations here.
const HOLDER: Uuid = Uuid::from_u128(7);

/// Two instances have the same keys.
fn passkeys(app: &TestApp) -> Passkeys {
    app.factors.passkeys().clone()
}

fn registrant(user: UserId) -> Registrant<'static> {
    Registrant { user, holder: HOLDER, email: "alice@example.com", name: None }
}

fn presented(ticket: &str, answer: &Value) -> PresentedPasskey {
    let credential = serde_json::from_value(answer.clone()).expect("a credential");
    PresentedPasskey { ticket: ticket.to_owned(), credential }
}

async fn user(app: &TestApp, name: &str) -> UserId {
    app.person(name).await.id.parse().expect("an id")
}

/// A registration that verifies, of a new key or a given one.
async fn registered(room: &Passkeys, user: UserId, device: &mut PasskeyDevice) -> (String, Value) {
    let begun = room.begin_registration(registrant(user)).await.expect("the database").expect("a user");
    (begun.ticket, device.create(&begun.public_key))
}

fn registration(ticket: &str, answer: &Value) -> PresentedRegistration {
    let credential = serde_json::from_value(answer.clone()).expect("a credential");
    PresentedRegistration { ticket: ticket.to_owned(), credential, name: None }
}

fn right(room: &Passkeys, user: UserId, ticket: &str, answer: &Value) -> VerifiedRegistration {
    match room.finish_registration(user, HOLDER, &registration(ticket, answer)) {
        RegistrationCheck::Right(verified) => *verified,
        other => panic!("{other:?}"),
    }
}

async fn add(app: &TestApp, verified: VerifiedRegistration) -> Added {
    let added = app.world.transaction(Caller::server(), move |mut work| {
        Box::pin(async move { add_passkey(&mut work, &verified, Some("My phone"), None).await })
    });
    added.await.expect("the database")
}

async fn enrolled(app: &TestApp, room: &Passkeys, user: UserId) -> PasskeyDevice {
    let mut device = PasskeyDevice::new(ORIGIN);
    let (ticket, answer) = registered(room, user, &mut device).await;
    let added = add(app, right(room, user, &ticket, &answer)).await;
    assert!(matches!(added, Added::Now(_)), "{added:?}");
    device
}

async fn check(room: &Passkeys, known: Option<UserId>, ticket: &str, answer: &Value) -> AssertionCheck {
    room.verify_assertion(known, &presented(ticket, answer)).await.expect("the database")
}

async fn proven(room: &Passkeys, known: Option<UserId>, ticket: &str, answer: &Value) -> ProvenPasskey {
    match check(room, known, ticket, answer).await {
        AssertionCheck::Right(proven) => proven,
        other => panic!("{other:?}"),
    }
}

async fn use_up(app: &TestApp, proven: ProvenPasskey) -> bool {
    let used = app
        .world
        .transaction(Caller::server(), move |mut work| Box::pin(async move { proven.use_up(&mut work).await }));
    used.await.expect("the database")
}

fn refusal(check: &AssertionCheck) -> Option<Refusal> {
    match check {
        AssertionCheck::Refused(refused) => Some(refused.refusal),
        AssertionCheck::Right(_) | AssertionCheck::Expired => None,
    }
}

#[tokio::test]
async fn a_passkey_is_registered_and_signs_in_by_itself() {
    let app = TestApp::start().await;
    let (room, alice) = (passkeys(&app), user(&app, "alice").await);
    let begun =
        room.begin_registration(Registrant { name: Some("Alice"), ..registrant(alice) }).await.expect("the database");
    let options = begun.expect("a user").public_key;
    assert_eq!(options["rp"]["id"], "heirloom.test");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["excludeCredentials"].as_array().map(Vec::len), Some(0));
    assert_eq!(options["pubKeyCredParams"].as_array().map(Vec::len), Some(3));

    let device = enrolled(&app, &room, alice).await;
    let again = room.begin_registration(registrant(alice)).await.expect("the database").expect("a user");
    assert_eq!(again.public_key["excludeCredentials"][0]["transports"][0], "internal");
    assert_eq!(again.public_key["user"]["id"], options["user"]["id"], "the handle stays");

    let begun = room.begin_assertion().expect("a ticket");
    let proven = proven(&room, None, &begun.ticket, &device.get(&begun.public_key, VERIFIED, 1)).await;
    assert_eq!((proven.user, proven.user_verified), (alice, true));
    assert!(use_up(&app, proven).await);
    assert_eq!(app.count("SELECT sign_count FROM passkeys WHERE last_used_at IS NOT NULL").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM passkeys WHERE discoverable AND name = 'My phone'").await, 1);
}

#[tokio::test]
async fn a_ceremony_that_anyone_may_begin_writes_nothing() {
    let app = TestApp::start().await;
    let room = passkeys(&app);
    let tickets: Vec<String> = (0..100).map(|_| room.begin_assertion().expect("a ticket").ticket).collect();
    assert_eq!(app.count("SELECT count(*) FROM used_tickets").await, 0);
    assert_ne!(tickets[0], tickets[1]);
}

#[tokio::test]
async fn of_ten_uses_of_one_assertion_on_two_instances_one_is_accepted() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    let rooms = [passkeys(&app), passkeys(&other)];
    let alice = user(&app, "alice").await;
    let device = enrolled(&app, &rooms[0], alice).await;
    for counter in [0, 1] {
        let begun = rooms[0].begin_assertion().expect("a ticket");
        let answer = device.get(&begun.public_key, VERIFIED, counter);
        let used = at_once((0..10).map(|at| {
            let (room, app) = if at % 2 == 0 { (&rooms[0], &app) } else { (&rooms[1], &other) };
            let (ticket, answer) = (&begun.ticket, &answer);
            async move {
                match check(room, None, ticket, answer).await {
                    AssertionCheck::Right(proven) => use_up(app, proven).await,
                    AssertionCheck::Expired => false,
                    other @ AssertionCheck::Refused(_) => panic!("{other:?}"),
                }
            }
        }))
        .await;
        assert_eq!(used.iter().filter(|used| **used).count(), 1, "counter {counter}");
    }
}

#[tokio::test]
async fn the_same_registration_again_is_answered_alike_and_no_other_one_is() {
    let app = TestApp::start().await;
    let (room, alice, bob) = (passkeys(&app), user(&app, "alice").await, user(&app, "bob").await);
    let mut device = PasskeyDevice::new(ORIGIN);
    let (ticket, answer) = registered(&room, alice, &mut device).await;
    let Added::Now(id) = add(&app, right(&room, alice, &ticket, &answer)).await else { panic!("it is new") };
    assert_eq!(add(&app, right(&room, alice, &ticket, &answer)).await, Added::Before(id));

    // The answer to another ceremony, with the ticket that was redeemed.
    let mut second = PasskeyDevice::new(ORIGIN);
    let (later, of_later) = registered(&room, alice, &mut second).await;
    let refused = room.finish_registration(alice, HOLDER, &registration(&ticket, &of_later));
    assert!(matches!(refused, RegistrationCheck::Refused(Refusal::Challenge)), "{refused:?}");
    // Another user's ticket, and a text that is not a ticket.
    let of_later = registration(&later, &answer);
    assert!(matches!(room.finish_registration(bob, HOLDER, &of_later), RegistrationCheck::Expired));
    assert!(matches!(
        room.finish_registration(alice, HOLDER, &registration("AAAA", &answer)),
        RegistrationCheck::Expired
    ));
    let elsewhere = room.finish_registration(alice, Uuid::from_u128(8), &of_later);
    assert!(matches!(elsewhere, RegistrationCheck::Expired), "another session's: {elsewhere:?}");
    // Bob presents Alice's credential as his own (§7.1 step 26).
    let (ticket, answer) = registered(&room, bob, &mut device).await;
    assert_eq!(add(&app, right(&room, bob, &ticket, &answer)).await, Added::Taken);
    assert_eq!(app.count("SELECT count(*) FROM passkeys").await, 1);
}

#[tokio::test]
async fn a_change_of_factors_voids_registrations_that_were_begun_before() {
    let app = TestApp::start().await;
    let (room, alice) = (passkeys(&app), user(&app, "alice").await);
    let mut late = PasskeyDevice::new(ORIGIN);
    let (ticket, answer) = registered(&room, alice, &mut late).await;
    enrolled(&app, &room, alice).await;
    assert_eq!(add(&app, right(&room, alice, &ticket, &answer)).await, Added::Expired);
    assert_eq!(app.count("SELECT count(*) FROM passkeys").await, 1);
}

#[tokio::test]
async fn an_assertion_counts_for_its_ceremony_its_user_and_a_counter_that_grows() {
    let app = TestApp::start().await;
    let (room, alice, bob) = (passkeys(&app), user(&app, "alice").await, user(&app, "bob").await);
    let device = enrolled(&app, &room, alice).await;
    enrolled(&app, &room, bob).await;

    // After the password, user verification is not asked; alone, it is.
    let of_alice = room
        .begin_assertion_of(alice, UserVerification::Discouraged)
        .await
        .expect("the database")
        .expect("she has one");
    assert_eq!(of_alice.public_key["userVerification"], "discouraged");
    assert_eq!(of_alice.public_key["allowCredentials"].as_array().map(Vec::len), Some(1));
    let answer = device.get(&of_alice.public_key, PRESENT, 5);
    let proven = proven(&room, Some(alice), &of_alice.ticket, &answer).await;
    assert!(!proven.user_verified);
    assert!(use_up(&app, proven).await);
    let alone = room.begin_assertion().expect("a ticket");
    let unverified = device.get(&alone.public_key, PRESENT, 6);
    assert_eq!(refusal(&check(&room, None, &alone.ticket, &unverified).await), Some(Refusal::UserVerification));

    // A ticket of one user is not one of another, nor of nobody.
    for known in [Some(bob), None] {
        let again = check(&room, known, &of_alice.ticket, &answer).await;
        assert!(matches!(again, AssertionCheck::Expired), "{again:?}");
    }
    // Alice's passkey does not prove Bob.
    let of_bob =
        room.begin_assertion_of(bob, UserVerification::Discouraged).await.expect("the database").expect("he has one");
    let hers = device.get(&of_bob.public_key, VERIFIED, 7);
    assert_eq!(refusal(&check(&room, Some(bob), &of_bob.ticket, &hers).await), Some(Refusal::OtherCredential));

    for counter in [5, 4, 0] {
        let begun = room.begin_assertion().expect("a ticket");
        let stale = device.get(&begun.public_key, VERIFIED, counter);
        assert_eq!(refusal(&check(&room, None, &begun.ticket, &stale).await), Some(Refusal::Counter), "{counter}");
    }
    // A disabled passkey is an unknown one.
    sqlx::query("UPDATE passkeys SET disabled_at = now()").execute(app.db()).await.expect("SQL");
    let begun = room.begin_assertion().expect("a ticket");
    let answer = device.get(&begun.public_key, VERIFIED, 9);
    assert_eq!(refusal(&check(&room, None, &begun.ticket, &answer).await), Some(Refusal::OtherCredential));
    assert!(room.begin_assertion_of(alice, UserVerification::Discouraged).await.expect("the database").is_none());
}

#[tokio::test]
async fn a_ticket_is_good_under_its_key_for_its_purpose_only() {
    let app = TestApp::start().await;
    let (room, alice) = (passkeys(&app), user(&app, "alice").await);
    let device = enrolled(&app, &room, alice).await;
    let begun = room.begin_assertion().expect("a ticket");
    let answer = device.get(&begun.public_key, VERIFIED, 1);
    let current = Arc::new(MasterKey::from_bytes([8; 32]));
    let stranger = Passkeys::new(app.world.clone(), &MasterKeys { current, previous: Arc::default() });
    let registration = room.begin_registration(registrant(alice)).await.expect("the database");
    let of_a_registration = registration.expect("a user").ticket;
    let flipped: String = begun.ticket.chars().rev().collect();
    for (room, ticket) in
        [(&stranger, &begun.ticket), (&room, &of_a_registration), (&room, &flipped), (&room, &String::new())]
    {
        assert!(matches!(check(room, None, ticket, &answer).await, AssertionCheck::Expired), "{ticket}");
    }
    assert!(matches!(check(&room, None, &begun.ticket, &answer).await, AssertionCheck::Right(_)), "the control");
}
