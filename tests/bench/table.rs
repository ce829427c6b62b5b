//! A table, for the terminal and for a page.

use std::fmt::Write as _;

/// Rows of text under a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) title: &'static str,
    pub(crate) head: Vec<&'static str>,
    /// As many cells each as the head has.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// With columns as wide as they must be, numbers to the right of the first column.
    pub(crate) fn plain(&self) -> String {
        let cells = |column: usize| {
            let rows = self.rows.iter().filter_map(move |row| row.get(column));
            rows.map(|cell| cell.chars().count())
        };
        let widths: Vec<usize> = self
            .head
            .iter()
            .enumerate()
            .map(|(column, head)| cells(column).fold(head.chars().count(), usize::max))
            .collect();
        let line = |cells: &[&str]| {
            let mut line = String::new();
            for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let _ = match column {
                    0 => write!(line, "{cell:<width$}"),
                    _ => write!(line, "  {cell:>width$}"),
                };
            }
            line.trim_end().to_owned()
        };
        let mut text = format!("{}\n{}\n", self.title, line(&self.head));
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            let _ = writeln!(text, "{}", line(&cells));
        }
        text
    }

    /// As Markdown has it, under a heading.
    pub(crate) fn markdown(&self) -> String {
        let rule = vec!["---"; self.head.len()].join(" | ");
        let mut text = format!("## {}\n\n| {} |\n| {rule} |\n", self.title, self.head.join(" | "));
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_rows_fit_a_terminal_and_a_page() {
        let rows = [["W1.c64", "8,000"], ["W2", "90"]];
        let table = Table {
            title: "Throughput",
            head: vec!["texts", "tokens"],
            rows: rows.map(|row| row.map(str::to_owned).to_vec()).to_vec(),
        };
        assert_eq!(table.plain(), "Throughput\ntexts   tokens\nW1.c64   8,000\nW2          90\n");
        assert_eq!(
            table.markdown(),
            "## Throughput\n\n| texts | tokens |\n| --- | --- |\n| W1.c64 | 8,000 |\n| W2 | 90 |\n"
        );
    }
}
