use std::net::SocketAddr;
use tokio::net::TcpSocket;

/// A port of this machine that nobody else gets while this value lives.
///
/// The socket is bound and does not listen. The kernel gives its port to no other program that asks for any port, and
/// to no outgoing connection; but a server that asks for exactly this port may listen there, now and after a restart.
/// Until one does, connections are refused.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    _held: TcpSocket,
}

impl Port {
    /// Any free port of 127.0.0.1.
    pub fn reserve() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Without it, the server's own bind would be refused.
        socket.set_reuseaddr(true).expect("an option of sockets");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        Self { address: socket.local_addr().expect("a bound socket has an address"), _held: socket }
    }

    /// `127.0.0.1` and the port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port.
    pub fn number(&self) -> u16 {
        self.address.port()
    }
}

#[cfg(test)]
mod tests {
    use super::Port;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_reserved_port_can_be_listened_on_repeatedly_and_is_reserved_only_once() {
        let port = Port::reserve();
        assert!(TcpStream::connect(port.address()).is_err(), "nobody listens yet");
        for _ in 0..3 {
            let server = TcpListener::bind(port.address()).unwrap();
            TcpStream::connect(port.address()).unwrap();
            drop(server);
        }
        let others: Vec<_> = (0..500).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        assert!(others.iter().all(|other| other.local_addr().unwrap() != port.address()));
    }
}
