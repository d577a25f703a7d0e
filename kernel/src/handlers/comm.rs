//! Passes on what front ends do to comms. Called by `handlers::answer`; the code at the other end is in the worker.

use boucle_wire::{Buffer, CommEvent, CommKind, Failure, Work};
use serde_json::{Value, json};

use super::Context;
use crate::protocol::incoming::Incoming;
use crate::protocol::request::{Comm, CommInfo};
use crate::publish::{Publisher, StreamName};
use crate::worker::{Audience, Ended};

/// The content of a `comm_info_reply`.
pub(super) fn info(request: &CommInfo, context: &Context) -> Value {
    json!({ "status": "ok", "comms": context.comms.list(request.target_name.as_deref()) })
}

/// Has the callbacks of a comm called, as soon as no cell is in their way.
pub(super) async fn deliver(
    kind: CommKind,
    comm: &Comm,
    incoming: &Incoming,
    context: &Context,
    publisher: &Publisher,
) {
    let delivery = async {
        let Some(worker) = context.engine.worker().await else {
            // Nothing has run that could have registered a target.
            if matches!(kind, CommKind::Open { .. }) {
                publisher.comm_close(&comm.comm_id);
            }
            return;
        };
        let event = event(kind, comm, incoming);
        context.comms.note(&event);
        let audience = Audience { publisher, execution_count: None, asker: None };
        let mut interrupts = context.interrupt.presses();
        let running = worker.hand_over(Work::Comm(event), true, audience).await;
        let failed = match running.end(&mut interrupts).await {
            Ended::Done(done) => done.failure.map(|failure| describe(&failure)),
            Ended::Died(death) => Some(format!("{}: {}", death.name, death.cause)),
        };
        if let Some(report) = failed {
            publisher.stream(StreamName::Stderr, format!("a callback of a comm failed: {report}\n"));
        }
    };
    tokio::select! {
        biased;
        () = context.stop.requested() => {}
        () = delivery => {}
    }
}

fn event(kind: CommKind, comm: &Comm, incoming: &Incoming) -> CommEvent {
    CommEvent {
        id: comm.comm_id.clone(),
        kind,
        data: comm.data.clone(),
        // Who sends none means an empty one.
        metadata: serde_json::from_slice(&incoming.metadata).unwrap_or_else(|_| json!({})),
        buffers: incoming.buffers.iter().map(|bytes| Buffer(bytes.to_vec())).collect(),
    }
}

fn describe(failure: &Failure) -> String {
    let Failure { name, message, location, .. } = failure;
    let place = location.as_ref().map(|at| format!(" at {}:{}:{}", at.file, at.line, at.column));
    format!("{name}{}: {message}", place.unwrap_or_default())
}
