//! What the kernel and the assistant say to each other: one JSON value a line, on the assistant's stdin and stdout.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// From the kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToAssistant {
    /// From now on, questions are about code with these crates. Until they are loaded, what was there before goes on.
    Open(Project),
    /// To be answered. It ends the work on all earlier ones, which are answered with [`Answer::Outdated`].
    Ask(Question),
}

/// From the assistant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromAssistant {
    /// The crates of a project have been loaded.
    Opened {
        /// Where the sources of std come from.
        library: Library,
    },
    /// The crates of a project could not be loaded, for this reason.
    NotOpened(String),
    /// To the question of this number.
    Answer(u64, Answer),
}

/// The crates that a notebook's code may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// The manifest of a package that depends on them, with the code as its `src/lib.rs`.
    pub manifest: String,
    /// The `Cargo.lock` with their versions.
    pub lock: Option<PathBuf>,
    /// What cargo has said while it built them, a JSON value a line: where procedural macros lie, and what build scripts have
    /// made. Without it neither is known.
    pub built: Option<PathBuf>,
    /// The toolchain's own folder.
    pub sysroot: PathBuf,
    /// Where to keep the sources of std if the toolchain comes without them.
    pub library: PathBuf,
}

/// Where the sources of std come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Library {
    /// The component `rust-src`.
    Installed,
    /// The pages of the component `rust-docs`.
    Documentation,
    /// The toolchain has neither, so nothing is known of std.
    Missing,
}

/// About a place in some source text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Chosen by the kernel; each is greater than the one before.
    pub id: u64,
    /// All of the source.
    pub text: String,
    /// The place, in bytes.
    pub offset: usize,
    /// What is asked.
    pub about: About,
}

/// What is asked about a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum About {
    /// What could stand there instead of the word in front of it, beginning with that.
    Completion,
    /// What stands there.
    Help {
        /// Where the name of what is called around the place begins, in bytes.
        callee: Option<usize>,
        /// Whether that call matters more than what stands at the place itself.
        call_first: bool,
        /// Whether the source of its definition is wanted, too.
        source: bool,
    },
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// What could stand there.
    Candidates(Vec<Candidate>),
    /// What stands there, if anything is known.
    Help(Option<Help>),
    /// A newer question has come.
    Outdated,
    /// Nothing has been loaded yet.
    NotReady,
}

/// One thing that could stand at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// What to write.
    pub text: String,
    /// Its name, without arguments.
    pub name: String,
    /// What it is, in a word: `method`, `field` and so on.
    pub kind: String,
    /// Its declaration or type.
    pub signature: String,
    /// The greater, the more likely it is meant; 0 for what nothing speaks for or against.
    pub relevance: i32,
}

/// What is known of a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Help {
    /// For reading.
    pub markdown: String,
    /// The definition as it is written.
    pub source: Option<String>,
    /// Whether it is a field that the notebook's code cannot use: then a method of the same name is meant.
    pub is_private: bool,
}

/// Writes a message.
///
/// # Errors
/// If the other side is gone.
pub fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads a message; `None` at the end.
///
/// # Errors
/// If what comes is no message.
pub fn read<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let message = ToAssistant::Ask(Question {
            id: 7,
            text: "fn f() {\n    \"é🦀\"\n}\n".into(),
            offset: 3,
            about: About::Help { callee: Some(1), call_first: true, source: false },
        });
        let mut pipe = Vec::new();
        write(&mut pipe, &message).unwrap();
        write(&mut pipe, &message).unwrap();
        let mut from = pipe.as_slice();
        assert_eq!(read(&mut from).unwrap(), Some(message.clone()));
        assert_eq!(read(&mut from).unwrap(), Some(message));
        assert_eq!(read::<ToAssistant>(&mut from).unwrap(), None);
        assert!(read::<ToAssistant>(&mut "nonsense\n".as_bytes()).is_err());
    }
}
