//! Results: tables for people, JSON for programs.
//!
//! Listings are printed as they come. A table's columns keep the width that they have reached, so a long
//! table needs no memory for its whole; in JSON a listing is one array with a row on each line.

use super::error::CliError;
use clap::ValueEnum;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde::Serialize;
use std::io::{self, Write};

/// Spaces between two columns of a table.
const GAP: u16 = 2;

/// How results are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Format {
    /// Tables for people.
    #[default]
    Table,
    /// JSON for programs, with stable names.
    Json,
}

/// One row of a listing. As JSON it is what serde makes of it.
pub(super) trait Row: Serialize {
    /// The table's headings.
    const COLUMNS: &'static [&'static str];

    /// The row's cells, one for each heading.
    fn cells(&self) -> Vec<String>;
}

/// Something that stands alone. As JSON it is what serde makes of it.
pub(super) trait Sheet: Serialize {
    /// The text for people, with its last newline.
    fn text(&self) -> String;
}

/// Where results go.
pub(super) struct Output {
    format: Format,
    writer: Box<dyn Write>,
}

impl Output {
    /// Prints to standard output.
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            writer: Box::new(io::stdout().lock()),
        }
    }

    /// Prints to anything.
    #[cfg(test)]
    pub(super) fn to(format: Format, writer: impl Write + 'static) -> Self {
        Self {
            format,
            writer: Box::new(writer),
        }
    }

    /// Begins a listing.
    pub(super) fn listing(&mut self) -> Listing<'_> {
        Listing {
            output: self,
            widths: Vec::new(),
            rows: 0,
        }
    }

    /// Prints a whole listing.
    pub(super) fn rows<R: Row>(
        &mut self,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<(), CliError> {
        let mut listing = self.listing();
        listing.page(rows)?;
        listing.finish()
    }

    /// Prints one thing.
    pub(super) fn sheet(&mut self, sheet: &impl Sheet) -> Result<(), CliError> {
        match self.format {
            Format::Table => self.writer.write_all(sheet.text().as_bytes())?,
            Format::Json => self.line(sheet)?,
        }
        Ok(())
    }

    /// Prints one item of an endless listing: a line, at once.
    pub(super) fn item(&mut self, sheet: &impl Sheet) -> Result<(), CliError> {
        self.sheet(sheet)?;
        Ok(self.writer.flush()?)
    }

    /// Says that something was done, to people; programs have the exit code.
    pub(super) fn done(&mut self, text: &str) -> Result<(), CliError> {
        match self.format {
            Format::Table => writeln!(self.writer, "{text}")?,
            Format::Json => {}
        }
        Ok(())
    }

    /// Tells people, beside the results, what goes on; programs have the results alone.
    pub(super) fn aside(&self, text: &str) {
        match self.format {
            Format::Table => eprintln!("{text}"),
            Format::Json => {}
        }
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        serde_json::to_writer(&mut self.writer, value)?;
        Ok(self.writer.write_all(b"\n")?)
    }
}

/// A listing that is being printed.
pub(super) struct Listing<'a> {
    output: &'a mut Output,
    widths: Vec<u16>,
    rows: u64,
}

impl Listing<'_> {
    /// Prints some more rows.
    pub(super) fn page<R: Row>(
        &mut self,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<(), CliError> {
        match self.output.format {
            Format::Table => self.page_of_table(rows),
            Format::Json => {
                for row in rows {
                    self.output
                        .writer
                        .write_all(if self.rows == 0 { b"[\n" } else { b",\n" })?;
                    serde_json::to_writer(&mut self.output.writer, &row)?;
                    self.rows += 1;
                }
                Ok(self.output.writer.flush()?)
            }
        }
    }

    fn page_of_table<R: Row>(&mut self, rows: impl IntoIterator<Item = R>) -> Result<(), CliError> {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        if self.rows == 0 {
            table.set_header(R::COLUMNS.to_vec());
        }
        for row in rows {
            table.add_row(row.cells());
            self.rows += 1;
        }
        if table.row_count() == 0 {
            return Ok(());
        }
        // The widths that the table has reached with this page, padding included.
        let reached = table.column_max_content_widths();
        self.widths.resize(reached.len(), 0);
        for ((column, reached), width) in table.column_iter_mut().zip(reached).zip(&mut self.widths)
        {
            *width = (*width).max(reached + GAP);
            column
                .set_padding((0, GAP))
                .set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(*width)));
        }
        for line in table.lines() {
            writeln!(self.output.writer, "{}", line.trim_end())?;
        }
        Ok(self.output.writer.flush()?)
    }

    /// Ends the listing.
    pub(super) fn finish(self) -> Result<(), CliError> {
        match (self.output.format, self.rows) {
            (Format::Table, _) => {}
            (Format::Json, 0) => self.output.writer.write_all(b"[]\n")?,
            (Format::Json, _) => self.output.writer.write_all(b"\n]\n")?,
        }

        Ok(self.output.writer.flush()?)
    }
}

/// Lines of `name: value` with the values below each other.
pub(super) fn lines(entries: &[(&str, String)]) -> String {
    let width = entries
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    entries
        .iter()
        .map(|(name, value)| format!("{name:width$}  {value}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A buffer that stays readable after it was given away.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(Serialize)]
    struct Pair {
        name: &'static str,
        value: u32,
    }

    impl Row for Pair {
        const COLUMNS: &'static [&'static str] = &["NAME", "VALUE"];

        fn cells(&self) -> Vec<String> {
            vec![self.name.to_owned(), self.value.to_string()]
        }
    }

    /// What is printed for these pages, and after each.
    fn print(format: Format, pages: &[&[(&'static str, u32)]]) -> (String, Vec<usize>) {
        let shared = Shared::default();
        let mut output = Output::to(format, shared.clone());
        let mut listing = output.listing();
        let mut lengths = Vec::new();
        for page in pages {
            listing
                .page(page.iter().map(|&(name, value)| Pair { name, value }))
                .unwrap();
            lengths.push(shared.text().len());
        }
        listing.finish().unwrap();
        (shared.text(), lengths)
    }

    #[test]
    fn a_table_is_printed_page_by_page_and_keeps_its_columns() {
        let (text, lengths) = print(
            Format::Table,
            &[&[("a-long-name", 1)], &[], &[("b", 2), ("c\nd", 3)]],
        );
        assert_eq!(
            text,
            "NAME         VALUE\na-long-name  1\nb            2\nc            3\nd\n"
        );
        assert!(lengths[0] > 0 && lengths[0] == lengths[1] && lengths[1] < lengths[2]);
        assert_eq!(print(Format::Table, &[&[]]).0, "");
    }

    #[test]
    fn json_is_one_array_with_a_row_on_each_line() {
        let (text, lengths) = print(Format::Json, &[&[("a", 1)], &[("b", 2)]]);
        assert_eq!(
            text,
            "[\n{\"name\":\"a\",\"value\":1},\n{\"name\":\"b\",\"value\":2}\n]\n"
        );
        assert!(lengths[0] > 0 && lengths[0] < lengths[1]);
        assert_eq!(print(Format::Json, &[]).0, "[]\n");
    }
}
