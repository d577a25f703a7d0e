//! Counts the messages that zeromq still holds, so that the kernel can end without losing any.
//! Used by `sockets::router` and `sockets::iopub` for each message, and by `kernel` at the end.
//!
//! zeromq has neither a linger time nor a flush. But it drops a message once it has written it,
//! so the last frame of each message carries a guard whose `Drop` counts.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::timeout;

/// The number of messages given to zeromq and not yet written.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight(Arc<watch::Sender<usize>>);

/// A frame that is counted as long as anything refers to it.
struct Counted {
    bytes: Bytes,
    count: InFlight,
}

impl InFlight {
    /// Counts the message `frames` from now on.
    pub(super) fn track(&self, frames: &mut [Bytes]) {
        let Some(last) = frames.last_mut() else {
            return;
        };
        self.0.send_modify(|count| *count += 1);
        *last = Bytes::from_owner(Counted { bytes: last.clone(), count: self.clone() });
    }

    /// Waits until nothing is left, but no longer than `limit`: a client that does not read must
    /// not keep the kernel alive.
    pub(crate) async fn drained(&self, limit: Duration) {
        let mut count = self.0.subscribe();
        if timeout(limit, count.wait_for(|count| *count == 0)).await.is_err() {
            tracing::warn!("{} messages were not sent in time", *self.0.borrow());
        }
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.count.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_counts_until_its_last_copy_is_gone() {
        let unsent = InFlight::default();
        let mut frames = [Bytes::from_static(b"a"), Bytes::from_static(b"b")];
        unsent.track(&mut frames);
        assert_eq!(frames, ["a", "b"]);
        let copy = frames.clone();
        drop(frames);
        assert_eq!(*unsent.0.borrow(), 1);
        drop(copy);
        unsent.drained(Duration::from_secs(60)).await;
        assert_eq!(*unsent.0.borrow(), 0);
    }
}
