//! Order and cancellation as in CPython: scripts that both loops run, in virtual time, with the same transcript.
//!
//! A script is a few lines of `name: op; op; …`, one coroutine a line; `main` is run until it is complete, then `after` if
//! there is one. `top` is no coroutine but plain code: it runs, stops and changes loops. `conformance/interpreter.rs` and `conformance/interpreter.py` carry the ops out, one in each language, so
//! that a scenario is written once. `conformance/scripts.txt` holds them, each with the transcript that both must write.

mod cancel;
mod interpreter;
mod random;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::harness::limited;

const SCRIPTS: &str = include_str!("conformance/scripts.txt");
const INTERPRETER: &str = include_str!("conformance/interpreter.py");

/// A script, and the transcript that it must give.
struct Scenario<'a> {
    name: &'a str,
    script: String,
    expected: String,
}

/// The scenarios of the file: `== name`, the script, and the transcript behind `|`.
fn scenarios() -> Vec<Scenario<'static>> {
    let parts = SCRIPTS.split("\n== ").skip(1);
    let scenario = |part: &'static str| {
        let (name, body) = part.split_once('\n').expect("a name on a line of its own");
        let (expected, script): (Vec<&str>, Vec<&str>) =
            body.lines().filter(|line| !line.trim().is_empty()).partition(|line| line.starts_with('|'));
        let expected = expected.iter().map(|line| line.trim_start_matches('|').trim_start().to_owned() + "\n");
        Scenario { name, script: script.join("\n"), expected: expected.collect() }
    };
    parts.map(scenario).collect()
}

/// What our loop writes.
fn rust(script: &str) -> String {
    let script = script.to_owned();
    limited(move || lines(&interpreter::transcript(&script)))
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| line.clone() + "\n").collect()
}

/// What CPython writes for each script; `None` where there is no `python3` new enough to have task groups.
fn python(scripts: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    let check = "import sys; sys.exit(sys.version_info < (3, 11))";
    let new_enough = Command::new("python3").args(["-c", check]).stderr(Stdio::null()).status();
    if !new_enough.is_ok_and(|status| status.success()) {
        eprintln!("there is no python3 of 3.11 or newer: nothing to compare with");
        return None;
    }
    let mut child = Command::new("python3")
        .args(["-W", "ignore", "-c", INTERPRETER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let input = serde_json::to_string(scripts).expect("strings are JSON");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("python3 ends");
    writing.join().expect("it does not panic").expect("python3 reads its input");
    assert!(output.status.success(), "python3 failed: {}", output.status);
    let transcripts: BTreeMap<String, Vec<String>> =
        serde_json::from_slice(&output.stdout).expect("python3 writes JSON");
    Some(transcripts.into_iter().map(|(name, transcript)| (name, lines(&transcript))).collect())
}

#[test]
fn scripts_write_what_is_written_down() {
    let mut wrong = String::new();
    for scenario in scenarios() {
        let actual = rust(&scenario.script);
        if actual != scenario.expected {
            let quoted: String = actual.lines().map(|line| format!("| {line}\n")).collect();
            let _ = write!(wrong, "== {}\n{}\n{quoted}\n", scenario.name, scenario.script);
        }
    }
    assert!(wrong.is_empty(), "transcripts differ from those in the file:\n{wrong}");
}

#[test]
fn cpython_writes_the_same() {
    let all = scenarios();
    let scripts: BTreeMap<_, _> =
        all.iter().map(|scenario| (scenario.name.to_owned(), scenario.script.clone())).collect();
    assert_eq!(scripts.len(), all.len(), "two scenarios have the same name");
    let Some(python) = limited(move || python(&scripts)) else { return };
    let mut wrong = String::new();
    for scenario in &all {
        let actual = &python[scenario.name];
        if *actual != scenario.expected {
            let quoted: String = actual.lines().map(|line| format!("| {line}\n")).collect();
            let _ = write!(wrong, "== {}\n{}\n{quoted}\n", scenario.name, scenario.script);
        }
    }
    assert!(wrong.is_empty(), "CPython's transcripts differ from those in the file:\n{wrong}");
}
