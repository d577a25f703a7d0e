//! What is offered for a place, and in which order: what the user has made comes first. Pure.

use std::collections::BTreeSet;

use boucle_assist::message::Candidate;

use super::outline::Outline;
use super::popular;
use super::source::HIDDEN;
use crate::cell::{FUNCTION_MACROS, PRELUDE};

/// Something that could stand at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    /// What to write.
    pub(crate) text: String,
    /// What it is, in a word.
    pub(crate) kind: String,
    /// Its declaration or type, perhaps empty.
    pub(crate) signature: String,
    pub(super) rank: Rank,
}

/// How near something is to the user; in the order in which it is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Variable,
    Notebook,
    Prelude,
    Language,
    Keyword,
}

impl Rank {
    /// How much speaks for what is so near, compared with the analyzer's relevance and what many people use.
    fn points(self) -> i32 {
        match self {
            Rank::Variable => 60,
            Rank::Notebook => 50,
            Rank::Prelude => 20,
            Rank::Language | Rank::Keyword => 0,
        }
    }
}

/// The names of Boucle's prelude, without their paths.
pub(super) fn prelude() -> impl Iterator<Item = &'static str> {
    PRELUDE.iter().map(|path| path.rsplit("::").next().unwrap_or(path))
}

/// Where something is to be offered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    /// What is there already.
    pub(super) typed: &'a str,
    /// Whether it belongs to what stands in front of it, by `.` or `::`.
    pub(super) is_path: bool,
    /// Whether a statement begins with it.
    pub(super) begins_statement: bool,
    /// All that the analyzer has seen.
    pub(super) source: &'a str,
}

/// The analyzer's candidates in the order in which they are offered.
pub(super) fn ranked(outline: &Outline, candidates: Vec<Candidate>, context: Context) -> Vec<Offer> {
    let Context { typed, is_path, begins_statement, source } = context;
    let (functions, crates) = (functions_in(source), outline.crates());
    let prelude: BTreeSet<&str> = prelude().collect();
    let is_crate = |name: &str| ["std", "core", "alloc"].contains(&name) || crates.iter().any(|own| own == name);
    // Only where types are expected is nothing offered that has a value.
    let has_value = |kind: &str| ["function", "method", "variable", "field"].contains(&kind);
    let of_types = !is_path && !begins_statement && !candidates.iter().any(|candidate| has_value(&candidate.kind));
    let is_meant = |candidate: &Candidate| {
        let is_hidden = HIDDEN.contains(&candidate.name.as_str()) || candidate.name.starts_with("__");
        let is_far_variant = candidate.kind == "variant" && candidate.text.matches("::").count() > 1;
        !is_hidden && !is_far_variant && (popular::bonus(&candidate.name) > 0 || !is_far(candidate))
    };
    let mut found: Vec<(i32, String, Offer)> = candidates
        .into_iter()
        .filter(is_meant)
        .map(|candidate| {
            let Candidate { text, name, mut kind, signature, relevance } = as_written(candidate);
            let base = name.trim_end_matches('!');
            if kind == "module" && !is_path && is_crate(base) {
                kind = "crate".into();
            }
            let is_own_field = base.parse::<u8>().is_ok() || source.contains(&format!("{base}:"));
            let rank = match kind.as_str() {
                "field" if is_own_field => Rank::Notebook,
                "method" | "function" if functions.contains(base) => Rank::Notebook,
                _ if is_path => Rank::Language,
                "variable" => Rank::Variable,
                "keyword" => Rank::Keyword,
                _ if outline.item(base).is_some() => Rank::Notebook,
                "crate" if crates.iter().any(|own| own == base && own != "asyncio") => Rank::Notebook,
                _ if prelude.contains(base) => Rank::Prelude,
                _ => Rank::Language,
            };
            let popularity = match kind.as_str() {
                // A member of a trait that is to be written.
                _ if text.ends_with('}') => 0,
                "macro" if is_path => 0,
                // They are often named after what they hold.
                "module" => popular::bonus(base) / 2,
                // `String::len`, where most people look for `String::new()`.
                "method" if text == name => popular::bonus(base) / 2,
                _ => popular::bonus(base),
            };
            let misplaced = if of_types && ["keyword", "macro"].contains(&kind.as_str()) { MISPLACED } else { 0 };
            let points = relevance + rank.points() + popularity - misplaced;
            (points, name, Offer { text, kind, signature, rank })
        })
        .collect();
    found.sort_by(|(points, name, offer), (other_points, other_name, other)| {
        let as_typed = |name: &str| name.starts_with(typed);
        as_typed(other_name)
            .cmp(&as_typed(name))
            .then(other_points.cmp(points))
            .then((offer.kind != "field").cmp(&(other.kind != "field")))
            .then_with(|| name.cmp(other_name))
            // Of what has the same name, such as a function and the module that it comes from, the one that says most;
            // of two paths, the one that says least.
            .then(offer.text.contains("::").cmp(&other.text.contains("::")))
            .then_with(|| match offer.text.contains("::") {
                true => offer.text.len().cmp(&other.text.len()),
                false => other.text.len().cmp(&offer.text.len()),
            })
    });
    let mut names = BTreeSet::new();
    found.into_iter().filter(|(_, name, _)| names.insert(name.clone())).map(|(_, _, offer)| offer).collect()
}

