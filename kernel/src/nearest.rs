//! The name that somebody may have meant who mistyped it. Called by `magics` for commands, and by the
//! engine for the names of a notebook and of crates.

/// The candidate that the fewest changes lead to, if they are few for a word of this length. Names that differ in their
/// numbers, such as `c1` and `c2`, are different on purpose.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() {
        return None;
    }
    let word = word.to_lowercase();
    let enough = (word.chars().count() / 3).clamp(1, 3);
    let mistakable = |candidate: &&str| !is_sibling(&word, &candidate.to_lowercase());
    let distances = candidates
        .into_iter()
        .filter(mistakable)
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate));
    // What begins in the same way is meant more likely.
    let best = distances.min_by_key(|(distance, name)| {
        (*distance, !name.to_lowercase().starts_with(word.chars().next().unwrap_or(' ')))
    });
    best.filter(|(distance, name)| *distance <= enough || (word.len() > 2 && name.starts_with(&word)))
        .map(|(_, name)| name)
}

/// Whether two words are the same but for the number in them.
fn is_sibling(a: &str, b: &str) -> bool {
    let numbers = |word: &str| word.chars().filter(char::is_ascii_digit).count();
    let letters = |word: &str| word.replace(|c: char| c.is_ascii_digit(), "");
    numbers(a) > 0 && numbers(b) > 0 && a != b && letters(a) == letters(b)
}

/// How many characters have to be inserted, removed, replaced, or exchanged with their neighbor.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut earlier: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, a) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in to.iter().enumerate() {
            let mut least = (last[column] + usize::from(a != b)).min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *a == to[column - 1] && from[row - 1] == *b {
                least = least.min(earlier[column - 1] + 1);
            }
            current.push(least);
        }
        earlier = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_mistakes_are_few_changes() {
        assert_eq!(distance("vras", "vars"), 1);
        assert_eq!(distance("tpye", "type"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn the_nearest_is_named_and_nothing_far_away() {
        let names = ["vars", "type", "types", "timing", "restart", "dep"];
        assert_eq!(nearest("var", names), Some("vars"));
        assert_eq!(nearest("Vars", names), Some("vars"));
        assert_eq!(nearest("tpye", names), Some("type"));
        assert_eq!(nearest("resart", names), Some("restart"));
        assert_eq!(nearest("deps", names), Some("dep"));
        assert_eq!(nearest("plot", names), None);
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest("LIMTI", ["LIMIT"]), Some("LIMIT"));
        assert_eq!(nearest("c2", ["c1", "c10"]), None);
        assert_eq!(nearest("c2", ["c"]), Some("c"));
    }
}
