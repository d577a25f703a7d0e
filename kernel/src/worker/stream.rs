//! One of the pipes to which the worker's process writes: bytes, read as they come, as text. Used by `output`.

use std::io::{self, PipeReader, Read};
use std::os::fd::AsRawFd;

use tokio::io::unix::AsyncFd;

use crate::publish::StreamName;

/// How much is read in one turn, in bytes: enough to be fast, little enough for others to have theirs.
const AT_ONCE: usize = 1 << 18;

/// One of the pipes.
pub(super) struct Stream {
    pub(super) name: StreamName,
    pipe: AsyncFd<PipeReader>,
    /// The beginning of a character whose rest has not come yet.
    partial: Vec<u8>,
    /// Whether the last read has left something, so that the next need not wait.
    more: bool,
    pub(super) open: bool,
}

impl Stream {
    pub(super) fn new(name: StreamName, pipe: PipeReader) -> io::Result<Stream> {
        // SAFETY: the registration owns the pipe, which so stays open for as long as it is watched.
        let pipe = unsafe { AsyncFd::register(pipe) }?;
        Ok(Stream { name, pipe, partial: Vec::new(), more: false, open: true })
    }

    /// Resolves when there is something to read, or the other end has been closed.
    pub(super) async fn readable(&self) {
        if self.more {
            // Others have their turn first: the kernel has only one thread.
            return tokio::task::yield_now().await;
        }
        if let Ok(mut guard) = self.pipe.readable().await {
            // Reading goes past tokio; so ask the system again next time.
            guard.clear_ready();
        }
    }

    /// What can be read now, up to [`AT_ONCE`]: as text, and as it came.
    pub(super) fn take(&mut self) -> (String, Vec<u8>) {
        let mut bytes = std::mem::take(&mut self.partial);
        let mut chunk = vec![0; 1 << 16];
        self.more = true;
        while self.more && self.open && bytes.len() < AT_ONCE {
            match self.pipe.get_ref().read(&mut chunk) {
                Ok(0) => self.open = false,
                Ok(length) => bytes.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.more = false;
                    self.open &= error.kind() == io::ErrorKind::WouldBlock;
                }
            }
        }
        self.more &= self.open;
        let text = decode(&mut bytes, &mut self.partial, !self.open);
        (text, bytes)
    }

    /// What is left of a character that was begun and will not be finished.
    pub(super) fn flush(&mut self) -> String {
        let mut bytes = std::mem::take(&mut self.partial);
        decode(&mut bytes, &mut self.partial, true)
    }

    /// How many bytes wait in the pipe.
    pub(super) fn waiting(&self) -> usize {
        let mut length: libc::c_int = 0;
        // SAFETY: the descriptor is open and the number lives during the call.
        match unsafe { libc::ioctl(self.pipe.as_raw_fd(), libc::FIONREAD, &raw mut length) } {
            0 => usize::try_from(length).unwrap_or(0),
            _ => 0,
        }
    }
}

/// The bytes as text. An incomplete character at the end is moved to `partial`, unless this is the end.
fn decode(bytes: &mut Vec<u8>, partial: &mut Vec<u8>, end: bool) -> String {
    if !end {
        let whole = match std::str::from_utf8(bytes) {
            Ok(_) => bytes.len(),
            Err(_) => incomplete_from(bytes),
        };
        *partial = bytes.split_off(whole);
    }
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where an incomplete character at the very end begins; the length if there is none.
fn incomplete_from(bytes: &[u8]) -> usize {
    let tail_start = bytes.len().saturating_sub(3);
    (tail_start..bytes.len())
        .find(|&at| {
            std::str::from_utf8(&bytes[at..])
                .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_survive_any_chunking_and_garbage_is_replaced() {
        let bytes = b"\xcf\x80 ok \xff\xf0\x9f\xa6\x80 \xe2\x82";
        let (mut text, mut partial) = (String::new(), Vec::new());
        for &byte in bytes {
            let mut chunk = std::mem::take(&mut partial);
            chunk.push(byte);
            text += &decode(&mut chunk, &mut partial, false);
        }
        text += &decode(&mut std::mem::take(&mut partial), &mut Vec::new(), true);
        assert_eq!(text, "π ok \u{fffd}🦀 \u{fffd}");
    }
}
