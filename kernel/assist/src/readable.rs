//! Makes what the analyzer says about code short and plain: declarations, and the Markdown that it shows for what is under
//! a cursor. Used by `completion` and `help`; pure.

/// How a path begins that leads into the notebook: with the name of the package in the manifests that the kernel writes.
const PACKAGE: &str = "cell";

/// What the analyzer writes for a type that it does not know.
pub const UNKNOWN: &str = "{unknown}";

/// What is said about a name.
#[derive(Debug, PartialEq, Eq)]
pub struct About {
    /// Its declaration and documentation.
    pub markdown: String,
    /// Whether it is a field that the notebook's code cannot use.
    pub is_private: bool,
}

/// A declaration without what nobody chooses: the allocator, and bounds that always hold.
pub fn declaration(text: &str) -> String {
    let mut text = text.replace(", Global>", ">").replace("{const}", "_").replace("[const] ", "");
    text = text.replace(" + Destruct", "").replace("Destruct + ", "");
    // `T: Destruct,` as one of the bounds of a `where`.
    let bound = |text: &str| text.match_indices(": Destruct").map(|(at, _)| at).find(|at| ends_word(&text[at + 10..]));
    while let Some(at) = bound(&text) {
        let before = text[..at].trim_end_matches(|c: char| c == '_' || c.is_alphanumeric());
        let behind = &text[at + ": Destruct".len()..];
        let behind = behind.strip_prefix(',').unwrap_or(behind).trim_start();
        text = match before.trim_end().strip_suffix("where") {
            Some(before) if behind.is_empty() => before.trim_end().to_owned(),
            _ => format!("{before}{behind}").trim_end().to_owned(),
        };
    }
    text
}

fn ends_word(rest: &str) -> bool {
    !rest.starts_with(|c: char| c == '_' || c.is_alphanumeric())
}

/// What the analyzer shows for a name: a block with the path of what it belongs to, which may be missing, a block with its
/// declaration, and its documentation. `None` if that says nothing.
pub fn hover(markdown: &str) -> Option<About> {
    let markdown = markdown.trim();
    let Some((first, rest)) = block(markdown) else {
        return (!markdown.is_empty()).then(|| About { markdown: documentation(markdown), is_private: false });
    };
    let (path, shown, rest) = match block(rest) {
        Some((second, rest)) => (Some(first), second, rest),
        None => (None, first, rest),
    };
    // `self` outside of everything is the package.
    if path.is_none() && [UNKNOWN, "extern crate cell"].contains(&shown) {
        return None;
    }
    let in_notebook =
        path.and_then(|path| path.strip_prefix(PACKAGE)).filter(|rest| rest.is_empty() || rest.starts_with("::"));
    let path = match in_notebook {
        Some(rest) => rest.strip_prefix("::"),
        None => path,
    };
    let mut text = path.map(|path| format!("```rust\n{path}\n```\n\n")).unwrap_or_default();
    // The notebook's variables are the parameters of a function here.
    let shown = shown.strip_prefix("mut ").map_or_else(|| shown.to_owned(), |variable| format!("let {variable}"));
    let shown = shown.split(" // matched arm").next().unwrap_or_default();
    text.push_str(&format!("```rust\n{}\n```\n\n{}", declaration(shown), documentation(rest)));
    let is_private = path.is_some() && in_notebook.is_none() && is_field(shown);
    Some(About { markdown: text.trim_end().to_owned(), is_private })
}

/// The block of code with which a text begins, and what is behind it.
fn block(text: &str) -> Option<(&str, &str)> {
    let (code, rest) = text.strip_prefix("```rust\n")?.split_once("\n```")?;
    Some((code, rest.trim_start()))
}

/// Whether it declares a field that is not `pub`.
fn is_field(declaration: &str) -> bool {
    let behind = declaration.trim_start_matches(|c: char| c == '_' || c.is_alphanumeric());
    behind.len() < declaration.len() && behind.starts_with(": ")
}

