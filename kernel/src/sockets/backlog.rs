//! What one subscriber has still to get. Filled by `sockets::iopub`, emptied by the subscriber's
//! writer.

use std::cell::RefCell;
use std::collections::VecDeque;

use bytes::Bytes;
use tokio::sync::Notify;

/// How much is written at once, roughly: fewer system calls than one per message.
const BATCH: usize = 64 << 10;

/// A queue of encoded messages that counts bytes.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    state: RefCell<State>,
    added: Notify,
    closed: Notify,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Bytes>,
    /// Of `messages` and of those being written.
    bytes: usize,
    closed: bool,
}

impl Backlog {
    /// The bytes not yet taken by the operating system.
    pub(super) fn bytes(&self) -> usize {
        self.state.borrow().bytes
    }

    pub(super) fn push(&self, message: Bytes) {
        let mut state = self.state.borrow_mut();
        if !state.closed {
            state.bytes += message.len();
            state.messages.push_back(message);
            self.added.notify_one();
        }
    }

    /// Forgets what is left; nothing can be added any more.
    pub(super) fn close(&self) {
        *self.state.borrow_mut() = State { closed: true, ..State::default() };
        self.closed.notify_one();
    }

    /// Resolves when it has been closed; for one waiter.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }

    /// The next messages to be written together; waits for one.
    pub(super) async fn next_batch(&self) -> Vec<Bytes> {
        loop {
            {
                let mut state = self.state.borrow_mut();
                if !state.messages.is_empty() {
                    return take_batch(&mut state.messages);
                }
            }
            self.added.notified().await;
        }
    }

    /// Notes that a batch has been written.
    pub(super) fn written(&self, bytes: usize) {
        let mut state = self.state.borrow_mut();
        // Closing has set the count to zero meanwhile, perhaps.
        state.bytes = state.bytes.saturating_sub(bytes);
    }
}

fn take_batch(messages: &mut VecDeque<Bytes>) -> Vec<Bytes> {
    let mut size = 0;
    let count = messages.iter().take_while(|message| {
        let fits = size == 0 || size + message.len() <= BATCH;
        size += message.len();
        fits
    });
    let count = count.count();
    messages.drain(..count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_messages_are_written_together_and_large_ones_alone() {
        let backlog = Backlog::default();
        for length in [10, 20, BATCH, 5] {
            backlog.push(Bytes::from(vec![0; length]));
        }
        assert_eq!(backlog.bytes(), BATCH + 35);
        let mut lengths = Vec::new();
        for _ in 0..3 {
            let batch = backlog.next_batch().await;
            lengths.push(batch.iter().map(Bytes::len).collect::<Vec<_>>());
        }
        assert_eq!(lengths, [vec![10, 20], vec![BATCH], vec![5]]);
        backlog.written(BATCH + 35);
        assert_eq!(backlog.bytes(), 0);
        backlog.push(Bytes::from_static(b"lost"));
        backlog.close();
        backlog.closed().await;
        backlog.push(Bytes::from_static(b"lost"));
        assert_eq!(backlog.bytes(), 0);
    }
}
