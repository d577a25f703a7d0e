//! Each public item is used in an example of the file that documents it, so that whoever looks it up sees it at work.
//! The examples themselves are the doc tests.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::limited;

/// What only generated code, macros and the worker call.
const PLUMBING: [&str; 11] = [
    "cell",
    "cell.rs",
    "comm/table.rs",
    "display/choice.rs",
    "display/format.rs",
    "display/sink.rs",
    "error/hook.rs",
    "interrupt/signal.rs",
    "place.rs",
    "rest.rs",
    "visitors.rs",
];

/// The words that declare something with a name of its own.
const KINDS: [&str; 7] = ["fn", "struct", "enum", "trait", "type", "const", "static"];

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources can be listed") {
        let path = entry.expect("the sources can be listed").path();
        if path.is_dir() {
            sources(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric() && character != '_').filter(|word| !word.is_empty())
}

/// The words of a file's examples.
fn exemplified(text: &str) -> HashSet<&str> {
    let mut inside = false;
    let mut found = HashSet::new();
    for line in text.lines().map(str::trim).filter(|line| line.starts_with("//!") || line.starts_with("///")) {
        if line.contains("```") {
            inside = !inside;
        } else if inside {
            found.extend(words(&line[3..]));
        }
    }
    found
}

/// The name that a line declares as public, unless that is a macro's parameter.
fn declared(line: &str) -> Option<&str> {
    let mut words = words(line.strip_prefix("pub ").filter(|rest| !rest.contains("$name"))?);
    let kind = words.find(|word| !["async", "unsafe"].contains(word))?;
    let name = words.next()?;
    match (kind, name) {
        ("const", "fn") => words.next(),
        _ => KINDS.contains(&kind).then_some(name),
    }
}

/// The public items of a file that its examples do not use. The future that a function returns is part of the function.
fn bare(text: &str) -> Vec<&str> {
    let examples = exemplified(text);
    let (mut missing, mut about, mut hidden) = (vec![], None, false);
    for line in text.lines().take_while(|line| *line != "#[cfg(test)]").map(str::trim) {
        if let Some(doc) = line.strip_prefix("///") {
            about = about.or(Some(doc.trim()));
        } else if line.starts_with("#[") {
            hidden |= line.contains("doc(hidden)");
        } else {
            let returned = about
                .is_some_and(|doc| doc.starts_with("The future of [") || doc.starts_with("The async iterator of ["));
            if let Some(name) = declared(line).filter(|name| !hidden && !returned && !examples.contains(name)) {
                missing.push(name);
            }
            (about, hidden) = (None, false);
        }
    }
    missing
}

#[test]
fn each_public_item_is_used_in_an_example() {
    limited(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = vec![];
        sources(&root, &mut files);
        files.retain(|path| {
            let path = path.strip_prefix(&root).expect("it is in the folder");
            !PLUMBING.iter().any(|plumbing| path.starts_with(plumbing))
        });
        assert!(files.len() > 50, "the sources are there");
        files.sort();
        let bare_in = |path: &PathBuf| {
            let text = fs::read_to_string(path).expect("a source can be read");
            let names = bare(&text).join(", ");
            (!names.is_empty()).then(|| format!("{}: {names}\n", path.display()))
        };
        let missing: String = files.iter().filter_map(bare_in).collect();
        assert!(missing.is_empty(), "public items that no example of their file uses:\n{missing}");
    });
}

#[test]
fn an_item_without_an_example_is_found() {
    let text = "/// Adds.\n///\n/// ```\n/// add(1);\n/// ```\npub fn add() {}\n\n/// Takes.\n#[must_use]\npub async fn take() {}\n\
                /// The future of [`add`].\npub struct Add;\n/// Not for people.\n#[doc(hidden)]\npub fn inner() {}\n";
    assert_eq!(bare(text), ["take"]);
}
