//! A server that cannot be judged: the cause has a name, and nothing is accused.

use crate::{
    kit::{PASSWORD, torture, torture_in},
    provider::{Manners, Provider},
};
use heirloom_torture::{Guarded, Profile, Progress, Settings, Source, run_until};
use std::{net::TcpListener, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kit/tls/ca.pem");

async fn expect_cause(arguments: &[&str], cause: &str) {
    let ran = torture(&[arguments, &["--user", "alice", "--client-id", "web"]].concat()).await;
    assert_eq!(ran.code, 3, "{ran:?}");
    let lines: Vec<_> = ran.stdout.split_whitespace().collect();
    assert!(lines.join(" ").contains(cause), "{cause:?} is not in {}", ran.stdout);
    assert!(ran.stdout.contains(" 0 VIOLATED"), "{}", ran.stdout);
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[tokio::test]
async fn a_port_at_which_nothing_listens_is_named() {
    let (listener, address) = listener();
    drop(listener);
    for profile in [&[][..], &["--profile", "oauth2"]] {
        expect_cause(&[&[format!("http://{address}").as_str()], profile].concat(), "connection refused").await;
    }
}

/// A label of a name has at most 63 characters, so that no resolver needs to be asked.
#[tokio::test]
async fn a_host_without_an_address_is_named() {
    expect_cause(&[&format!("http://{}.example", "a".repeat(70))], "the host's name has no address (DNS)").await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_named() {
    let (_held, address) = listener();
    let url = format!("http://{address}");
    for profile in [&[][..], &["--profile", "oauth2"]] {
        expect_cause(&[&[&url, "--timeout", "200ms"], profile].concat(), "no answer within 200ms").await;
    }
}

#[tokio::test]
async fn a_server_without_tls_is_named() {
    let provider = Provider::start(Manners::default());
    expect_cause(&[&provider.url.replace("http:", "https:")], "the server does not speak TLS at this port").await;
}

/// Answers 404 to everything, over TLS.
fn with_tls() -> String {
    let file = |name: &str| format!("{}/tests/kit/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let certificate = CertificateDer::from_pem_file(file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate], key).unwrap()));
    let (listener, address) = listener();
    listener.set_nonblocking(true).unwrap();
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _read = stream.read(&mut [0; 4096]).await;
                let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                let _written = stream.write_all(answer.as_bytes()).await;
                let _closed = stream.shutdown().await;
            });
        }
    });
    format!("https://{address}")
}

#[tokio::test]
async fn an_issuer_that_is_not_trusted_is_named_and_can_be_trusted() {
    let url = with_tls();
    let arguments = [url.as_str(), "--profile", "oauth2", "--client-id", "web", "--user", "alice"];
    let trusting = [&arguments[..], &["--ca", CA]].concat();
    for (arguments, environment, cause) in [
        (&arguments[..], &[][..], "the certificate's issuer is not trusted; pass --ca FILE, or set SSL_CERT_FILE"),
        (&trusting, &[], "the sign-in failed: 404"),
        (&arguments, &[("SSL_CERT_FILE", CA)], "the sign-in failed: 404"),
    ] {
        let ran = torture_in(environment, arguments, &format!("{PASSWORD}\n")).await;
        let words: Vec<_> = ran.stdout.split_whitespace().collect();
        assert!(ran.code == 3 && words.join(" ").contains(cause), "{cause:?} is not in {ran:?}");
    }
}

/// Nobody waits for an hour without knowing why.
#[tokio::test]
async fn a_limit_that_asks_for_a_long_wait_is_named_at_once() {
    let provider = Provider::start(Manners { closed: Some(3600), ..Manners::default() });
    expect_cause(&[&provider.url], "the sign-in failed: 429, which asks to wait for 3600 s").await;
}

/// Not taken for a run that hangs.
#[tokio::test]
async fn a_wait_for_a_limit_is_reported() {
    let provider = Provider::start(Manners { closed: Some(60), ..Manners::default() });
    let url = format!("{}/token/", provider.url);
    let guarded = |text: &str| Guarded::new(text.to_owned());
    let source = Source::SignIn { user: guarded("alice"), password: guarded(PASSWORD) };
    let mut settings = Settings::new(vec![url], Profile::load("oauth2").unwrap(), source);
    settings.values.insert("client_id".to_owned(), guarded("web"));
    let waits = Notify::new();
    let tell = |progress: &Progress<'_>| {
        if let Progress::Waiting("preflight", _) = progress {
            waits.notify_one();
        }
    };
    let report = run_until(settings, tell, waits.notified()).await.unwrap();
    assert_eq!((report.interrupted, report.exit_code()), (true, 3), "{report:#?}");
}

/// The beginning of the body helps, and may hold a token.
#[tokio::test]
async fn an_unexpected_answer_is_shown_without_what_may_be_a_secret() {
    let page = "<html><title>Teapot</title><p>no coffee for rt-0-0-0123456789abcdefghijklmnopqrstuvwxyz</html>";
    let provider = Provider::start(Manners { broken: Some((418, page)), ..Manners::default() });
    expect_cause(&[&provider.url], "418 “Teapot no coffee for …”").await;
}

#[tokio::test]
async fn a_wrong_ca_file_is_wrong_usage() {
    for file in ["/no/such/file", file!()] {
        let ran = torture(&["http://127.0.0.1:9", "--user", "alice", "--ca", file]).await;
        assert!(ran.code == 2 && ran.stderr.contains("--ca"), "{ran:?}");
    }
}
