use super::{error::CliError, output::Output};
use crate::{config::Config, http::paths, kernel::Duration};
use clap::Args;
use serde_json::{Value, json};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How long a server may take to answer: longer than its own wait for the database.
const PATIENCE: Duration = Duration::from_secs(8);

/// `heirloom health`
#[derive(Debug, Args)]
pub struct Health {
    /// Also check that it is ready: its database answers and has all migrations
    #[arg(long)]
    ready: bool,
}

impl Health {
    /// Requests the health of the server at the configured address.
    pub async fn run(self, config: &Config, output: Output) -> Result<(), CliError> {
        let address = reachable(config.http.bind);
        let path = if self.ready { paths::READY } else { paths::HEALTH };
        let no_server = |source| CliError::NoServer { address, path, source };
        let answer = tokio::time::timeout(PATIENCE, ask(address, path)).await;
        let answer = answer.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into())).map_err(no_server)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if !head.starts_with("HTTP/1.1 200 ") {
            let status = head.lines().next().unwrap_or_default();
            return Err(CliError::Refused(format!("{path} answered {status}: {body}")));
        }
        let health: Value = serde_json::from_str(body).unwrap_or_else(|_no_json| json!({ "status": body }));
        output.say(&health, || health.to_string())
    }
}

/// Where a server that listens everywhere is found from this machine.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, bind.port())
}

/// One request of HTTP/1.1, whose answer ends with the connection.
async fn ask(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
