//! Files, good and bad.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use super::*;

fn batches(text: impl Into<Vec<u8>>, format: Format) -> Result<Vec<Result<Batch, FileError>>, FileError> {
    Batches::of(io::Cursor::new(text.into()), format).map(Iterator::collect)
}

type Good = Vec<(u64, String)>;
type Bad = Vec<(u64, &'static str)>;

/// The lines of good rows with their addresses, and those of bad ones with their codes.
fn rows(text: impl Into<Vec<u8>>, format: Format) -> (Good, Bad) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for batch in batches(text, format).unwrap() {
        let batch = batch.unwrap();
        good.extend(batch.rows.into_iter().map(|(line, row)| (line, row.email.as_str().to_owned())));
        bad.extend(batch.refused.into_iter().map(|(line, why)| (line, why.code)));
    }
    (good, bad)
}

fn at(rows: &[(u64, &str)]) -> Good {
    rows.iter().map(|(line, email)| (*line, (*email).to_owned())).collect()
}

#[test]
fn lines_end_as_they_like_and_empty_ones_are_none() {
    let text =
        "\u{feff}{\"email\":\"a@b.example\"}\r\n\r\n  \n{\"email\":\"c@b.example\"}\n{\"email\":\"d@b.example\"}";
    let expected = at(&[(1, "a@b.example"), (4, "c@b.example"), (5, "d@b.example")]);
    assert_eq!(rows(text, Format::Ndjson), (expected, Vec::new()));
    assert_eq!(rows("", Format::Ndjson), (Vec::new(), Vec::new()));
}

#[test]
fn a_bad_line_is_refused_and_the_next_one_read() {
    let mut text = b"{\"email\":\"a@b.example\"}\n[1]\n{\"email\":\"\xff@b.example\"}\n{\"email\":\n".to_vec();
    text.extend(b"{\"email\":\"a@b.example\"} {}\n");
    text.extend(vec![b'['; 60_000]);
    text.extend(b"\n{\"email\":\"z@b.example\"}\n");
    let refused = [2, 3, 4, 5, 6].map(|line| (line, "not_json")).to_vec();
    assert_eq!(rows(text, Format::Ndjson), (at(&[(1, "a@b.example"), (7, "z@b.example")]), refused));
}

/// A reader that has a great deal to say, and counts how much of it was ever held at once.
struct Endless {
    left: u64,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(usize::try_from(self.left).unwrap());
        buffer.iter_mut().take(length).for_each(|byte| *byte = b'x');
        self.left -= u64::try_from(length).unwrap();
        Ok(length)
    }
}

#[test]
fn a_line_without_an_end_is_skipped_without_being_held() {
    let endless = Endless { left: 300_000_000 }.chain(&b"\n{\"email\":\"a@b.example\"}"[..]);
    let read: Vec<_> = Batches::of(endless, Format::Ndjson).unwrap().map(Result::unwrap).collect();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].refused[0].1.code, "too_long");
    assert_eq!((read[0].rows[0].0, read[0].bytes < 200_000), (2, true));

    let row = |length: usize| {
        let frame = r#"{"email":"a@b.example","name":""}"#.len();
        format!("{{\"email\":\"a@b.example\",\"name\":\"{}\"}}\n", " ".repeat(length - frame - 1))
    };
    let (good, bad) = rows([ROW, ROW + 1, ROW + 2].map(row).concat(), Format::Ndjson);
    assert_eq!((good.len(), bad), (2, vec![(3, "too_long")]), "the end of the line is no part of it");
}

#[test]
fn a_quote_that_is_never_closed_ends_the_import_where_it_is() {
    let text = (&b"email,name\na@b.example,Ann\nc@b.example,\"Cee"[..]).chain(Endless { left: 300_000_000 });
    let mut batches = Batches::of(text, Format::Csv).unwrap();
    assert_eq!(batches.next().unwrap().unwrap().rows.len(), 1, "what came before is not lost");
    let error = batches.next().unwrap().unwrap_err();
    assert!(matches!(error, FileError::Input { after: 2, .. }), "{error:?}");
    assert!(batches.next().is_none());
}

#[test]
fn cells_are_what_their_columns_say() {
    let text = "\u{feff}name , email,roles,claims,blocked\r\n\"Ann, A.\r\nB\",x,,,\r\nAnn,a@b.example,b  a,\"{\"\"plan\"\":1}\",true\r\n\
                ,c@b.example,,,\r\nx,d@b.example,,[,\r\nx,e@b.example,,,yes\r\nx,f@b.example\r\n";
    let (good, bad) = rows(text, Format::Csv);
    assert_eq!(good, at(&[(4, "a@b.example"), (5, "c@b.example")]));
    assert_eq!(bad, [(2, "not_an_address"), (6, "not_json"), (7, "wrong_type"), (8, "wrong_columns")]);
    let batch = batches(text, Format::Csv).unwrap().remove(0).unwrap();
    let ann = &batch.rows[0].1;
    assert_eq!(ann.roles.to_strings(), ["a", "b"]);
    assert_eq!(ann.claims.as_object()["plan"], 1);
    assert!(ann.blocked);
}

#[test]
fn columns_have_names_that_are_known() {
    for (header, told) in [
        ("email,password\n", "there is no field password"),
        ("name\n", "there must be a column email"),
        ("email,email\n", "a column is named twice"),
        ("", "there must be a column email"),
    ] {
        let error = Batches::of(header.as_bytes(), Format::Csv).map(drop).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn a_thousand_rows_are_a_batch_and_so_is_a_megabyte() {
    let line = "{\"email\":\"a@b.example\"}\n".repeat(2_500);
    let sizes = |text: String| {
        batches(text, Format::Ndjson).unwrap().into_iter().map(|batch| batch.unwrap().rows.len()).collect::<Vec<_>>()
    };
    assert_eq!(sizes(line), [1_000, 1_000, 500]);
    let long = format!("{{\"email\":\"a@b.example\"{}}}\n", " ".repeat(50_000)).repeat(30);
    assert_eq!(sizes(long), [21, 9]);
}
