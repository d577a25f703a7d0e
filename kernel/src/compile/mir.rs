//! Reads the types of a cell's variables from the MIR that rustc prints: no annotation and no second pass are needed.
//! Called by `rustc` after a successful compilation.
//!
//! Variables are stored by calls of `Scope::put`, and types that are asked for are those of `Scope::probe`'s calls. The last
//! argument of both is a local, a `Kept<T>`; the locals' declarations name their types with public paths. Should the argument
//! be a constant all the same, the call's own type argument has to do, whose paths are abbreviated.

use std::collections::{BTreeMap, HashMap};

/// The type that each store site stores, as source text.
pub(crate) fn stored_types(mir: &str) -> BTreeMap<u32, String> {
    let mut types = BTreeMap::new();
    let mut locals: HashMap<&str, &str> = HashMap::new();
    for line in mir.lines() {
        let line = line.trim_start();
        if line.starts_with("fn ") {
            locals.clear();
        } else if let Some((local, ty)) = declaration(line) {
            locals.insert(local, ty);
        } else if let Some((site, argument, fallback)) = store(line) {
            let local = argument.strip_prefix("move ").or_else(|| argument.strip_prefix("copy "));
            let ty = local.and_then(|local| kept_type(locals.get(local)?)).unwrap_or(fallback);
            types.insert(site, with_never_named(ty));
        }
    }
    types
}

/// `asyncio::cell::Kept<u8>` → `u8`
fn kept_type(ty: &str) -> Option<&str> {
    ty.strip_prefix("asyncio::cell::Kept<")?.strip_suffix('>')
}

/// The type with `!` in a form that may be written anywhere.
fn with_never_named(ty: &str) -> String {
    let mut named = String::new();
    for (at, c) in ty.char_indices() {
        match c {
            // The result of a function may be written as it is.
            '!' if !ty[..at].ends_with("-> ") => named.push_str("::asyncio::cell::Never"),
            _ => named.push(c),
        }
    }
    named
}

/// Whether a type can be written down in source. Those of closures, `async` code and `impl Trait` cannot.
pub(crate) fn is_nameable(ty: &str) -> bool {
    let opaque =
        ty.match_indices("impl ").any(|(at, _)| !ty[..at].ends_with(|c: char| c == '_' || c.is_alphanumeric()));
    // A type that is local to the cell's own function is out of reach for the next one.
    !ty.contains('{') && !opaque && !ty.contains("boucle_cell::")
}

/// The pointer type that a function's own type, `fn(i32) -> i32 {double}`, can be turned into.
pub(crate) fn fn_pointer(ty: &str) -> Option<&str> {
    let (pointer, name) = ty.split_once(" {")?;
    let is_function =
        ["fn(", "unsafe fn(", "extern ", "unsafe extern ", "for<"].iter().any(|begin| ty.starts_with(begin));
    (is_function && name.ends_with('}') && is_nameable(pointer)).then_some(pointer)
}

/// Whether an unnameable type is that of a future.
pub(crate) fn is_future(ty: &str) -> bool {
    (ty.starts_with("{async ") && !ty.starts_with("{async closure"))
        || ty.starts_with("impl Future<")
        || ty.starts_with("impl std::future::Future<")
}

/// `let mut _3: u8;` → `("_3", "u8")`
fn declaration(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix("let ")?;
    let (local, ty) = rest.strip_prefix("mut ").unwrap_or(rest).split_once(": ")?;
    Some((
        local,
        ty.split_once("; ")
            .filter(|(_, rest)| rest.trim_start().starts_with("//"))
            .map_or(ty, |(ty, _)| ty)
            .trim_end_matches(';'),
    ))
}

/// `_4 = Scope::put::<u8>(copy _1, const 3_u32, const "x", move _8) -> …` → `(3, "move _8", "u8")`
fn store(line: &str) -> Option<(u32, &str, &str)> {
    let (_, call) = line.split_once("Scope::put::<").or_else(|| line.split_once("Scope::probe::<"))?;
    let (ty, rest) = call.split_once(">(")?;
    // The type argument may hold `>(` itself; the site is what the rest must show.
    let (ty, rest) = std::iter::successors(Some((ty.len(), rest)), |(end, rest)| {
        let (more, rest) = rest.split_once(">(")?;
        Some((end + 2 + more.len(), rest))
    })
    .find(|(_, rest)| rest.split(", ").nth(1).is_some_and(|site| site.ends_with("_u32")))
    .map(|(end, rest)| (&call[..end], rest))?;
    let site = rest.split(", ").nth(1)?.strip_prefix("const ")?.strip_suffix("_u32")?.parse().ok()?;
    let (arguments, _) = rest.split_once(") -> ")?;
    let argument = arguments.splitn(4, ", ").nth(3)?;
    Some((site, argument, ty))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_a_function_has_a_pointer_type() {
        assert_eq!(fn_pointer("fn(i32) -> i32 {double}"), Some("fn(i32) -> i32"));
        assert_eq!(
            fn_pointer("for<'a> fn(&'a str) -> usize {core::str::<impl str>::len}"),
            Some("for<'a> fn(&'a str) -> usize")
        );
        assert_eq!(fn_pointer("fn(i32) -> i32"), None);
        assert_eq!(fn_pointer("{closure@In[1]:1:9: 1:12}"), None);
    }

    #[test]
    fn types_are_read_from_the_locals_of_the_right_function() {
        let mir = r#"
fn boucle_cell(_1: &Scope) -> Result<(), Box<dyn Any + Send>> {
    let _5: ();
    let mut _8: asyncio::cell::Kept<std::collections::HashMap<i32, std::string::String>>;
        _5 = Scope::put::<HashMap<i32, String>>(copy _1, const 4_u32, const "m", move _8) -> [return: bb4, unwind: bb28];
        _5 = Scope::put::<Box<dyn Fn(i32) -> i32>>(copy _1, const 5_u32, const "f", copy _8) -> [return: bb4, unwind: bb28];
}
fn boucle_cell::{closure#0}(_1: {closure@In[1]:7:36: 7:38}) -> () {
    let mut _8: asyncio::cell::Kept<[u8; 3]>;
        _5 = Scope::put::<[u8; 3]>(copy ((*_1).0: &Scope), const 6_u32, const "a", move _8) -> [return: bb4, unwind continue];
        _5 = Scope::put::<i32>(copy _1, const 7_u32, const "n", const 5_i32) -> [return: bb4, unwind continue];
}"#;
        let types = stored_types(mir);
        assert_eq!(types[&4], "std::collections::HashMap<i32, std::string::String>");
        assert_eq!(types[&6], "[u8; 3]");
        assert_eq!(types[&7], "i32");
        assert!(types.contains_key(&5));
    }

    #[test]
    fn never_gets_a_name() {
        assert_eq!(with_never_named("asyncio::Task<!>"), "asyncio::Task<::asyncio::cell::Never>");
        assert_eq!(with_never_named("fn(u8) -> !"), "fn(u8) -> !");
    }

    #[test]
    fn types_without_a_name_are_told_apart() {
        assert!(is_nameable("std::vec::Vec<Point>"));
        assert!(!is_nameable("{closure@In[1]:1:1: 1:3}"));
        assert!(is_future("{async fn body of c1()}") && is_future("impl Future<Output = i32>"));
        assert!(!is_future("impl std::iter::Iterator<Item = i32>"));
    }
}
