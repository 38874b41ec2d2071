//! The command line, as an operator uses it: the real binary, with a Postgres of its own.
use heirloom_testing::{Home, Port, Ran};
use serde_json::Value;

const PASSWORD: &str = "a quiet harbour at dawn\n";

/// One installation, asked by whole lines.
struct Installation(Home);

impl Installation {
    fn new() -> Self {
        Self(Home::empty())
    }

    fn run(&self, arguments: &str) -> Ran {
        self.run_with(arguments, "", &[])
    }

    fn run_with(&self, arguments: &str, input: &str, options: &[(&str, &str)]) -> Ran {
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        Ran::of(self.0.command(&arguments).envs(options.iter().copied()), input)
    }

    fn add(&self, email: &str, more: &str) -> Value {
        self.run_with(&format!("user add {email} {more} --json"), PASSWORD, &[]).expect(0).json()["user"].clone()
    }
}

#[test]
fn migrations_are_applied_once_and_named() {
    let here = Installation::new();
    let first = here.run("migrate --json").expect(0).json();
    assert!(first["applied"].as_array().unwrap().iter().any(|name| name.as_str().unwrap().contains("create sessions")));
    assert_eq!(here.run("migrate --json").expect(0).json()["applied"].as_array().unwrap().len(), 0);
    assert!(here.run("migrate").expect(0).stdout.contains("Nothing to do"));
}

#[test]
fn users_are_added_shown_and_changed() {
    let here = Installation::new();
    let root = here.add("Root@Example.com", "--admin --name Root");
    assert_eq!((root["email"].as_str(), root["name"].as_str()), (Some("root@example.com"), Some("Root")));
    assert_eq!(root["roles"][0], "admin");
    here.add("mina@example.com", "");

    assert_eq!(here.run("user show MINA@example.com --json").expect(0).json()["user"]["email"], "mina@example.com");
    let by_id = format!("user show {} --json", root["id"].as_str().unwrap());
    assert_eq!(here.run(&by_id).expect(0).json()["user"]["id"], root["id"]);
    assert_eq!(here.run("user list --json").expect(0).json()["items"].as_array().unwrap().len(), 2);
    assert!(here.run("user list").expect(0).stdout.contains("mina@example.com"));

    let granted = here.run("user grant mina@example.com editor --json").expect(0).json();
    assert_eq!(granted["user"]["roles"][0], "editor");
    let taken = here.run("user ungrant mina@example.com editor --json").expect(0).json();
    assert_eq!(taken["user"]["roles"].as_array().unwrap().len(), 0);
    let blocked = here.run("user block mina@example.com --reason away --json").expect(0).json();
    assert_eq!((&blocked["user"]["blocked"], &blocked["user"]["blocked_reason"]), (&true.into(), &"away".into()));
    let free = here.run("user unblock mina@example.com --json").expect(0).json();
    assert_eq!(free["user"]["blocked"], false);
    here.run_with("user set-password mina@example.com", "another quiet harbour\n", &[]).expect(0);
    assert!(!here.run("user show mina@example.com --json").expect(0).stdout.contains("heirloom-v1"), "no hash leaves");
}

#[test]
fn what_cannot_be_done_fails_with_a_reason() {
    let here = Installation::new();
    here.add("root@example.com", "--admin");
    let failed = |arguments: &str, input: &str, why: &str| {
        let ended = here.run_with(arguments, input, &[]).expect(1);
        assert!(ended.stderr.contains(why), "{arguments}: {}", ended.stderr);
        assert_eq!(ended.stdout, "");
    };
    failed("user add root@example.com", PASSWORD, "a user with this address already exists");
    failed("user add mina@example.com", "short\n", "at least 8 characters");
    failed("user add mina@example.com", "password1\n", "easy to guess");
    failed("user add nonsense", PASSWORD, "not an e-mail address");
    failed("user show nobody@example.com", "", "there is no user nobody@example.com");
    failed("user block root@example.com", "", "last administrator");
    failed("user ungrant root@example.com admin", "", "last administrator");
    failed("sessions revoke --session 00000000-0000-7000-8000-000000000000", "", "there is no session");
}

///
#[test]
fn wrong_usage_and_failure_have_different_exit_codes() {
    let here = Installation::new();
    for wrong in ["nonsense", "user", "user add", "sessions revoke", "sessions revoke --session x", "serve --fast"] {
        here.run(wrong).expect(2);
    }
    here.run("--help").expect(0);
    let refused =
        here.run_with("user list", "", &[("HEIRLOOM_BIND", "x"), ("HEIRLOOM_ACCESS_TOKEN_TTL", "soon")]).expect(1);
    assert!(refused.stderr.contains("2 problems"), "{}", refused.stderr);
    assert!(refused.stderr.contains("HEIRLOOM_BIND") && refused.stderr.contains("HEIRLOOM_ACCESS_TOKEN_TTL"));
}

