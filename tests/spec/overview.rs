//! GET /api/v1/admin/overview: the numbers of the administration's front page.

use crate::support::TestApp;

const OVERVIEW: &str = "/api/v1/admin/overview";

#[tokio::test]
async fn the_overview_counts_users_sessions_sign_ins_and_reuses() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let bob = app.person("bob").await;
    app.sign_in("alice").await;
    let stolen = app.sign_in("alice").await;
    app.refresh(&stolen.refresh_token).await.expect_tokens();
    app.refresh(&stolen.refresh_token).await.expect_problem(401, "refresh_token_reused");
    admin.block(&bob.id).await.expect(200);

    let counted = admin.get(OVERVIEW).await.expect(200).json();
    assert_eq!(counted["users"], 3);
    assert_eq!(counted["blocked_users"], 1);
    assert_eq!(counted["live_sessions"], 2, "the admin's and one of Alice's");
    let hours = counted["hours"].as_array().expect("hours");
    assert_eq!(hours.len(), 24);
    let sum = |name: &str| hours.iter().map(|hour| hour[name].as_i64().expect("a number")).sum::<i64>();
    assert_eq!((sum("sign_ins"), sum("reuses")), (4, 1));
    let mut begins: Vec<_> = hours.iter().map(|hour| hour["begins_at"].as_str().expect("a time")).collect();
    assert!(begins.iter().all(|begins| begins.ends_with(":00:00Z")), "{begins:?}");
    assert!(begins.is_sorted());
    begins.dedup();
    assert_eq!(begins.len(), 24);
}

/// What happened more than a day ago is in no hour.
#[tokio::test]
async fn the_overview_looks_back_a_day() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    // Past the triggers that keep events as they are.
    let older = "SET session_replication_role = replica; UPDATE audit_events SET at = at - interval '25 hours'";
    sqlx::raw_sql(older).execute(app.db()).await.expect("SQL");
    let counted = admin.get(OVERVIEW).await.expect(200).json();
    let hours = counted["hours"].as_array().expect("hours");
    assert!(hours.iter().all(|hour| hour["sign_ins"] == 0), "{counted}");
}

/// Rotations are not events: every instance counts its own and adds them to the hour's row, at the latest when it
/// stops.
#[tokio::test]
async fn refreshes_of_all_instances_are_added_up() {
    let mut app = TestApp::start().await;
    let mut other = app.another(&[]).await;
    for instance in [&app, &other] {
        let mut tokens = instance.sign_in("alice").await;
        for _ in 0..3 {
            tokens = instance.refresh(&tokens.refresh_token).await.expect_tokens();
        }
    }
    app.stop().await;
    other.stop().await;
    let third = app.another(&[]).await;
    let admin = third.admin("root").await;
    let counted = admin.get(OVERVIEW).await.expect(200).json();
    let refreshes = counted["hours"].as_array().expect("hours").iter().filter_map(|hour| hour["refreshes"].as_i64());
    assert_eq!(refreshes.sum::<i64>(), 6, "{counted}");
    let rows = third.count("SELECT count(*) FROM hourly_counts").await;
    assert!((1..=2).contains(&rows), "one row an hour, and the hour may have changed");
}
