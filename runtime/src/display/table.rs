//! A vector of structs, or a map, as an HTML table. Called by `debug` with the `Debug` form: the derived one says what
//! the fields are called, so that nothing has to be implemented, and no cell compiles more code for it.
//!
//! What does not look exactly like the derived form is no table.

use std::fmt::Write;

use super::marks::{Mark, SEPARATOR, marks};

/// How many rows are shown.
const ROWS: usize = 100;

/// The types whose `Debug` form may be a table.
const LISTS: [&str; 3] = ["alloc::vec::Vec<", "alloc::collections::vec_deque::VecDeque<", "["];
const MAPS: [&str; 2] = ["std::collections::hash::map::HashMap<", "alloc::collections::btree::map::BTreeMap<"];

/// The table, if it is one: `text` is the `Debug` form of a value of that type, or its beginning if it is not complete.
pub(super) fn html(text: &str, type_name: &str, complete: bool) -> Option<String> {
    let type_name = type_name.trim_start_matches('&');
    let is_one_of = |names: &[&str]| names.iter().any(|name| type_name.starts_with(name));
    let table = if is_one_of(&LISTS) {
        list(&items(text, '[', ']', complete)?)?
    } else if is_one_of(&MAPS) {
        map(&items(text, '{', '}', complete)?)?
    } else {
        return None;
    };
    Some(table.render(complete))
}

struct Table<'t> {
    /// The names of the columns, that of the row headers first.
    columns: Vec<&'t str>,
    /// The header and the values of each row.
    rows: Vec<(String, Vec<&'t str>)>,
}

fn list<'t>(items: &[&'t str]) -> Option<Table<'t>> {
    let rows = items.iter().map(|item| fields(item)).collect::<Option<Vec<_>>>()?;
    let (columns, values) = same_fields(rows)?;
    let numbered = values.into_iter().enumerate().map(|(index, values)| (index.to_string(), values));
    Some(Table { columns: [&[""][..], &columns].concat(), rows: numbered.collect() })
}

fn map<'t>(items: &[&'t str]) -> Option<Table<'t>> {
    let pairs = items.iter().map(|item| split_at_colon(item)).collect::<Option<Vec<_>>>()?;
    let structs = pairs.iter().map(|(_, value)| fields(value)).collect::<Option<Vec<_>>>().and_then(same_fields);
    let keys = pairs.iter().map(|(key, _)| unquoted(key).to_owned());
    match structs {
        Some((columns, values)) => {
            Some(Table { columns: [&["key"][..], &columns].concat(), rows: keys.zip(values).collect() })
        }
        None if pairs.is_empty() => None,
        None => {
            let values = pairs.iter().map(|(_, value)| vec![*value]);
            Some(Table { columns: vec!["key", "value"], rows: keys.zip(values).collect() })
        }
    }
}

/// The names that all rows have, and each row's values; `None` if the rows differ, or there is none.
fn same_fields<'t>(rows: Vec<Vec<(&'t str, &'t str)>>) -> Option<(Vec<&'t str>, Vec<Vec<&'t str>>)> {
    let names: Vec<&str> = rows.first()?.iter().map(|(name, _)| *name).collect();
    let alike = rows.iter().all(|row| row.iter().map(|(name, _)| *name).eq(names.iter().copied()));
    alike.then(|| (names, rows.into_iter().map(|row| row.into_iter().map(|(_, value)| value).collect()).collect()))
}

/// The fields of `Name { field: value, … }`.
fn fields(text: &str) -> Option<Vec<(&str, &str)>> {
    let (name, body) = text.split_once(" { ")?;
    if !is_identifier(name) {
        return None;
    }
    let body = body.strip_suffix(" }")?;
    split(body)?.into_iter().map(split_at_colon).map(|field| field.filter(|(name, _)| is_identifier(name))).collect()
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c == '_' || c == '#' || c.is_alphanumeric())
}

