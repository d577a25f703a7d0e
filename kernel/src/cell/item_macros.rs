//! Tells calls of macros that make items from those that are statements: the former are kept for later cells, the latter
//! are run. Called by `split`; rustc alone knows for sure, so this goes by what the macro's rules begin with.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The macros of a notebook that make items, and the names that they give them by themselves.
pub(crate) type ItemMacros = BTreeMap<String, BTreeSet<String>>;

/// Well-known macros of others that make items.
const FOREIGN: &[&str] = &["bitflags", "cfg_if", "lazy_static"];

const KEYWORDS: &[&str] =
    &["const", "enum", "fn", "impl", "macro_rules", "mod", "static", "struct", "trait", "type", "union", "use"];

/// The names that a call of the macro defines by itself, if it makes items at all.
pub(super) fn look_up<'a>(name: &str, known: &'a ItemMacros) -> Option<&'a BTreeSet<String>> {
    const NONE: &BTreeSet<String> = &BTreeSet::new();
    known.get(name).or_else(|| FOREIGN.contains(&name).then_some(NONE))
}

/// Whether the rules of a `macro_rules!` macro make items: then the names that they give them by themselves.
pub(super) fn makes_items(rules: TokenStream) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut makes_items = false;
    let mut arrow = false;
    for token in rules {
        match token {
            TokenTree::Group(transcriber) if arrow => {
                makes_items |= begins_with_item(transcriber.stream());
                collect_defined(transcriber.stream(), &mut names);
                arrow = false;
            }
            // The `=` before it is of no interest.
            TokenTree::Punct(punct) => arrow = punct.as_char() == '>',
            _ => {}
        }
    }
    makes_items.then_some(names)
}

fn begins_with_item(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            // An attribute, a variable such as `$vis`, or a repetition, which may hold the item.
            TokenTree::Punct(punct) if matches!(punct.as_char(), '#' | '$') => match tokens.next() {
                Some(TokenTree::Group(group))
                    if group.delimiter() == Delimiter::Parenthesis && begins_with_item(group.stream()) =>
                {
                    return true;
                }
                _ => {}
            },
            // How often it is repeated.
            TokenTree::Punct(punct) if matches!(punct.as_char(), '*' | '+' | '?') => {}
            TokenTree::Ident(word) if word == "pub" => {
                tokens.next_if(|next| matches!(next, TokenTree::Group(_)));
            }
            TokenTree::Ident(word) if ["async", "extern", "unsafe"].iter().any(|known| word == known) => {}
            TokenTree::Literal(_) => {}
            TokenTree::Ident(word) => {
                let is_block = matches!(tokens.peek(), Some(TokenTree::Group(_)));
                return KEYWORDS.iter().any(|keyword| word == keyword) && !is_block;
            }
            _ => return false,
        }
    }
    false
}

/// Adds the names behind keywords that define something.
fn collect_defined(tokens: TokenStream, names: &mut BTreeSet<String>) {
    let mut defines = false;
    for token in tokens {
        match token {
            TokenTree::Ident(word) if defines && word != "mut" => {
                names.insert(word.to_string());
                defines = false;
            }
            TokenTree::Ident(word) => defines = KEYWORDS.iter().any(|keyword| word == keyword && word != "impl"),
            TokenTree::Group(group) => collect_defined(group.stream(), names),
            _ => defines = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rules: &str, expected: Option<&[&str]>) {
        let names = makes_items(rules.parse().unwrap());
        let names = names.as_ref().map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(names.as_deref(), expected);
    }

    #[test]
    fn rules_that_begin_with_an_item_make_items() {
        check("($n:ident) => { struct $n; }", Some(&[]));
        check("() => { pub(crate) async unsafe fn made() {} }", Some(&["made"]));
        check("($($t:ty),*) => { $(#[doc = \"x\"] impl Area for $t {})* }", Some(&[]));
        check("($(#[$m:meta])* $v:vis $n:ident) => { $(#[$m])* $v static mut $n: u8 = 0; }", Some(&[]));
        check("() => {}; ($x:expr) => { const LIMIT: u8 = $x; }", Some(&["LIMIT"]));
    }

    #[test]
    fn rules_that_begin_with_code_do_not() {
        check("($x:expr) => { $x + 1 }", None);
        check("($x:expr) => {{ let y = $x; y }}", None);
        check("() => { unsafe { f() } }", None);
        check("() => { const { 1 } }", None);
        check("($($x:expr),*) => { $( println!(\"{}\", $x); )* }", None);
    }
}
