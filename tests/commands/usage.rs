//! What is refused before anything is started: wrong usage, with exit code 2, and values that the rules do not allow, with 1.
use heirloom_testing::{Home, Port};

/// Runs where nothing can be started, and shows that nothing was.
fn refused(code: i32, arguments: &[&str], message: &str) {
    let home = Home::empty().with("HEIRLOOM_PG_BIN", "/nowhere");
    home.run(arguments).refused(code, message);
    assert_eq!(home.data_dir().read_dir().unwrap().count(), 0, "{arguments:?}");
}

///
#[test]
fn arguments_that_mean_nothing_are_wrong_usage() {
    for arguments in [
        &["nonsense"][..],
        &["--nonsense"],
        &["user"],
        &["user", "add"],
        &["user", "add", "a@example.com", "secret-on-the-command-line"],
        &["user", "grant", "a@example.com"],
        &["user", "list", "--status", "odd"],
        &["sessions", "revoke"],
        &["sessions", "revoke", "--everyone", "--user", "a@example.com"],
        &["sessions", "revoke", "--session", "not-an-id"],
        &["keys"],
        &["keys", "rotate", "now"],
        &["migrate", "--no-migrate"],
    ] {
        refused(2, arguments, "help");
    }
}

#[test]
fn values_that_the_rules_do_not_allow_are_named() {
    refused(1, &["user", "add", "no-address"], "EMAIL: This is not an e-mail address.");
    refused(1, &["user", "add", "a@example.com", "--name", "two\nlines"], "--name: ");
    refused(1, &["user", "grant", "a@example.com", "Not A Role"], "ROLE: A role has 1 to 64 characters");
    refused(1, &["user", "ungrant", "a@example.com", "Admin"], "ROLE: A role has 1 to 64 characters");
    refused(1, &["user", "block", "a@example.com", "--reason", "two\nlines"], "--reason: ");
    refused(1, &["sessions", "revoke", "--everyone", "--reason", "two\nlines"], "--reason: ");
}

///
#[test]
fn all_invalid_options_are_reported_at_once() {
    let home = Home::empty().with("HEIRLOOM_BIND", "everywhere").with("HEIRLOOM_ACCESS_TOKEN_TTL", "soon");
    let message = home.run(&["user", "list"]).refused(1, "the configuration has 2 problems").stderr;
    assert!(message.contains("HEIRLOOM_BIND=\"everywhere\"") && message.contains("HEIRLOOM_ACCESS_TOKEN_TTL=\"soon\""));
    home.run(&["serve"]).refused(1, "HEIRLOOM_BIND");
    home.run(&[]).refused(1, "HEIRLOOM_BIND");
}

#[test]
fn help_is_no_mistake() {
    let home = Home::empty();
    let help = home.run(&["--help"]).done().stdout;
    for command in ["serve", "migrate", "user", "sessions", "keys", "sweep", "check", "health", "completions", "man"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
    }
    assert!(home.run(&["--version"]).done().stdout.starts_with("heirloom "));
    assert!(home.run(&["user", "add", "--help"]).done().stdout.contains("standard input"));
}

/// They are made where packages are made, with no configuration or a wrong one.
#[test]
fn the_manual_and_the_completions_know_every_command() {
    let home = Home::empty().with("HEIRLOOM_BIND", "everywhere");
    let manual = home.run(&["man"]).done().stdout;
    for heading in ["HEIRLOOM SERVE", "HEIRLOOM USER ADD", "HEIRLOOM KEYS ROTATE", "ENVIRONMENT"] {
        assert!(manual.contains(&format!("\n.SH {heading}\n")), "{heading}");
    }
    assert!(manual.contains("HEIRLOOM_REUSE_LEEWAY"), "options are explained");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let completions = home.run(&["completions", shell]).done().stdout;
        assert!(completions.contains("set-password"), "{shell}");
    }
    home.run(&["completions", "abacus"]).refused(2, "possible values");
}

#[test]
fn a_server_that_is_not_there_is_not_healthy() {
    let nobody = Port::reserve();
    let address = nobody.address().to_string();
    let home = Home::empty().with("HEIRLOOM_BIND", &address);
    home.run(&["health"]).refused(1, &format!("no server answers at http://{address}/healthz"));
}

#[test]
fn a_database_that_is_not_there_is_a_failure() {
    let nobody = Port::reserve();
    let home = Home::empty()
        .with("DATABASE_URL", &format!("postgres://user:hunter2hunter2@{}/nothing", nobody.address()))
        .with("HEIRLOOM_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=");
    for arguments in [&["user", "list"][..], &["migrate"], &["keys", "list"], &["sessions", "list"], &["sweep"]] {
        let message = home.run(arguments).refused(1, "Connection refused").stderr;
        assert!(!message.contains("hunter2"), "{message}");
    }
}

/// in the wrong folder, a command would report success on an empty database of its own.
#[test]
fn only_commands_that_begin_an_installation_create_a_database() {
    let home = Home::empty();
    for arguments in [
        &["user", "show", "a@example.com"][..],
        &["user", "export"],
        &["sessions", "revoke", "--everyone", "--yes"],
        &["audit", "verify"],
        &["sweep"],
    ] {
        home.run(arguments).refused(1, "there is no private PostgreSQL in ");
        assert!(!home.data_dir().join("postgres").exists(), "{arguments:?}");
    }
    home.run(&["migrate"]).done();
    home.run(&["user", "list"]).done();
}

///
#[test]
fn an_option_with_a_typing_mistake_is_reported() {
    let home = Home::empty().with("HEIRLOOM_DATADIR", "/srv/heirloom").with("HEIRLOOM_PG_BIN", "/nowhere");
    let message = home.run(&["user", "list"]).refused(1, "no PostgreSQL server binaries were found").stderr;
    assert!(message.contains("HEIRLOOM_DATADIR") && message.contains("config.unknown_option"), "{message}");
}
