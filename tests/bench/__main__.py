"""The benchmark: what a user waits for, measured through a real Jupyter client, for Boucle and the kernels next to it.

    tests/bench/run [--runs 10] [--kernels boucle,rust,python3] [--markdown FILE]

prints a table of medians; kernels that are not installed are left out. `rust` is evcxr_jupyter's kernelspec, `python3` ipykernel's.
Take the figures on a machine that does nothing else.
"""

import argparse
import os
import pathlib
import platform
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from jupyter_client.kernelspec import KernelSpecManager  # noqa: E402

from cells import KERNELS, TITLES  # noqa: E402
from measure import Bench, median  # noqa: E402

# What Boucle is held to: seconds, or megabytes.
GOALS = {
    "start → kernel_info reply": 0.060,
    "start → first result": 0.400,
    "memory, idle": 60,
    "1 + 1": 0.100,
    "print a line": 0.090,
    "await": 0.150,
    "1 + 1, run again unchanged": 0.010,
    "200,000 printed lines": 0.5,
    ":dep regex, serde_json, rand → first result": 0.5,
    "a cell with regex": 0.2,
    "a cell with serde_json": 0.2,
    "a cell with rand": 0.2,
    "completion, first answer": 1.0,
    "completion, warm": 0.120,
    "interrupt → reply: run_forever": 0.020,
    "interrupt → reply: run_until_complete": 0.020,
    "interrupt → reply: top-level await": 0.020,
    "interrupt → reply: a task that computes": 0.020,
}
GROWTH = 1.2  # how much slower a cell may be after 200 functions


def shown(row, value):
    """A figure as people read it."""
    if isinstance(value, str):
        return value
    if row.startswith("memory"):
        return f"{value:,.0f} MB"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms" if value >= 0.0095 else f"{value * 1000:.1f} ms"


def goal_of(row, rows):
    """The goal of a row; those after 200 functions depend on what was measured before."""
    before = row.removesuffix(", after 200 functions")
    if before != row:
        values = rows.get(before)
        return median(values) * GROWTH if isinstance(values, list) else None
    return GOALS.get(row)


def machine():
    """What the figures were taken on, in one line."""
    name = platform.processor() or platform.machine()
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
        name = next(line.split(": ")[1] for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration, IndexError):
        pass
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.split(" (")[0]
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]}, {rustc}, Python {platform.python_version()}"


def table(results, runs):
    """Markdown that also reads well in a terminal."""
    kernels = list(results)
    rows = list(dict.fromkeys(row for kernel in kernels for row in results[kernel]))
    lines = [["", *(TITLES[kernel] for kernel in kernels)] + (["goal"] if "boucle" in kernels else [])]
    for row in rows:
        line = [row]
        for kernel in kernels:
            values = results[kernel].get(row, "–")
            text = values if isinstance(values, str) else shown(row, median(values))
            if isinstance(values, list) and len(values) < runs:
                text += f" ({len(values)} runs)"
            line.append(text)
        if "boucle" in kernels:
            values, goal = results["boucle"].get(row), goal_of(row, results["boucle"])
            verdict = "" if goal is None else f"≤ {shown(row, goal)}"
            if goal is not None and not (isinstance(values, list) and median(values) <= goal):
                verdict += " MISSED"
            line.append(verdict)
        lines.append(line)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    pad = lambda line: "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
    return "\n".join([pad(lines[0]), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(pad, lines[1:])])


def progress(kernel, row, values):
    text = values if isinstance(values, str) else f"{shown(row, median(values))} (from {shown(row, min(values))} to {shown(row, max(values))}, {len(values)} runs)"
    print(f"{TITLES[kernel]:14} {row}: {text}", file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=10, help="how often each measurement is repeated (default 10)")
    parser.add_argument("--kernels", default=",".join(KERNELS), help="which kernelspecs (default all three)")
    parser.add_argument("--markdown", type=pathlib.Path, help="also write the table into this file")
    args = parser.parse_args()
    installed = KernelSpecManager().find_kernel_specs()
    wanted = args.kernels.split(",")
    present = [name for name in wanted if name in installed and name in KERNELS]
    for name in set(wanted) - set(present):
        print(f"left out: there is no kernel `{name}` here", file=sys.stderr)
    if not present:
        sys.exit("nothing to measure: install Boucle with ./install.sh")
    results = {name: Bench(name, args.runs, progress).all() for name in present}
    text = f"Medians of {args.runs} runs on {machine()}.\n\n{table(results, args.runs)}\n"
    print(text)
    if args.markdown:
        args.markdown.write_text(text)


if __name__ == "__main__":
    main()
