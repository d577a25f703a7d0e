//! What happens to comms, between the kernel and the code of cells. Installed by `main`; `run` delivers.

use asyncio::comm::{Event, Kind, Message, set_link};
use boucle_wire::{Buffer, CommEvent, CommKind, FrameError, FromWorker, MAX_FRAME};
use serde_json::Value;

use crate::control::Kernel;
use crate::flush::flush;

/// Sends what cells do to their comms to the kernel, each behind all that was printed before it.
pub(crate) fn tell(kernel: Kernel) {
    set_link(move |event| {
        let frame = FromWorker::Comm(encode(event)?);
        flush();
        match kernel.send(&frame) {
            Err(FrameError::TooLarge(length)) => {
                Err(format!("this message has {length} bytes, and {MAX_FRAME} are the most"))
            }
            // If the kernel is gone, this process is about to end.
            _ => Ok(()),
        }
    });
}

/// Runs the callbacks for what the front end has done.
pub(crate) fn deliver(event: CommEvent) {
    let CommEvent { id, kind, data, metadata, buffers } = event;
    let kind = match kind {
        CommKind::Open { target } => Kind::Open { target },
        CommKind::Message => Kind::Message,
        CommKind::Close => Kind::Close,
    };
    let buffers = buffers.into_iter().map(|Buffer(bytes)| bytes).collect();
    asyncio::comm::deliver(Event {
        kind,
        id,
        message: Message::of_parts(data.to_string(), metadata.to_string(), buffers),
    });
}

fn encode(event: Event) -> Result<CommEvent, String> {
    let Event { kind, id, message } = event;
    let kind = match kind {
        Kind::Open { target } => CommKind::Open { target },
        Kind::Message => CommKind::Message,
        Kind::Close => CommKind::Close,
    };
    let (data, metadata, buffers) = message.into_parts();
    let buffers = buffers.into_iter().map(Buffer).collect();
    Ok(CommEvent { id, kind, data: parse("data", &data)?, metadata: parse("metadata", &metadata)?, buffers })
}

fn parse(what: &str, text: &str) -> Result<Value, String> {
    if text.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_str(text)
        .map_err(|error| format!("the {what} of a comm's message must be JSON, and this is not: {error}"))
}
