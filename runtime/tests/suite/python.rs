//! Holds the transcripts against CPython: all scenarios' Python halves in one process, compared with what Rust wrote.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::{harness, order, runs, scenario, tasks};

/// Reads `{name: source}` on stdin, writes `{name: transcript}`.
const DRIVER: &str = r#"
import asyncio, gc, json, sys, textwrap, threading, time
from asyncio import *

class panic(Exception):
    pass

def raised(f, *args):
    try:
        f(*args)
        return "nothing"
    except BaseException as e:
        return f"{type(e).__name__}: {e}"

results = {}
for name, source in json.load(sys.stdin).items():
    lines = []
    loop = new_event_loop()
    set_event_loop(loop)
    def log(line, lines=lines):
        lines.append(str(line))
    scope = dict(globals())
    scope.update(loop=loop, log=log, block=time.sleep)
    loop.set_exception_handler(lambda loop, context: log("reported: " + context["message"].split("(")[0]))
    try:
        exec(textwrap.dedent(source), scope)
    except BaseException as e:
        lines.append(f"SCENARIO RAISED {type(e).__name__}: {e}")
    results[name] = "".join(line + "\n" for line in lines)
    loop.set_exception_handler(lambda loop, context: None)
    keep = scope
print(json.dumps(results))
"#;

#[test]
fn cpython_writes_the_same_transcripts() {
    harness::limited(|| {
        if Command::new("python3").arg("--version").output().is_err() {
            eprintln!("python3 is not installed: nothing to compare with");
            return;
        }
        let scenarios: Vec<_> =
            [order::scenarios(), runs::scenarios(), tasks::scenarios()].into_iter().flatten().collect();
        assert!(scenarios.len() >= 40, "only {} scenarios", scenarios.len());
        let sources: BTreeMap<_, _> = scenarios.iter().map(|scenario| (scenario.name, scenario.python)).collect();
        assert_eq!(sources.len(), scenarios.len(), "two scenarios have the same name");
        let input = serde_json::to_string(&sources).expect("strings are JSON");
        let rust: BTreeMap<_, _> = scenarios.iter().map(|one| (one.name, scenario::run(one.rust))).collect();
        // CPython's clock is the real one: on a busy machine a pause of it can put two deadlines into one turn. A real
        // difference is there each time.
        let mut found = differences(&python(&input), &rust);
        for _ in 0..2 {
            if !found.is_empty() {
                found = differences(&python(&input), &rust);
            }
        }
        assert!(found.is_empty(), "transcripts differ:\n{found}");
    });
}

fn differences(python: &BTreeMap<String, String>, rust: &BTreeMap<&str, String>) -> String {
    let differ = rust.iter().filter(|(name, rust)| python[**name] != **rust);
    differ.map(|(name, rust)| format!("== {name}\n-- python\n{}-- rust\n{rust}", python[*name])).collect()
}

fn python(input: &str) -> BTreeMap<String, String> {
    let mut child = Command::new("python3")
        .args(["-W", "ignore", "-c", DRIVER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 starts");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(input.as_bytes()).expect("python3 reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("python3 ends");
    assert!(output.status.success(), "python3 failed: {}", output.status);
    serde_json::from_slice(&output.stdout).expect("python3 writes JSON")
}