#[test]
fn sessions_and_keys_are_managed() {
    let here = Installation::new();
    here.add("root@example.com", "--admin");
    assert_eq!(
        here.run("sessions list --user root@example.com --json").expect(0).json()["items"].as_array().unwrap().len(),
        0
    );
    assert_eq!(here.run("sessions revoke --user root@example.com --json").expect(0).json()["revoked"], 0);
    assert_eq!(here.run("sessions revoke --everyone --json").expect(0).json()["revoked"], 0);
    assert_eq!(here.run("sweep --json").expect(0).json()["deleted"], 0);
    let keys = |here: &Installation| here.run("keys list --json").expect(0).json()["items"].as_array().unwrap().clone();
    assert_eq!(keys(&here).len(), 1);
    here.run("keys rotate").expect(0);
    let after = keys(&here);
    assert_eq!(after.len(), 2);
    assert_eq!(after.iter().filter(|key| key["signs"] == true).count(), 1, "one key signs at a time");
}

///
#[test]
fn a_check_tries_everything_and_changes_nothing() {
    let here = Installation::new();
    let before = here.run("check --json").expect(0).json();
    assert_eq!(before["ok"], true);
    here.add("root@example.com", "--admin");
    let after = here.run("check").expect(0);
    assert!(after.stdout.contains("decrypts every signing key (1)"), "{}", after.stdout);
    let other = ("HEIRLOOM_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let wrong = here.run_with("check", "", &[other]).expect(1);
    assert!(wrong.stdout.contains("FAILED") && wrong.stdout.contains("HEIRLOOM_MASTER_KEY"), "{}", wrong.stdout);
    let nobody = Port::reserve();
    let url = format!("postgres://nobody@{}/none", nobody.address());
    let nowhere = ("DATABASE_URL", url.as_str());
    assert!(here.run_with("check", "", &[other, nowhere]).expect(1).stdout.contains("FAILED"));
}

/// Several commands and a server share one private Postgres; who leaves last stops it.
#[test]
fn commands_run_beside_each_other() {
    let here = Installation::new();
    here.add("root@example.com", "--admin");
    std::thread::scope(|scope| {
        let added: Vec<_> = (0..4)
            .map(|number| {
                scope.spawn({
                    let here = &here;
                    move || here.add(&format!("user{number}@example.com"), "")
                })
            })
            .collect();
        for added in added {
            added.join().unwrap();
        }
    });
    assert_eq!(here.run("user list --json").expect(0).json()["items"].as_array().unwrap().len(), 5);
    assert!(
        !here.0.data_dir().join("postgres/data/postmaster.pid").exists(),
        "nobody is left, and Postgres has stopped"
    );
}

/// They are meant for another database.
#[test]
fn variables_of_libpq_do_not_reach_the_private_postgres() {
    let here = Installation::new();
    let variables = [
        ("PGOPTIONS", "-c search_path=nowhere -c nonsense=1"),
        ("PGHOST", "192.0.2.1"),
        ("PGUSER", "stranger"),
        ("PGPASSWORD", "wrong"),
        ("PGDATABASE", "nowhere"),
        ("PGSSLMODE", "verify-full"),
    ];
    here.run_with("user add root@example.com --admin", PASSWORD, &variables).expect(0);
    here.run_with("check", "", &variables).expect(0);
    assert_eq!(here.run("user list --json").expect(0).json()["items"].as_array().unwrap().len(), 1);
}

/// Whatever it is called with, and without a look at the configuration.
#[test]
fn the_torture_kit_has_moved_and_the_command_names_its_program() {
    let here = Installation::new();
    for arguments in
        ["torture", "torture --help", "torture http://127.0.0.1:9 --user alice --json", "--json torture --list"]
    {
        let ended = here.run_with(arguments, "", &[("HEIRLOOM_MASTER_KEY", "nonsense")]).expect(2);
        assert!(ended.stderr.contains("heirloom-torture") && ended.stdout.is_empty(), "{arguments}: {}", ended.stderr);
    }
    let help = here.run("--help").expect(0).stdout;
    assert!(!help.contains("torture"), "{help}");
}

/// C-6: two installations have no secret in common, and neither has an account.
#[test]
fn a_new_installation_has_no_account_and_a_master_key_of_its_own() {
    let (one, other) = (Installation::new(), Installation::new());
    let key = |here: &Installation| {
        let users = here.run("user list --json").expect(0).json();
        assert_eq!(users["items"].as_array().unwrap().len(), 0, "{users}");
        std::fs::read_to_string(here.0.data_dir().join("master.key")).unwrap()
    };
    let (first, second) = (key(&one), key(&other));
    assert_ne!(first, second);
    for text in [first, second] {
        assert_eq!(text.trim_end().len(), 44, "32 bytes in base64");
    }
    let published = |here: &Installation| here.run("keys list --json").expect(0).json()["items"][0]["id"].clone();
    assert_ne!(published(&one), published(&other));
}
