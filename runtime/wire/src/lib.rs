//! The frames that the kernel and the worker exchange over their private socket, and how they are written as bytes.
//! Both processes are built from this one definition; a `Hello` with the version comes first in case they are not.
//!
//! A frame is a little-endian `u32` length followed by that many bytes of JSON. The user's own output never travels
//! here: stdout and stderr are plain pipes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Raised whenever a frame changes in a way that an older peer cannot read.
pub const VERSION: u32 = 3;

/// The environment variable that tells the worker which inherited descriptor its socket is.
pub const SOCKET_FD_VARIABLE: &str = "BOUCLE_WORKER_FD";

/// The largest frame either side accepts, in bytes: far above any real one, far below what would exhaust memory.
pub const MAX_FRAME: u32 = 1 << 30;

/// What the kernel tells the worker. The end of the stream tells it to exit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// Run a cell, or what a message of a comm asks for.
    Run(Run),
    /// Ask whether an interrupt of this cell is still waiting to be raised.
    IsInterrupted {
        /// The number of the [`Run`].
        cell: u64,
    },
    /// The next of the [`FromWorker::Show`], [`FromWorker::ClearOutput`] and [`FromWorker::Begins`] that wait for it has its
    /// place among the output.
    Shown,
    /// Raise `KeyboardInterrupt` in the cell with this number; ignored when that cell is not the one that runs.
    Interrupt {
        /// The number of the [`Run`] that the user wants to stop.
        cell: u64,
    },
    /// The answer to a [`FromWorker::Ask`].
    Answer {
        /// The number of the question.
        question: u64,
        /// What has been typed, or why nobody could be asked.
        answer: Result<String, String>,
    },
    /// Set an environment variable; between cells only.
    SetVariable {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// Let the time of the event loops jump or pass; between cells only.
    SetClock {
        /// Whether it jumps.
        is_virtual: bool,
    },
    /// List the pending tasks; between cells only.
    ListTasks,
}

/// Something to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Counts the runs of this worker; interrupts and replies quote it.
    pub cell: u64,
    /// Whether it may run between two turns of a loop that another one drives; otherwise it waits for that one's end.
    pub guest: bool,
    /// Whether [`FromWorker::Begins`] is wanted, since others may be running.
    pub announce: bool,
    /// What to do.
    pub work: Work,
}

/// What a run does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// It loads a compiled cell and runs it.
    Library(Library),
    /// It delivers what the front end has done to a comm.
    Comm(CommEvent),
}

/// Something that happens to a comm, on either side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommEvent {
    /// The comm.
    pub id: String,
    /// What happens to it.
    pub kind: CommKind,
    /// What is said.
    pub data: Value,
    /// What is to be known about that.
    pub metadata: Value,
    /// The bytes that come with it.
    pub buffers: Vec<Buffer>,
}

impl CommEvent {
    /// The comm is closed, without a word.
    #[must_use]
    pub fn close(id: &str) -> Self {
        let nothing = || Value::Object(serde_json::Map::new());
        Self { id: id.to_owned(), kind: CommKind::Close, data: nothing(), metadata: nothing(), buffers: Vec::new() }
    }
}

/// What can happen to a comm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommKind {
    /// It is opened.
    Open {
        /// To this target.
        target: String,
    },
    /// A message passes.
    Message,
    /// It is closed.
    Close,
}

/// Bytes; in base64 where they are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffer(pub Vec<u8>);

impl Serialize for Buffer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Buffer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'_, str>>::deserialize(deserializer)?;
        STANDARD.decode(&*text).map(Buffer).map_err(D::Error::custom)
    }
}

/// A compiled cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Library {
    /// The libraries of the crates that the cell uses, to be loaded before it.
    pub crates: Vec<PathBuf>,
    /// The shared library that holds the cell.
    pub path: PathBuf,
    /// Variables to drop before the cell starts, because their type has been redefined.
    pub forget: Vec<String>,
    /// Store sites whose values are dropped instead of stored, because their type has no name.
    pub discard: Vec<u32>,
    /// The name of the generated file, as panics in it give it.
    pub file: String,
    /// Where the user's text stands in it, in order.
    pub pieces: Vec<Piece>,
}

/// A stretch of the user's text in a generated file. Lines and columns count from 1, in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The line in the generated file.
    pub line: u32,
    /// The column in the generated file.
    pub column: u32,
    /// The line in which it ends.
    pub end_line: u32,
    /// The column behind its last character.
    pub end_column: u32,
    /// The place in a cell that it is.
    pub place: Location,
}

