//! Tells the kernel what cells, their tasks and their threads show. Installed by `main`.

use asyncio::display::{Content, Event, MimeBundle, set_sink};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boucle_wire::{FrameError, FromWorker, MAX_FRAME, Role, Show};

use crate::control::Kernel;
use crate::flush::flush;
use crate::run::complain;

/// Sends everything that this process shows to the kernel, each behind all that was printed before it.
pub(crate) fn tell(kernel: Kernel) {
    set_sink(move |event| {
        flush();
        let sent = match event {
            Event::Result(bundle) => kernel.ask(&show(Role::Result, bundle)),
            Event::Display { bundle, id } => kernel.ask(&show(Role::Display(id), bundle)),
            Event::Update { bundle, id } => kernel.send(&show(Role::Update(id), bundle)),
            Event::ClearOutput { wait } => kernel.ask(&FromWorker::ClearOutput { wait }),
        };
        // If the kernel is gone, this process is about to end.
        if let Err(FrameError::TooLarge(length)) = sent {
            complain(&format!(
                "cannot display a value of {length} bytes, because {MAX_FRAME} are the most; display a part of it"
            ));
        }
    });
}

fn show(role: Role, bundle: MimeBundle) -> FromWorker {
    let (contents, metadata) = bundle.into_parts();
    let encode = |content| match content {
        Content::Text(text) => text,
        Content::Bytes(bytes) => STANDARD.encode(bytes),
    };
    let data = contents.into_iter().map(|(mime_type, content)| (mime_type, encode(content))).collect();
    FromWorker::Show(Show { role, data, metadata })
}
