//! Cancels a task that waits for each primitive after every number of turns, and holds what follows against CPython: who is
//! served then, what is left, and that nobody waits in vain.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{python, rust};
use crate::harness::limited;

/// In each script `CANCEL` stands for some turns and then `cancel t`. `t` is the one who is cancelled, `o` another one who
/// wants the same, `h` who has it first.
const SCRIPTS: &[(&str, &str)] = &[
    ("sleep", "t: finally t; sleep 0.001; sleep 0; sleep 0.001; return 1\nmain: spawn t; CANCEL; sleep 0.01; state t"),
    (
        "lock",
        "h: acquire l; yield; yield; release l\nt: with l b\nb: yield; log has\no: acquire l; release l\nmain: lock l; spawn h; spawn t; spawn o; CANCEL; sleep 0.01; state t; state o; locked l",
    ),
    (
        "semaphore",
        "h: with s b\nb: yield; yield; log has\nt: with s b\no: with s b\nmain: sem s 1; spawn h; spawn t; spawn o; CANCEL; sleep 0.01; state t; state o; locked s; acquire s",
    ),
    (
        "event",
        "h: yield; yield; yield; eset e\nt: ewait e; yield; log t\no: ewait e; log o\nmain: event e; spawn t; spawn h; spawn o; CANCEL; sleep 0.01; state t; state o",
    ),
    (
        "condition",
        "t: with c w\nw: log in; cwait c; yield; log out\no: with c w\nh: yield; yield; with c n; yield; with c n\nn: notify c 1; yield; yield\nmain: cond c; spawn t; spawn o; spawn h; CANCEL; sleep 0.01; state t; state o; locked c",
    ),
    (
        "barrier",
        "t: bwait b; yield; log t\no: bwait b; log o\nh: yield; yield; bwait b\nmain: barrier b 2; spawn t; spawn h; CANCEL; sleep 0.01; spawn o; sleep 0.01; state t; state h; state o",
    ),
    (
        "queue get",
        "t: get q; get q; get q\no: get q; get q\nh: putn q 1; yield; putn q 2; putn q 3; yield; yield; putn q 4\nmain: queue q 0; spawn t; spawn o; spawn h; CANCEL; sleep 0.01; state t; state o; size q",
    ),
    (
        "queue put",
        "t: put q 1; put q 2; put q 3\no: put q 4; put q 5\nh: yield; get q; yield; yield; get q; get q; yield; get q\nmain: queue q 1; spawn t; spawn o; spawn h; CANCEL; sleep 0.01; state t; state o; size q",
    ),
    (
        "queue join",
        "t: join q; yield; log t\no: join q; log o\nh: yield; yield; getn q; done q\nmain: queue q 0; putn q 1; spawn t; spawn o; spawn h; CANCEL; sleep 0.01; state t; state o",
    ),
    (
        "await",
        "h: yield; yield; yield; return 3\nt: finally t; await h; yield; log t\nmain: spawn h; spawn t; CANCEL; sleep 0.01; state t; state h",
    ),
    (
        "future",
        "h: yield; yield; yield; try s\ns: set f 3\nt: finally t; await f; yield; log t\nmain: future f; spawn h; spawn t; CANCEL; sleep 0.01; state t; state f",
    ),
    (
        "gather",
        "a: finally a; yield; yield; return 1\nb: finally b; yield; return 2\nt: finally t; gather a b; yield; log t\nmain: spawn t; CANCEL; sleep 0.01; state t",
    ),
    (
        "gather, exceptions as results",
        "a: finally a; yield; raise a\nb: finally b; yield; yield; return 2\nt: finally t; gatherx a b; yield; log t\nmain: spawn t; CANCEL; sleep 0.01; state t",
    ),
    (
        "wait",
        "a: finally a; yield; yield; return 1\nb: finally b; yield; return 2\nt: finally t; wait all 0.005 a b; yield; log t\nmain: spawn a; spawn b; spawn t; CANCEL; sleep 0.01; state t; state a; state b",
    ),
    (
        "wait_for",
        "a: finally a; yield; yield; return 1\nt: finally t; waitfor 0.005 a; yield; log t\nmain: spawn t; CANCEL; sleep 0.01; state t",
    ),
    (
        "wait_for, too late",
        "a: finally a; yield; sleep 0.1; return 1\nt: finally t; waitfor 0 a; yield; log t\nmain: spawn t; CANCEL; sleep 0.01; state t",
    ),
    (
        "timeout",
        "a: finally a; yield; yield; return 1\nt: finally t; timeout 0.005 a; yield; log t\nmain: spawn t; CANCEL; sleep 0.01; state t",
    ),
    (
        "timeout, too late",
        "a: finally a; yield; yield; sleep 0.1; return 1\nb: timeout 0 a\nt: finally t; try b; yield; log t\nmain: spawn t; CANCEL; sleep 0.01; state t",
    ),
    (
        "shield",
        "a: finally a; yield; yield; return 1\nt: finally t; shield a as i; yield; log t\nmain: spawn t; yield; CANCEL; sleep 0.01; state t; state i",
    ),
    (
        "group",
        "a: finally a; yield; yield; yield; return 1\nb: finally b; yield; return 2\ng: finally g; gspawn a; gspawn b; yield; yield; return 5\nt: finally t; group g; yield; log t\nmain: spawn t; yield; CANCEL; sleep 0.01; state t; state a; state b",
    ),
    (
        "group that fails",
        "a: finally a; yield; yield; raise a\nb: finally b; yield; yield; yield; yield; yield; return 2\ng: finally g; gspawn a; gspawn b; yield; return 5\nw: group g\nt: finally t; try w; yield; log t\nmain: spawn t; yield; CANCEL; sleep 0.01; state t; state a; state b",
    ),
];

#[test]
fn cancelled_after_every_number_of_turns() {
    let mut scripts = BTreeMap::new();
    for (name, text) in SCRIPTS {
        for turns in 0..12 {
            let cancel = "yield; ".repeat(turns) + "cancel t";
            scripts.insert(format!("{name}, after {turns} turns"), text.replace("CANCEL", &cancel));
        }
    }
    let given = scripts.clone();
    let python = limited(move || python(&given));
    let mut wrong = String::new();
    for (name, script) in &scripts {
        let actual = rust(script);
        assert!(actual.contains("end: = 0"), "{name} does not come to its end:\n{script}\n{actual}");
        if python.as_ref().is_some_and(|python| python[name] != actual) {
            let expected = python.as_ref().map_or("", |python| python[name].as_str());
            let _ = writeln!(wrong, "== {name}\n{script}\n-- python\n{expected}-- rust\n{actual}");
        }
    }
    assert!(wrong.is_empty(), "cancellations go differently:\n{wrong}");
}
