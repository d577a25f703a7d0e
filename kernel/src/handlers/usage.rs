//! What the kernel and all that it has started take of the machine: processor time and memory. Called by `handlers::answer` for
//! a `usage_request`, with which front ends show it beside a notebook; the fields are those of ipykernel.

use std::collections::BTreeMap;
use std::time::Instant;

use procfs::process::{Process, Stat, all_processes};
use procfs::{Current, CurrentSI, KernelStats, Meminfo, ProcResult};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

/// Remembers the last look: how busy something is, two looks tell.
#[derive(Debug, Default)]
pub(crate) struct Usage(Mutex<Option<Look>>);

/// Processor times at one moment, in ticks.
#[derive(Debug)]
struct Look {
    at: Instant,
    processes: BTreeMap<i32, u64>,
    machine: Busy,
}

#[derive(Debug, Clone, Copy)]
struct Busy {
    busy: u64,
    all: u64,
}

impl Usage {
    /// The content of a `usage_reply`. On a thread of its own, since a machine may have thousands of processes; on one, however
    /// many ask.
    pub(super) async fn reply(&self) -> Value {
        let mut last = self.0.lock().await;
        let earlier = last.take();
        match spawn_blocking(move || Look::after(earlier.as_ref())).await {
            Ok(Ok((reply, look))) => {
                *last = Some(look);
                reply
            }
            _ => host(),
        }
    }
}

impl Look {
    /// Looks; what there is to say, and what to remember.
    fn after(last: Option<&Look>) -> ProcResult<(Value, Look)> {
        let family = family(std::process::id().try_into().unwrap_or_default())?;
        let kernel = KernelStats::current()?;
        let look = Look {
            at: Instant::now(),
            processes: family.iter().map(|(_, stat)| (stat.pid, stat.utime + stat.stime)).collect(),
            machine: busy(&kernel),
        };
        let mut reply = host();
        reply["kernel_cpu"] = last.map_or(0.0, |last| look.percent_since(last)).into();
        reply["kernel_memory"] = family.iter().map(memory).sum::<u64>().into();
        if let Some(percent) = last.and_then(|last| look.machine.percent_since(last.machine)) {
            reply["host_cpu_percent"] = percent.into();
        }
        reply["cpu_count"] = kernel.cpu_time.len().into();
        reply["host_virtual_memory"] = virtual_memory(&Meminfo::current()?);
        Ok((reply, look))
    }

    /// Of one processor, so that two busy ones are 200 %.
    fn percent_since(&self, last: &Look) -> f64 {
        let used = self.processes.iter().filter_map(|(id, now)| Some(now.saturating_sub(*last.processes.get(id)?)));
        let seconds = used.sum::<u64>() as f64 / procfs::ticks_per_second() as f64;
        100.0 * seconds / self.at.duration_since(last.at).as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl Busy {
    /// Of all processors together; nothing if no time has passed.
    fn percent_since(self, last: Busy) -> Option<f64> {
        let all = self.all.checked_sub(last.all).filter(|all| *all > 0)?;
        Some(100.0 * self.busy.saturating_sub(last.busy) as f64 / all as f64)
    }
}

/// What can be said of the machine without looking.
fn host() -> Value {
    let host = rustix::system::uname();
    json!({ "status": "ok", "hostname": host.nodename().to_string_lossy(), "pid": std::process::id() })
}

/// A process and all below it.
fn family(of: i32) -> ProcResult<Vec<(Process, Stat)>> {
    // One that ends meanwhile takes nothing any more.
    let all = all_processes()?.filter_map(|process| process.and_then(|it| Ok((it.stat()?, it))).ok());
    let mut others: Vec<_> = all.map(|(stat, process)| (process, stat)).collect();
    let mut family: Vec<(Process, Stat)> = others.extract_if(.., |(_, stat)| stat.pid == of).collect();
    let mut at = 0;
    while at < family.len() {
        let parent = family[at].1.pid;
        family.extend(others.extract_if(.., |(_, stat)| stat.ppid == parent));
        at += 1;
    }
    Ok(family)
}

/// What a process takes of the memory: of what it shares with others, its part.
fn memory((process, stat): &(Process, Stat)) -> u64 {
    let shares = process.smaps_rollup().ok();
    let part = shares.and_then(|rollup| rollup.memory_map_rollup.0.first()?.extension.map.get("Pss").copied());
    part.unwrap_or_else(|| stat.rss * procfs::page_size())
}

fn busy(kernel: &KernelStats) -> Busy {
    let total = &kernel.total;
    let of = |time: Option<u64>| time.unwrap_or(0);
    let busy = total.user + total.nice + total.system + of(total.irq) + of(total.softirq) + of(total.steal);
    Busy { busy, all: busy + total.idle + of(total.iowait) }
}

/// The machine's memory in bytes, in psutil's words.
fn virtual_memory(memory: &Meminfo) -> Value {
    let (total, free) = (memory.mem_total, memory.mem_free);
    let cached = memory.cached + memory.s_reclaimable.unwrap_or(0);
    let available = memory.mem_available.unwrap_or(free + memory.buffers + cached);
    json!({
        "total": total,
        "available": available,
        "percent": 100.0 * total.saturating_sub(available) as f64 / total.max(1) as f64,
        "used": total.saturating_sub(free + memory.buffers + cached),
        "free": free,
        "active": memory.active,
        "inactive": memory.inactive,
        "buffers": memory.buffers,
        "cached": cached,
        "shared": memory.shmem.unwrap_or(0),
        "slab": memory.slab,
    })
}
