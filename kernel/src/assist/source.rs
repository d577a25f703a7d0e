//! Writes the source that the analyzer sees: all that the notebook has, and the cell in it. Pure.
//!
//! The cell stands as it is in the body of an `async fn`, so that `.await` and `?` are right there; the variables are the
//! function's parameters. What stands in front of it is the same as long as the notebook is, so the analyzer keeps what
//! it knows of that.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::outline::Outline;
use super::place::{brackets, unfinished};
use crate::cell::{PRELUDE, Use};

/// Names in the source that are not the user's.
pub(super) const HIDDEN: [&str; 2] = ["boucle_prelude", "boucle_cell"];

/// A source, and where in it the cell begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) text: String,
    /// In bytes. A place in the cell is found by adding this.
    pub(super) start: usize,
}

/// The source for a cell of a notebook in which somebody looks at byte `at`.
pub(super) fn source(outline: &Outline, cell: &str, at: usize) -> Source {
    let mut text = String::new();
    for import in &outline.uses {
        text.push_str(&declaration(import));
    }
    for item in &outline.items {
        text.push_str(item.text());
        text.push('\n');
    }
    // A glob gives way to what the user has defined or imported.
    let [prelude, function] = HIDDEN;
    let _ = writeln!(text, "use {prelude}::*;\nmod {prelude} {{ pub use asyncio::{{{}}}; }}", PRELUDE.join(", "));
    let parameters: String = outline.variables.iter().map(|(name, ty)| format!("mut {name}: {ty}, ")).collect();
    let _ = writeln!(text, "async fn {function}({parameters}) -> Result<(), Box<dyn std::error::Error>> {{");
    let start = text.len();
    let cell = with_whole_attribute(cell, at);
    text.push_str(&cell);
    let _ = writeln!(text, "\n{};Ok(()) }}", closing(&cell));
    Source { text, start }
}

/// The cell with the attribute closed in which the place is, and something behind it: alone, it belongs to nothing, and
/// open, it would take in all that follows.
fn with_whole_attribute(cell: &str, at: usize) -> Cow<'_, str> {
    let open = brackets(&cell[..at]);
    let Some(first) = open.iter().position(|bracket| cell[..*bracket].ends_with('#')) else { return cell.into() };
    let word = cell[at..].find(|c: char| c != '_' && !c.is_alphanumeric()).map_or(cell.len(), |length| at + length);
    let closing = match brackets(cell).starts_with(&open[..=first]) {
        true => counterparts(cell, &open[first..]),
        false => String::new(),
    };
    let (before, behind) = cell.split_at(word);
    let is_last = behind.trim_start_matches([')', ']', ' ', '\n']).is_empty();
    // As for the name of an attribute, there are some for each kind of item.
    let item = if is_last && first == 0 && open.len() > 1 { " struct Item;" } else { "" };
    match closing.is_empty() {
        true => format!("{cell}{item}"),
        false => format!("{before}{closing}{item}{behind}"),
    }
    .into()
}

/// What closes the brackets and the string that a cell leaves open: a call of a macro would swallow everything behind it.
fn closing(cell: &str) -> String {
    let quote = match unfinished(cell) {
        Some(at) if !cell[at..].starts_with("/*") => {
            let hashes = cell[at..].trim_start_matches(['b', 'c', 'r']);
            let hashes = hashes.len() - hashes.trim_start_matches('#').len();
            format!("\"{}", "#".repeat(hashes))
        }
        Some(_) => "*/".to_owned(),
        None => String::new(),
    };
    quote + &counterparts(cell, &brackets(cell))
}

fn counterparts(cell: &str, open: &[usize]) -> String {
    let counterpart = |at: &usize| match cell.as_bytes()[*at] {
        b'(' => ')',
        b'[' => ']',
        _ => '}',
    };
    open.iter().rev().map(counterpart).collect()
}

fn declaration(import: &Use) -> String {
    let absolute = if import.absolute { "::" } else { "" };
    let path = import.path();
    let rename = match (&import.rename, &import.binds) {
        (Some(range), _) => format!(" as {}", &import.source.text[range.clone()]),
        (None, None) if !path.ends_with('*') => " as _".to_owned(),
        _ => String::new(),
    };
    format!("use {absolute}{path}{rename};\n")
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cell::split;

    /// What a notebook has after these cells, with these variables.
    pub(crate) fn outline(cells: &[&str], variables: &[(&str, &str)]) -> Outline {
        let parsed = cells
            .iter()
            .enumerate()
            .map(|(number, text)| split(&format!("In[{number}]"), text, &BTreeMap::new()).unwrap());
        let (mut items, mut uses) = (Vec::new(), Vec::new());
        for parsed in parsed {
            items.extend(parsed.items);
            uses.extend(parsed.uses);
        }
        let variables = variables.iter().map(|(name, ty)| ((*name).to_owned(), (*ty).to_owned())).collect();
        Outline { items, uses, variables, project: None }
    }

    #[test]
    fn a_cell_stands_in_its_notebook_as_it_is() {
        let outline = outline(
            &[
                "use std::{fmt::Write as _, collections::*, io as other};\n/// A point.\nstruct P { x: i32 }",
                "impl P {}",
            ],
            &[("p", "P"), ("v", "std::vec::Vec<i32>")],
        );
        let cell = "let é = \"🦀\";\np.";
        let source = source(&outline, cell, cell.len());
        assert_eq!(&source.text[source.start..][..cell.len()], cell);
        let before = &source.text[..source.start];
        for part in [
            "use std::fmt::Write as _;\nuse std::collections::*;\nuse std::io as other;\n",
            "/// A point.\nstruct P { x: i32 }\nimpl P {}\n",
            "pub use asyncio::{ALL_COMPLETED, ",
            "async fn boucle_cell(mut p: P, mut v: std::vec::Vec<i32>, ) -> Result<(), Box<dyn std::error::Error>> {\n",
        ] {
            assert!(before.contains(part), "{part}\nin\n{before}");
        }
    }

    #[test]
    fn what_stands_before_the_cell_does_not_depend_on_it() {
        let outline = outline(&["fn f() {}"], &[]);
        let [a, b] = ["f(", "let x = {"].map(|cell| source(&outline, cell, cell.len()));
        assert_eq!(a.text[..a.start], b.text[..b.start]);
    }

    #[test]
    fn a_whole_cell_makes_a_whole_source() {
        let outline = outline(&["use std::io;\nstatic N: u8 = 1;\nmacro_rules! m { () => {} }"], &[("n", "u8")]);
        for cell in [
            "",
            "n + 1",
            "let x = n;",
            "f().await?",
            "// comment",
            "struct S;\nS",
            "println!(\"{}\", vec![n",
            "if true { f(\"(\"",
            "println!(\"{n",
            "f(r##\"a",
            "f(/* a",
            "#[derive(De",
        ] {
            let source = source(&outline, cell, cell.len());
            assert!(syn::parse_file(&source.text).is_ok(), "{}", source.text);
        }
    }
}
