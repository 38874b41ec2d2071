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
    sync::{Arc, Mutex, PoisonError},
};

/// Open connections of an instance, at most. More wait until one closes.
pub const CONNECTIONS: usize = 10_000;
/// Open connections of one address (of IPv6, one /64), at most. Above what the users behind one address open together.
/// A trusted proxy may open any number.
const FROM_ONE_ADDRESS: usize = 1_000;
/// A client that takes none of its answer for so long is disconnected (RFC 5482).
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How many connections each address has open, on this instance.
#[derive(Clone, Default)]
pub struct Connections(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One open connection, counted until it closes.
pub struct Connection {
    address: IpAddr,
    all: Connections,
    is_one_too_many: bool,
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
        Connection { address, all: self.clone(), is_one_too_many: *open > FROM_ONE_ADDRESS }
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
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = all.get_mut(&self.address) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                all.remove(&self.address);
            }
        }
    }
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

    #[test]
    fn an_address_may_open_so_many_connections_and_others_are_not_affected() {
        let (all, one, other) = (Connections::default(), IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut open: Vec<_> = (0..FROM_ONE_ADDRESS).map(|_| all.count(one)).collect();
        assert!(open.iter().all(|connection| !connection.is_one_too_many()));
        assert!(all.count(one).is_one_too_many());
        assert!(!all.count(other).is_one_too_many());
        drop(open.pop());
        assert!(!all.count(one).is_one_too_many());
        drop(open);
        assert!(all.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty());
    }
}
