//! How fast the loop is: tasks started and joined, turns given away, memory and timers of many tasks.
//! Run by hand: `cargo bench -p asyncio [-- part of a name]`; each line is the best of several rounds.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::future::pending;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use asyncio::{ensure_future, gather, new_event_loop, set_event_loop, sleep};

fn best(name: &str, count: u32, mut round: impl FnMut()) {
    // `cargo bench` itself adds an argument that begins with dashes.
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if filter.is_some_and(|filter| !name.contains(&filter)) {
        return;
    }
    let seconds = (0..7).map(|_| {
        let start = Instant::now();
        round();
        start.elapsed().as_secs_f64()
    });
    let best = seconds.fold(f64::INFINITY, f64::min);
    println!(
        "{name}: {:.1} M/s ({:.1} ns, {:.3} s)",
        f64::from(count) / best / 1e6,
        best * 1e9 / f64::from(count),
        best
    );
}

fn main() {
    let event_loop = new_event_loop();
    set_event_loop(&event_loop);
    let n = 1_000_000;

    let scale = AtomicU64::new(0);
    best("an atomic addition, for scale", n, || {
        for _ in 0..n {
            black_box(&scale).fetch_add(1, Ordering::AcqRel);
        }
    });
    best("spawn + join, one at a time", n, || {
        event_loop.block_on(async {
            for i in 0..n {
                assert_eq!(ensure_future(async move { i }).await, i);
            }
        });
    });
    best("spawn + join, 1,000 at a time", n, || {
        event_loop.block_on(async {
            for _ in 0..n / 1000 {
                let tasks: Vec<_> = (0..1000).map(|i| ensure_future(async move { i })).collect();
                for task in tasks {
                    task.await;
                }
            }
        });
    });
    best("yield, one task", n, || {
        event_loop.block_on(async {
            for _ in 0..n {
                sleep(0).await;
            }
        });
    });
    best("yield, 100 tasks", n, || {
        event_loop.block_on(gather((0..100).map(|_| async move {
            for _ in 0..n / 100 {
                sleep(0).await;
            }
        })));
    });
    best("sleep(0.001..0.02), 100,000 at once", 100_000, || {
        event_loop.block_on(gather((0..100_000).map(|i| sleep(0.001 + f64::from(i % 20) / 1000.0))));
    });

    let before = resident_bytes();
    let tasks: Vec<_> = (0..1_000_000).map(|_| ensure_future(pending::<()>())).collect();
    event_loop.stop();
    let _ = event_loop.run_forever();
    println!("a pending task and its handle: {} bytes", (resident_bytes() - before) / tasks.len());
}

/// What the process holds in memory, as the system counts it.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
