//! What can be offered without an analyzer: the notebook's names, the prelude, the words of the language. Pure.

use syn::{FnArg, Pat};

use super::offer::{Offer, Rank, prelude};
use super::outline::Outline;
use crate::cell::{FUNCTION_MACROS, Item, ItemKind};
use crate::magics;

const KEYWORDS: &[&str] = &[
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn",
    "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "type", "unsafe", "use", "where", "while",
];

/// What every program has, as far as people begin with it.
const LANGUAGE: &[(&str, &str)] = &[
    ("Box", "struct"),
    ("Err()", "variant"),
    ("None", "variant"),
    ("Ok()", "variant"),
    ("Option", "enum"),
    ("Result", "enum"),
    ("Some()", "variant"),
    ("String", "struct"),
    ("Vec", "struct"),
    ("assert!()", "macro"),
    ("assert_eq!()", "macro"),
    ("bool", "type"),
    ("char", "type"),
    ("dbg!()", "macro"),
    ("eprintln!()", "macro"),
    ("f32", "type"),
    ("f64", "type"),
    ("format!()", "macro"),
    ("i32", "type"),
    ("i64", "type"),
    ("panic!()", "macro"),
    ("print!()", "macro"),
    ("println!()", "macro"),
    ("std", "crate"),
    ("str", "type"),
    ("todo!()", "macro"),
    ("u32", "type"),
    ("u64", "type"),
    ("u8", "type"),
    ("usize", "type"),
    ("vec![]", "macro"),
];

/// All names that begin with `typed`. `path` is what stands in front of it, by `.` or `::`; only of `asyncio` is known what
/// belongs to it.
pub(super) fn names(outline: &Outline, typed: &str, path: Option<&str>) -> Vec<Offer> {
    let of_prelude = prelude().map(|name| Offer {
        text: if FUNCTION_MACROS.contains(&name) { format!("{name}()") } else { name.to_owned() },
        kind: if name.starts_with(char::is_uppercase) { "struct" } else { "function" }.to_owned(),
        signature: String::new(),
        rank: Rank::Prelude,
    });
    let mut offers: Vec<Offer> = match path {
        Some("asyncio::") => of_prelude.collect(),
        Some(_) => Vec::new(),
        None => {
            let variables = outline.variables.iter().map(|(name, ty)| Offer {
                text: name.clone(),
                kind: "variable".into(),
                signature: magics::short_type(ty),
                rank: Rank::Variable,
            });
            let items = outline.items.iter().filter_map(|item| offer_of(item));
            let crates = outline.crates().into_iter().map(|name| word(&name, "crate", Rank::Notebook));
            let language = LANGUAGE.iter().map(|(name, kind)| word(name, kind, Rank::Language));
            let keywords = KEYWORDS.iter().map(|name| word(name, "keyword", Rank::Keyword));
            variables.chain(items).chain(crates).chain(of_prelude).chain(language).chain(keywords).collect()
        }
    };
    offers.retain(|offer| begins(&offer.text, typed));
    offers.sort_by(|a, b| {
        let order = |offer: &Offer| (!offer.text.starts_with(typed), offer.rank);
        order(a).cmp(&order(b)).then_with(|| a.text.cmp(&b.text))
    });
    offers.dedup_by(|a, b| name_of(&a.text) == name_of(&b.text));
    offers
}

/// Whether a name begins as what was typed, in whichever case.
pub(super) fn begins(name: &str, typed: &str) -> bool {
    let mut name = name.chars();
    typed.chars().all(|c| name.next().is_some_and(|n| n.to_lowercase().eq(c.to_lowercase())))
}

fn name_of(text: &str) -> &str {
    text.split(['(', '[']).next().unwrap_or(text)
}

fn word(text: &str, kind: &str, rank: Rank) -> Offer {
    Offer { text: text.to_owned(), kind: kind.to_owned(), signature: String::new(), rank }
}

/// A definition of the notebook, unless it has no name.
fn offer_of(item: &Item) -> Option<Offer> {
    let (signature, _) = magics::signature_and_prose(item.text());
    let name = &item.key;
    let (text, kind) = match (&item.kind, syn::parse_str::<syn::Item>(item.text()).ok()) {
        (_, Some(syn::Item::Fn(function))) => (format!("{name}({})", parameters(&function.sig)), "function"),
        (ItemKind::Type, Some(syn::Item::Enum(_))) => (name.clone(), "enum"),
        (ItemKind::Type, _) => (name.clone(), "struct"),
        (ItemKind::Alias, _) => (name.clone(), "type"),
        (ItemKind::Trait { .. }, _) => (name.clone(), "trait"),
        (ItemKind::Static, _) => (name.clone(), "static"),
        (ItemKind::Module { .. }, _) => (name.clone(), "module"),
        (ItemKind::Macro { .. }, _) => (format!("{name}!()"), "macro"),
        (ItemKind::Other, Some(syn::Item::Const(_))) => (name.clone(), "constant"),
        _ => return None,
    };
    Some(Offer { text, kind: kind.to_owned(), signature, rank: Rank::Notebook })
}

/// The names of a function's parameters.
fn parameters(signature: &syn::Signature) -> String {
    let name = |argument: &FnArg| match argument {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(name) => name.ident.to_string(),
            _ => "_".to_owned(),
        },
        FnArg::Receiver(_) => "self".to_owned(),
    };
    signature.inputs.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::outline;
    use super::*;

    #[track_caller]
    fn check(typed: &str, path: Option<&str>, expected: &[&str]) {
        let items = "async fn sled(name: &str, (a, b): (u8, u8)) {}\nstruct Sleet { x: i32 }\nenum Sleeve {}\nimpl Sleet {}\n\
            macro_rules! slew { () => {} }\nconst SLED: f64 = 6.28;\nmod true_north {}";
        let outline = outline(&[items], &[("sleigh", "u8")]);
        let found = names(&outline, typed, path);
        let found: Vec<String> = found.iter().map(|offer| format!("{} {}", offer.kind, offer.text)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn names_are_offered_in_order() {
        check(
            "sle",
            None,
            &[
                "variable sleigh",
                "function sled(name, _)",
                "macro slew!()",
                "function sleep",
                "constant SLED",
                "struct Sleet",
                "enum Sleeve",
                "struct Sleep",
            ],
        );
        check("tru", None, &["module true_north", "keyword true"]);
        check("Vec", None, &["struct Vec", "macro vec![]"]);
    }

    #[test]
    fn of_paths_only_our_own_is_known() {
        check("gat", Some("asyncio::"), &["function gather", "struct Gathering"]);
        check("", Some("x."), &[]);
        check("displ", None, &["function display()", "struct DisplayHandle"]);
    }

    #[test]
    fn types_are_shown_short() {
        let outline = outline(&[], &[("table", "std::vec::Vec<std::string::String>")]);
        assert_eq!(names(&outline, "tab", None)[0].signature, "Vec<String>");
    }
}
