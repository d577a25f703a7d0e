//! Tables: what commands show, as text for consoles and as HTML for notebooks. Used by the engine's commands.
//!
//! The HTML names no color and no font, so that it looks right in light and dark.

use std::fmt::Write;

use crate::publish::MimeBundle;

/// A table with a header.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Debug)]
enum Row {
    /// The words above a group of rows.
    Title(String),
    Cells(Vec<Cell>),
}

/// What stands in one place of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Something that could be typed.
    Code(String),
    Text(String),
}

impl Table {
    /// A table without rows.
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Table {
        Table { header: header.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds the title of the rows that follow.
    pub(crate) fn title(&mut self, title: &str) {
        self.rows.push(Row::Title(title.to_owned()));
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(Row::Cells(cells.into_iter().collect()));
    }

    /// Both forms, for Jupyter.
    pub(crate) fn bundle(&self) -> MimeBundle {
        MimeBundle::from_iter([
            ("text/plain".to_owned(), self.plain().into()),
            ("text/html".to_owned(), self.html().into()),
        ])
    }

    /// In columns; the last one is not padded.
    pub(crate) fn plain(&self) -> String {
        let mut widths: Vec<usize> = self.header.iter().map(|title| title.chars().count()).collect();
        for cells in self.cells() {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.text().chars().count());
            }
        }
        let mut lines = vec![line(self.header.iter().map(String::as_str), &widths)];
        for row in &self.rows {
            match row {
                Row::Title(title) => lines.extend([String::new(), title.clone()]),
                Row::Cells(cells) => lines.push(line(cells.iter().map(Cell::text), &widths)),
            }
        }
        lines.join("\n")
    }

    fn cells(&self) -> impl Iterator<Item = &Vec<Cell>> {
        self.rows.iter().filter_map(|row| match row {
            Row::Cells(cells) => Some(cells),
            Row::Title(_) => None,
        })
    }

    /// As an HTML table.
    pub(crate) fn html(&self) -> String {
        const LEFT: &str = "style=\"text-align: left; vertical-align: top\"";
        let mut html = "<table>\n<thead><tr>".to_owned();
        for title in &self.header {
            // Writing to a string cannot fail.
            let _ = write!(html, "<th {LEFT}>{}</th>", escaped(title));
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            match row {
                Row::Title(title) => {
                    let _ = write!(html, "<th colspan=\"{}\" {LEFT}>{}</th>", self.header.len(), escaped(title));
                }
                Row::Cells(cells) => {
                    for cell in cells {
                        let _ = match cell {
                            Cell::Code(code) if !code.is_empty() => {
                                write!(html, "<td {LEFT}><code>{}</code></td>", escaped(code))
                            }
                            Cell::Code(text) | Cell::Text(text) => write!(html, "<td {LEFT}>{}</td>", prose(text)),
                        };
                    }
                }
            }
            html.push_str("</tr>\n");
        }
        html + "</tbody>\n</table>"
    }
}

impl Cell {
    /// What could be typed.
    pub(crate) fn code(text: impl Into<String>) -> Cell {
        Cell::Code(text.into())
    }

    /// Prose.
    pub(crate) fn text_of(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }

    fn text(&self) -> &str {
        let (Cell::Code(text) | Cell::Text(text)) = self;
        text
    }
}

fn line<'a>(cells: impl Iterator<Item = &'a str>, widths: &[usize]) -> String {
    let padded = cells.zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// Prose as HTML: what stands between backticks is code.
fn prose(text: &str) -> String {
    let mut html = String::new();
    for (index, part) in escaped(text).split('`').enumerate() {
        if index % 2 == 0 {
            html.push_str(part);
        } else {
            let _ = write!(html, "<code>{part}</code>");
        }
    }
    html
}

/// Text as it may stand in HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::new();
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            _ => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn example() -> Table {
        let mut table = Table::new(["Name", "Type"]);
        table.row([Cell::code("long_name"), Cell::code("Vec<i32>")]);
        table.title("others");
        table.row([Cell::code("π"), Cell::text_of("a & `b`")]);
        table
    }

    #[test]
    fn columns_line_up_in_text() {
        expect![[r#"
            Name       Type
            long_name  Vec<i32>

            others
            π          a & `b`"#]]
        .assert_eq(&example().plain());
    }

    #[test]
    fn html_is_escaped_and_names_no_color() {
        let html = example().html();
        assert!(html.contains("<code>Vec&lt;i32&gt;</code>") && html.contains("a &amp; <code>b</code>"), "{html}");
        assert!(!html.contains("color") && !html.contains("font") && !html.contains("background"), "{html}");
    }
}
