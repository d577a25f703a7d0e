"""What optimizing costs and gains: five kinds of cell at rustc's opt-levels 0 to 3, and a numeric loop next to `cargo run --release`.

    python tests/bench/levels.py [--runs 5] [--kernel boucle]

The engine's own choice of a level, written down in ARCHITECTURE.md, rests on this table. Take it on a machine that does nothing else.
"""

import argparse
import itertools
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import client  # noqa: E402

# What runs is a function, so that it can be compiled by cargo as well. `black_box` keeps what it is given and what it returns.
KINDS = {
    "plain": "let p = (black_box(n) as f64).sqrt(); let s = format!(\"{p:.3} {:?}\", (1, \"a\")); s.len() as u64",
    "numeric loop": "let mut x = black_box(n); let mut s = 0u64; for i in 0..100_000_000u64 { x = x.wrapping_mul(6364136223846793005).wrapping_add(i); s ^= x >> 33; } s",
    "numeric loop over a slice": "let v: Vec<u32> = (0..black_box(4_000_000u32)).collect(); let mut s = n; for _ in 0..20 { for x in &v { s = s.wrapping_add((x * 3 + 1) as u64); } } s",
    "sum over a range": "let mut s = 0u64; for i in 0..black_box(200_000_000u64) { s = s.wrapping_add(i * i ^ n); } s",
    "indices": "let a: Vec<f64> = (0..black_box(4_000_000)).map(|x| x as f64).collect(); let mut o = vec![0.0; a.len()]; for _ in 0..20 { for i in 0..a.len() { o[i] = a[i] * 2.0 + 1.0; } } o[3] as u64 + n",
    "while": "let (mut s, mut i, end) = (n, 0u64, black_box(200_000_000u64)); while i < end { s = s.wrapping_add(i * i ^ n); i += 1; } s",
    "calls of a small function": "fn f(x: u64) -> u64 { x.rotate_left(3) ^ 11 } let mut s = n; for i in 0..black_box(200_000_000u64) { s = s.wrapping_add(f(i)); } s",
    "iterator chain": "(0..black_box(20_000_000u64)).filter(|x| x % 3 == 0).map(|x| x.wrapping_mul(x ^ n)).fold(0, |a, b| a ^ b)",
    "strings and collections": "let mut seen = std::collections::HashMap::new(); for i in 0..black_box(400_000u64) { *seen.entry(format!(\"k{}\", i % 5000)).or_insert(n) += i; } let mut keys: Vec<_> = seen.into_iter().collect(); keys.sort(); keys.iter().map(|(_, c)| c).sum()",
    "generic": "fn fold<T: Copy, A>(v: &[T], a: A, f: impl Fn(A, T) -> A) -> A { let mut it = v.iter(); let mut a = a; while let Some(x) = it.next() { a = f(a, *x); } a } let v: Vec<u64> = (0..black_box(5_000_000)).collect(); fold(&v, n, |a, x| a ^ x.rotate_left(7)) + fold(&v, 0.0, |a, x| a + x as f64) as u64",
}
ASYNC = "async fn step(n: u64) -> u64 {{ if n == 0 {{ 0 }} else {{ sleep(0).await; n }} }}\nlet mut s = {n}u64; for i in 0..black_box(100_000u64) {{ s ^= step(i % 2 * 0).await; }} s"
# Time on the processor, so that other processes count less.
PRELUDE = """use std::hint::black_box;
fn clock() -> f64 { std::fs::read_to_string("/proc/thread-self/schedstat").unwrap().split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9 }"""
fresh = itertools.count(random.randrange(10**6, 10**8))


def cell(kind, n):
    body = ASYNC.format(n=n) if kind == "async" else f"fn work(n: u64) -> u64 {{ {KINDS[kind]} }}\nwork({n})"
    return f"{PRELUDE}\nlet begun = clock();\nlet result = {{ {body} }};\nprintln!(\"{{}} {{result}}\", clock() - begun);"


def measure(kernel, kind, level, runs):
    """Medians: seconds until the cell runs, and seconds that it runs."""
    compiled, ran = [], []
    for _ in range(runs):
        request = kernel.run(f"%%opt {level}\n" + cell(kind, next(fresh)), limit=120)
        assert request.status == "ok", request.describe()
        ran.append(float(request.text().split()[0]))
        compiled.append(request.took - ran[-1])
    return statistics.median(compiled), statistics.median(ran)


def released(kind, runs):
    """Seconds that the same function runs under `cargo run --release`."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "src").mkdir()
        (folder / "Cargo.toml").write_text('[package]\nname = "released"\nversion = "0.0.0"\nedition = "2024"\n')
        (folder / "src/main.rs").write_text("fn main() {\n" + cell(kind, next(fresh)) + "\n}\n")
        command = ["cargo", "run", "--release", "--quiet", "--target-dir", folder / "target"]
        outputs = [subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout for _ in range(runs)]
    return statistics.median(float(output.split()[0]) for output in outputs)


def shown(seconds):
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms" if seconds >= 0.0095 else f"{seconds * 1000:.2f} ms"


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/levels.py", description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--kernel", default="boucle")
    args = parser.parse_args()
    kernel = client.Kernel(args.kernel, log=subprocess.DEVNULL, lenient=True)
    kernel.run("1 + 1", limit=300)
    print("| compile + run | 0 | 1 | 2 | 3 | cargo run --release |\n|---|---|---|---|---|---|")
    for kind in [*KINDS, "async"]:
        levels = [" + ".join(map(shown, measure(kernel, kind, level, args.runs))) for level in range(4)]
        release = shown(released(kind, args.runs)) if kind != "async" else "–"
        print(f"| {kind} | {' | '.join(levels)} | {release} |", flush=True)
    kernel.close()


if __name__ == "__main__":
    main()
