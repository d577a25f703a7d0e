//! The recorded timeline, in virtual time, where all of it is exact.

use asyncio::{
    EventLoop, ensure_future, get_event_loop, set_event_loop, show_timer, sleep, start_timeline, start_timer,
};
use asyncio::{Queue, stop_timeline, timeline, wait};
use expect_test::expect;

/// A loop in virtual time, with a recording that begins now.
fn recorded() -> EventLoop {
    let event_loop = EventLoop::with_virtual_time();
    set_event_loop(&event_loop);
    start_timeline();
    event_loop
}

/// Starts a task with a name of its own, since other tests count up the numbers, too.
fn named(name: &str, coroutine: impl Future<Output = ()> + 'static) {
    let task = ensure_future(coroutine);
    task.set_name(name);
}

async fn c1() {
    show_timer(">>> c1");
    sleep(1).await;
    show_timer("forking");
    named("second", c2());
    sleep(1).await;
    show_timer("<<< c1");
}

async fn c2() {
    show_timer(">>> c2");
    sleep(2).await;
    show_timer("<<< c2");
    get_event_loop().stop();
}

#[test]
fn the_lesson_has_its_picture() {
    let event_loop = recorded();
    named("first", c1());
    start_timer();
    event_loop.run_forever().expect("it stops by itself");
    let expected = expect![[r#"
        c1()  first   █────────────────────█────────────────────●
        c2()  second                       █──────────────────────────────────────────●
                      0.0       0.5        1.0        1.5       2.0        2.5        3.0 s
        █ running  ▒ ready  ─ waiting  ● finished  ✗ failed  ○ cancelled
            0.000 s  first   >>> c1
            1.000 s  first   forking
            1.000 s  second  >>> c2
            2.000 s  first   <<< c1
            3.000 s  second  <<< c2
            3.000 s  second  stop()"#]];
    expected.assert_eq(&timeline().to_string());
    let svg = timeline().svg();
    assert_eq!(svg.matches("class=\"fork\"").count(), 2, "the arrow, and its sign in the legend");
    assert!(svg.contains(">stop()<") && svg.contains(">forking<") && svg.contains(">sleep<"));
}

#[test]
fn who_blocks_is_seen_and_who_is_ready_meanwhile() {
    let event_loop = recorded();
    let blocks = async {
        sleep(0.5).await;
        get_event_loop().advance_time(1);
        sleep(0.5).await;
    };
    named("blocks", blocks);
    named("suffers", sleep(1));
    event_loop.run_until_complete(sleep(2));
    let text = timeline().to_string();
    let rows: Vec<_> = text.lines().filter_map(|line| line.split_once("s  ").map(|(_, row)| row.trim())).collect();
    assert_eq!(rows[0], format!("█{}{}●", "─".repeat(15), "█".repeat(33) + &"─".repeat(15)), "{text}");
    assert_eq!(rows[1], format!("█{}{}●", "─".repeat(31), "▒".repeat(16)), "due at 1, run at 1.5:\n{text}");
}

#[test]
fn tasks_end_in_different_ways() {
    let event_loop = recorded();
    let failing = ensure_future(async { panic!("no") });
    let cancelled = ensure_future(sleep(10));
    event_loop.run_until_complete(async move {
        sleep(0.1).await;
        cancelled.cancel();
        wait([&cancelled]).await;
        let _ = failing.exception();
    });
    let text = timeline().to_string();
    assert!(text.lines().next().is_some_and(|row| row.ends_with('✗')), "{text}");
    assert!(text.lines().nth(1).is_some_and(|row| row.ends_with('○')), "{text}");
    let svg = timeline().svg();
    assert!(svg.contains("class=\"failed\"") && svg.contains("class=\"cancelled\""));
}

#[test]
fn a_wait_for_a_task_ends_with_an_arrow() {
    let event_loop = recorded();
    let inner = ensure_future(sleep(1));
    inner.set_name("inner");
    event_loop.run_until_complete(inner);
    assert!(!timeline().svg().contains("class=\"join\""), "nobody awaited it");
    start_timer();
    event_loop.run_until_complete(async { ensure_future(sleep(1)).await });
    let svg = timeline().svg();
    assert!(svg.contains("class=\"join\"") && svg.contains("class=\"fork\""), "{svg}");
}

#[test]
fn a_new_zero_forgets_what_was_and_keeps_who_is_left() {
    let event_loop = recorded();
    named("over", sleep(1));
    named("left", sleep(3));
    event_loop.run_until_complete(sleep(2));
    start_timer();
    event_loop.run_until_complete(sleep(2));
    let text = timeline().to_string();
    assert!(!text.contains("over") && text.contains("Sleep()  left"), "{text}");
    let row = text.lines().find(|row| row.contains("left")).expect("it has a row");
    assert!(row.ends_with(&format!("{}●", "─".repeat(32))), "it ends half way:\n{text}");
}

#[test]
fn names_and_messages_are_escaped() {
    let event_loop = recorded();
    named("<&>\"'\u{1}", async { show_timer("a < b && c\nsecond line") });
    event_loop.run_until_complete(sleep(1));
    let svg = timeline().svg();
    assert!(svg.contains(">&lt;&amp;&gt;\"'<") && svg.contains(">a &lt; b &amp;&amp; c<"), "{svg}");
    assert!(!svg.contains('\u{1}') && !svg.contains("second line"));
}

#[test]
fn many_tasks_and_a_long_time_make_a_figure_of_bounded_size() {
    let event_loop = recorded();
    for n in 0..10_000 {
        drop(ensure_future(sleep(f64::from(n) / 1000.0)));
    }
    event_loop.run_until_complete(sleep(11));
    let many = timeline();
    assert!(many.svg().len() < 50_000, "{}", many.svg().len());
    let text = many.to_string();
    assert_eq!(text.lines().filter(|line| line.contains("Sleep()")).count(), 40);
    let left_out = text.lines().last().and_then(|note| note.strip_suffix(" more tasks are not shown."));
    let left_out: u32 = left_out.expect("it is said").replace(',', "").parse().expect("a number");
    assert!((9_961..20_000).contains(&left_out), "other threads make tasks, too: {left_out}");

    start_timer();
    let ticks = async {
        for second in 0..36_000 {
            sleep(0.1).await;
            if second % 10 == 0 {
                show_timer(second);
            }
        }
    };
    event_loop.run_until_complete(ticks);
    let long = timeline();
    assert!(long.svg().len() < 200_000, "{}", long.svg().len());
    let notes: Vec<_> = long.to_string().lines().rev().take(2).map(str::to_owned).collect();
    assert_eq!(notes[1], "3,100 more messages are not shown.");
    assert!(notes[0].starts_with("What lies within ") && notes[0].ends_with(" is drawn as one."), "{notes:?}");
}

#[test]
fn two_loops_are_told_apart_and_the_time_between_their_runs_is_cut() {
    let event_loop = recorded();
    event_loop.run_until_complete(sleep(1));
    event_loop.advance_time(60);
    let other = asyncio::new_event_loop();
    other.run_until_complete(sleep(1));
    let svg = timeline().svg();
    assert!(svg.contains(">loop 1<") && svg.contains(">loop 2<") && svg.contains("60.0 s pause"), "{svg}");
}

#[test]
fn without_a_recording_it_says_how_to_begin_one() {
    stop_timeline();
    let event_loop = EventLoop::with_virtual_time();
    event_loop.run_until_complete(sleep(1));
    assert_eq!(timeline().to_string(), "Nothing is recorded: `start_timeline()` begins a recording.");
    start_timeline();
    assert_eq!(timeline().to_string(), "No task has run yet.");
    event_loop.run_until_complete(async {
        let queue = Queue::<i32>::new(0);
        named("waiting", async move {
            let _ = queue.get().await;
        });
        sleep(1).await;
        assert!(timeline().to_string().contains("waiting"), "also in the midst of a run");
    });
    stop_timeline();
    let recorded = timeline().to_string();
    event_loop.run_until_complete(sleep(1));
    assert_eq!(timeline().to_string(), recorded, "nothing more was recorded");
}
