//! Comma-separated values (RFC 4180) that are safe in spreadsheets.

use std::borrow::Cow;

use crate::key::escape_controls;

/// A record with its line end.
pub(super) fn line(cells: &[impl AsRef<str>]) -> String {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::with_capacity(256));
    let cells = cells.iter().map(|text| cell(text.as_ref()).into_owned());
    writer
        .write_record(cells)
        .expect("writing to memory does not fail");
    let bytes = writer
        .into_inner()
        .expect("writing to memory does not fail");
    String::from_utf8(bytes).expect("CSV of text is text")
}

/// A CSV cell: escaped, and never starting a formula (OWASP, CSV injection).
fn cell(text: &str) -> Cow<'_, str> {
    let text = escape_controls(text);
    if text.starts_with(['=', '+', '-', '@']) {
        return Cow::Owned(format!("'{text}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_cell_begins_a_formula_or_holds_a_control_character(text in any::<String>()) {
            let cell = cell(&text);
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']));
            prop_assert!(!cell.chars().any(char::is_control));
        }
    }
}
