//! Second factors: codes of apps, recovery codes, and what uses them up. By the room's verbs, on real servers.

use crate::support::{Authenticator, TestApp, at_once};
use heirloom::{
    factors::{CodeCheck, Confirmable, FactorCode, NewCodes, NewTotp, remove_all, renew_codes},
    kernel::{Client, UserId},
    work::Caller,
};

const LIMITED: &[(&str, &str)] = &[("HEIRLOOM_RATE_LIMIT", "on"), ("HEIRLOOM_TRUSTED_PROXIES", "127.0.0.1")];
/// Wrong guesses that are free, as docs/limits.md says.
const FREE: usize = 10;

/// What came of a code that was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CodeUse {
    Accepted,
    Wrong,
    Limited,
}

/// A user with an app and recovery codes.
struct Enrolled {
    user: UserId,
    app: Authenticator,
    /// The code that confirmed the app.
    first: String,
    codes: Vec<String>,
}

impl Enrolled {
    async fn on(app: &TestApp, name: &str) -> Self {
        let user: UserId = app.person(name).await.id.parse().expect("an id");
        let new = app.factors.draw_totp(user, &format!("{name}@example.com")).expect("a secret");
        let device = Authenticator::with(&new.secret);
        assert!(put(app, user, new).await);
        // The next one: it is accepted for a minute at least, however slow the machine is.
        let first = device.code(app, 1);
        let confirmable = app.factors.check_new(user, &first, &Client::server()).await;
        let Ok(Confirmable::Right(confirmed, attempt)) = confirmable else { panic!("{confirmable:?}") };
        app.factors.forgive(attempt).await.expect("the database");
        let codes = app.factors.draw_codes(&Client::server()).await.expect("codes");
        let shown = shown(&codes);
        let added = app.world.transaction(Caller::server(), move |mut work| {
            Box::pin(async move { confirmed.add(&mut work, &codes).await })
        });
        assert!(added.await.expect("the database"));
        Self { user, app: device, first, codes: shown }
    }

    /// As if no code had been accepted lately.
    async fn later(&self, app: &TestApp) {
        sqlx::query("UPDATE totp_secrets SET last_step = last_step - 9").execute(app.db()).await.expect("SQL");
    }

    async fn totp(&self, app: &TestApp, code: &str) -> CodeUse {
        app.present_code(self.user, FactorCode::Totp(code)).await
    }

    async fn recover(&self, app: &TestApp, code: &str) -> CodeUse {
        app.present_code(self.user, FactorCode::Recovery(code)).await
    }

    async fn version(&self, app: &TestApp) -> i32 {
        app.factors.of(self.user).await.expect("the database").expect("a user").version
    }
}

impl TestApp {
    /// Compares a code and uses it up, as a sign-in does.
    async fn present_code(&self, user: UserId, code: FactorCode<'_>) -> CodeUse {
        let compared = self.factors.check(user, code, &Client::server()).await.expect("an outcome");
        let (correct, attempt) = match compared {
            CodeCheck::Right(correct, attempt) => (correct, attempt),
            CodeCheck::Wrong => return CodeUse::Wrong,
            CodeCheck::Limited { .. } => return CodeUse::Limited,
        };
        let accepted = self.world.transaction(Caller::user(user, &Client::server()), move |mut work| {
            Box::pin(async move { correct.use_up(&mut work).await })
        });
        if !accepted.await.expect("the database") {
            return CodeUse::Wrong;
        }
        self.factors.forgive(attempt).await.expect("the database");
        CodeUse::Accepted
    }

    async fn has_second_factor(&self, user: UserId) -> bool {
        self.factors.of(user).await.expect("the database").expect("a user").is_required()
    }

    /// How many emails of a kind were enqueued.
    async fn mails(&self, notification: &str) -> i64 {
        let counted = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE notice = $1").bind(notification);
        counted.fetch_one(self.db()).await.expect("SQL")
    }
}

fn shown(codes: &NewCodes) -> Vec<String> {
    codes.reveal().iter().map(|code| code.to_string()).collect()
}

async fn put(app: &TestApp, user: UserId, new: NewTotp) -> bool {
    let kept =
        app.world.transaction(Caller::server(), move |mut work| Box::pin(async move { new.keep(&mut work).await }));
    assert!(app.factors.of(user).await.expect("the database").is_some());
    kept.await.expect("the database")
}

async fn remove(app: &TestApp, user: UserId) -> u32 {
    let removed = app.world.transaction(Caller::server(), move |mut work| {
        Box::pin(async move { remove_all(&mut work, user, "test").await })
    });
    removed.await.expect("the database").count()
}

