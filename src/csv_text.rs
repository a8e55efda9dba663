//! Foreign text in tables.
//!
//! Takes cells, gives CSV (RFC 4180). A spreadsheet takes a cell that begins with certain characters for a formula, and
//! runs it: mail could then read other cells out and send them away (OWASP, "CSV injection"). Such a cell begins with an
//! apostrophe instead, which spreadsheets take as "this is text". The same is done behind a `;`, because spreadsheets in half
//! of Europe take that for the end of a cell, quoted or not. Characters that change what a terminal shows are spelled
//! out, so that a record is one line whatever is in it.

use std::{borrow::Cow, io::Write};

use crate::text::{Printable, is_unsafe};

/// Characters that begin a formula, those of full width included, or that hide what begins one.
const FORMULA: &[char] = &['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Writes records.
pub struct Table<W: Write>(csv::Writer<W>);

impl<W: Write> std::fmt::Debug for Table<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Table")
    }
}

impl<W: Write> Table<W> {
    /// Writes records to `out`.
    pub fn new(out: W) -> Self {
        Self(csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(out))
    }

    /// Writes one record.
    pub fn record<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) -> std::io::Result<()> {
        for text in cells {
            self.0.write_field(cell(text).as_bytes()).map_err(std::io::Error::other)?;
        }
        self.0.write_record(None::<&[u8]>).map_err(std::io::Error::other)
    }

    /// Writes what is not written yet, and gives back what was written to.
    pub fn finish(self) -> std::io::Result<W> {
        self.0.into_inner().map_err(|error| error.into_error())
    }
}

/// The text as a cell shows it: harmless to spreadsheets and to terminals.
pub fn cell(text: &str) -> Cow<'_, str> {
    let formula = text.split(';').any(|part| part.starts_with(FORMULA));
    if !formula && !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let parts = text.split(';').map(|part| {
        let mark = if part.starts_with(FORMULA) { "'" } else { "" };
        format!("{mark}{}", Printable(part))
    });
    Cow::Owned(parts.collect::<Vec<_>>().join(";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cells: &[&str]) -> String {
        let mut table = Table::new(Vec::new());
        table.record(cells.iter().copied()).unwrap();
        String::from_utf8(table.finish().unwrap()).unwrap()
    }

    #[test]
    fn a_formula_becomes_text() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "－1"] {
            assert!(cell(text).starts_with('\''), "{text:?}");
        }
        assert_eq!(written(&["=HYPERLINK(\"http://x\",\"y\")"]), "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"\n");
        assert_eq!(written(&["a;=1;b"]), "a;'=1;b\n");
        assert_eq!(written(&["a=b", "1-2", "", "'x"]), "a=b,1-2,,'x\n");
    }

    /// A cell that could end itself would begin the next one with what it likes.
    #[test]
    fn a_cell_stays_one_cell_and_a_record_one_line() {
        assert_eq!(written(&["a,b", "c\"d", "e;f"]), "\"a,b\",\"c\"\"d\",e;f\n");
        assert_eq!(written(&["a\r\nb\x1b[2J\u{202e}c"]), "a\\u{d}\\u{a}b\\u{1b}[2J\\u{202e}c\n");
        assert_eq!(written(&[""]), "\"\"\n", "a record of one empty cell is no empty line");
    }
}
