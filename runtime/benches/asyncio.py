"""The measurements of `loop.rs` in Python, with asyncio and, where it is installed, uvloop. Run by hand:
`python3 runtime/benches/asyncio.py`; prints one table, in the thread's processor time, the best of several rounds."""

import sys

# The script's own folder comes first on the path, and there this file would pass for the library.
sys.path.pop(0)

import asyncio
import time

ROUNDS = 3


async def value(number):
    return number


async def spawn_and_join(count, crowd):
    for _ in range(count // crowd):
        for task in [asyncio.ensure_future(value(number)) for number in range(crowd)]:
            await task


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def give_turns_away(count, tasks):
    for task in [asyncio.ensure_future(turns(count // tasks)) for _ in range(tasks)]:
        await task


async def timers(count, seconds):
    tasks = [asyncio.ensure_future(asyncio.sleep(index * 7919 % count / count * seconds)) for index in range(count)]
    for task in tasks:
        await task


LINES = [
    ("spawn + join, one at a time", 100_000, lambda count: spawn_and_join(count, 1)),
    ("spawn + join, 1,000 at a time", 100_000, lambda count: spawn_and_join(count, 1000)),
    ("yield, one task", 100_000, lambda count: give_turns_away(count, 1)),
    ("yield, 100 tasks", 100_000, lambda count: give_turns_away(count, 100)),
    ("yield, 30,000 tasks", 300_000, lambda count: give_turns_away(count, 30_000)),
    ("100,000 timers over 0.1 s", 100_000, lambda count: timers(count, 0.1)),
]


def measure(new_loop, count, program):
    """The least processor time and the least time on the clock, in seconds."""
    busy = clock = float("inf")
    for _ in range(ROUNDS):
        loop = new_loop()
        asyncio.set_event_loop(loop)
        start, start_busy = time.perf_counter(), time.thread_time()
        loop.run_until_complete(program(count))
        clock, busy = min(clock, time.perf_counter() - start), min(busy, time.thread_time() - start_busy)
        loop.close()
    return busy, clock


def main():
    loops = {"asyncio": asyncio.new_event_loop}
    try:
        import uvloop

        loops["uvloop"] = uvloop.new_event_loop
    except ImportError:
        pass
    print(f"{'':34}" + "".join(f"{name:>24}" for name in loops))
    for name, count, program in LINES:
        cells = []
        for new_loop in loops.values():
            busy, clock = measure(new_loop, count, program)
            if "timers" in name:
                cells.append(f"{clock:>10.3f} s, busy {busy:.3f}")
            else:
                cells.append(f"{count / busy / 1e6:>14.2f} M/s {busy / count * 1e9:>4.0f} ns")
        print(f"{name:34}" + "".join(f"{cell:>24}" for cell in cells))


main()
