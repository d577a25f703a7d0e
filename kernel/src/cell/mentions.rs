//! Which names a piece of code mentions: the over-approximation by which the engine decides what a cell needs.
//! Called by `split` for each item and statement, and by the session for the text of types.
//!
//! Every identifier counts, wherever it stands (macro arguments included), and so do the names inside braces of string
//! literals, since `println!("{x}")` uses `x`. A name too many costs a little compile time; a name too few would be an error.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};

/// Adds all names that the tokens mention.
pub(crate) fn collect(tokens: TokenStream, names: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                names.insert(plain(&ident));
            }
            TokenTree::Group(group) => collect(group.stream(), names),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.contains('"') && text.contains('{') {
                    names.extend(text.split('{').skip(1).filter_map(leading_identifier));
                    // A width or precision can name an argument too: `{:>width$}`.
                    names.extend(text.split('$').filter_map(trailing_identifier));
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
}

/// A name without the `r#` that a keyword needs.
pub(crate) fn plain(ident: &proc_macro2::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

/// The identifiers in a stretch of source that may not be valid Rust on its own, such as a type's printed name.
pub(crate) fn identifiers_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_identifier(c)).filter(|word| word.starts_with(|c: char| !c.is_ascii_digit()))
}

fn is_identifier(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn leading_identifier(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text.find(|c| !is_identifier(c)).unwrap_or(text.len());
    (end > 0 && !text.starts_with(|c: char| c.is_ascii_digit())).then(|| text[..end].to_owned())
}

fn trailing_identifier(text: &str) -> Option<String> {
    let start = text.char_indices().rev().take_while(|(_, c)| is_identifier(*c)).last()?.0;
    Some(text[start..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expected: &[&str]) {
        let mut names = BTreeSet::new();
        collect(code.parse().unwrap(), &mut names);
        assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn names_are_found_wherever_they_stand() {
        check("a + b.c(d)", &["a", "b", "c", "d"]);
        check("vec![x; n]", &["n", "vec", "x"]);
        check(r##"println!("{x:?} {y} {{z}} {0:w$}", r#"{q}"#)"##, &["println", "q", "w", "x", "y", "z"]);
        check("r#type + 'a' as char", &["as", "char", "type"]);
    }

    #[test]
    fn identifiers_of_a_type() {
        let names: Vec<_> = identifiers_in("std::vec::Vec<[Point; 3]>").collect();
        assert_eq!(names, ["std", "vec", "Vec", "Point"]);
    }
}
