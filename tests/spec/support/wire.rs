//! The requests of a connection to Postgres, as they go over the wire (frontend/backend protocol, version 3).

use std::collections::HashMap;

/// Reads what a client sends.
#[derive(Debug, Default)]
pub struct Wire {
    unread: Vec<u8>,
    has_started: bool,
    prepared: HashMap<String, String>,
}

impl Wire {
    /// The texts of the statements that this executes.
    pub fn read(&mut self, chunk: &[u8]) -> Vec<String> {
        self.unread.extend_from_slice(chunk);
        let mut executed = Vec::new();
        while let Some((kind, body)) = self.next_message() {
            match kind {
                b'Q' => executed.push(text(&body)),
                b'P' => {
                    let name = text(&body);
                    self.prepared.insert(name.clone(), text(&body[name.len() + 1..]));
                }
                // The portal's name, then the statement's.
                b'B' => {
                    let statement = text(&body[text(&body).len() + 1..]);
                    executed.push(self.prepared.get(&statement).cloned().unwrap_or(statement));
                }
                _ => {}
            }
        }
        executed
    }

    /// The kind of the next whole message, and what it holds. The first message has no kind.
    fn next_message(&mut self) -> Option<(u8, Vec<u8>)> {
        let kind_length = usize::from(self.has_started);
        let length = self.unread.get(kind_length..kind_length + 4)?;
        let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
        let length = usize::try_from(length).expect("a length");
        let whole = self.unread.get(..kind_length + length)?;
        let message = (if self.has_started { whole[0] } else { 0 }, whole[kind_length + 4..].to_vec());
        self.unread.drain(..kind_length + length);
        self.has_started = true;
        Some(message)
    }
}

/// The text up to the next zero.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
