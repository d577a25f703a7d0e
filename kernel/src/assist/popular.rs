//! Which of the language's names people look for most, so that `map` is offered before `map_while`. Used by `offer` and
//! `names`; pure.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// By how much the first of them comes before a name that is not among them.
const MOST: i32 = 30;

/// In the order in which they are offered. Each kind is found by its own place in code, so they stand in one list: methods,
/// then functions of types, types, traits, macros, modules, keywords and attributes, by turns.
const NAMES: &str = "\
    new len iter push println let map String fn Debug std asyncio Vec unwrap collect collections i32 Some await HashMap \
    for filter to_string from Ok derive if push_str insert get sleep i64 u32 f64 usize str bool match Clone format struct \
    return Option Result sum is_empty vec use chars split trim contains enumerate parse ensure_future \
    gather spawn pop remove extend sort iter_mut into_iter unwrap_or expect is_some is_none is_ok is_err and_then \
    None Err Default PartialEq Eq Copy Hash impl enum async pub mut while loop else assert_eq assert print eprintln \
    get_mut entry or_insert or_default or_insert_with contains_key keys values first last join lines as_str \
    split_whitespace starts_with ends_with replace to_uppercase to_lowercase to_vec as_bytes bytes \
    zip rev take skip any all find position fold count min max chain flat_map filter_map for_each \
    with_capacity with_name default from_iter from_str min_by_key max_by_key sort_by sort_by_key sort_unstable dedup \
    reverse truncate drain clear retain swap windows chunks concat next peek peekable copied cloned \
    abs pow powi powf sqrt sin cos floor ceil round rem_euclid is_nan to_be_bytes checked_add saturating_sub \
    wrapping_add unwrap_or_else unwrap_or_default ok ok_or map_err as_ref as_mut as_deref is_some_and \
    clone into to_owned lock read write send recv borrow borrow_mut cancel done result wait set acquire release put run_until_complete \
    run_forever create_task get_event_loop wait_for now elapsed as_secs_f64 as_millis from_secs from_millis \
    HashSet BTreeMap Box Rc Arc RefCell Mutex VecDeque Duration Instant char u8 u64 f32 i8 u16 isize Iterator \
    Display From Into PartialOrd Ord Future Fn FnMut FnOnce Send Sync Deref Drop Add Mul fs io fmt time sync thread env \
    rc cell cmp ops mem const static trait type where mod move break continue self Self true false dyn in as ref \
    unsafe crate super dbg panic todo writeln matches unimplemented unreachable eprint display inline allow test \
    cfg unused dead_code read_to_string create open args var current_dir PI MAX MIN EPSILON";

static BONUS: LazyLock<BTreeMap<&str, i32>> = LazyLock::new(|| {
    let count = i32::try_from(NAMES.split_whitespace().count()).unwrap_or(i32::MAX);
    let bonus = |(index, name): (i32, _)| (name, MOST - MOST * index / count);
    (0..).zip(NAMES.split_whitespace()).map(bonus).collect()
});

/// How much speaks for a name because many people use it; 0 for most.
pub(super) fn bonus(name: &str) -> i32 {
    BONUS.get(name.trim_end_matches('!')).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_stands_there_twice() {
        let mut seen = BTreeSet::new();
        assert_eq!(NAMES.split_whitespace().filter(|name| !seen.insert(*name)).collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn the_first_ones_have_most() {
        assert_eq!(bonus("new"), MOST);
        assert_eq!(bonus("println!"), bonus("println"));
        assert!(bonus("len") > bonus("leak") && bonus("EPSILON") > 0);
    }
}