/// What the worker tells the kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// The first frame: the worker is ready for cells.
    Hello {
        /// The worker's [`VERSION`].
        version: u32,
    },
    /// Something to show. Unless it is an update, whoever shows it waits for [`ToWorker::Shown`]: what is printed next
    /// takes another way, and must not come first.
    Show(Show),
    /// The cell's output is to be removed; to be waited for as well.
    ClearOutput {
        /// Whether it stays until there is something in its place.
        wait: bool,
    },
    /// The run of this number goes on now, or begins: what is printed and shown belongs to it. To be waited for.
    Begins {
        /// The number of the [`Run`].
        cell: u64,
    },
    /// Something happens to a comm on this side.
    Comm(CommEvent),
    /// A person is to be asked for a line of text.
    Ask(Question),
    /// The answer is not wanted any more.
    Withdraw {
        /// The number of the question.
        question: u64,
    },
    /// The cell's thread panics. Sent before the stack unwinds, for the case that it cannot, and the process aborts.
    Panicking {
        /// The number of the run; `None` between cells.
        cell: Option<u64>,
        /// What it says.
        failure: Failure,
    },
    /// The answer to [`ToWorker::IsInterrupted`].
    Interrupted {
        /// The number of the run.
        cell: u64,
        /// Whether the cell has not reacted yet.
        waiting: bool,
    },
    /// The cell has ended.
    Done(Done),
    /// The answer to [`ToWorker::ListTasks`]: the current loop's tasks, oldest first.
    Tasks(Vec<TaskRow>),
}

/// Something to be typed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The run that is under way; `None` between cells.
    pub cell: Option<u64>,
    /// Counts the questions of this worker.
    pub number: u64,
    /// What stands in front of the field.
    pub prompt: String,
    /// Whether the text is not to be shown.
    pub secret: bool,
}

/// A pending task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRow {
    /// Its name, as `Task-1`.
    pub name: String,
    /// The function whose coroutine it runs.
    pub coroutine: String,
    /// How it stands: `ready`, `waiting` or `cancelling`.
    pub state: String,
    /// What it waits for.
    pub awaits: Option<String>,
    /// The line at which it waits, as `In[3]:4`.
    pub place: Option<String>,
    /// How long it has been in its state, on its loop's clock.
    pub since: Duration,
    /// The tasks that wait for it.
    pub awaited_by: Vec<String>,
}

/// How long the worker took for a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// To load the library.
    pub load: Duration,
    /// To run it, by the clock.
    pub wall: Duration,
    /// To run it, in processor time of the whole process.
    pub processor: Duration,
}

/// A value in its representations. What was printed before has been written to the pipes when this is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Show {
    /// What it is to the cell.
    pub role: Role,
    /// MIME type → content: text, JSON as text, or bytes in base64.
    pub data: BTreeMap<String, String>,
    /// MIME type → what else is to be known about the content, as JSON.
    pub metadata: BTreeMap<String, String>,
}

/// What a shown value is to its cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The value of its final expression.
    Result,
    /// One of the things that it displays, under this name.
    Display(String),
    /// Another content for all that is displayed under this name.
    Update(String),
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// The number of the run.
    pub cell: u64,
    /// Whether the library could be loaded, so that what it defines is there.
    pub loaded: bool,
    /// The variables that this run stored, with the site in the generated code where it happened.
    pub stored: Vec<Stored>,
    /// The names of all variables that exist now, apart from those that a cell holds that is still under way.
    pub variables: Vec<String>,
    /// Why the cell failed, if it did.
    pub failure: Option<Failure>,
    /// How long it took.
    pub times: Times,
}

/// One variable that a cell stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The variable's name.
    pub name: String,
    /// The number of the store in the generated code; it decides the variable's type.
    pub site: u32,
}

/// What ended a cell early.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The exception's name, as Jupyter's `ename`.
    pub name: String,
    /// Its message, as Jupyter's `evalue`.
    pub message: String,
    /// Where it was raised: a place in a cell, or in a library.
    pub location: Option<Location>,
    /// What caused it, as the error itself tells: the nearest cause first.
    pub causes: Vec<String>,
    /// What was on the stack, innermost first; empty while it is not known how the cell ends.
    pub frames: Vec<Frame>,
}