/// F-1, F-4, F-5, F-11.
#[tokio::test]
async fn an_app_counts_when_a_code_of_it_was_typed_and_that_code_is_used() {
    let app = TestApp::start().await;
    let user: UserId = app.person("alice").await.id.parse().expect("an id");
    let client = Client::server();
    let new = app.factors.draw_totp(user, "alice@example.com").expect("a secret");
    let first = Authenticator::with(&new.secret);
    assert!(put(&app, user, new).await);
    assert!(!app.has_second_factor(user).await);
    let outcome = app.present_code(user, FactorCode::Totp(&first.code(&app, 0))).await;
    assert_eq!(outcome, CodeUse::Wrong, "not confirmed");
    // It can be replaced, and then it is nothing any more.
    assert!(put(&app, user, app.factors.draw_totp(user, "alice@example.com").expect("a secret")).await);
    let old = app.factors.check_new(user, &first.code(&app, 0), &client).await.expect("an outcome");
    assert!(matches!(old, Confirmable::Wrong), "{old:?}");

    let alice = Enrolled::on(&app, "bob").await;
    assert!(app.has_second_factor(alice.user).await);
    assert_eq!((alice.version(&app).await, alice.codes.len()), (1, 10));
    assert_eq!(alice.totp(&app, &alice.first).await, CodeUse::Wrong, "it confirmed the app");
    assert!(
        !put(&app, alice.user, app.factors.draw_totp(alice.user, "b").expect("a secret")).await,
        "cannot be replaced"
    );
    let again = app.factors.check_new(alice.user, &alice.app.code(&app, 1), &client).await.expect("an outcome");
    assert!(matches!(again, Confirmable::Nothing), "{again:?}");
    assert_eq!((app.events("factor_added").await, app.mails("factor-added").await), (1, 1));
}

/// F-4, F-6: on two instances.
#[tokio::test]
async fn of_ten_uses_of_one_code_at_once_exactly_one_succeeds() {
    let app = TestApp::start().await;
    let other = app.another(&[]).await;
    let alice = Enrolled::on(&app, "alice").await;
    alice.later(&app).await;
    let code = alice.app.code(&app, 1);
    let uses = at_once((0..10).map(|turn| alice.totp(if turn % 2 == 0 { &app } else { &other }, &code))).await;
    assert_eq!(uses.iter().filter(|outcome| **outcome == CodeUse::Accepted).count(), 1, "{uses:?}");
    let code = &alice.codes[4];
    let uses = at_once((0..10).map(|turn| alice.recover(if turn % 2 == 0 { &app } else { &other }, code))).await;
    assert_eq!(uses.iter().filter(|outcome| **outcome == CodeUse::Accepted).count(), 1, "{uses:?}");
    assert_eq!(app.mails("recovery-code-used").await, 1);
    assert_eq!(app.events("recovery_code_used").await, 1);
    let factors = app.factors.of(alice.user).await.expect("the database").expect("a user");
    assert_eq!(factors.recovery_codes_left, 9);
}

/// F-4.
#[tokio::test]
async fn a_code_older_than_one_that_was_accepted_is_refused() {
    let app = TestApp::start().await;
    let alice = Enrolled::on(&app, "alice").await;
    alice.later(&app).await;
    let (before, next) = (alice.app.code(&app, 0), alice.app.code(&app, 1));
    assert_eq!(alice.totp(&app, &next).await, CodeUse::Accepted);
    assert_eq!(alice.totp(&app, &before).await, CodeUse::Wrong);
    assert_eq!(alice.totp(&app, &next).await, CodeUse::Wrong);
}

/// F-9: on two instances.
#[tokio::test]
async fn guesses_at_once_are_bounded_and_the_right_code_waits_with_them() {
    let app = TestApp::with(LIMITED).await;
    let other = app.another(LIMITED).await;
    let alice = Enrolled::on(&app, "alice").await;
    alice.later(&app).await;
    sqlx::query("DELETE FROM password_guesses").execute(app.db()).await.expect("SQL");
    let right = alice.app.code(&app, 1);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let spelled = "3-0000-0000-0000";
    let guesses = (0..40).map(|turn| {
        let (alice, server) = (&alice, if turn % 2 == 0 { &app } else { &other });
        async move { if turn % 4 < 2 { alice.totp(server, wrong).await } else { alice.recover(server, spelled).await } }
    });
    let outcomes = at_once(guesses).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == CodeUse::Wrong).count(), FREE, "{outcomes:?}");
    let late = alice.totp(&app, &right).await;
    assert_eq!(late, CodeUse::Limited);
    // Of another user nothing is counted.
    let bob = Enrolled::on(&app, "bob").await;
    assert_eq!(bob.recover(&app, &bob.codes[0]).await, CodeUse::Accepted);
}

