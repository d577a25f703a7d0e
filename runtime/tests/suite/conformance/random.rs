//! Scripts that nobody wrote: random ones, which both loops must run with the same transcript.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{python, rust};
use crate::harness::limited;

/// How many scripts one run of the test makes. They are the same each time; `CONFORMANCE_SEED` chooses others.
const SCRIPTS: u64 = 200;

/// A small generator of random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let index = usize::try_from(self.below(choices.len() as u64)).expect("a small number");
        choices[index]
    }
}

/// A script of five coroutines, of which `main` starts the others and disturbs them.
fn script(seed: u64) -> String {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for _ in 0..8 {
        random.below(2);
    }
    let mut text = String::new();
    for name in ["a", "b", "c", "d"] {
        let mut ops = vec![format!("finally {name}")];
        for _ in 0..1 + random.below(5) {
            ops.push(step(&mut random));
        }
        if random.below(6) == 0 {
            ops.push(format!("raise {name}"));
        }
        let _ = writeln!(text, "{name}: {}", ops.join("; "));
    }
    // What the wrappers run: they call nobody in turn.
    for name in ["x", "y"] {
        let ops: Vec<_> = (0..1 + random.below(3)).map(|_| primitive(&mut random)).collect();
        let _ = writeln!(text, "{name}: finally {name}; {}; return {}", ops.join("; "), random.below(9));
    }
    let _ = writeln!(text, "g: gspawn x as gx; gspawn y as gy; {}", primitive(&mut random));
    let mut ops: Vec<String> =
        ["queue q 1", "lock l", "event e", "sem s 1", "cond k", "future f"].map(str::to_owned).into();
    ops.extend(["a", "b", "c", "d"].map(|name| format!("spawn {name}")));
    for _ in 0..4 + random.below(8) {
        ops.push(disturbance(&mut random));
    }
    ops.extend(["a", "b", "c", "d"].map(|name| format!("state {name}")));
    ops.push("sleep 0.2".to_owned());
    ops.extend(["a", "b", "c", "d"].map(|name| format!("state {name}")));
    let _ = writeln!(text, "main: {}", ops.join("; "));
    text
}

/// One thing that a coroutine may do.
fn step(random: &mut Random) -> String {
    match random.below(12) {
        0 => format!("timeout {} {}", delay(random), random.of(&["x", "y"])),
        1 => format!("waitfor {} {}", delay(random), random.of(&["x", "y"])),
        2 => "gather x y".to_owned(),
        3 => "gatherx x y".to_owned(),
        4 => "group g".to_owned(),
        5 => format!("try {}", random.of(&["x", "y"])),
        _ => primitive(random),
    }
}

fn primitive(random: &mut Random) -> String {
    match random.below(16) {
        0 | 1 => format!("sleep {}", delay(random)),
        2 | 3 => "yield".to_owned(),
        4 => format!("put q {}", random.below(9)),
        5 => "get q".to_owned(),
        6 => "acquire l".to_owned(),
        7 => "release l".to_owned(),
        8 => "acquire s".to_owned(),
        9 => "release s".to_owned(),
        10 => "ewait e".to_owned(),
        11 => random.of(&["eset e", "eclear e"]).to_owned(),
        12 => "soon log soon".to_owned(),
        13 => "log here".to_owned(),
        14 => random.of(&["putn q 5", "getn q", "size q"]).to_owned(),
        _ => format!("later {} log later", delay(random)),
    }
}

fn disturbance(random: &mut Random) -> String {
    match random.below(8) {
        0 | 1 => format!("cancel {}", random.of(&["a", "b", "c", "d"])),
        2 => "yield".to_owned(),
        3 => random.of(&["eset e", "release l", "release s", "getn q", "putn q 7"]).to_owned(),
        4 => format!("later {} cancel {}", delay(random), random.of(&["a", "b", "c", "d"])),
        5 => format!("wait {} {} a b c", random.of(&["all", "first", "exception"]), delay(random)),
        _ => primitive_of_main(random),
    }
}

/// What cannot suspend `main` for ever.
fn primitive_of_main(random: &mut Random) -> String {
    match random.below(3) {
        0 => format!("sleep {}", delay(random)),
        1 => "yield".to_owned(),
        _ => "soon log soon".to_owned(),
    }
}

fn delay(random: &mut Random) -> &'static str {
    random.of(&["0", "0.001", "0.002", "0.003", "0.005", "0.01"])
}

#[test]
fn random_scripts_run_as_in_cpython() {
    let seed: u64 = std::env::var("CONFORMANCE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let scripts: BTreeMap<_, _> =
        (0..SCRIPTS).map(|n| (format!("{}", seed * 1_000_000 + n), script(seed * 1_000_000 + n))).collect();
    let given = scripts.clone();
    let Some(python) = limited(move || python(&given)) else { return };
    let mut wrong = String::new();
    let mut differing = 0;
    for (name, script) in &scripts {
        let actual = rust(script);
        if actual != python[name] {
            differing += 1;
            if differing <= 3 {
                let _ = writeln!(wrong, "== {name}\n{script}-- python\n{}-- rust\n{actual}", python[name]);
            }
        }
    }
    assert!(wrong.is_empty(), "{differing} of {SCRIPTS} random scripts run differently:\n{wrong}");
}
