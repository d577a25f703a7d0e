//! Reads a command: which one it is, and what it is asked for. One table holds their names, their help and how each reads
//! its argument. Called by the engine before anything of a cell runs.

use std::ops::Range;

use super::nearest::nearest;
use super::segment::{Line, Sigil};
use super::table::{Cell, Table};

/// What a cell asks of the notebook itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Make a crate usable: what stands behind `:dep`.
    Dep(String),
    Help,
    ShowDeps,
    Vars,
    Version,
}

/// What is wrong with a command, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) at: Range<usize>,
}

/// One command, as `:help` shows it.
#[derive(Debug)]
struct Entry {
    /// The title under which it stands.
    group: &'static str,
    sigil: Sigil,
    name: &'static str,
    /// What may follow the name.
    argument: &'static str,
    summary: &'static str,
    read: fn(&str, Range<usize>) -> Result<Command, String>,
}

/// All commands, in the order in which `:help` shows them.
const COMMANDS: &[Entry] = &[
    Entry {
        group: "Crates",
        sigil: Sigil::Colon,
        name: "dep",
        argument: "name = \"1\"",
        summary: "use a crate: a version, or a table as in Cargo.toml",
        read: |argument, _| match argument {
            "" => Err("`:dep` needs a crate, for example `:dep rand = \"0.9\"`".into()),
            specification => Ok(Command::Dep(specification.to_owned())),
        },
    },
    Entry {
        group: "Crates",
        sigil: Sigil::Colon,
        name: "show_deps",
        argument: "",
        summary: "the crates in use",
        read: |argument, _| nothing(argument, Command::ShowDeps),
    },
    Entry {
        group: "The notebook",
        sigil: Sigil::Colon,
        name: "vars",
        argument: "",
        summary: "the variables and their types",
        read: |argument, _| nothing(argument, Command::Vars),
    },
    Entry {
        group: "About",
        sigil: Sigil::Colon,
        name: "help",
        argument: "",
        summary: "this table",
        read: |argument, _| nothing(argument, Command::Help),
    },
    Entry {
        group: "About",
        sigil: Sigil::Colon,
        name: "version",
        argument: "",
        summary: "the versions of Boucle and of Rust",
        read: |argument, _| nothing(argument, Command::Version),
    },
];

/// For commands that take no argument.
fn nothing(argument: &str, command: Command) -> Result<Command, String> {
    match argument.trim_end_matches(';') {
        "" => Ok(command),
        surplus => Err(format!("this command takes no argument, so `{surplus}` is too much")),
    }
}

/// All commands with what they are for.
pub(crate) fn help() -> Table {
    let mut table = Table::new(["Command", "What it does"]);
    for (index, entry) in COMMANDS.iter().enumerate() {
        if index == 0 || COMMANDS[index - 1].group != entry.group {
            table.title(entry.group);
        }
        table.row([Cell::code(entry.usage()), Cell::text_of(entry.summary)]);
    }
    table
}

/// Whether there is a command of this name.
pub(super) fn is_known(sigil: Sigil, name: &str) -> bool {
    COMMANDS.iter().any(|entry| entry.sigil == sigil && entry.name == name)
}

/// The command that a line of the text holds.
///
/// # Errors
/// If there is no such command, or its argument cannot be understood.
pub(crate) fn parse(text: &str, line: &Line) -> Result<Command, Problem> {
    let name = &text[line.name.clone()];
    let found = COMMANDS.iter().find(|entry| entry.sigil == line.sigil && entry.name == name);
    let Some(entry) = found else { return Err(unknown(name, line)) };
    let whole = line.name.start - line.sigil.text().len()..line.argument.end.max(line.name.end);
    (entry.read)(&text[line.argument.clone()], line.argument.clone()).map_err(|message| Problem {
        message,
        help: Some(format!("`{}` {}", entry.usage(), entry.summary)),
        at: if line.argument.is_empty() { whole } else { line.argument.clone() },
    })
}

fn unknown(name: &str, line: &Line) -> Problem {
    let sigil = line.sigil.text();
    let at = line.name.start - sigil.len()..line.name.end;
    let of_sigil = |sigil: Sigil| COMMANDS.iter().filter(move |entry| entry.sigil == sigil);
    let near = nearest(name, of_sigil(line.sigil).map(|entry| entry.name)).map(|near| format!("{sigil}{near}"));
    // The name may be right and the sign in front of it wrong.
    let elsewhere = COMMANDS.iter().find(|entry| entry.name == name).map(Entry::name);
    let help = match elsewhere.or(near) {
        Some(near) => format!("did you mean `{near}`? `:help` shows all commands"),
        None => "`:help` shows all commands".to_owned(),
    };
    let message = match name {
        "" => format!("the name of a command has to follow the `{sigil}`"),
        name => format!("there is no command `{sigil}{name}`"),
    };
    Problem { message, help: Some(help), at }
}

impl Entry {
    /// The name with its sigil.
    fn name(&self) -> String {
        format!("{}{}", self.sigil.text(), self.name)
    }

    /// The name, and what may follow it.
    fn usage(&self) -> String {
        format!("{} {}", self.name(), self.argument).trim_end().to_owned()
    }
}