/// F-9.
#[tokio::test]
async fn a_right_code_empties_the_count() {
    let app = TestApp::with(LIMITED).await;
    let alice = Enrolled::on(&app, "alice").await;
    for round in 0..2 {
        for _ in 0..FREE - 1 {
            assert_eq!(alice.recover(&app, "3-0000-0000-0000").await, CodeUse::Wrong, "{round}");
        }
        assert_eq!(alice.recover(&app, &alice.codes[round]).await, CodeUse::Accepted, "{round}");
    }
}

/// F-10, F-11.
#[tokio::test]
async fn a_code_of_a_removed_factor_opens_nothing_not_even_if_it_was_compared_before() {
    let app = TestApp::start().await;
    let alice = Enrolled::on(&app, "alice").await;
    alice.later(&app).await;
    let code = alice.app.code(&app, 1);
    let compared = app.factors.check(alice.user, FactorCode::Totp(&code), &Client::server()).await.expect("an outcome");
    let CodeCheck::Right(correct, _attempt) = compared else { panic!("{compared:?}") };
    assert_eq!(remove(&app, alice.user).await, 1);
    let used = app
        .world
        .transaction(Caller::server(), move |mut work| Box::pin(async move { correct.use_up(&mut work).await }));
    assert!(!used.await.expect("the database"));
    assert_eq!(alice.totp(&app, &code).await, CodeUse::Wrong);
    assert_eq!(alice.recover(&app, &alice.codes[0]).await, CodeUse::Wrong);
    assert_eq!(alice.version(&app).await, 2);
    assert_eq!((app.events("factor_removed").await, app.mails("factor-removed").await), (1, 1));
    assert_eq!(remove(&app, alice.user).await, 0, "there is nothing left");
    assert_eq!(app.mails("factor-removed").await, 1);
}

/// F-5, F-10.
#[tokio::test]
async fn new_recovery_codes_replace_the_old_even_one_that_was_compared_before() {
    let app = TestApp::start().await;
    let alice = Enrolled::on(&app, "alice").await;
    let typed = FactorCode::Recovery(&alice.codes[2]);
    let compared = app.factors.check(alice.user, typed, &Client::server()).await.expect("an outcome");
    let CodeCheck::Right(correct, _attempt) = compared else { panic!("{compared:?}") };
    let (codes, user) = (app.factors.draw_codes(&Client::server()).await.expect("codes"), alice.user);
    let new = shown(&codes);
    let renewed = app.world.transaction(Caller::server(), move |mut work| {
        Box::pin(async move { Ok((renew_codes(&mut work, user, &codes).await?, correct.use_up(&mut work).await?)) })
    });
    assert_eq!(renewed.await.expect("the database"), (true, false));
    assert_eq!(alice.recover(&app, &alice.codes[2]).await, CodeUse::Wrong);
    assert_eq!(alice.recover(&app, &new[2]).await, CodeUse::Accepted);
    assert_eq!(app.mails("recovery-codes-renewed").await, 1);
}

/// F-8.
#[tokio::test]
async fn the_database_holds_no_secret_and_a_row_that_was_moved_to_another_user_opens_nothing() {
    let app = TestApp::start().await;
    let (alice, bob) = (Enrolled::on(&app, "alice").await, Enrolled::on(&app, "bob").await);
    let rows: Vec<(Vec<u8>,)> =
        sqlx::query_as("SELECT sealed FROM totp_secrets").fetch_all(app.db()).await.expect("SQL");
    let secret = alice.app.secret();
    assert!(rows.iter().all(|(sealed,)| !sealed.windows(secret.len()).any(|part| part == secret)));
    let hashes: Vec<(String,)> =
        sqlx::query_as("SELECT hash FROM recovery_codes").fetch_all(app.db()).await.expect("SQL");
    assert!(hashes.iter().all(|(hash,)| hash.starts_with("$heirloom-v1$2b$")) && hashes.len() == 20);
    alice.later(&app).await;
    let moved =
        "UPDATE totp_secrets SET sealed = (SELECT sealed FROM totp_secrets WHERE user_id = $1) WHERE user_id = $2";
    let moved = sqlx::query(moved).bind(alice.user.as_uuid()).bind(bob.user.as_uuid());
    moved.execute(app.db()).await.expect("SQL");
    let code = alice.app.code(&app, 1);
    assert!(app.factors.check(bob.user, FactorCode::Totp(&code), &Client::server()).await.is_err());
    assert_eq!(alice.totp(&app, &code).await, CodeUse::Accepted, "the control");
}
