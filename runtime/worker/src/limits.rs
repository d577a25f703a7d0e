//! Keeps a runaway cell from taking the machine with it. Called once, by `main`.

use std::{env, fs};

/// The environment variable that overrides the limit, in bytes.
const MEMORY_LIMIT_VARIABLE: &str = "BOUCLE_MEMORY_LIMIT";

/// Limits the memory of this process to nine tenths of what there is, so that an allocation fails, which names the
/// cause, before the system has to kill something; and offers this process first, should it come to that.
pub(crate) fn apply() {
    if let Some(limit) = chosen_limit().or_else(|| available_memory().map(|bytes| bytes / 10 * 9)) {
        let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the struct lives during both calls. Where limits cannot be set, cells run without one.
        unsafe {
            if libc::getrlimit(libc::RLIMIT_DATA, &raw mut limits) == 0 {
                limits.rlim_cur = (limit as libc::rlim_t).min(limits.rlim_max);
                libc::setrlimit(libc::RLIMIT_DATA, &raw const limits);
            }
        }
    }
    // Not every system has it, and none needs it.
    let _ = fs::write("/proc/self/oom_score_adj", "500");
}

fn chosen_limit() -> Option<u64> {
    env::var(MEMORY_LIMIT_VARIABLE).ok()?.trim().parse().ok()
}

/// The memory that this process may hope for, in bytes: the machine's, or its container's.
fn available_memory() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    });
    let container = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    machine.into_iter().chain(container).min()
}