/// How much speaks against keywords and macros where a type is expected.
const MISPLACED: i32 = 30;

/// Whether it is offered by its path in a library that nobody has to know by heart.
fn is_far(candidate: &Candidate) -> bool {
    let crate_of = candidate.text.split_once("::").map(|(first, _)| first);
    !candidate.text.starts_with(&candidate.name)
        && crate_of.is_some_and(|name| ["std", "core", "alloc", "asyncio"].contains(&name))
}

/// The names of the functions and methods that a source defines.
fn functions_in(source: &str) -> BTreeSet<&str> {
    let name = |text: &'_ str| text.find(|c: char| c != '_' && !c.is_alphanumeric());
    source.split("fn ").skip(1).map(|text| &text[..name(text).unwrap_or(text.len())]).collect()
}

/// A macro of the prelude that people call as a function.
fn as_written(candidate: Candidate) -> Candidate {
    match candidate.name.strip_suffix('!').filter(|name| FUNCTION_MACROS.contains(name)) {
        Some(name) => {
            let (name, text) = (name.to_owned(), candidate.text.replacen('!', "", 1));
            Candidate { name, text, kind: "function".into(), ..candidate }
        }
        None => candidate,
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::outline;
    use super::*;

    fn candidate(name: &str, text: &str, kind: &str, relevance: i32) -> Candidate {
        let [name, text, kind] = [name, text, kind].map(str::to_owned);
        Candidate { name, text, kind, signature: String::new(), relevance }
    }

    #[track_caller]
    fn check(candidates: &[(&str, &str, &str, i32)], typed: &str, is_path: bool, expected: &[&str]) {
        let items = "fn spin() {}\nstruct Sun { a: u8, b: u8 }\nimpl Sun { fn own(&self) {} }";
        let outline = outline(&[items], &[("s", "u8")]);
        let candidates = candidates.iter().map(|(name, text, kind, relevance)| candidate(name, text, kind, *relevance));
        let context = Context { typed, is_path, begins_statement: true, source: items };
        let offers = ranked(&outline, candidates.collect(), context);
        assert_eq!(offers.iter().map(|offer| offer.text.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_near_comes_first() {
        check(
            &[
                ("super", "super", "keyword", 0),
                ("String", "String", "struct", 0),
                ("sync_all", "sync_all(seconds)", "function", 0),
                ("sleep", "sleep(seconds)", "function", 0),
                ("Sun", "Sun", "struct", 0),
                ("spin", "spin()", "function", 0),
                ("s", "s", "variable", 2),
                ("std", "std", "crate", 0),
            ],
            "s",
            false,
            &["s", "spin()", "sleep(seconds)", "std", "super", "sync_all(seconds)", "Sun", "String"],
        );
    }

    #[test]
    fn members_are_the_users_own_then_those_that_fit_then_those_that_many_use() {
        let members = [
            ("len", "len()", "method", 0),
            ("leak", "leak()", "method", 0),
            ("clone", "clone()", "method", -5),
            ("other", "other()", "method", 0),
            ("fits", "fits()", "method", 35),
            ("own", "own()", "method", 0),
            ("b", "b", "field", 0),
            ("a", "a", "field", 0),
        ];
        check(&members, "", true, &["a", "b", "own()", "fits()", "len()", "clone()", "leak()", "other()"]);
    }

    #[test]
    fn nothing_is_offered_twice_or_that_is_not_the_users() {
        check(
            &[
                ("Sun", "Sun", "struct", 0),
                ("Sun", "Sun", "constant", 0),
                ("boucle_prelude", "boucle_prelude", "module", 0),
                ("display", "display", "module", 0),
                ("display!", "display!()", "macro", 0),
            ],
            "",
            false,
            &["Sun", "display()"],
        );
    }
}
