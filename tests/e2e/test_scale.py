"""A long notebook: cells cost as much at its end as at its beginning, in time, memory, descriptors and threads.

The run is short, for CI. `BOUCLE_TEST_CELLS=2000` makes it as long as one likes.
"""

import os
import statistics

import psutil
import pytest

import processes

CELLS = int(os.environ.get("BOUCLE_TEST_CELLS", "160"))
ITEMS = 1000  # in all of the notebook
LEAK = 200_000  # bytes a cell, kernel and worker together


def cell(number, items):
    """Each of four cells in turn defines and stores, one shows what the first of them has stored. Their number makes them new."""
    kind, block = number % 4, number - number % 4
    functions = "\n".join(f"fn f{number}_{i}(x: i64) -> i64 {{ x + {i} }}" for i in range(items - 2))
    return [
        f"{functions}\nconst K{number}: i64 = {number};\nfn g{number}(v: &[i64]) -> i64 {{ v.len() as i64 + f{number}_0(K{number}) }}\nlet v{number} = g{number}(&[1, 2]);",
        f"{functions}\n#[derive(Debug, Clone)] struct S{number} {{ a: i64 }}\nimpl S{number} {{ fn new() -> S{number} {{ S{number} {{ a: f{number}_0({number}) }} }} }}\nlet s{number} = S{number}::new();",
        f"{functions}\nasync fn a{number}() -> i64 {{ sleep(0).await; f{number}_1(1) }}\nstatic N{number}: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);\nlet t{number} = ensure_future(a{number}());",
        f"{functions}\nprintln!(\"{{:?}}\", s{block + 1}); s{block + 1} = S{block + 1}::new(); drop(s{block + 1}); t{block + 2}.await + v{block}",
    ][kind]


def memory(pids):
    """What these processes have for themselves, in bytes: shared pages are counted in parts."""
    lines = [line for pid in pids for line in open(f"/proc/{pid}/smaps_rollup") if line.startswith("Pss:")]
    return sum(int(line.split()[1]) * 1024 for line in lines)


def held(pids):
    """Descriptors and threads."""
    return [(psutil.Process(pid).num_fds(), psutil.Process(pid).num_threads()) for pid in pids]


@pytest.mark.timeout(max(180, CELLS))
def test_a_long_notebook_stays_flat(kernel):
    items = max(4, -(-ITEMS // CELLS))
    times, kinds = [], 4
    for number in range(CELLS):
        times.append(kernel.ok(cell(number, items)).took)
        if number == 49:
            pids = [kernel.pid, processes.named(kernel.pid, "boucle-worker")[0].pid]
            memory_then = memory(pids)
        if number == 99:
            held_then = held(pids)
    assert [kernel.pid, processes.named(kernel.pid, "boucle-worker")[0].pid] == pids, "the worker died"
    leaked = (memory(pids) - memory_then) / (CELLS - 50)
    print(f"{leaked / 1000:.0f} kB a cell; {[statistics.median(times[at:at + 50]) for at in range(0, CELLS, 50)]}")
    assert leaked <= LEAK
    for (descriptors, threads), (descriptors_then, threads_then) in zip(held(pids), held_then):
        assert descriptors <= descriptors_then + 2 and threads <= threads_then + 2
    # Each kind of cell by itself: they cost differently.
    early, late = ([statistics.median(part[kind::kinds]) for kind in range(kinds)] for part in (times[52:100], times[-48:]))
    assert sum(late) <= 2 * sum(early), f"{early} s a cell at first, {late} s at last"
    # What was defined long ago is still there.
    assert kernel.ok("g0(&[1]) + f8_1(1) + v4").value == str(1 + 0 + 2 + 2 + 4)
