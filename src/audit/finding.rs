use super::gaps::Gap;
use serde::Serialize;
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// An end of the chain that was noted elsewhere: `SEQ:HASH`, as the log line `audit.chain_head` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHead {
    pub(super) seq: i64,
    pub(super) hash: String,
}

/// Why a text is none.
#[derive(Debug, thiserror::Error)]
#[error("write SEQ:HASH, as the log line `audit.chain_head` has it")]
pub struct NoHead;

impl FromStr for KnownHead {
    type Err = NoHead;

    fn from_str(text: &str) -> Result<Self, NoHead> {
        let (seq, hash) = text.split_once(':').ok_or(NoHead)?;
        let seq = seq.parse().map_err(|_no_number| NoHead)?;
        let is_hash = hash.len() == 72 && hash.chars().all(|digit| digit.is_ascii_hexdigit());
        if is_hash && seq > 0 { Ok(Self { seq, hash: hash.to_ascii_lowercase() }) } else { Err(NoHead) }
    }
}

/// One thing that is wrong with the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum ChainFinding {
    /// An event is not as it was recorded, or its hash is not as it was made.
    Changed {
        /// Its place; none: not chained yet.
        seq: Option<i64>,
        /// Which.
        id: Uuid,
    },
    /// Events that had these places are gone.
    Removed {
        /// The first of them.
        first: i64,
        /// The last of them.
        last: i64,
    },
    /// Heirloom recorded no such event.
    Inserted {
        /// Where it stands; none: not chained yet.
        seq: Option<i64>,
        /// Which.
        id: Uuid,
    },
    /// Events that were recorded or chained under a master key that is not named.
    Unverifiable {
        /// How many.
        events: u64,
    },
    /// What says that events were dropped with their month was not written by Heirloom.
    AnchorForged {
        /// The first place that it speaks of.
        first: i64,
        /// The last.
        last: i64,
    },
    /// The stored end of the chain was not written by Heirloom, or is gone.
    HeadForged,
    /// The event of the noted place has another hash, or none can have it.
    NotTheNotedHead {
        /// The place.
        seq: i64,
    },
    /// Events that a process recorded are gone, and never had a place.
    Missing {
        /// The numbers of this process and month.
        series: Uuid,
        /// The first number that is gone.
        first: i64,
        /// The last.
        last: i64,
    },
    /// A running server has seen a later end of the chain than the one that it found stored.
    HeadRegressed {
        /// The place of the stored end.
        stored: i64,
        /// The place of the end that it had seen.
        seen: i64,
    },
    /// Something of the table can keep events from being written or shown, and is not Heirloom's.
    Silenced {
        /// The table.
        table: String,
        /// A trigger, a rule or a policy, with its name.
        by: String,
    },
    /// Events wait for their place, and could be removed meanwhile.
    Lagging {
        /// How many.
        events: u64,
        /// How long the oldest has waited.
        seconds: i64,
    },
}

impl ChainFinding {
    /// How many events are gone from their places.
    pub(super) fn removed(&self) -> i64 {
        match self {
            Self::Removed { first, last } => last.saturating_sub(*first).saturating_add(1),
            Self::Changed { .. }
            | Self::Inserted { .. }
            | Self::Unverifiable { .. }
            | Self::AnchorForged { .. }
            | Self::HeadForged
            | Self::NotTheNotedHead { .. }
            | Self::Missing { .. }
            | Self::HeadRegressed { .. }
            | Self::Silenced { .. }
            | Self::Lagging { .. } => 0,
        }
    }

    /// Whether it will be found again, whatever is done: an operator can accept it.
    pub(super) fn lasts(&self) -> bool {
        match self {
            Self::Changed { .. }
            | Self::Removed { .. }
            | Self::Inserted { .. }
            | Self::Unverifiable { .. }
            | Self::AnchorForged { .. }
            | Self::Missing { .. } => true,
            Self::HeadForged
            | Self::NotTheNotedHead { .. }
            | Self::HeadRegressed { .. }
            | Self::Silenced { .. }
            | Self::Lagging { .. } => false,
        }
    }
}

impl From<Gap> for ChainFinding {
    fn from(Gap { series, first, last }: Gap) -> Self {
        Self::Missing { series, first, last }
    }
}

impl fmt::Display for ChainFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place =
            |seq: &Option<i64>| seq.map_or_else(|| "not yet chained".to_owned(), |seq| format!("position {seq}"));
        match self {
            Self::Changed { seq, id } => write!(f, "changed: event {id}, {}", place(seq)),
            Self::Removed { first, last } if first == last => write!(f, "removed: the event at position {first}"),
            Self::Removed { first, last } => write!(f, "removed: the events at positions {first} to {last}"),
            Self::Inserted { seq, id } => write!(f, "inserted: event {id}, {}", place(seq)),
            Self::Unverifiable { events } => write!(
                f,
                "unverifiable: {events} events are of a master key that HEIRLOOM_MASTER_KEY_PREVIOUS does not name"
            ),
            Self::AnchorForged { first, last } => {
                write!(f, "anchor_forged: the record that positions {first} to {last} were dropped with their month")
            }
            Self::HeadForged => write!(f, "head_forged: the stored head of the chain is not genuine, or is missing"),
            Self::NotTheNotedHead { seq } => {
                write!(f, "not_the_noted_head: event {seq} is missing or does not have the recorded hash")
            }
            Self::Missing { series, first, last } => {
                write!(
                    f,
                    "missing: the events with numbers {first} to {last} of series {series}, before they were chained"
                )
            }
            Self::HeadRegressed { stored, seen } => {
                write!(f, "head_regressed: a server had seen the head {seen} and then found {stored} stored")
            }
            Self::Silenced { table, by } => write!(f, "silenced: {by} on {table} is not Heirloom's"),
            Self::Lagging { events, seconds } => {
                write!(f, "lagging: {events} events wait to be chained, the oldest for {seconds} seconds")
            }
        }
    }
}