/// Documentation as rustdoc shows it: in code, lines that begin with `#` are only there for the compiler.
fn documentation(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    // Whether the lines are Rust, if they stand in a block of code.
    let mut code = None;
    for line in markdown.lines() {
        let fence = line.trim_start().strip_prefix("```");
        let hidden = code == Some(true) && (line.trim() == "#" || line.trim_start().starts_with("# "));
        match (code, fence) {
            (None, Some(info)) => {
                let is_rust = info.split(',').all(|word| is_about_rust(word.trim()));
                code = Some(is_rust);
                text.push_str(if is_rust { "```rust" } else { line });
            }
            (Some(_), Some(_)) => {
                code = None;
                text.push_str(line);
            }
            _ if hidden => continue,
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text.trim_end().replace(", `A` = `Global`", "")
}

/// Whether a word behind the fence of a block of code is one of rustdoc's.
fn is_about_rust(word: &str) -> bool {
    ["", "rust", "should_panic", "no_run", "compile_fail"].contains(&word)
        || word.starts_with("ignore")
        || word.starts_with("edition")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_short() {
        for (declared, expected) in [
            ("Vec<Box<u8, Global>, Global>", "Vec<Box<u8>>"),
            ("fn f<T>(x: T) -> T where T: Destruct,", "fn f<T>(x: T) -> T"),
            (
                "fn f<T>(x: T) -> T where T: [const] Destruct, F: FnOnce(&T) -> bool + Destruct,",
                "fn f<T>(x: T) -> T where F: FnOnce(&T) -> bool,",
            ),
            ("fn f<T>() where T: Clone + Destruct, U: Destruct", "fn f<T>() where T: Clone,"),
            ("fn f<T>()\nwhere\n    T: Destruct,\n    U: Clone,", "fn f<T>()\nwhere\n    U: Clone,"),
            ("fn f(x: Destructor)", "fn f(x: Destructor)"),
            ("[T; {const}]", "[T; _]"),
        ] {
            assert_eq!(declaration(declared), expected);
        }
    }

    #[track_caller]
    fn check(markdown: &str, expected: &str) {
        assert_eq!(hover(markdown).map(|about| about.markdown).unwrap_or_default(), expected);
    }

    #[test]
    fn what_is_the_notebooks_has_no_path() {
        check("```rust\ncell\n```\n\n```rust\nfn f()\n```", "```rust\nfn f()\n```");
        check("```rust\ncell::P\n```\n\n```rust\nx: f64\n```", "```rust\nP\n```\n\n```rust\nx: f64\n```");
        check("```rust\ncellar\n```\n\n```rust\nfn f()\n```", "```rust\ncellar\n```\n\n```rust\nfn f()\n```");
        check("```rust\nmut p: P\n```", "```rust\nlet p: P\n```");
        check("```rust\n{unknown}\n```", "");
        check("```rust\nextern crate cell\n```", "");
        check("", "");
    }

    #[test]
    fn documentation_is_shown_as_rustdoc_shows_it() {
        check(
            "```rust\nstd\n```\n\n```rust\nmacro_rules! m // matched arm #1\n```\n\n---\n\n# Title\n\n```\n# let a = 1;\n#\nlet b = a;\n```\n\n\
             ```text\n# 1\n```\n\n```rust,no_run\nb();\n```",
            "```rust\nstd\n```\n\n```rust\nmacro_rules! m\n```\n\n---\n\n# Title\n\n```rust\nlet b = a;\n```\n\n\
             ```text\n# 1\n```\n\n```rust\nb();\n```",
        );
    }

    #[test]
    fn fields_are_private_unless_they_are_public_or_the_notebooks() {
        let is_private = |markdown| hover(markdown).is_some_and(|about| about.is_private);
        assert!(is_private("```rust\nalloc::vec::Vec\n```\n\n```rust\nlen: usize\n```"));
        assert!(!is_private("```rust\ncore::ops::Range\n```\n\n```rust\npub start: u8\n```"));
        assert!(!is_private("```rust\ncell::P\n```\n\n```rust\nx: f64\n```"));
        assert!(!is_private("```rust\nlet x: f64\n```"));
    }
}
