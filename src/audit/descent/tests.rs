use super::*;
use crate::audit::walk::tests::{Log, keys};

/// Where the chain ends, as these entries and anchors show it to a holder of these keys.
fn end_of(log: &Log, keys: &MacKeys) -> i64 {
    let mut entries = log.entries.clone();
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.seq, entry.id)));
    let mut descent = Descent::new(keys, log.anchors.clone());
    let found = entries.into_iter().find_map(|entry| descent.meet(entry));
    found.unwrap_or_else(|| descent.finish()).seq
}

/// An entry at this place that something else wrote, with a hash that begins so.
fn forge(log: &mut Log, seq: i64, begins: &[u8]) {
    let mut entry = Log::of(1).entries.remove(0);
    (entry.seq, entry.hash) = (Some(seq), Some([begins, &[7; 32]].concat()));
    log.entries.push(entry);
}

#[test]
fn the_end_of_a_chain_is_its_last_place() {
    for count in [0, 1, 2, 50] {
        let log = Log::of(count);
        assert_eq!(end_of(&log, &log.keys), log.end.seq);
        assert_eq!(end_of(&log, &keys(2, &[])), log.end.seq, "also under a key that is not named");
        assert_eq!(end_of(&log, &keys(2, &[1])), log.end.seq);
    }
}

#[test]
fn what_was_dropped_with_its_month_counts() {
    let mut log = Log::of(9);
    log.drop_places(1, 3);
    log.drop_places(4, 6);
    for keys in [keys(1, &[]), keys(2, &[])] {
        assert_eq!(end_of(&log, &keys), 9);
    }
    log.drop_places(7, 9);
    for keys in [keys(1, &[]), keys(2, &[])] {
        assert_eq!(end_of(&log, &keys), 9, "no event is left");
    }
}

#[test]
fn what_something_else_wrote_behind_the_end_is_not_followed() {
    let ours = keys(1, &[]).tag(b"something");
    for begins in [ours.first_chunk::<4>().map_or(&[][..], |id| id), &[9; 4], &[]] {
        for places in [&[8][..], &[100], &[100, 101], &[7, 100, 101, 102], &[i64::MAX - 1, i64::MAX]] {
            let mut log = Log::of(6);
            for place in places {
                forge(&mut log, *place, begins);
            }
            // Right behind the end, it may have been chained under a key that is not named.
            let expected =
                if places.first() == Some(&7) && (begins.is_empty() || !ours.starts_with(begins)) { 7 } else { 6 };
            assert_eq!(end_of(&log, &log.keys), expected, "{places:?} {begins:?}");
        }
    }
}

#[test]
fn a_forged_anchor_is_no_way_to_a_higher_place() {
    for tag in [vec![9; 36], vec![], keys(1, &[]).tag(b"another")] {
        let mut log = Log::of(6);
        log.anchors.push(Anchor { first: 7, last: 99, hash: vec![9; 36], tag });
        forge(&mut log, 100, &[9; 4]);
        assert_eq!(end_of(&log, &log.keys), 6);
    }
}

#[test]
fn a_place_that_was_written_twice_or_is_missing_does_not_hide_the_end() {
    let mut log = Log::of(9);
    forge(&mut log, 9, &[9; 4]);
    forge(&mut log, 8, &[9; 4]);
    log.entries.retain(|entry| entry.seq != Some(4));
    assert_eq!(end_of(&log, &log.keys), 9);
}
