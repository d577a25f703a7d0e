//! Counts the messages that the sockets still hold, so that the kernel can end without losing any.
//! Used by `sockets::router` and `sockets::iopub` for each message, and by `kernel` at the end.
//!
//! A message is dropped once it has been written, so each carries a guard whose `Drop` counts.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::timeout;

/// The number of messages given to a socket and not yet written.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight(Arc<watch::Sender<usize>>);

/// A frame that is counted as long as anything refers to it.
struct Counted {
    bytes: Bytes,
    count: InFlight,
}

impl InFlight {
    /// Counts a message, of which `frame` is a part, until the last copy of the frame is gone.
    pub(super) fn track(&self, frame: Bytes) -> Bytes {
        self.0.send_modify(|count| *count += 1);
        Bytes::from_owner(Counted { bytes: frame, count: self.clone() })
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
        let frame = unsent.track(Bytes::from_static(b"a"));
        assert_eq!(frame, "a");
        let copy = frame.clone();
        drop(frame);
        assert_eq!(*unsent.0.borrow(), 1);
        drop(copy);
        unsent.drained(Duration::from_secs(60)).await;
        assert_eq!(*unsent.0.borrow(), 0);
    }
}
