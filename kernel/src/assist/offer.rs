//! What is offered for a place, and in which order: what the user has made comes first. Pure.

use std::collections::BTreeSet;

use boucle_assist::message::Candidate;

use super::outline::Outline;
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
    /// A field, a method, what belongs to a path.
    Member,
    Prelude,
    Language,
    Keyword,
}

/// The names of Boucle's prelude, without their paths.
pub(super) fn prelude() -> impl Iterator<Item = &'static str> {
    PRELUDE.iter().map(|path| path.rsplit("::").next().unwrap_or(path))
}

/// The analyzer's candidates in the order in which they are offered. `typed` is what is there already; `is_path` says
/// whether it belongs to what stands in front of it, by `.` or `::`.
pub(super) fn ranked(outline: &Outline, candidates: Vec<Candidate>, typed: &str, is_path: bool) -> Vec<Offer> {
    let prelude: BTreeSet<&str> = prelude().collect();
    let is_hidden = |name: &str| HIDDEN.contains(&name) || name.starts_with("__");
    let mut found: Vec<(u32, String, Offer)> = candidates
        .into_iter()
        .filter(|candidate| !is_hidden(&candidate.name))
        .map(|candidate| {
            let Candidate { text, name, kind, signature, relevance, .. } = as_written(candidate);
            let base = name.trim_end_matches('!');
            let rank = match kind.as_str() {
                _ if is_path => Rank::Member,
                "variable" => Rank::Variable,
                "keyword" => Rank::Keyword,
                _ if outline.item(base).is_some() => Rank::Notebook,
                _ if prelude.contains(base) => Rank::Prelude,
                _ => Rank::Language,
            };
            (relevance, name, Offer { text, kind, signature, rank })
        })
        .collect();
    found.sort_by(|(relevance, name, offer), (other_relevance, other_name, other)| {
        let order = |name: &str, rank: Rank| (!name.starts_with(typed), rank);
        order(name, offer.rank)
            .cmp(&order(other_name, other.rank))
            .then(other_relevance.cmp(relevance))
            .then((offer.kind != "field").cmp(&(other.kind != "field")))
            .then_with(|| name.cmp(other_name))
            // Of what has the same name, such as a function and the module that it comes from, the one that says most.
            .then_with(|| other.text.len().cmp(&offer.text.len()))
    });
    let mut names = BTreeSet::new();
    found.into_iter().filter(|(_, name, _)| names.insert(name.clone())).map(|(_, _, offer)| offer).collect()
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

    fn candidate(name: &str, text: &str, kind: &str, relevance: u32) -> Candidate {
        let [name, text, kind] = [name, text, kind].map(str::to_owned);
        Candidate { name, text, kind, signature: String::new(), replaces: 0..0, relevance }
    }

    #[track_caller]
    fn check(candidates: &[(&str, &str, &str, u32)], typed: &str, is_path: bool, expected: &[&str]) {
        let outline = outline(&["fn spin() {}\nstruct Sun;"], &[("s", "u8")]);
        let candidates = candidates.iter().map(|(name, text, kind, relevance)| candidate(name, text, kind, *relevance));
        let offers = ranked(&outline, candidates.collect(), typed, is_path);
        assert_eq!(offers.iter().map(|offer| offer.text.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_near_comes_first() {
        check(
            &[
                ("static", "static", "keyword", 9),
                ("String", "String", "struct", 9),
                ("sleep", "sleep(seconds)", "function", 9),
                ("Sun", "Sun", "struct", 9),
                ("spin", "spin()", "function", 1),
                ("s", "s", "variable", 1),
                ("std", "std", "crate", 3),
            ],
            "s",
            false,
            &["s", "spin()", "sleep(seconds)", "std", "static", "Sun", "String"],
        );
    }

    #[test]
    fn members_are_ordered_by_relevance() {
        let members =
            [("len", "len()", "method", 1), ("b", "b", "field", 5), ("a", "a()", "method", 5), ("c", "c", "field", 5)];
        check(&members, "", true, &["b", "c", "a()", "len()"]);
    }

    #[test]
    fn nothing_is_offered_twice_or_that_is_not_the_users() {
        check(
            &[
                ("Sun", "Sun", "struct", 1),
                ("Sun", "Sun", "constant", 1),
                ("boucle_prelude", "boucle_prelude", "module", 1),
                ("display", "display", "module", 1),
                ("display!", "display!()", "macro", 9),
            ],
            "",
            false,
            &["Sun", "display()"],
        );
    }
}
