/// Continues only if the client still waits for the answer: work that calls this first is not started for a client
/// that had hung up by then.
///
/// A request may lie in the socket's buffer while the server is stopped or overloaded. A client that has waited too
/// long hangs up and asks again; its second request may overtake the first. A first rotation carried out afterwards
/// would look like a replay, and sign its owner out.
///
/// The dispatcher polls a request up to twice before it heeds that the connection has ended, and drops the request then
/// (`h1_allow_half_closed(false)`): hence the turns that are let pass here.
pub async fn client_still_waits() {
    for _ in 0..2 {
        tokio::task::yield_now().await;
    }
}
