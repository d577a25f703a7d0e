//! The names of `asyncio` that cells have without importing them. Read by `plan`, which imports what a cell mentions, and by
//! what helps with names: completion, and hints on errors.

/// The names that every cell may use without importing them, as paths in `asyncio`. Each is imported only where a cell
/// mentions it and nobody else defines it, so that they never clash with the user's own.
pub(crate) const PRELUDE: &[&str] = &[
    "ALL_COMPLETED",
    "AnyTask",
    "AsCompleted",
    "AsyncGenerator",
    "AsyncIterator",
    "Barrier",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "CancelledError",
    "Comm",
    "ConcurrentFuture",
    "Condition",
    "ContextVar",
    "Coroutine",
    "Event",
    "EventLoop",
    "Exception",
    "ExceptionGroup",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "Future",
    "Gathering",
    "IncompleteReadError",
    "InputError",
    "InvalidStateError",
    "KeyboardInterrupt",
    "LifoQueue",
    "LimitOverrunError",
    "Lock",
    "LoopHandle",
    "PriorityQueue",
    "Queue",
    "QueueEmpty",
    "QueueFull",
    "QueueShutDown",
    "ReadError",
    "ReturnWhen",
    "Runner",
    "RuntimeError",
    "Seconds",
    "Semaphore",
    "Server",
    "Sleep",
    "StreamReader",
    "StreamWriter",
    "Task",
    "TaskGroup",
    "TaskInfo",
    "TaskState",
    "Timeline",
    "Timeout",
    "TimeoutError",
    "TimerHandle",
    "ValueError",
    "Yielder",
    "ainput",
    "all_tasks",
    "as_completed",
    "capture_call_graph",
    "catch_interrupt",
    "clear_output",
    "copy_context",
    "create_subprocess_exec",
    "create_subprocess_shell",
    "create_task",
    "current_task",
    "display",
    "display::DisplayHandle",
    "display::Html",
    "display::Jpeg",
    "display::Json",
    "display::Latex",
    "display::Markdown",
    "display::MimeBundle",
    "display::Png",
    "display::Rich",
    "display::Svg",
    "display::Text",
    "display::VegaLite",
    "ensure_future",
    "finally",
    "format_call_graph",
    "gather",
    "generator",
    "get_event_loop",
    "get_running_loop",
    "input",
    "new_event_loop",
    "open_connection",
    "open_unix_connection",
    "password",
    "print_call_graph",
    "run",
    "run_coroutine_threadsafe",
    "set_event_loop",
    "set_virtual_time",
    "shield",
    "show_timer",
    "signal",
    "sleep",
    "start_server",
    "start_timeline",
    "start_timer",
    "start_unix_server",
    "stop_timeline",
    "subprocess",
    "timeline",
    "timeout",
    "timeout_at",
    "to_thread",
    "update_display",
    "wait",
    "wait_for",
];

/// What else `asyncio` has, under names that often mean something else: to be imported by hand.
pub(crate) const IMPORTABLE: &[&str] = &[
    "Context",
    "ExceptionHandler",
    "FrameCallGraphEntry",
    "FutureCallGraph",
    "Handle",
    "InExecutor",
    "Report",
    "Token",
    "subprocess::DEVNULL",
    "subprocess::PIPE",
    "subprocess::STDOUT",
    "subprocess::Stdio",
];

/// The traits of the prelude whose methods people call, with one of them: it asks for the import as well.
pub(super) const METHODS: &[(&str, &str)] = &[("display::Rich", "mime_bundle")];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_public_name_of_the_library_is_in_one_of_the_tables() {
        let library = include_str!("../../../runtime/src/lib.rs");
        let exports = library.split("pub use ").skip(1).filter_map(|export| export.split(';').next());
        let names = exports.flat_map(|export| {
            let list = export.split_once('{').map_or(export, |(_, list)| list.trim_end_matches('}'));
            list.split(',').filter_map(|path| path.trim().rsplit("::").next()).filter(|name| !name.is_empty())
        });
        let known: BTreeSet<&str> = PRELUDE.iter().chain(IMPORTABLE).copied().collect();
        let missing: BTreeSet<&str> = names.filter(|name| !known.contains(name)).collect();
        assert_eq!(missing, BTreeSet::new());
        assert!(PRELUDE.iter().all(|name| !IMPORTABLE.contains(name)));
    }
}
