//! `StreamReader`: what comes in, by lines, by lengths, up to a mark.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::{fmt, mem};

use super::Source;
use crate::iterate::{AsyncIterator, inherent_iteration};
use crate::state::what::What;
use crate::task::awaiting::awaiting;

/// How long a line may be, in bytes, and how much is read ahead: Python's limit.
const LIMIT: usize = 64 * 1024;

/// The reading end of a connection or a pipe: Python's `asyncio.StreamReader`.
///
/// All its methods are cancel-safe: what has come in and was not returned stays for the next call. A connection is read by
/// one task at a time, which the borrow checker sees to.
///
/// ```
/// use asyncio::{IncompleteReadError, ReadError, StreamReader, open_connection, start_server};
///
/// asyncio::run(async {
///     let server = start_server(async |_, mut writer| writer.write(b"one\ntwo;three4444rest"), "127.0.0.1", 0).await.unwrap();
///     let port = server.local_addr().unwrap().port();
///     let (mut reader, _writer): (StreamReader, _) = open_connection("127.0.0.1", port).await.unwrap();
///
///     assert_eq!(reader.readline().await.unwrap(), b"one\n");
///     assert_eq!(reader.readuntil(b";").await.unwrap(), b"two;");
///     assert_eq!(reader.readexactly(5).await.unwrap(), b"three");
///     assert!(!reader.at_eof());
///     assert_eq!(reader.read(4).await.unwrap(), b"4444");
///     assert_eq!(reader.read_to_end().await.unwrap(), b"rest");
///     assert!(reader.at_eof());
///
///     let nothing = reader.readexactly(9).await;
///     assert!(matches!(nothing, Err(ReadError::Incomplete(IncompleteReadError { .. }))));
///     server.close();
/// });
/// ```
pub struct StreamReader {
    source: Source,
    /// What has come in, from `start` on.
    buffer: Vec<u8>,
    start: usize,
    /// Where input is read to; made with the first read.
    chunk: Box<[u8]>,
    ended: bool,
}

impl StreamReader {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, buffer: Vec::new(), start: 0, chunk: Box::default(), ended: false }
    }

    /// Waits until there are bytes, and returns at most `count` of them; none at the end, and none when `count` is 0. For all
    /// that comes until the end, see [`read_to_end`](Self::read_to_end).
    ///
    /// # Errors
    /// What the operating system says.
    #[track_caller]
    pub fn read(&mut self, count: usize) -> impl Future<Output = io::Result<Vec<u8>>> {
        awaiting(What::Read, async move {
            if count > 0 && self.pending().is_empty() {
                let read = self.receive().await?;
                if read <= count {
                    return Ok(self.chunk[..read].to_vec());
                }
                self.keep(read);
            }
            Ok(self.take(count.min(self.pending().len())))
        })
    }

    /// All bytes until the end: Python's `read(-1)`.
    ///
    /// # Errors
    /// What the operating system says.
    #[track_caller]
    pub fn read_to_end(&mut self) -> impl Future<Output = io::Result<Vec<u8>>> {
        awaiting(What::Read, async move {
            while self.fill().await? {}
            Ok(self.take(self.pending().len()))
        })
    }

    /// A line with its `\n`; the last one may have none; nothing at the end. Python's `readline`, in bytes.
    /// [`next`](Self::next) gives lines as text.
    ///
    /// # Errors
    /// What the operating system says; `InvalidData` when a line is longer than 64 KiB, which stays in the buffer, to be had
    /// by [`read`](Self::read).
    #[track_caller]
    pub fn readline(&mut self) -> impl Future<Output = io::Result<Vec<u8>>> {
        awaiting(What::Read, async move {
            match self.readuntil(b"\n").await {
                Ok(line) => Ok(line),
                Err(ReadError::Incomplete(error)) => Ok(error.partial),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// All bytes up to and with `separator`.
    ///
    /// # Errors
    /// [`IncompleteReadError`], with what there was, when the end comes before; [`LimitOverrunError`] when 64 KiB come
    /// before; what the operating system says.
    ///
    /// # Panics
    /// Raises [`ValueError`](crate::ValueError) "Separator should be at least one-byte string" when it is empty.
    #[track_caller]
    pub fn readuntil(&mut self, separator: &[u8]) -> impl Future<Output = Result<Vec<u8>, ReadError>> {
        awaiting(What::Read, async move {
            if separator.is_empty() {
                crate::error::value_error("Separator should be at least one-byte string");
            }
            let mut searched = 0;
            loop {
                let pending = self.pending();
                if let Some(at) = find(&pending[searched..], separator) {
                    return Ok(self.take(searched + at + separator.len()));
                }
                if pending.len() > LIMIT {
                    return Err(ReadError::Limit(LimitOverrunError { consumed: pending.len() + 1 - separator.len() }));
                }
                searched = (pending.len() + 1).saturating_sub(separator.len());
                if !self.fill().await? {
                    let partial = self.take(self.pending().len());
                    return Err(ReadError::Incomplete(IncompleteReadError { partial, expected: None }));
                }
            }
        })
    }

    /// Exactly `count` bytes.
    ///
    /// # Errors
    /// [`IncompleteReadError`], with what there was, when the end comes before; what the operating system says.
    #[track_caller]
    pub fn readexactly(&mut self, count: usize) -> impl Future<Output = Result<Vec<u8>, ReadError>> {
        awaiting(What::Read, async move {
            while self.pending().len() < count {
                if !self.fill().await? {
                    let partial = self.take(self.pending().len());
                    return Err(ReadError::Incomplete(IncompleteReadError { partial, expected: Some(count) }));
                }
            }
            Ok(self.take(count))
        })
    }

    /// Whether the end has come and everything was returned.
    #[must_use]
    pub fn at_eof(&self) -> bool {
        self.ended && self.pending().is_empty()
    }

    fn pending(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Moves bytes out of the buffer.
    fn take(&mut self, count: usize) -> Vec<u8> {
        if self.start == 0 && count == self.buffer.len() {
            return mem::take(&mut self.buffer);
        }
        let taken = self.pending()[..count].to_vec();
        self.start += count;
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        taken
    }

    /// Waits for more, and adds it to the buffer; false at the end.
    async fn fill(&mut self) -> io::Result<bool> {
        let read = self.receive().await?;
        self.keep(read);
        Ok(read > 0)
    }

    /// Waits for input, which is then at the beginning of the chunk; how much that is, 0 at the end.
    async fn receive(&mut self) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        if self.chunk.is_empty() {
            self.chunk = vec![0; LIMIT].into();
        }
        let (source, chunk) = (&mut self.source, &mut self.chunk);
        let read = poll_fn(|cx| source.poll_read(cx, chunk)).await?;
        self.ended = read == 0;
        Ok(read)
    }

    /// Adds what is in the chunk to the buffer.
    fn keep(&mut self, read: usize) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(&self.chunk[..read]);
    }
}

fn find(text: &[u8], separator: &[u8]) -> Option<usize> {
    match separator {
        [byte] => text.iter().position(|other| other == byte),
        _ => text.windows(separator.len()).position(|window| window == separator),
    }
}

/// The lines as text, without their ends: Python's `async for line in reader`. A line that is no UTF-8 is an error of the kind
/// `InvalidData`; after an error of any kind the iteration may go on.
impl AsyncIterator for StreamReader {
    type Item = io::Result<String>;

    async fn next(&mut self) -> Option<io::Result<String>> {
        let mut line = match self.readline().await {
            Ok(line) if line.is_empty() => return None,
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        for end in [b'\n', b'\r'] {
            if line.last() == Some(&end) {
                line.pop();
            }
        }
        Some(String::from_utf8(line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)))
    }
}

inherent_iteration!(impl [] StreamReader, io::Result<String>, Read);

impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.ended { " eof" } else { "" };
        write!(f, "<StreamReader {} bytes{end}>", self.pending().len())
    }
}

