//! Wires the parts of a running kernel together, from the connection file to the end.
//! Called by `main` for `boucle kernel FILE`.
//!
//! Invariants:
//! 1. Everything runs on one thread; each socket and the engine has one owner.
//! 2. The sockets are bound, and `kernel_info` is answered, before the engine warms up.
//! 3. Whatever ends the kernel, it ends through `Stop`: engine first, then unsent messages.

use std::io;
use std::panic::resume_unwind;
use std::path::Path;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

use crate::assist::Assistant;
use crate::comms::Comms;
use crate::dispatch::{Channel, Running, receive, shell};
use crate::engine::{Engine, SharedEngine};
use crate::error::catch_panic;
use crate::handlers::Context;
use crate::handlers::usage::Usage;
use crate::history::History;
use crate::lifecycle::{Interrupt, Signals, Stop, leave_sigint_to_the_kernel, watch_parent};
use crate::protocol::connection::{Connection, ConnectionError};
use crate::protocol::incoming::Incoming;
use crate::protocol::wire::Wire;
use crate::publish::{Outbox, Status};
use crate::sockets::router::Router;
use crate::sockets::{BindError, Sockets, heartbeat};
use crate::stdin::Stdin;
use crate::subshells::Subshells;

/// Clients send SIGTERM 2.5 s after a `shutdown_request` and SIGKILL 2.5 s after that.
const ENGINE_LIMIT: Duration = Duration::from_secs(2);
const LINGER: Duration = Duration::from_secs(1);

/// Why a kernel could not run.
#[derive(Debug, Error)]
pub(crate) enum KernelError {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("cannot set up what the kernel runs on: {0}")]
    Runtime(#[source] io::Error),
    #[error("cannot catch signals: {0}")]
    Signals(#[source] io::Error),
}

/// The stack on which cells are parsed, in bytes. A parser recurses as deeply as what it reads is nested. Only what is
/// used of it takes memory.
const STACK: usize = 1 << 30;

/// From how many bytes on memory is mapped by itself.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 1 << 20;

/// Runs a kernel until it is asked to end.
pub(crate) fn run(connection_file: &Path) -> Result<(), KernelError> {
    let connection = Connection::read(connection_file)?;
    give_large_memory_back();
    // Processes that are to die with the kernel are started from this thread, which lives as long as the kernel does.
    let kernel = thread::Builder::new().name("kernel".into()).stack_size(STACK);
    let kernel = kernel.spawn(move || run_here(connection)).map_err(KernelError::Runtime)?;
    leave_sigint_to_the_kernel();
    kernel.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Has what a large message needed go back to the system at once. Unless told otherwise, glibc takes the first such messages as
/// a sign that more will come, and from then on keeps what they leave behind, in pieces that the next does not fit into.
fn give_large_memory_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets two numbers, before there are other threads.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE);
    }
}

fn run_here(connection: Connection) -> Result<(), KernelError> {
    let runtime = Builder::new_current_thread().enable_all().on_thread_start(leave_sigint_to_the_kernel).build();
    let runtime = runtime.map_err(KernelError::Runtime)?;
    let outcome = LocalSet::new().block_on(&runtime, serve(connection));
    // A thread that is stuck in a system call must not keep the process alive.
    runtime.shutdown_background();
    outcome
}

async fn serve(connection: Connection) -> Result<(), KernelError> {
    let comms = Comms::default();
    let (engine, interrupter) = Engine::new(comms.clone());
    let assistant = Assistant::new(engine.outline());
    let engine = SharedEngine::new(engine);
    let interrupt = Interrupt::new(interrupter);
    let signals = Signals::catch(&interrupt).map_err(KernelError::Signals)?;
    let sockets = Sockets::bind(&connection)?;
    let Sockets { shell, control, stdin, heartbeat, iopub, unsent, files } = sockets;

    let wire = Rc::new(Wire::new(&connection.key));
    let (outbox, queue) = Outbox::new();
    spawn_local(iopub.run(Rc::clone(&wire), queue));
    outbox.without_parent().status(Status::Starting);
    spawn_local(heartbeat::echo(heartbeat));
    let stdin = Stdin::serve(stdin, Rc::clone(&wire));

    let stop = Stop::default();
    spawn_local(signals.obey(interrupt.clone(), stop.clone()));
    spawn_local(watch_parent(stop.clone()));

    let history = History::start();
    let (subshells, new_subshells) = Subshells::new();
    spawn_local(warm_up(engine.clone(), stop.clone()));
    let (shared, kept) = (engine.clone(), history.clone());
    let context = Rc::new(Context {
        connection,
        interrupt,
        stop,
        history: kept,
        stdin,
        engine: shared,
        comms,
        subshells,
        assistant,
        usage: Usage::default(),
    });
    let running = Running::default();
    let channel = |router: Router| -> (Channel, mpsc::UnboundedReceiver<Incoming>) {
        let (sender, requests) = mpsc::unbounded_channel();
        spawn_local(receive(router.receiver, Rc::clone(&wire), sender));
        let channel = Channel {
            wire: Rc::clone(&wire),
            outbox: outbox.clone(),
            replies: router.sender,
            context: Rc::clone(&context),
            running: running.clone(),
        };
        (channel, requests)
    };
    let (control, control_requests) = channel(control);
    let (shell, shell_requests) = channel(shell);
    let control = spawn_local(control.serve_control(control_requests));
    shell::serve(shell, shell_requests, new_subshells).await;

    if timeout(ENGINE_LIMIT, engine.shutdown()).await.is_err() {
        tracing::warn!("the engine did not end within {ENGINE_LIMIT:?}");
    }
    if timeout(LINGER, history.close()).await.is_err() {
        tracing::warn!("the last lines of the history were not written within {LINGER:?}");
    }
    // The reply to the `shutdown_request` is sent by the control task, which has `Stop` too.
    if let Err(error) = control.await {
        tracing::warn!("the control task failed: {error}");
    }
    outbox.without_parent().flush().await;
    unsent.drained(LINGER).await;
    drop(files);
    Ok(())
}

/// Prepares the engine, unless the kernel ends before.
async fn warm_up(engine: SharedEngine, stop: Stop) {
    tokio::select! {
        biased;
        () = stop.requested() => {}
        outcome = catch_panic(engine.warm_up()) => {
            // The next cell will meet the problem again and report it.
            if let Err(message) = outcome {
                tracing::error!("the engine panicked while warming up: {message}");
            }
        }
    }
}
