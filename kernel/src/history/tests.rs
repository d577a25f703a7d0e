//! Tests of what is found in the history, with several kernels on one file and with files that are none. Included by
//! `history`.

use std::fs;
use std::thread;

use tempfile::tempdir;

use super::*;

/// What a query finds: `session:line source → output`.
#[track_caller]
fn check(store: &Store, access: Access, limit: Option<u32>, expected: &[&str]) {
    let found = store.find(&Query { access, limit }).expect("the query is valid");
    let show = |entry: &Entry| {
        let output = entry.output.as_ref().map(|output| format!(" → {output}")).unwrap_or_default();
        format!("{}:{} {}{output}", entry.session, entry.line, entry.source)
    };
    assert_eq!(found.iter().map(show).collect::<Vec<_>>(), expected);
}

fn search(pattern: &str, unique: bool) -> Access {
    Access::Search { pattern: pattern.to_owned(), unique }
}

fn range(session: i64, start: i64, stop: impl Into<Option<i64>>) -> Access {
    Access::Range { session, start, stop: stop.into() }
}

/// A session with these lines in the file.
fn session(path: &Path, lines: &[&str]) -> Store {
    let mut store = Store::open(path).expect("a history");
    for (number, line) in (1..).zip(lines) {
        store.add_input(number, line).expect("added");
    }
    store
}

#[test]
fn the_tail_crosses_sessions_and_ends_with_the_latest() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("history");
    session(&path, &["a", "b"]);
    let mut store = session(&path, &["c", "1 + 1"]);
    store.add_output(2, "2").expect("added");
    check(&store, Access::Tail, Some(3), &["1:2 b", "2:1 c", "2:2 1 + 1 → 2"]);
    check(&store, Access::Tail, Some(0), &[]);
    check(&store, Access::Tail, None, &["1:1 a", "1:2 b", "2:1 c", "2:2 1 + 1 → 2"]);
}

#[test]
fn patterns_are_globs_over_the_whole_text() {
    let folder = tempdir().expect("a folder");
    let store = session(&folder.path().join("history"), &["let a = 1;", "a + 1", "a + 1", "b\na", "[x]"]);
    check(&store, search("a*", false), None, &["1:2 a + 1", "1:3 a + 1"]);
    check(&store, search("*a", false), None, &["1:4 b\na"]);
    check(&store, search("a + ?", true), None, &["1:3 a + 1"]);
    check(&store, search("*", true), Some(2), &["1:4 b\na", "1:5 [x]"]);
    check(&store, search("[[]x]", false), None, &["1:5 [x]"]);
    check(&store, search("A*", false), None, &[]);
    check(&store, search("'; DROP TABLE history; --", false), None, &[]);
}

#[test]
fn ranges_name_sessions_absolutely_or_from_here() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("history");
    session(&path, &["a", "b", "c"]);
    let empty = Store::open(&path).expect("a history");
    check(&empty, range(-1, 1, 3), None, &["1:1 a", "1:2 b"]);
    check(&empty, range(0, 1, None), None, &[]);
    let store = session(&path, &["d", "e", "f"]);
    check(&store, range(1, 2, None), None, &["1:2 b", "1:3 c"]);
    check(&store, range(-1, 0, 2), None, &["1:1 a"]);
    check(&store, range(0, 0, None), None, &["0:1 d", "0:2 e", "0:3 f"]);
    check(&store, range(0, -2, None), None, &["0:2 e", "0:3 f"]);
    check(&store, range(0, 1, -1), None, &["0:1 d", "0:2 e"]);
    check(&store, range(2, 3, 3), None, &[]);
    check(&store, range(i64::MIN / 2, i64::MIN, i64::MAX), None, &[]);
}

#[test]
fn kernels_that_write_at_once_lose_nothing_and_keep_apart() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("history");
    let write = |name: usize| {
        let lines: Vec<String> = (0..50).map(|line| format!("{name} {line}")).collect();
        session(&path, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    };
    thread::scope(|scope| (0..4).for_each(|name| drop(scope.spawn(move || write(name)))));
    let found = Store::open(&path).expect("a history").find(&Query { access: Access::Tail, limit: None });
    let found = found.expect("the query is valid");
    assert_eq!(found.len(), 4 * 50);
    for lines in found.chunks(50) {
        let name = lines[0].source.split(' ').next().expect("a name").to_owned();
        for (line, entry) in lines.iter().enumerate() {
            assert_eq!((entry.session, &entry.source), (lines[0].session, &format!("{name} {line}")));
        }
    }
}

#[tokio::test]
async fn what_was_added_is_found_and_survives_the_kernel() {
    let folder = tempdir().expect("a folder");
    let place = Place::File(folder.path().join("new").join("history"));
    let tail = || Query { access: Access::Tail, limit: None };
    let history = History::start_at(place.clone());
    history.add_input(1, "1 + 1\n");
    history.add_output(1, "2".to_owned());
    let expected = [Entry { session: 1, line: 1, source: "1 + 1".into(), output: Some("2".into()) }];
    assert_eq!(history.find(tail()).await, expected);
    history.close().await;
    assert_eq!(history.find(tail()).await, [], "it is closed");
    assert_eq!(History::start_at(place).find(tail()).await, expected);
    let left = fs::read_dir(folder.path().join("new")).expect("the folder").count();
    assert!(left >= 1);
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_left_alone_and_the_session_goes_on() {
    let folder = tempdir().expect("a folder");
    let damaged = folder.path().join("damaged");
    fs::write(&damaged, "precious, and not a database at all".repeat(100)).expect("a file");
    let before = fs::read(&damaged).expect("the file");
    let later = folder.path().join("later");
    Store::open(&later)
        .expect("a history")
        .connection_for_tests()
        .pragma_update(None, "user_version", 99)
        .expect("set");
    for path in [&damaged, &later, &damaged.join("below a file"), &folder.path().to_owned()] {
        let history = History::start_at(Place::File(path.clone()));
        history.add_input(1, "a");
        let found = history.find(Query { access: range(0, 0, None), limit: None }).await;
        assert_eq!(found.len(), 1, "{}", path.display());
        history.close().await;
    }
    assert!(fs::read(&damaged).expect("the file") == before);
}

#[test]
fn the_place_follows_the_environment() {
    let place = |set: &[(&str, &str)]| {
        Place::of(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value)))
    };
    let file = |path: &str| Place::File(PathBuf::from(path));
    assert_eq!(place(&[("HOME", "/h")]), file("/h/.local/state/boucle/history.sqlite"));
    assert_eq!(place(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")]), file("/s/boucle/history.sqlite"));
    assert_eq!(place(&[("HOME", "/h"), ("XDG_STATE_HOME", "s")]), file("/h/.local/state/boucle/history.sqlite"));
    assert_eq!(place(&[("HOME", "/h"), (VARIABLE, "/x")]), file("/x"));
    assert_eq!(place(&[("HOME", "/h"), (VARIABLE, "")]), file("/h/.local/state/boucle/history.sqlite"));
    assert_eq!(place(&[("HOME", "/h"), (VARIABLE, IN_MEMORY)]), Place::Memory);
    assert_eq!(place(&[]), Place::Memory);
}
