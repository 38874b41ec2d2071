//! The check tries the mail server, up to the point at which an email would be sent.

use crate::databases::found;
use heirloom_testing::Home;
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
};

/// A mail server that answers each command with the answer of the first beginning that fits. Its port.
fn mail_server(greeting: &'static str, answers: &'static [(&'static str, &'static str)]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let mut answer = client.try_clone().unwrap();
            drop(answer.write_all(greeting.as_bytes()));
            for line in BufReader::new(client).lines().map_while(Result::ok) {
                let known = answers.iter().find(|(command, _)| line.starts_with(command));
                drop(answer.write_all(known.map_or("221 bye\r\n", |(_, answer)| answer).as_bytes()));
            }
        }
    });
    port
}

fn check(url: &str) -> String {
    let home = Home::empty().with("HEIRLOOM_SMTP_URL", url).with("HEIRLOOM_MAIL_FROM", "no-reply@example.com");
    let checked = home.run(&["check", "--json"]);
    assert!(!checked.stdout.contains("hunter2"), "{checked:?}");
    found(&checked, "mail server")
}

const EHLO: (&str, &str) = ("EHLO", "250-stub\r\n250 AUTH PLAIN LOGIN\r\n");

#[test]
fn a_mail_server_that_takes_our_emails_is_ok_and_gets_none() {
    let port = mail_server("220 stub\r\n", &[EHLO, ("AUTH", "235 ok\r\n")]);
    let found = check(&format!("smtp://me:hunter2@127.0.0.1:{port}"));
    assert_eq!(found, "ok: 127.0.0.1 answers without TLS, and accepted the user and the password; nothing was sent");
}

#[test]
fn without_a_mail_server_the_check_names_the_folder_and_creates_nothing() {
    let home = Home::empty();
    let folder = home.data_dir().join("mail");
    let detail = found(&home.run(&["check", "--json"]), "mail server");
    assert!(
        detail.starts_with("ok: none: emails are written to") && detail.contains(folder.to_str().unwrap()),
        "{detail}"
    );
    assert!(!folder.exists());

    std::fs::write(&folder, "").unwrap();
    let detail = found(&home.run(&["check", "--json"]), "mail server");
    assert!(detail.starts_with("fail: ") && detail.contains("is not a folder"), "{detail}");
}

#[test]
fn where_users_wait_for_emails_a_missing_mail_server_is_a_risk() {
    let home = Home::empty().with("HEIRLOOM_PUBLIC_URL", "https://auth.example.com");
    let detail = found(&home.run(&["check", "--json"]), "emails");
    assert!(detail.starts_with("warn: ") && detail.contains("no user receives an email"), "{detail}");

    // An address of a machine is a sender for files, and none for a mail server.
    let home = Home::empty().with("HEIRLOOM_PUBLIC_URL", "http://127.0.0.1:8080");
    assert!(found(&home.run(&["check", "--json"]), "mail server").starts_with("ok: "));
    let home = home.with("HEIRLOOM_SMTP_URL", "file://host/mails");
    assert!(home.run(&["check", "--json"]).stdout.contains("HEIRLOOM_SMTP_URL names no folder"));
}

#[test]
fn each_step_that_fails_is_named_with_what_to_do() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refusing = mail_server("220 stub\r\n", &[EHLO, ("AUTH", "535 no hunter2 here\r\n")]);
    let plain = mail_server("220 stub\r\n", &[("EHLO", "250 stub\r\n")]);
    let other = mail_server("HTTP/1.1 400 Bad Request\r\n\r\n", &[]);
    let broken = mail_server("220 stub\r\n", &[("EHLO", "250-stub\r\n250 STARTTLS\r\n"), ("STARTTLS", "220 go\r\n")]);
    for (url, expected) in [
        (format!("smtp://127.0.0.1:{closed}"), "cannot be reached"),
        (format!("smtp://127.0.0.1:{other}"), "does not greet as a mail server"),
        (format!("smtp://me:hunter2@127.0.0.1:{refusing}"), "refuses the user or the password"),
        (format!("smtp://me:hunter2@127.0.0.1:{plain}"), "offers neither AUTH PLAIN nor AUTH LOGIN"),
        (format!("smtp://127.0.0.1:{plain}?tls=required"), "does not offer STARTTLS"),
        (format!("smtp://127.0.0.1:{broken}?tls=required"), "TLS with 127.0.0.1 failed"),
    ] {
        let found = check(&url);
        assert!(found.starts_with("fail: ") && found.contains(expected), "{url}: {found}");
    }
}