/// The items between two delimiters. Of a text that is not complete, the last one is left out: it may be half an item.
fn items(text: &str, open: char, close: char, complete: bool) -> Option<Vec<&str>> {
    let body = text.strip_prefix(open)?;
    if complete {
        return split(body.strip_suffix(close)?);
    }
    let mut items = pieces(body, Mark::Comma, usize::MAX).0;
    items.pop();
    Some(items)
}

/// The parts of a text between commas that stand in no delimiters and no literal; `None` if the delimiters do not match.
fn split(text: &str) -> Option<Vec<&str>> {
    match pieces(text, Mark::Comma, usize::MAX) {
        (pieces, true) => Some(if text.is_empty() { Vec::new() } else { pieces }),
        (_, false) => None,
    }
}

fn split_at_colon(text: &str) -> Option<(&str, &str)> {
    match pieces(text, Mark::Colon, 2) {
        (pieces, true) if pieces.len() == 2 => Some((pieces[0], pieces[1])),
        _ => None,
    }
}

/// Splits at a separator outside of delimiters and literals, into so many parts at most; and whether all that is opened
/// is closed.
fn pieces(text: &str, separator: Mark, most: usize) -> (Vec<&str>, bool) {
    let mut pieces = Vec::new();
    let mut open = Vec::new();
    let mut start = 0;
    for (place, mark) in marks(text) {
        match mark {
            Mark::Open(delimiter) => open.push(delimiter),
            Mark::Close(delimiter) if open.pop() == Some(delimiter) => {}
            Mark::Close(_) | Mark::Unclosed => return (pieces, false),
            _ if mark == separator && open.is_empty() && pieces.len() + 1 < most => {
                pieces.push(&text[start..place.byte]);
                start = place.byte + SEPARATOR;
            }
            Mark::Comma | Mark::Colon => {}
        }
    }
    pieces.push(&text[start..]);
    (pieces, open.is_empty())
}

/// The text of a string literal that needs no escapes; anything else as it is.
fn unquoted(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.filter(|inner| !inner.contains(['\\', '"'])).unwrap_or(text)
}

impl Table<'_> {
    fn render(&self, complete: bool) -> String {
        let headers = column(self.rows.iter().map(|(header, _)| header.as_str()));
        let value_of = |index: usize| self.rows.iter().map(move |(_, values)| values[index]);
        let columns: Vec<Align> = (1..self.columns.len()).map(|index| column(value_of(index - 1))).collect();
        let mut html = String::from("<table><thead><tr>");
        for (name, align) in self.columns.iter().zip([headers].iter().chain(&columns)) {
            cell(&mut html, "th", align, name);
        }
        html.push_str("</tr></thead><tbody>");
        for (header, values) in self.rows.iter().take(ROWS) {
            html.push_str("<tr>");
            cell(&mut html, "th", headers, header);
            for (value, align) in values.iter().zip(&columns) {
                cell(&mut html, "td", align, unquoted(value));
            }
            html.push_str("</tr>");
        }
        html.push_str("</tbody></table>");
        let all = self.rows.len();
        if !complete {
            let _ = write!(html, "<p>the first {} rows</p>", all.min(ROWS));
        } else if all > ROWS {
            let _ = write!(html, "<p>{ROWS} of {all} rows</p>");
        }
        html
    }
}

/// How a column stands: an attribute, or nothing where front ends do it by themselves.
type Align = &'static str;

/// Front ends set all that is in a table to the right, as suits numbers.
fn column<'t>(mut values: impl Iterator<Item = &'t str>) -> Align {
    if values.all(is_number) { "" } else { " style=\"text-align:left\"" }
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

fn cell(html: &mut String, tag: &str, align: Align, text: &str) {
    let _ = write!(html, "<{tag}{align}>");
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            c => html.push(c),
        }
    }
    let _ = write!(html, "</{tag}>");
}

#[cfg(test)]
mod tests {
    use std::any::type_name_of_val;
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use expect_test::{Expect, expect};

