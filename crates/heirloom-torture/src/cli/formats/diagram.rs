//! A history as a sequence diagram: lifelines of the clients and of the server's instances, and the calls between them.

use super::wording::{answered_briefly, asked, lead};
use heirloom_torture::report::{Action, CallRecord};
use serde::Serialize;

/// Between two lifelines of clients, or of instances.
const LANE: usize = 34;
/// The widest that a label is.
const LABEL: usize = 240;
/// Left and right of the outermost lifelines.
const MARGIN: usize = 26;
/// The height of an arrow and its label.
const ROW: usize = 30;
/// The height of the names.
const HEAD: usize = 44;
/// A silence that is drawn, in milliseconds.
const SILENCE: u64 = 1000;
/// Characters of a label that fit.
const FITS: usize = 38;

/// What the page draws.
#[derive(Debug, Serialize)]
pub struct Diagram {
    width: usize,
    height: usize,
    /// Where lifelines end.
    bottom: usize,
    /// Where labels begin.
    label_x: usize,
    lanes: Vec<Lane>,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Lane {
    x: usize,
    name: String,
    is_server: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    kind: &'static str,
    from: usize,
    to: usize,
    y: usize,
    text: String,
    /// Whether the whole text does not fit.
    full: Option<String>,
}

/// Something that the diagram shows, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event<'a> {
    Sent(&'a CallRecord),
    Answered(&'a CallRecord),
    Silence(u64),
    /// Calls that are left out.
    LeftOut(&'a str),
}

impl Event<'_> {
    fn begins(&self) -> u64 {
        match self {
            Self::Sent(call) => call.sent_ms,
            Self::Answered(call) => call.finished_ms,
            Self::Silence(_) | Self::LeftOut(_) => 0,
        }
    }

    fn ends(&self) -> u64 {
        match self {
            Self::Sent(call) if call.action == Action::Restart => call.finished_ms,
            other => other.begins(),
        }
    }
}

impl Diagram {
    /// Of calls in the order in which they were sent.
    pub fn of(calls: &[CallRecord]) -> Self {
        let clients = calls.iter().map(|call| call.client).max().unwrap_or_default().max(1);
        let instances = instances(calls);
        let server_x = |place: usize| {
            let first = MARGIN.saturating_add(LANE.saturating_mul(clients.saturating_sub(1))).saturating_add(LABEL);
            first.saturating_add(LANE.saturating_mul(place))
        };
        let client_x = |client: usize| MARGIN.saturating_add(LANE.saturating_mul(client.saturating_sub(1)));
        let width = server_x(instances.len().saturating_sub(1)).saturating_add(MARGIN);
        let mut rows = Vec::new();
        let mut y = HEAD;
        for event in events(calls) {
            y = y.saturating_add(ROW);
            let place = |call: &CallRecord| instances.iter().position(|one| *one == call.instance.unwrap_or_default());
            let server = |call: &CallRecord| server_x(place(call).unwrap_or_default());
            rows.push(match event {
                Event::LeftOut(what) => Row::across("silence", width, y, what.to_owned()),
                Event::Silence(milliseconds) => Row::across("silence", width, y, silence(milliseconds)),
                Event::Sent(call) if call.action == Action::Restart => Row::across("restart", width, y, asked(call)),
                Event::Sent(call) => Row::arrow("request", [client_x(call.client), server(call)], y, asked(call)),
                Event::Answered(call) => {
                    let kind = if call.status.is_some() { "answer" } else { "lost" };
                    Row::arrow(kind, [server(call), client_x(call.client)], y, answered_briefly(call))
                }
            });
        }
        let bottom = y.saturating_add(ROW / 2);
        let of_clients = (1..=clients).map(|client| {
            let name = if clients == 1 { "client".to_owned() } else { format!("{client}") };
            Lane { x: client_x(client), name, is_server: false }
        });
        let of_servers = instances.iter().enumerate().map(|(place, instance)| {
            let name =
                if instances.len() == 1 { "server".to_owned() } else { format!("{}", instance.saturating_add(1)) };
            Lane { x: server_x(place), name, is_server: true }
        });
        let lanes = of_clients.chain(of_servers).collect();
        let label_x = client_x(clients).saturating_add(10);
        Self { width, height: bottom.saturating_add(6), bottom, label_x, lanes, rows }
    }
}

impl Row {
    fn arrow(kind: &'static str, ends: [usize; 2], y: usize, text: String) -> Self {
        let [from, to] = ends;
        let short = shortened(&text);
        let full = (short != text).then_some(text);
        Self { kind, from, to, y, text: short, full }
    }

    fn across(kind: &'static str, width: usize, y: usize, text: String) -> Self {
        Self::arrow(kind, [MARGIN / 2, width.saturating_sub(MARGIN / 2)], y, text)
    }
}

/// As much of a label as fits.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(FITS) {
        Some(_) => format!("{}…", text.chars().take(FITS.saturating_sub(1)).collect::<String>()),
        None => text.to_owned(),
    }
}

fn silence(milliseconds: u64) -> String {
    format!("{}.{} s later", milliseconds / 1000, milliseconds % 1000 / 100)
}

fn instances(calls: &[CallRecord]) -> Vec<usize> {
    let mut instances: Vec<usize> = calls.iter().filter_map(|call| call.instance).collect();
    instances.sort_unstable();
    instances.dedup();
    if instances.is_empty() { vec![0] } else { instances }
}

/// Requests and answers in order. Of two in the same millisecond, a client's answer comes before its next request, and
/// another client's after it: calls that overlap are of different clients.
fn events(calls: &[CallRecord]) -> Vec<Event<'_>> {
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut open: Vec<&CallRecord> = Vec::new();
    for call in calls {
        open.sort_by_key(|other| other.finished_ms);
        let is_before = |other: &&CallRecord| {
            other.finished_ms < call.sent_ms || other.client == call.client || call.action == Action::Restart
        };
        let (done, still) = open.into_iter().partition(is_before);
        open = still;
        let done: Vec<&CallRecord> = done;
        events.extend(done.into_iter().map(Event::Answered));
        events.push(Event::Sent(call));
        if call.action != Action::Restart {
            open.push(call);
        }
    }
    open.sort_by_key(|other| other.finished_ms);
    events.extend(open.into_iter().map(Event::Answered));
    with_silences(events)
}

fn with_silences(events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let mut all: Vec<Event<'_>> = Vec::new();
    for event in events {
        let waited = all.last().map_or(0, |last| event.begins().saturating_sub(last.ends()));
        if let Event::Sent(call) = event {
            all.extend((waited >= SILENCE).then_some(Event::Silence(waited)));
            all.extend(lead(call).map(Event::LeftOut));
        }
        all.push(event);
    }
    all
}
