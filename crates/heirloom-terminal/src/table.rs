use unicode_width::UnicodeWidthStr;

/// Rows in aligned columns under their headings. A character such as 김 takes two columns of a terminal.
#[must_use]
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let lines = std::iter::once(&headings).chain(rows);
    let lines: Vec<Vec<_>> = lines.map(|line| line.iter().map(|cell| printable(cell)).collect()).collect();
    let width = |column| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell: &String| cell.width()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let padded = lines.iter().map(|line| {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| padded(cell, width));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    padded.collect::<Vec<_>>().join("\n")
}

fn padded(cell: &str, width: usize) -> String {
    format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())))
}

/// Text from elsewhere (a device's name, a server's answer) without the characters that control a terminal or change the
/// direction of writing (Unicode's bidirectional controls).
#[must_use]
pub fn printable(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if obeyed(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["1".to_owned(), "Zoë".to_owned()], vec!["1000".to_owned(), "Al".to_owned()]];
        assert_eq!(table(&["ID", "NAME"], &rows), "ID    NAME\n1     Zoë\n1000  Al");
        assert_eq!(table(&["ID", "NAME"], &[]), "ID  NAME");
    }

    #[test]
    fn a_wide_character_takes_two_columns() {
        let rows = [vec!["김가나".to_owned(), "1".to_owned()], vec!["Al".to_owned(), "2".to_owned()]];
        assert_eq!(table(&["NAME", "N"], &rows), "NAME    N\n김가나  1\nAl      2");
    }

    #[test]
    fn text_from_elsewhere_cannot_control_the_terminal() {
        let rows = [vec!["curl\u{1b}[2J\u{202e}8.0\n".to_owned()]];
        assert_eq!(table(&["DEVICE"], &rows), "DEVICE\ncurl\u{fffd}[2J\u{fffd}8.0\u{fffd}");
    }
}
