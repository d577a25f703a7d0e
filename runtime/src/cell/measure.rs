//! `%timeit`: how long code takes that is run over and over. Generated code calls [`measure`].
//!
//! Only the innermost loop is generic, so that the compiler can see through the call; all else is compiled once, here.

use std::any::Any;
use std::hint::black_box;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::Ending;
use crate::interrupt::checkpoint;

/// How long a run should take at least, when the number of loops is not given.
const ENOUGH: Duration = Duration::from_millis(100);

/// How long it may go on without looking for an interrupt.
const AT_ONCE: Duration = Duration::from_millis(10);

type Payload = Box<dyn Any + Send>;

/// Runs the code `loops` times in each of `runs` runs, and prints how long one loop takes. As many loops as it takes to
/// measure a run well if `loops` is 0.
///
/// # Errors
/// With what ends the code early, an interrupt included.
pub fn measure<F: FnMut() -> Ending>(loops: u64, runs: u32, mut code: F) -> Ending {
    take_measurements(loops, runs, &mut |count| {
        let begun = Instant::now();
        for _ in 0..count {
            // What the code captures is out of the compiler's sight in each loop, so that nothing is computed ahead.
            black_box(&mut code)()?;
        }
        Ok(begun.elapsed())
    })
}

/// Runs the code that many times; how long that took.
type Batch<'a> = &'a mut dyn FnMut(u64) -> Result<Duration, Payload>;

fn take_measurements(loops: u64, runs: u32, batch: Batch<'_>) -> Ending {
    let mut stopwatch = Stopwatch { batch, at_once: 1 };
    let mut seconds = Vec::with_capacity(runs as usize);
    let loops = match loops {
        0 => {
            let (loops, took) = stopwatch.find_loops()?;
            // What has shown how many loops it takes is one of the runs.
            seconds.push(took.as_secs_f64() / loops as f64);
            loops
        }
        given => given,
    };
    while seconds.len() < runs as usize {
        seconds.push(stopwatch.run(loops)?.as_secs_f64() / loops as f64);
    }
    // Who has closed stdout does not want to know.
    let _ = writeln!(io::stdout(), "{}", summary(&seconds, loops));
    Ok(())
}

struct Stopwatch<'a> {
    batch: Batch<'a>,
    /// How many loops may run before an interrupt is looked for.
    at_once: u64,
}

impl Stopwatch<'_> {
    /// The number of loops, a 1, 2 or 5 with zeros, that takes long enough, and how long it took.
    fn find_loops(&mut self) -> Result<(u64, Duration), Payload> {
        let mut power = 1;
        loop {
            for loops in [power, 2 * power, 5 * power] {
                let took = self.run(loops)?;
                if took >= ENOUGH || power >= 1_000_000_000_000 {
                    return Ok((loops, took));
                }
            }
            power *= 10;
        }
    }

    fn run(&mut self, loops: u64) -> Result<Duration, Payload> {
        let (mut left, mut all) = (loops, Duration::ZERO);
        while left > 0 {
            checkpoint();
            let count = self.at_once.min(left);
            let took = (self.batch)(count)?;
            if count == self.at_once && took < AT_ONCE / 2 {
                self.at_once *= 2;
            }
            all += took;
            left -= count;
        }
        Ok(all)
    }
}

/// Mean, deviation and best of some runs, in IPython's words.
fn summary(seconds: &[f64], loops: u64) -> String {
    let count = seconds.len() as f64;
    let mean = seconds.iter().sum::<f64>() / count;
    let deviation = (seconds.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / count).sqrt();
    let best = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    format!(
        "{} ± {} per loop (mean ± std. dev. of {} run{}, {} loop{} each), best {}",
        with_unit(mean),
        with_unit(deviation),
        seconds.len(),
        plural(seconds.len() as u64),
        grouped(loops),
        plural(loops),
        with_unit(best),
    )
}

/// Three digits and the unit that suits them.
fn with_unit(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 => (s * 1e6, "µs"),
        s => (s * 1e9, "ns"),
    };
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}

/// `1000000` → `1,000,000`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_has_the_statistics() {
        assert_eq!(
            summary(&[1e-6, 3e-6], 1_000_000),
            "2.00 µs ± 1.00 µs per loop (mean ± std. dev. of 2 runs, 1,000,000 loops each), best 1.00 µs"
        );
        assert!(summary(&[0.25], 1).contains("250 ms ± 0.00 ns per loop (mean ± std. dev. of 1 run, 1 loop each)"));
    }

    /// Code that takes a given time by a clock of its own; how often it was called, and in how large batches.
    fn pretend(loops: u64, runs: u32, each: Duration) -> (u64, u64) {
        let (mut calls, mut largest) = (0, 0);
        let ending = take_measurements(loops, runs, &mut |count| {
            calls += count;
            largest = largest.max(count);
            Ok(each * u32::try_from(count).unwrap_or(u32::MAX))
        });
        assert!(ending.is_ok());
        (calls, largest)
    }

    #[test]
    fn loops_are_found_and_run_in_chunks() {
        let (calls, _) = pretend(0, 3, Duration::from_secs(2));
        assert_eq!(calls, 3, "code that takes long is called as often as there are runs");
        let (calls, largest) = pretend(0, 2, Duration::from_micros(1));
        assert!(calls > 200_000 && (5_000..20_000).contains(&largest), "{calls} {largest}");
        assert_eq!(pretend(10, 4, Duration::from_micros(1)).0, 40);
    }

    #[test]
    fn an_early_end_ends_the_measurement() {
        let ending = measure(5, 5, || Err(Box::new(())));
        assert!(ending.is_err());
    }
}
