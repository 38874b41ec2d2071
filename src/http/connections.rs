use crate::kernel::Duration;
use crate::kernel::network_of;
use actix_web::{HttpRequest, dev::Extensions, rt::net::TcpStream};
use ipnet::IpNet;
use socket2::SockRef;
use std::{
    any::Any,
    collections::HashMap,
    fmt, io,
    net::{IpAddr, TcpListener},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Open connections of an instance, at most. More wait until one closes.
pub const CONNECTIONS: usize = 10_000;
/// Open connections of one address (of IPv6, one /64), at most. Above what the users behind one address open together.
/// A trusted proxy may open any number.
const FROM_ONE_ADDRESS: usize = 1_000;
/// A client that takes none of its answer for so long is disconnected (RFC 5482).
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections that the system completes before the server accepts them. Beyond it, the system drops what a client sends
/// first, and the client tries again after a second: with the 128 of the standard library, that was the wait of clients
/// that come back all at once.
const BACKLOG: i32 = 4_096;

/// How many connections each address has open, on this instance.
#[derive(Clone, Default)]
pub struct Connections(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One open connection, counted until it closes, or is forgotten.
pub struct Connection {
    address: IpAddr,
    all: Connections,
    is_counted: AtomicBool,
    is_one_too_many: bool,
}

/// From now on, the connection of this request does not count for its address: another limit applies to what it serves.
pub fn forget_connection(request: &HttpRequest) {
    if let Some(connection) = Connection::of(request) {
        connection.forget();
    }
}

impl Connections {
    /// Counts a connection that has just been opened, unless it comes from a trusted proxy.
    pub fn opened(&self, stream: &dyn Any, data: &mut Extensions, proxies: &[IpNet]) {
        let peer = stream.downcast_ref::<TcpStream>().and_then(|stream| stream.peer_addr().ok());
        let Some(address) = peer.map(|peer| peer.ip().to_canonical()) else { return };
        if !proxies.iter().any(|network| network.contains(&address)) {
            data.insert(self.count(network_of(address)));
        }
    }

    fn count(&self, address: IpAddr) -> Connection {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = all.entry(address).or_default();
        *open = open.saturating_add(1);
        let is_one_too_many = *open > FROM_ONE_ADDRESS;
        Connection { address, all: self.clone(), is_counted: AtomicBool::new(true), is_one_too_many }
    }
}

impl Connection {
    /// The connection over which a request came, if it is counted.
    pub fn of(request: &HttpRequest) -> Option<&Self> {
        request.conn_data::<Self>()
    }

    /// Whether its address had as many as it may have when it was opened.
    pub fn is_one_too_many(&self) -> bool {
        self.is_one_too_many
    }

    fn forget(&self) {
        if !self.is_counted.swap(false, Ordering::AcqRel) {
            return;
        }
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = all.get_mut(&self.address) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                all.remove(&self.address);
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Prepares a listener for many clients that connect at once. `net.core.somaxconn` may allow fewer.
///
/// # Errors
/// When the system refuses.
pub fn expect_bursts(listener: &TcpListener) -> io::Result<()> {
    SockRef::from(listener).listen(BACKLOG)
}

/// Makes the system disconnect clients that do not read. Connections inherit this from their listener.
///
/// # Errors
/// When the system does not know the option.
pub fn limit_writes(listener: &TcpListener) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    SockRef::from(listener).set_tcp_user_timeout(Some(WRITE_TIMEOUT))?;
    Ok(())
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody accepts them: it is the system that holds them.
    #[test]
    fn clients_that_connect_at_once_are_not_kept_waiting() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        expect_bursts(&listener)?;
        let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
        let allowed = allowed.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(128).min(600);
        let address = listener.local_addr()?;
        let open: io::Result<Vec<_>> =
            (0..allowed).map(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_secs(20))).collect();
        assert_eq!(open?.len(), allowed);
        Ok(())
    }

    #[test]
    fn an_address_may_open_so_many_connections_and_others_are_not_affected() {
        let (all, one, other) = (Connections::default(), IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut open: Vec<_> = (0..FROM_ONE_ADDRESS).map(|_| all.count(one)).collect();
        assert!(open.iter().all(|connection| !connection.is_one_too_many()));
        assert!(all.count(one).is_one_too_many());
        assert!(!all.count(other).is_one_too_many());
        drop(open.pop());
        assert!(!all.count(one).is_one_too_many());
        // A forgotten connection makes room for one other, however often it is forgotten.
        let others = [all.count(one), all.count(one)];
        others.iter().chain(&others).for_each(Connection::forget);
        let last = all.count(one);
        assert!(!last.is_one_too_many() && all.count(one).is_one_too_many());
        drop((open, others, last));
        assert!(all.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty());
    }
}
