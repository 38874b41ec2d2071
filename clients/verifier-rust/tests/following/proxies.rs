//! A proxy that the environment names.

use std::{
    env,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// It fetches the keys, sends the feed key, and asks about a token.
const ALL_REQUESTS: &str = "asking::while_the_stream_is_lost_heirloom_is_asked";

/// It would read the feed key, every token that is asked about, and could change the keys.
#[test]
fn a_proxy_of_the_environment_gets_nothing() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let mut child = in_an_environment_with(&format!("http://{}", proxy.local_addr().unwrap()));
    while child.try_wait().unwrap().is_none() {
        if proxy.accept().is_ok() {
            child.kill().unwrap();
            panic!("the verifier asked the proxy");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(output.contains("1 passed"), "{output}");
}

/// Another process: an environment is read once.
fn in_an_environment_with(proxy: &str) -> Child {
    let variables = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    Command::new(env::current_exe().unwrap())
        .args(["--exact", ALL_REQUESTS])
        .envs(variables.map(|name| (name, proxy)))
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}