    use super::*;

    #[expect(dead_code, reason = "only their `Debug` forms are read")]
    #[derive(Debug, Clone)]
    struct Point<T> {
        x: T,
        name: &'static str,
    }

    fn table_of<T: Debug>(value: &T) -> Option<String> {
        html(&format!("{value:?}"), type_name_of_val(value), true)
    }

    #[track_caller]
    fn check<T: Debug>(value: &T, expected: Expect) {
        let lines = table_of(value).unwrap_or_default().replace("</tr>", "</tr>\n");
        expected.assert_eq(&lines);
    }

    #[test]
    fn structs_become_rows() {
        check(
            &vec![Point { x: 1, name: "a, b: {" }, Point { x: -2, name: "<\"é\">" }],
            expect![[r#"
                <table><thead><tr><th></th><th>x</th><th style="text-align:left">name</th></tr>
                </thead><tbody><tr><th>0</th><td>1</td><td style="text-align:left">a, b: {</td></tr>
                <tr><th>1</th><td>-2</td><td style="text-align:left">"&lt;\"é\"&gt;"</td></tr>
                </tbody></table>"#]],
        );
        check(
            &[Point { x: (Some('"'), vec![1, 2]), name: "it's" }],
            expect![[r#"
                <table><thead><tr><th></th><th style="text-align:left">x</th><th style="text-align:left">name</th></tr>
                </thead><tbody><tr><th>0</th><td style="text-align:left">(Some('"'), [1, 2])</td><td style="text-align:left">it's</td></tr>
                </tbody></table>"#]],
        );
    }

    #[test]
    fn maps_have_keys() {
        check(
            &BTreeMap::from([("one", 1.5), ("two: 2", 2.0)]),
            expect![[r#"
                <table><thead><tr><th style="text-align:left">key</th><th>value</th></tr>
                </thead><tbody><tr><th style="text-align:left">one</th><td>1.5</td></tr>
                <tr><th style="text-align:left">two: 2</th><td>2.0</td></tr>
                </tbody></table>"#]],
        );
        check(
            &BTreeMap::from([((1, 2), Point { x: 1, name: "a" })]),
            expect![[r#"
                <table><thead><tr><th style="text-align:left">key</th><th>x</th><th style="text-align:left">name</th></tr>
                </thead><tbody><tr><th style="text-align:left">(1, 2)</th><td>1</td><td style="text-align:left">a</td></tr>
                </tbody></table>"#]],
        );
    }

    #[test]
    fn everything_else_is_text() {
        assert_eq!(table_of(&vec![1, 2]), None);
        assert_eq!(table_of(&Vec::<Point<i32>>::new()), None);
        assert_eq!(table_of(&BTreeMap::<i32, i32>::new()), None);
        assert_eq!(table_of(&Point { x: 1, name: "" }), None);
        for text in ["[A { x: 1 }, B { y: 1 }]", "[A { x: ( }]", "[A { x: \" }]", "[A { x: 1 ]", "A", "", "[", "[]]"] {
            assert_eq!(html(text, "alloc::vec::Vec<A>", true), None, "{text}");
        }
    }

    #[test]
    fn many_rows_are_cut_with_a_note() {
        let points = vec![Point { x: 0, name: "" }; 250];
        let table = table_of(&points).unwrap_or_default();
        assert_eq!(table.matches("<tr>").count(), 101);
        assert!(table.ends_with("<p>100 of 250 rows</p>"));
    }

    #[test]
    fn of_a_cut_text_the_whole_rows_are_shown() {
        let text = "[P { x: 1 }, P { x: 2 }, P { x: 3";
        let table = html(text, "alloc::vec::Vec<P>", false).unwrap_or_default();
        assert!(table.contains("<td>2</td>") && !table.contains("<td>3</td>"), "{table}");
        assert!(table.ends_with("<p>the first 2 rows</p>"));
    }
}