/// The end came too early: Python's `asyncio.IncompleteReadError`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncompleteReadError {
    /// What there was.
    pub partial: Vec<u8>,
    /// How many bytes were asked for; `None` when they were to go up to a separator.
    pub expected: Option<usize>,
}

/// No separator came within the limit: Python's `asyncio.LimitOverrunError`. Nothing was consumed.
///
/// ```
/// use asyncio::{LimitOverrunError, ReadError, open_connection, start_server};
///
/// asyncio::run(async {
///     let endless = vec![b'x'; 100_000];
///     let server = start_server(async move |_, mut writer| writer.write(&endless), "127.0.0.1", 0).await.unwrap();
///     let port = server.local_addr().unwrap().port();
///     let (mut reader, _writer) = open_connection("127.0.0.1", port).await.unwrap();
///     let outcome = reader.readuntil(b"\n").await;
///     assert!(matches!(outcome, Err(ReadError::Limit(LimitOverrunError { .. }))));
///     assert_eq!(reader.read(1).await.unwrap(), b"x");
///     server.close();
/// });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitOverrunError {
    /// How many bytes can be read before the place where the separator may still begin.
    pub consumed: usize,
}

/// Why an amount of input could not be had.
#[derive(Debug)]
pub enum ReadError {
    /// The end came too early.
    Incomplete(IncompleteReadError),
    /// No separator came within the limit.
    Limit(LimitOverrunError),
    /// What the operating system says.
    Io(io::Error),
}

impl fmt::Display for IncompleteReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partial = self.partial.len();
        match self.expected {
            Some(expected) => write!(f, "{partial} bytes read on a total of {expected} expected bytes"),
            None => write!(f, "{partial} bytes read on a total of undefined expected bytes"),
        }
    }
}

impl fmt::Display for LimitOverrunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Separator is not found, and chunk exceed the limit of {LIMIT} bytes")
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete(error) => error.fmt(f),
            Self::Limit(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl Error for IncompleteReadError {}
impl Error for LimitOverrunError {}
impl Error for ReadError {}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Incomplete(error) => Self::new(io::ErrorKind::UnexpectedEof, error),
            ReadError::Limit(error) => Self::new(io::ErrorKind::InvalidData, error),
            ReadError::Io(error) => error,
        }
    }
}