/// A function on the stack of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The library that holds its code; for a cell, as [`Run::library`] named it.
    pub library: PathBuf,
    /// Where in the library the call that it was making ends, in bytes from where it is loaded.
    pub offset: u64,
}

/// A place in a source file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The file's name as the compiler was given it; for a cell, `In[n]`.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The peer closed the socket between two frames.
    #[error("the peer closed the connection")]
    Closed,
    /// The frame is larger than [`MAX_FRAME`].
    #[error("a frame of {0} bytes exceeds the limit")]
    TooLarge(u64),
    /// The bytes are not a frame that this version knows.
    #[error("a frame could not be understood: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The socket failed.
    #[error("the worker's socket failed: {0}")]
    Io(#[from] io::Error),
}

/// The bytes of a frame, length first.
///
/// # Errors
/// [`FrameError::TooLarge`] and [`FrameError::Malformed`].
pub fn encode<T: Serialize>(frame: &T) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, frame)?;
    let length = bytes.len() as u64 - 4;
    let prefix = u32::try_from(length).ok().filter(|&n| n <= MAX_FRAME).ok_or(FrameError::TooLarge(length))?;
    bytes[..4].copy_from_slice(&prefix.to_le_bytes());
    Ok(bytes)
}

/// Takes the first frame off the front of `buffer`, or `None` while it is incomplete.
///
/// # Errors
/// [`FrameError::TooLarge`] and [`FrameError::Malformed`].
pub fn decode<T: DeserializeOwned>(buffer: &mut Vec<u8>) -> Result<Option<T>, FrameError> {
    let Some(prefix) = buffer.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*prefix);
    if length > MAX_FRAME {
        return Err(FrameError::TooLarge(length.into()));
    }
    let end = 4 + length as usize;
    if buffer.len() < end {
        return Ok(None);
    }
    let frame = serde_json::from_slice(&buffer[4..end])?;
    buffer.drain(..end);
    Ok(Some(frame))
}

/// Writes one frame to a blocking stream.
///
/// # Errors
/// As [`encode`], and [`FrameError::Io`].
pub fn write<T: Serialize>(mut stream: impl Write, frame: &T) -> Result<(), FrameError> {
    stream.write_all(&encode(frame)?)?;
    Ok(())
}

/// Reads one frame from a blocking stream.
///
/// # Errors
/// [`FrameError::Closed`] at the end of the stream, otherwise as [`decode`].
pub fn read<T: DeserializeOwned>(mut stream: impl Read) -> Result<T, FrameError> {
    let mut prefix = [0; 4];
    if let Err(error) = stream.read_exact(&mut prefix) {
        return Err(match error.kind() {
            io::ErrorKind::UnexpectedEof => FrameError::Closed,
            _ => error.into(),
        });
    }
    let length = u32::from_le_bytes(prefix);
    if length > MAX_FRAME {
        return Err(FrameError::TooLarge(length.into()));
    }
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_the_wire_in_any_chunking() {
        let frames = [ToWorker::Interrupt { cell: 7 }, ToWorker::Interrupt { cell: 8 }];
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| encode(frame).unwrap()).collect();
        let (mut buffer, mut seen) = (Vec::new(), Vec::new());
        for byte in bytes {
            buffer.push(byte);
            while let Some(frame) = decode::<ToWorker>(&mut buffer).unwrap() {
                seen.push(frame);
            }
        }
        assert_eq!(seen, frames);
        assert!(buffer.is_empty());
    }

    #[test]
    fn an_absurd_length_is_refused_before_anything_is_allocated() {
        let mut buffer = u32::MAX.to_le_bytes().to_vec();
        assert!(matches!(decode::<ToWorker>(&mut buffer), Err(FrameError::TooLarge(_))));
        assert!(matches!(read::<ToWorker>(&u32::MAX.to_le_bytes()[..]), Err(FrameError::TooLarge(_))));
    }

    #[test]
    fn the_end_of_the_stream_is_told_apart_from_a_broken_frame() {
        assert!(matches!(read::<ToWorker>(&[][..]), Err(FrameError::Closed)));
        assert!(matches!(read::<ToWorker>(&[3, 0, 0, 0, b'x'][..]), Err(FrameError::Io(_))));
        assert!(matches!(read::<ToWorker>(&[1, 0, 0, 0, b'x'][..]), Err(FrameError::Malformed(_))));
    }
}
