//! The shell socket: cells wait for one another, everything else is answered at once. Run by `kernel`.

use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::spawn_local;

use super::Channel;
use crate::engine::Engine;
use crate::handlers::execute::Cells;
use crate::protocol::incoming::Incoming;
use crate::protocol::request::Request;

/// After a failure, how long nothing must have come for all that the client sent before to have arrived.
const QUIET: Duration = Duration::from_millis(5);

/// Answers requests on shell until the kernel ends, then gives the engine back.
pub(crate) async fn serve(shell: Channel, mut requests: UnboundedReceiver<Incoming>, engine: Engine) -> Engine {
    let shell = Rc::new(shell);
    let stop = shell.context.stop.clone();
    let (cells, queue) = unbounded_channel();
    let turns = spawn_local(take_turns(Rc::clone(&shell), queue, engine));
    loop {
        let incoming = tokio::select! {
            biased;
            () = stop.requested() => break,
            Some(incoming) = requests.recv() => incoming,
        };
        if takes_its_turn(&incoming) {
            // It is read until the kernel ends.
            let _ = cells.send(incoming);
        } else {
            let shell = Rc::clone(&shell);
            spawn_local(async move { shell.answer(&incoming).await });
        }
    }
    turns.await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}

/// Whether a request is dealt with after all cells that were sent before it.
fn takes_its_turn(incoming: &Incoming) -> bool {
    matches!(incoming.request, Ok(Request::Execute(_) | Request::Shutdown(_)))
}

/// Deals with one request after the other until the kernel ends, then gives the engine back.
async fn take_turns(shell: Rc<Channel>, mut queue: UnboundedReceiver<Incoming>, engine: Engine) -> Engine {
    let stop = shell.context.stop.clone();
    let mut cells = Cells::new(engine, &shell.context);
    // How many of the next requests were sent before a cell failed.
    let mut stale = 0_usize;
    loop {
        let incoming = tokio::select! {
            biased;
            () = stop.requested() => return cells.into_engine().await,
            Some(incoming) = queue.recv() => incoming,
            () = cells.warm_up(), if !cells.is_warm() => continue,
        };
        let abort = stale > 0;
        stale = stale.saturating_sub(1);
        let Ok(Request::Execute(request)) = &incoming.request else {
            shell.answer(&incoming).await;
            continue;
        };
        let publisher = shell.publisher(&incoming);
        let asker = shell.context.stdin.asker(&incoming);
        let handler = async {
            if abort {
                return Some(cells.aborted());
            }
            let done = cells.execute(request, &publisher, Some(&asker)).await;
            // Before the reply: what a client sends after it has seen the reply is not to be aborted.
            if done.failed && request.stop_on_error {
                stale = waiting(&queue).await;
            }
            Some(done.reply)
        };
        shell.respond(&incoming, &publisher, handler).await;
    }
}

/// The number of requests that the client has sent so far and that are still to be dealt with.
///
/// The last of them may still be on their way through the socket and the tasks that read it, and nothing tells when
/// they have arrived: so this ends when nothing more has come for a moment.
async fn waiting(queue: &UnboundedReceiver<Incoming>) -> usize {
    loop {
        let so_far = queue.len();
        tokio::time::sleep(QUIET).await;
        if queue.len() == so_far {
            return so_far;
        }
    }
}
