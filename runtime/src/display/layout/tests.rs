//! Long `Debug` forms, and the lines that are made of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;

#[expect(dead_code, reason = "only its `Debug` form is read")]
#[derive(Debug, Clone)]
struct Book {
    title: &'static str,
    pages: Vec<u32>,
    lent: Option<(&'static str, u8)>,
}

fn laid_out(form: &str, complete: bool) -> String {
    let mut text = String::new();
    write(&mut text, form, complete).expect("a String takes everything");
    text
}

#[track_caller]
fn check(value: &dyn Debug, expected: Expect) {
    let form = format!("{value:?}");
    let text = laid_out(&form, true);
    assert_eq!(squeezed(&text), squeezed(&form), "more than breaks has changed");
    expected.assert_eq(&text);
}

/// Without what a break may add or take.
fn squeezed(text: &str) -> String {
    text.replace([' ', '\n', ','], "")
}

#[test]
fn what_fits_stays_on_its_line() {
    check(
        &(10..30).collect::<Vec<_>>(),
        expect!["[10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]"],
    );
    check(
        &(10..31).collect::<Vec<_>>(),
        expect![[r#"
        [
            10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
            29, 30,
        ]"#]],
    );
    check(
        &"x".repeat(100),
        expect![[
            r#""xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx""#
        ]],
    );
}

#[test]
fn short_items_share_lines() {
    check(
        &(0..60).collect::<Vec<_>>(),
        expect![[r#"
        [
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
            21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
            40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58,
            59,
        ]"#]],
    );
    check(
        &(0..20).map(|n| (n, n as f32 / 3.0)).collect::<Vec<_>>(),
        expect![[r#"
        [
            (0, 0.0), (1, 0.33333334), (2, 0.6666667), (3, 1.0), (4, 1.3333334),
            (5, 1.6666666), (6, 2.0), (7, 2.3333333), (8, 2.6666667), (9, 3.0),
            (10, 3.3333333), (11, 3.6666667), (12, 4.0), (13, 4.3333335),
            (14, 4.6666665), (15, 5.0), (16, 5.3333335), (17, 5.6666665), (18, 6.0),
            (19, 6.3333335),
        ]"#]],
    );
    check(
        &(0..30).map(|n| format!("n{n}")).collect::<BTreeSet<_>>(),
        expect![[r#"
        {
            "n0", "n1", "n10", "n11", "n12", "n13", "n14", "n15", "n16", "n17", "n18",
            "n19", "n2", "n20", "n21", "n22", "n23", "n24", "n25", "n26", "n27", "n28",
            "n29", "n3", "n4", "n5", "n6", "n7", "n8", "n9",
        }"#]],
    );
    check(
        &(0..20).map(|n| (n, "é")).collect::<BTreeMap<_, _>>(),
        expect![[r#"
        {
            0: "é", 1: "é", 2: "é", 3: "é", 4: "é", 5: "é", 6: "é", 7: "é", 8: "é",
            9: "é", 10: "é", 11: "é", 12: "é", 13: "é", 14: "é", 15: "é", 16: "é",
            17: "é", 18: "é", 19: "é",
        }"#]],
    );
}

#[test]
fn long_items_have_their_lines() {
    check(
        &["a (b, c: [", "it's \"quoted\"", "\n\u{301}", "{ and more that is longer than twenty"],
        expect![[r#"
        [
            "a (b, c: [",
            "it's \"quoted\"",
            "\n\u{301}",
            "{ and more that is longer than twenty",
        ]"#]],
    );
    check(
        &[[[0; 9]; 9]; 2],
        expect![[r#"
        [
            [
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
            ],
            [
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 0],
            ],
        ]"#]],
    );
}

#[test]
fn structs_and_maps_are_nested() {
    let book = Book { title: "The Left Hand of Darkness", pages: vec![1; 40], lent: Some(("Ada", 3)) };
    check(
        &book,
        expect![[r#"
        Book {
            title: "The Left Hand of Darkness",
            pages: [
                1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
            ],
            lent: Some(("Ada", 3)),
        }"#]],
    );
    check(
        &Some(Ok::<_, ()>([book.clone(), Book { pages: vec![], lent: None, ..book.clone() }])),
        expect![[r#"
        Some(Ok([
            Book {
                title: "The Left Hand of Darkness",
                pages: [
                    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                ],
                lent: Some(("Ada", 3)),
            },
            Book { title: "The Left Hand of Darkness", pages: [], lent: None },
        ]))"#]],
    );
    check(
        &BTreeMap::from([((1, 2), book.clone()), ((3, 4), Book { pages: vec![], ..book })]),
        expect![[r#"
        {
            (1, 2): Book {
                title: "The Left Hand of Darkness",
                pages: [
                    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                ],
                lent: Some(("Ada", 3)),
            },
            (3, 4): Book {
                title: "The Left Hand of Darkness",
                pages: [],
                lent: Some(("Ada", 3)),
            },
        }"#]],
    );
    check(
        &Some("a text that is longer than the line, so that no break at the parentheses would help it"),
        expect![[r#"Some("a text that is longer than the line, so that no break at the parentheses would help it")"#]],
    );
}

#[test]
fn hidden_fields_and_empty_lists() {
    struct Secret;
    impl Debug for Secret {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Secret").field("name", &"x".repeat(60)).field("list", &[(); 0]).finish_non_exhaustive()
        }
    }
    check(
        &Secret,
        expect![[r#"
        Secret {
            name: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            list: [],
            ..
        }"#]],
    );
}

#[test]
fn columns_are_counted_in_characters() {
    let text = |letter: &str| laid_out(&format!("{:?}", [letter.repeat(36), letter.repeat(36)]), true);
    assert_eq!(text("é"), text("e").replace('e', "é"));
    assert_eq!(text("é").lines().count(), 1);
}

#[test]
fn what_is_not_derived_stays() {
    let long = "x".repeat(90);
    let forms = [
        "[1, {long}",
        "[1, {long})",
        "{long}",
        "<A {long}>",
        "[1] [{long}]",
        "a, [{long}]",
        "[{long}\n]",
        "]{long}",
        "-[{long}]",
    ];
    for form in forms.map(|form| form.replace("{long}", &long)) {
        assert_eq!(laid_out(&form, true), form);
    }
}

#[test]
fn a_beginning_is_laid_out_as_well() {
    let forms = [format!("{:?}", (1000..1100).collect::<Vec<_>>()), format!("{:?}", Some(vec!["a, b".repeat(9); 9]))];
    for form in &forms {
        let whole = laid_out(form, true);
        for end in 100..form.len() {
            let beginning = laid_out(&form[..end], false);
            let lines = beginning.rsplit_once('\n').map_or("", |(lines, _)| lines);
            assert!(!lines.is_empty() && whole.starts_with(lines), "{beginning}");
        }
    }
}

#[test]
fn it_takes_as_long_as_the_text_is() {
    let time = |form: &str| {
        let start = processor_time();
        let _ = write(&mut Short(200_000), form, true);
        processor_time() - start
    };
    for part in ["[", "[0, ", "Some(", "'", "\"a\", ", "'\\u{", "{a: "] {
        let form = |count: usize| part.repeat(count) + "0";
        // Quadratic, it would be 400 times as long. The best of a few: the first look at memory takes longer.
        let best = |count| (0..3).map(|_| time(&form(count))).min().expect("three times");
        let (short, long) = (best(2_000), best(40_000));
        assert!(long < 100 * short + Duration::from_millis(1), "{part}: {short:?}, {long:?}");
    }
}

/// What this thread has used of the processor, however busy the machine is.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a `timespec` that lives during the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// A target that takes so many bytes.
struct Short(usize);

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}
