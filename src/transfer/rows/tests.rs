//! Files, good and bad.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use super::{raw::ROW, *};
use std::io;

use crate::kernel::Moment;
use chrono::TimeDelta;

fn conversion(source: SourceSystem) -> Conversion {
    Conversion { source, ..Conversion::plain(Moment::UNIX_EPOCH + TimeDelta::days(36_525)) }
}

fn batches(text: impl Into<Vec<u8>>, format: Format) -> Result<Vec<Result<Batch, FileError>>, FileError> {
    ImportBatches::of(io::Cursor::new(text.into()), format, conversion(SourceSystem::Heirloom)).map(Iterator::collect)
}

type Good = Vec<(u64, String)>;
type Bad = Vec<(u64, &'static str)>;

/// The lines of good rows with their addresses, and those of bad ones with their codes.
fn rows(text: impl Into<Vec<u8>>, format: Format) -> (Good, Bad) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for batch in batches(text, format).unwrap() {
        let batch = batch.unwrap();
        good.extend(batch.rows.into_iter().map(|row| (row.line, row.what.email.unwrap().as_str().to_owned())));
        bad.extend(batch.refused.into_iter().map(|row| (row.line, row.what.code)));
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

/// Which of the two counts is a matter of the reader.
#[test]
fn a_row_that_names_a_field_twice_is_refused() {
    let row = |address: &str, field: &str| format!("{{\"email\":\"{address}@b.example\",{field}}}");
    let twice =
        [r#""blocked":true,"blocked":false"#, r#""blocked":true,"\u0062locked":false"#, r#""claims":{"a":1,"a":2}"#];
    let good = [r#""name":"a","claims":{"name":[1.5,-2,{"a":null}],"a":{"a":true}}"#];
    let all: Vec<_> = twice.iter().chain(&good).map(|field| row("a", field)).collect();
    let refused = [1, 2, 3].map(|line| (line, "repeated_field")).to_vec();
    let expected = (at(&[(4, "a@b.example")]), refused);
    assert_eq!(rows(all.join("\n"), Format::Ndjson), expected);
    assert_eq!(rows(format!("[{}]", all.join(",\n")), Format::Json), expected);
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
    let read: Vec<_> = ImportBatches::of(endless, Format::Ndjson, conversion(SourceSystem::Heirloom))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].refused[0].what.code, "too_long");
    assert_eq!((read[0].rows[0].line, read[0].bytes < 200_000), (2, true));

    let row = |length: usize| {
        let frame = r#"{"email":"a@b.example","name":""}"#.len();
        format!("{{\"email\":\"a@b.example\",\"name\":\"{}\"}}\n", " ".repeat(length - frame - 1))
    };
    let (good, bad) = rows([ROW, ROW + 1, ROW + 2].map(row).concat(), Format::Ndjson);
    // The second says the same as the first, but for spaces in the name: it is another row with the same address.
    assert_eq!(
        (good.len(), bad),
        (1, vec![(2, "duplicate_address"), (3, "too_long")]),
        "the end of the line is not part of it"
    );
}

#[test]
fn a_quote_that_is_never_closed_ends_the_import_where_it_is() {
    let text = (&b"email,name\na@b.example,Ann\nc@b.example,\"Cee"[..]).chain(Endless { left: 300_000_000 });
    let mut batches = ImportBatches::of(text, Format::Csv, conversion(SourceSystem::Heirloom)).unwrap();
    assert_eq!(batches.next().unwrap().unwrap().rows.len(), 1, "what came before is not lost");
    let error = batches.next().unwrap().unwrap_err();
    assert!(matches!(error, FileError::Input { after: 2, .. }), "{error:?}");
    assert!(batches.next().is_none());
}

#[test]
fn cells_are_read_by_their_columns() {
    let text = "\u{feff}name , email,roles,claims,blocked\r\n\"Ann, A.\r\nB\",x,,,\r\nAnn,a@b.example,b  a,\"{\"\"plan\"\":1}\",true\r\n\
                ,c@b.example,,,\r\nx,d@b.example,,[,\r\nx,e@b.example,,,maybe\r\nx,f@b.example\r\n";
    let (good, bad) = rows(text, Format::Csv);
    assert_eq!(good, at(&[(4, "a@b.example"), (5, "c@b.example")]));
    assert_eq!(bad, [(2, "not_an_address"), (6, "not_json"), (7, "wrong_type"), (8, "wrong_columns")]);
    let batch = batches(text, Format::Csv).unwrap().remove(0).unwrap();
    let ann = &batch.rows[0].what;
    assert_eq!(ann.roles.to_strings(), ["a", "b"]);
    assert_eq!(ann.claims.as_object()["plan"], 1);
    assert!(ann.blocked);
}

#[test]
fn columns_have_names_that_are_known() {
    for (header, reported) in [
        ("email,password\n", "there is no field password"),
        ("name\n", "an `email` column is required"),
        ("email,email\n", "a column is named twice"),
        ("", "an `email` column is required"),
    ] {
        let error = ImportBatches::of(header.as_bytes(), Format::Csv, conversion(SourceSystem::Heirloom))
            .map(drop)
            .unwrap_err()
            .to_string();
        assert!(error.contains(reported), "{error}");
    }
}

#[test]
fn a_thousand_rows_are_a_batch_and_so_is_a_megabyte() {
    let line: Vec<_> = (0..2_500).map(|number| format!("{{\"email\":\"a{number}@b.example\"}}")).collect();
    let sizes = |text: String| {
        batches(text, Format::Ndjson).unwrap().into_iter().map(|batch| batch.unwrap().rows.len()).collect::<Vec<_>>()
    };
    assert_eq!(sizes(line.join("\n")), [1_000, 1_000, 500]);
    let long = |number| format!("{{\"email\":\"a{number}@b.example\"{}}}\n", " ".repeat(50_000));
    let long = (0..30).map(long).collect();
    assert_eq!(sizes(long), [21, 9]);
}

fn codes(refused: &[AtLine<RowRefused>]) -> Vec<(u64, &'static str)> {
    refused.iter().map(|row| (row.line, row.what.code)).collect()
}

#[test]
fn a_collision_inside_the_file_is_refused_and_a_repetition_is_not() {
    let text = "id,email,name\n\
                01a2088b-2b09-7b94-9abc-1df4ba0764a0,a@b.example,Ann\n\
                01a2088b-2b09-7b94-9abc-1df4ba0764a0,c@b.example,Cee\n\
                01a2088b-2b09-7b94-9abc-1df4ba0764a1,A@B.example,Ann\n\
                01a2088b-2b09-7b94-9abc-1df4ba0764a0,a@b.example,Ann\n\
                01a2088b-2b09-7b94-9abc-1df4ba0764a0,a@b.example,Another\n\
                ,e\u{301}@b.example,\n\
                ,\u{e9}@b.example,\n\
                01A2088B-2B09-7B94-9ABC-1DF4BA0764A0,d@b.example,\n";
    let batch = batches(text, Format::Csv).unwrap().remove(0).unwrap();
    let lines: Vec<u64> = batch.rows.iter().map(|row| row.line).collect();
    assert_eq!((lines, &batch.repeated), (vec![2, 7], &vec![5]));
    let collisions = [
        (3, "duplicate_id"),
        (4, "duplicate_address"),
        (6, "duplicate_address"),
        (8, "duplicate_address"),
        (9, "duplicate_id"),
    ];
    assert_eq!(codes(&batch.refused), collisions);
    assert!(batch.refused[0].what.message.contains("line 2"), "{}", batch.refused[0].what);
}

#[test]
fn csv_is_read_as_databases_and_spreadsheets_write_it() {
    let header = "\u{feff} Email ;\"Password Hash\";BLOCKED;Blocked_At;Email Verified;Created-At;Roles;Name\n";
    let rows = [
        "a1@b.example;\\N;t;2026-11-23 00:00:00+00;1;2026-11-23 01:02:03.456789+00;{editor,member};  Ann   Example ",
        "a2@b.example;NULL;FALSE;;0;2026-11-23 01:02;editor;NULL",
        "a3@b.example;;F;NULL;TRUE;2026-11-23;;",
        "a4@b.example;;1;2026-11-23T00:00:00;Yes;2026-11-23 9:00:00 UTC;;",
        "a5@b.example;;0;;no;2026-11-23 09:00:00+0530;;",
    ];
    for separator in [";", ",", "\t"] {
        let text = format!("{header}{}", rows.join("\r\n"))
            .replace("{editor,member}", "editor member")
            .replace(';', separator);
        let batch = batches(text, Format::Csv).unwrap().remove(0).unwrap();
        assert_eq!(codes(&batch.refused), [], "{separator:?}");
        let users: Vec<_> = batch.rows.iter().map(|row| &row.what).collect();
        assert_eq!(users.iter().map(|user| user.blocked).collect::<Vec<_>>(), [true, false, false, true, false]);
        assert_eq!(users.iter().map(|user| user.email_verified).collect::<Vec<_>>(), [true, false, true, true, false]);
        assert!(users.iter().all(|user| !user.hash.is_some() && user.created_at.is_some()));
        assert_eq!(users[0].roles.to_strings(), ["editor", "member"]);
        assert_eq!(users[0].name.as_ref().unwrap().as_str(), "Ann   Example");
        assert_eq!(users[4].created_at.unwrap().to_rfc3339(), "2026-11-23T03:30:00+00:00");
    }
    let braces = batches("email\troles\na@b.example\t{editor,member}\n", Format::Csv).unwrap().remove(0).unwrap();
    assert_eq!(braces.rows[0].what.roles.to_strings(), ["editor", "member"]);
}

#[test]
fn what_is_ambiguous_in_csv_is_refused() {
    let text = "email,blocked,created_at\n\
                a@b.example,maybe,\n\
                b@b.example,2,\n\
                c@b.example,,23.11.2026\n\
                d@b.example,,11/12/2026 00:00\n\
                e@b.example,,1700000000\n";
    let batch = batches(text, Format::Csv).unwrap().remove(0).unwrap();
    let expected = [(2, "wrong_type"), (3, "wrong_type"), (4, "not_a_time"), (5, "not_a_time"), (6, "not_a_time")];
    assert_eq!(codes(&batch.refused), expected);
    let error = ImportBatches::of(&b"\xff\xfee\0m\0"[..], Format::Csv, conversion(SourceSystem::Heirloom))
        .map(drop)
        .unwrap_err();
    assert!(error.to_string().contains("UTF-16"), "{error}");
}

#[test]
fn a_cosmetic_field_is_cleaned_and_noted_and_does_not_cost_the_user() {
    let row = |number: u32, name: &str| {
        serde_json::json!({ "email": format!("a{number}@b.example"), "name": name }).to_string()
    };
    let names =
        ["Ann\u{202e} Example", "x\n\ty\u{0}", &"n".repeat(101), " Ann  Example ", "\u{200e}", &"\u{e9}".repeat(100)];
    let text: Vec<String> = (1_u32..).zip(names).map(|(number, name)| row(number, name)).collect();
    let batch = batches(text.join("\n"), Format::Ndjson).unwrap().remove(0).unwrap();
    assert_eq!(codes(&batch.refused), []);
    assert_eq!(batch.notes.iter().map(|note| note.line).collect::<Vec<_>>(), [1, 2, 3, 5]);
    let name = |at: usize| batch.rows[at].what.name.as_ref().map(|name| name.as_str().to_owned());
    assert_eq!(name(0).unwrap(), "Ann Example");
    assert_eq!(name(1).unwrap(), "x y");
    assert_eq!(name(2).unwrap(), "n".repeat(100));
    assert_eq!(name(3).unwrap(), "Ann  Example");
    assert_eq!(name(4), None);
    assert_eq!(name(5).unwrap().chars().count(), 100);
}

#[test]
fn a_document_is_read_row_by_row_and_what_else_it_holds_is_not_held() {
    let secret = "x".repeat(200_000);
    let text = format!(
        "\u{feff}{{\n\"realm\":\"{secret}\",\n\"users\": [\n{{\"email\":\"a@b.example\",\"enabled\":true}},\n\n  7,\n\
         {{\"email\":\n\"c@b.example\",\"enabled\":false}}],\n\"clients\": [{{\"users\": [{{}}]}}]}}\n"
    );
    let read: Vec<_> = ImportBatches::of(io::Cursor::new(text), Format::Json, conversion(SourceSystem::Keycloak))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let lines: Vec<_> = read[0].rows.iter().map(|row| (row.line, row.what.blocked)).collect();
    assert_eq!((lines, codes(&read[0].refused)), (vec![(4, false), (7, true)], vec![(6, "not_json")]));

    let failed = |text: &str, source: SourceSystem| {
        let read = ImportBatches::of(io::Cursor::new(text.to_owned()), Format::Json, conversion(source)).unwrap();
        read.filter_map(Result::err).map(|error| error.to_string()).collect::<Vec<_>>().join(";")
    };
    assert!(failed("{\"realm\": 1}", SourceSystem::Keycloak).contains("no list `users`"));
    assert!(failed("[{\"email\":\"a@b.example\"}\n{}]", SourceSystem::Django).contains("not valid JSON"));
    assert!(failed("[{\"email\":\"a@b.example\"}] x", SourceSystem::Django).contains("not valid JSON"));
    assert!(!failed("[{\"SENTINEL\":SENTINEL}]", SourceSystem::Django).contains("SENTINEL"));
    let long = format!("[{{\"email\":\"{}\"}}]", "x".repeat(70_000));
    assert!(failed(&long, SourceSystem::Django).contains("cannot be read"));
    let deep = format!("[{}]", "[".repeat(60_000));
    assert!(failed(&deep, SourceSystem::Django).contains("not valid JSON"));
}

#[test]
fn rows_of_a_document_on_one_line_are_counted() {
    let text = "[{\"email\":\"a@b.example\"},{\"email\":\"x\"},{\"email\":\"A@b.example\"}]";
    assert_eq!(rows(text, Format::Json).1, [(2, "not_an_address"), (3, "duplicate_address")]);
}

#[test]
fn ndjson_may_be_named_json() {
    let text = "{\"email\":\"a@b.example\"}\n{\"email\":\"c@b.example\"}\n";
    assert_eq!(rows(text, Format::Json).0.len(), 2);
    assert_eq!(rows("[{\"email\":\"a@b.example\"}]", Format::Json).0.len(), 1);
    assert_eq!(rows("", Format::Json), (Vec::new(), Vec::new()));
}
