//! The shell socket: cells of one subshell wait for one another, everything else is answered at once. Run by `kernel`.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::spawn_local;

use super::Channel;
use crate::handlers::execute::{Cells, error_reply};
use crate::handlers::no_subshell;
use crate::protocol::incoming::Incoming;
use crate::protocol::request::Request;
use crate::subshells::Queue;

/// After a failure, how long nothing must have come for all that the client sent before to have arrived.
const QUIET: Duration = Duration::from_millis(5);

/// One of the queues of cells: that of the main shell, or of a subshell.
struct Shell {
    channel: Rc<Channel>,
    cells: Rc<Cells>,
    /// Whether its cells are guests beside those of the main shell.
    is_subshell: bool,
}

/// Answers requests on shell until the kernel ends. `subshells` are the queues of those that are made meanwhile.
pub(crate) async fn serve(
    channel: Channel,
    mut requests: UnboundedReceiver<Incoming>,
    mut subshells: UnboundedReceiver<Queue>,
) {
    let channel = Rc::new(channel);
    let stop = channel.context.stop.clone();
    let cells = Rc::new(Cells::new(&channel.context));
    let shell = |is_subshell| Shell { channel: Rc::clone(&channel), cells: Rc::clone(&cells), is_subshell };
    let (main, queue) = unbounded_channel();
    let main_shell = spawn_local(shell(false).serve(queue));
    loop {
        let incoming = tokio::select! {
            biased;
            () = stop.requested() => break,
            Some(queue) = subshells.recv() => {
                spawn_local(shell(true).serve(queue));
                continue;
            }
            Some(incoming) = requests.recv() => incoming,
        };
        if !takes_its_turn(&incoming) {
            let channel = Rc::clone(&channel);
            spawn_local(async move { channel.answer(&incoming).await });
            continue;
        }
        let is_cell = matches!(incoming.request, Ok(Request::Execute(_)));
        let Some(id) = incoming.subshell.clone().filter(|_| is_cell) else {
            // It is read until the kernel ends.
            let _ = main.send(incoming);
            continue;
        };
        if let Err(incoming) = channel.context.subshells.queue(&id, incoming) {
            let publisher = channel.publisher(&incoming);
            channel.respond(&incoming, &publisher, async { Some(error_reply(&no_subshell(&id), 0)) }).await;
        }
    }
    // A `shutdown_request` on shell gets its reply.
    if let Err(error) = main_shell.await {
        tracing::warn!("the main shell failed: {error}");
    }
}

/// Whether a request is dealt with after all cells that were sent before it.
fn takes_its_turn(incoming: &Incoming) -> bool {
    matches!(incoming.request, Ok(Request::Execute(_) | Request::Shutdown(_)))
}

impl Shell {
    /// Deals with one request after the other until the subshell is deleted or the kernel ends.
    async fn serve(self, mut queue: Queue) {
        let context = &self.channel.context;
        // How many of the next requests were sent before a cell failed.
        let mut stale = 0_usize;
        loop {
            let incoming = tokio::select! {
                biased;
                () = context.stop.requested() => return,
                incoming = queue.recv() => match incoming {
                    Some(incoming) => incoming,
                    None => return,
                },
            };
            let abort = stale > 0;
            stale = stale.saturating_sub(1);
            let Ok(Request::Execute(request)) = &incoming.request else {
                Box::pin(self.channel.answer(&incoming)).await;
                continue;
            };
            let publisher = self.channel.publisher(&incoming);
            let asker = context.stdin.asker(&incoming);
            let handler = async {
                if abort {
                    return Some(self.cells.aborted());
                }
                // Boxed, so that a shell that waits keeps no room for a cell, some 40 kB.
                let done = Box::pin(self.cells.execute(request, self.is_subshell, &publisher, Some(&asker))).await;
                // Before the reply: what a client sends after it has seen the reply is not to be aborted.
                if done.failed && request.stop_on_error {
                    stale = waiting(&queue).await;
                }
                Some(done.reply)
            };
            self.channel.respond(&incoming, &publisher, handler).await;
            // Where a person can be asked, that person types.
            if request.allow_stdin {
                context.assistant.prepare();
            }
        }
    }
}

/// The number of requests that the client has sent so far and that are still to be dealt with.
///
/// The last of them may still be on their way through the socket and the tasks that read it, and nothing tells when
/// they have arrived: so this ends when nothing more has come for a moment.
async fn waiting(queue: &Queue) -> usize {
    loop {
        let so_far = queue.len();
        tokio::time::sleep(QUIET).await;
        if queue.len() == so_far {
            return so_far;
        }
    }
}
