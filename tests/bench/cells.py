"""The same small programs for each kernel that the benchmark compares. Used by measure.py.

`{n}` is replaced by a number that was never used before, so that no kernel can have the answer in a cache.
"""

BOUCLE = {
    "expression": "{n} + 1",
    "print": 'println!("{{}}", {n});',
    "await": "sleep(0).await; {n};",
    "function": "fn times_{n}(v: &[i64]) -> i64 {{ v.iter().map(|x| x * {n}).filter(|x| x % 2 == 0).sum() }}",
    "lines": 'for i in 0..200000 {{ println!("{{i}} {{}}", "x".repeat(80)); }} // {n}',
    "display": 'display(Text("x".repeat(50_000_000))); // {n}',
    "interrupt": {
        "run_forever": 'println!("go"); let _ = get_event_loop().run_forever(); // {n}',
        "run_until_complete": 'println!("go"); get_event_loop().run_until_complete(sleep(60)); // {n}',
        "top-level await": 'println!("go"); sleep(60).await; // {n}',
        "a task that computes": 'async fn busy() {{ println!("go"); loop {{}} }}\nensure_future(busy()); let _ = get_event_loop().run_forever(); // {n}',
        "a loop without await": 'println!("go"); loop {{}} // {n}',
        "a blocking sleep": 'println!("go"); std::thread::sleep(std::time::Duration::from_secs(60)); // {n}',
    },
}

# Crates that cells use: added in a fresh session, with a first result, and then used in cells.
CRATES = {
    "add": ':dep regex = "1"\n:dep serde_json = "1"\n:dep rand = "0.9"\nregex::Regex::new("{n}").unwrap().is_match("{n}")',
    "cells": (
        ("a cell with regex", 'regex::Regex::new("{n}").unwrap().is_match("{n}")'),
        ("a cell with serde_json", 'serde_json::from_str::<serde_json::Value>("[{n}]").unwrap().to_string()'),
        ("a cell with rand", "rand::random_range(0..{n}) < {n}"),
    ),
}
BOUCLE["crates"] = CRATES

# A cell with the cursor at its end, and what must be offered there: it takes knowing the type of what stands before the dot.
METHOD = {"code": "let v{n} = vec![{n}];\nv{n}.pus", "offers": "push"}
BOUCLE["complete"] = METHOD

EVCXR = {
    "complete": METHOD,
    "crates": CRATES,
    "expression": "{n} + 1",
    "print": 'println!("{{}}", {n});',
    "await": "std::future::ready({n}).await;",
    "function": BOUCLE["function"],
    "lines": BOUCLE["lines"],
    "interrupt": {
        "a loop without await": 'println!("go"); loop {{}} // {n}',
        "a blocking sleep": 'println!("go"); std::thread::sleep(std::time::Duration::from_secs(60)); // {n}',
    },
}

PYTHON = {
    "complete": {"code": "v{n} = [{n}]\nv{n}.app", "offers": "append"},
    "expression": "{n} + 1",
    "print": "print({n})",
    "await": "import asyncio; await asyncio.sleep(0); {n};",
    "function": "def times_{n}(v): return sum(x * {n} for x in v if x * {n} % 2 == 0)",
    "lines": 'for i in range(200000): print(i, "x" * 80) # {n}',
    "display": 'display({{"text/plain": "x" * 50_000_000}}, raw=True) # {n}',
    "interrupt": {
        "top-level await": 'print("go", flush=True); import asyncio; await asyncio.sleep(60) # {n}',
        "a loop without await": 'print("go", flush=True)\nwhile True: pass # {n}',
        "a blocking sleep": 'print("go", flush=True); import time; time.sleep(60) # {n}',
    },
}

KERNELS = {"boucle": BOUCLE, "rust": EVCXR, "python3": PYTHON}
TITLES = {"boucle": "Boucle", "rust": "evcxr_jupyter", "python3": "ipykernel"}
LINES = "".join(f"{i} {'x' * 80}\n" for i in range(200000))
