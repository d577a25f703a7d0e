//! Reads a command: which one it is, and what it is asked for. One table holds their names, their help and how each reads
//! its argument. Called by the engine before anything of a cell runs.

use std::ops::Range;

use super::arguments::{
    cell_level, clock, code_type, configuration, dependency, documented, documented_name, error_format, level,
    measured, measured_cell, nothing, shell, some_code, some_file, value_format, variable,
};
use super::segment::Sigil::{Cell as Whole, Colon, Percent};
use super::segment::{Line, Sigil};
use super::table::{Cell, Table};
use crate::cell::{ErrorFormat, ValueFormat};
use crate::nearest::nearest;

/// What a cell asks of the notebook itself. Ranges are those of Rust code in the cell's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    BuildEnv {
        name: String,
        value: String,
    },
    Clear,
    /// Let time jump (true) or pass; without a word, only tell which.
    Clock(Option<bool>),
    /// Make a crate usable: what stands behind `:dep`.
    Dep(String),
    /// Show what is known of a name.
    Doc(String),
    /// How errors are written that `?` has met; without a format, only tell which it is.
    Efmt(Option<ErrorFormat>),
    Env {
        name: String,
        value: String,
    },
    /// How values are written; without a format, in Rust's own.
    Fmt(Option<ValueFormat>),
    Help,
    LastSource,
    /// Put the text of a file into the cell, to be read and run.
    Load(String),
    LoadConfig {
        quiet: bool,
    },
    /// Only of use in evcxr, and why not here.
    Needless(&'static str),
    /// Set the level, or back to that which follows from the code.
    Opt(Option<u8>),
    OptCell(u8),
    ToggleOpt,
    /// Show what is known of a name, beside the notebook where the front end can.
    Page(String),
    Quit,
    Restart,
    Shell(String),
    ShowDeps,
    Tasks,
    Time(Range<usize>),
    TimeCell,
    Timeit {
        code: Range<usize>,
        loops: u64,
        rows: u32,
    },
    TimeitCell {
        loops: u64,
        rows: u32,
    },
    Timing,
    Type(Range<usize>),
    Types,
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
struct Entry {
    /// The title under which it stands.
    group: &'static str,
    sigil: Sigil,
    name: &'static str,
    /// What may follow the name.
    argument: &'static str,
    summary: &'static str,
    read: Reader,
}

/// Makes a command of its argument, and of where that stands. Or says what is wrong with it.
type Reader = fn(&str, Range<usize>) -> Result<Command, String>;

const NOTEBOOK: &str = "What there is";
const CRATES: &str = "Crates";
const SESSION: &str = "Session";
const TIME: &str = "Time";
const SHELL: &str = "Shell";
const ABOUT: &str = "Help";

/// All commands, in the order in which `:help` shows them.
#[rustfmt::skip]
const COMMANDS: &[Entry] = &[
    entry(NOTEBOOK, Colon, "vars", "", "the variables and their types", |text, _| nothing(text, Command::Vars)),
    entry(NOTEBOOK, Colon, "type", "expression", "the type of an expression, which is not run; `:t` for short", code_type),
    entry(NOTEBOOK, Colon, "t", "expression", "", code_type),
    entry(NOTEBOOK, Colon, "tasks", "", "the event loop's pending tasks", |text, _| nothing(text, Command::Tasks)),
    entry(NOTEBOOK, Colon, "doc", "name", "what is known of a name; `?name` shows it in a pager, where there is one", documented),
    entry(NOTEBOOK, Colon, "last_source", "", "the source that rustc was given for the last cell", |text, _| nothing(text, Command::LastSource)),
    entry(CRATES, Colon, "dep", "name = \"1\"", "use a crate: a version, or a table as in Cargo.toml", dependency),
    entry(CRATES, Colon, "show_deps", "", "the crates in use", |text, _| nothing(text, Command::ShowDeps)),
    entry(SESSION, Colon, "opt", "0…3", "how much rustc optimizes from now on; `auto`: by whether the code loops", level),
    entry(SESSION, Whole, "opt", "0…3", "the same for one cell", cell_level),
    entry(SESSION, Colon, "fmt", "{:#?}", "how values are written: `{:#?}`, `{:.2?}`, `{}` …; without a format in the usual way", value_format),
    entry(SESSION, Colon, "efmt", "{}", "how errors are written that `?` meets: `{:?}`, `{:#?}`, `{}`, or `default`: in words, with what has caused them", error_format),
    entry(SESSION, Colon, "types", "", "switch on or off: show values with their types", |text, _| nothing(text, Command::Types)),
    entry(SESSION, Colon, "env", "NAME=value", "set an environment variable for cells and shell commands", |text, _| {
        let (name, value) = variable(text)?;
        Ok(Command::Env { name, value })
    }),
    entry(SESSION, Colon, "build_env", "NAME=value", "set one for rustc and cargo", |text, _| {
        let (name, value) = variable(text)?;
        Ok(Command::BuildEnv { name, value })
    }),
    entry(SESSION, Colon, "restart", "", "a new process for cells: variables and tasks go, definitions stay", |text, _| nothing(text, Command::Restart)),
    entry(SESSION, Colon, "clear", "", "forget everything", |text, _| nothing(text, Command::Clear)),
    entry(SESSION, Colon, "load", "file", "put the text of a file into this cell", some_file),
    entry(SESSION, Colon, "load_config", "", "run `init.evcxr` and `prelude.rs` again", configuration),
    entry(TIME, Colon, "clock", "virtual", "let sleeps pass at once, in the same order; `real`: in their time again", clock),
    entry(TIME, Percent, "time", "code", "run it, and tell how long it took", |_, range| some_code(range.clone(), Command::Time(range))),
    entry(TIME, Whole, "time", "", "the same for the whole cell", |text, _| nothing(text, Command::TimeCell)),
    entry(TIME, Percent, "timeit", "code", "run it over and over, optimized, and tell how long it takes; `-n` loops, `-r` runs", measured),
    entry(TIME, Whole, "timeit", "", "the same for the whole cell", measured_cell),
    entry(TIME, Colon, "timing", "", "switch on or off: tell after each cell what took how long", |text, _| nothing(text, Command::Timing)),
    entry(SHELL, Sigil::Bang, "", "command", "run it with `sh`", shell),
    entry(ABOUT, Colon, "help", "", "this table", |_, _| Ok(Command::Help)),
    entry(ABOUT, Colon, "quit", "", "leave a console, and end its kernel", |text, _| nothing(text, Command::Quit)),
    entry(ABOUT, Colon, "version", "", "the versions of Boucle and of Rust", |text, _| nothing(text, Command::Version)),
];

/// Commands of evcxr that have nothing to do here. Notebooks that hold them run all the same.
const NEEDLESS: &[(&str, &str)] = &[
    ("allow_static_linking", "crates are always linked dynamically"),
    ("cache", "everything is cached, without being asked"),
    ("clear_cache", "old entries of the cache go by themselves"),
    ("codegen_backend", "cells are compiled by the toolchain's own backend"),
    ("internal_debug", "`:last_source` shows what rustc was given"),
    ("last_compile_dir", "`:last_source` shows what rustc was given"),
    ("linker", "cells are linked by the toolchain's own linker"),
    ("offline", "only what is not cached is asked of the network"),
    ("preserve_vars_on_panic", "a panic loses no variables"),
    ("sccache", "everything is cached, without being asked"),
    ("time_passes", "`:timing` tells what took how long"),
    ("toolchain", "the kernel uses the toolchain with which it was started"),
];

const fn entry(
    group: &'static str,
    sigil: Sigil,
    name: &'static str,
    argument: &'static str,
    summary: &'static str,
    read: Reader,
) -> Entry {
    Entry { group, sigil, name, argument, summary, read }
}

/// All commands with what they are for.
pub(crate) fn help() -> Table {
    let mut table = Table::new(["Command", "What it does"]);
    for (index, entry) in COMMANDS.iter().enumerate() {
        if index == 0 || COMMANDS[index - 1].group != entry.group {
            table.title(entry.group);
        }
        if !entry.summary.is_empty() {
            table.row([Cell::code(entry.usage()), Cell::text_of(entry.summary)]);
        }
    }
    table
}

/// The commands that begin with this text, sigil included: each with its name, and what may follow it, and what it is for.
pub(crate) fn beginning_with(text: &str) -> Vec<(String, String, &'static str)> {
    let meant = |entry: &&Entry| !entry.name.is_empty() && !entry.summary.is_empty() && entry.name().starts_with(text);
    COMMANDS.iter().filter(meant).map(|entry| (entry.name(), entry.usage(), entry.summary)).collect()
}

/// How to use the command of this name, sigil included, and what it is for.
pub(crate) fn usage(name: &str) -> Option<(String, &'static str)> {
    // `:t` is another name of `:type`.
    let entry = COMMANDS.iter().find(|entry| entry.name() == if name == ":t" { ":type" } else { name })?;
    Some((entry.usage(), entry.summary))
}

/// Whether there is a command of this name.
pub(super) fn is_known(sigil: Sigil, name: &str) -> bool {
    COMMANDS.iter().any(|entry| entry.sigil == sigil && entry.name == name)
        || (sigil == Colon && NEEDLESS.iter().any(|(needless, _)| *needless == name))
}

/// The command that a line of the text holds.
///
/// # Errors
/// If there is no such command, or its argument cannot be understood.
pub(crate) fn parse(text: &str, line: &Line) -> Result<Command, Problem> {
    let name = &text[line.name.clone()];
    if line.sigil == Sigil::Question {
        return question(text, line);
    }
    if let Some((_, reason)) = NEEDLESS.iter().find(|(needless, _)| line.sigil == Colon && *needless == name) {
        return Ok(Command::Needless(reason));
    }
    let found = COMMANDS.iter().find(|entry| entry.sigil == line.sigil && entry.name == name);
    let Some(entry) = found else { return Err(unknown(name, line)) };
    let whole = line.name.start - line.sigil.text().len()..line.argument.end.max(line.name.end);
    (entry.read)(&text[line.argument.clone()], line.argument.clone()).map_err(|message| Problem {
        message,
        help: Some(format!("`{}`: {}", entry.usage(), entry.summary)),
        at: if line.argument.is_empty() { whole } else { line.argument.clone() },
    })
}

/// `?name`, where the name may be a path, or stand behind a blank.
fn question(text: &str, line: &Line) -> Result<Command, Problem> {
    let name = text[line.name.start..line.argument.end.max(line.name.end)].trim();
    documented_name(name).map(Command::Page).map_err(|_| Problem {
        message: "a name has to follow the `?`".into(),
        help: Some("`:help` shows all commands".into()),
        at: line.name.start - 1..line.argument.end.max(line.name.end),
    })
}

fn unknown(name: &str, line: &Line) -> Problem {
    let sigil = line.sigil.text();
    let at = line.name.start - sigil.len()..line.name.end;
    let of_sigil = |sigil: Sigil| COMMANDS.iter().filter(move |entry| entry.sigil == sigil);
    let near = nearest(name, of_sigil(line.sigil).map(|entry| entry.name)).map(|near| format!("{sigil}{near}"));
    // The name may be right and the sign in front of it wrong.
    let elsewhere = COMMANDS.iter().find(|entry| !name.is_empty() && entry.name == name).map(Entry::name);
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
        let space = if self.name.is_empty() { "" } else { " " };
        format!("{}{space}{}", self.name(), self.argument).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::segment::{Segment, segments};
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let Some([Segment::Command(line)]) = segments(text, |_| false).as_deref().map(|found| [found[0].clone()])
        else {
            panic!("`{text}` is not a command");
        };
        let found = match parse(text, &line) {
            Ok(command) => format!("{command:?}"),
            Err(Problem { message, help, at }) => format!("{}: {message} | {}", &text[at], help.unwrap_or_default()),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn arguments_are_read() {
        check(":opt 3", "Opt(Some(3))");
        check(":opt", "ToggleOpt");
        check(":opt auto", "Opt(None)");
        check("%%opt 2", "OptCell(2)");
        check(":env  A = b c ", "Env { name: \"A\", value: \"b c\" }");
        check(":build_env RUSTFLAGS=-C a=b", "BuildEnv { name: \"RUSTFLAGS\", value: \"-C a=b\" }");
        check(":type 1 + 1", "Type(6..11)");
        check(":t x", "Type(3..4)");
        check("%timeit -n 10 -r3 f(x)", "Timeit { code: 18..22, loops: 10, rows: 3 }");
        check("%timeit f()", "Timeit { code: 8..11, loops: 0, rows: 7 }");
        check("%%timeit -r 2\nf()", "TimeitCell { loops: 0, rows: 2 }");
        check("?Vec::push", "Page(\"Vec::push\")");
        check("? println!", "Page(\"println\")");
        check(":doc f", "Doc(\"f\")");
        check("!ls -la", "Shell(\"ls -la\")");
        check(":vars;", "Vars");
        check(":fmt", "Fmt(None)");
        check(":fmt {:#?}", "Fmt(Some(Debug(\"{:#?}\")))");
        check(":fmt <{:.2?}>", "Fmt(Some(Debug(\"<{:.2?}>\")))");
        check(":fmt {}", "Fmt(Some(Display))");
        check(":efmt {}", "Efmt(Some(Display))");
        check(":load_config --quiet", "LoadConfig { quiet: true }");
        check(":clock virtual", "Clock(Some(true))");
        check(":clock real;", "Clock(Some(false))");
        check(":clock", "Clock(None)");
        check(":cache 500", "Needless(\"everything is cached, without being asked\")");
    }

    #[test]
    fn mistakes_are_explained() {
        check(":vras", ":vras: there is no command `:vras` | did you mean `:vars`? `:help` shows all commands");
        check(":plot", ":plot: there is no command `:plot` | `:help` shows all commands");
        check(":time f()", ":time: there is no command `:time` | did you mean `%time`? `:help` shows all commands");
        check("%vars", "%vars: there is no command `%vars` | did you mean `:vars`? `:help` shows all commands");
        check(
            "%timit f()",
            "%timit: there is no command `%timit` | did you mean `%timeit`? `:help` shows all commands",
        );
        check(":", ":: the name of a command has to follow the `:` | `:help` shows all commands");
        check(
            ":opt 4",
            "4: the level is a number from 0 to 3, not `4` | `:opt 0…3`: how much rustc optimizes from now on; `auto`: by whether the code loops",
        );
        check(
            ":env A",
            "A: a name, `=` and a value have to follow this command | `:env NAME=value`: set an environment variable for cells and shell commands",
        );
        check(
            ":vars all",
            "all: this command takes no argument, so `all` is too much | `:vars`: the variables and their types",
        );
        check(
            ":clock fast",
            "fast: the clock is `virtual` or `real`, not `fast` | `:clock virtual`: let sleeps pass at once, in the same order; `real`: in their time again",
        );
        check("%time", "%time: there is no code behind this command | `%time code`: run it, and tell how long it took");
        check("!", "!: a shell command has to follow the `!` | `!command`: run it with `sh`");
        check("?", "?: a name has to follow the `?` | `:help` shows all commands");
        check(
            "%timeit -n x",
            "-n x: a number from 1 has to follow `-n` | `%timeit code`: run it over and over, optimized, and tell how long it takes; `-n` loops, `-r` runs",
        );
    }

    #[test]
    fn formats_must_fit_every_value() {
        for format in ["{:x}", "{x:?}", "{:?}{:?}", "{:", "x", "{:1$?}"] {
            let line = format!(":fmt {format}");
            let found = segments(&line, |_| false).expect("a command");
            let [Segment::Command(found)] = &found[..] else { panic!("{line}") };
            assert!(parse(&line, found).is_err(), "{line}");
        }
    }

    #[test]
    fn every_command_has_a_name_of_its_own_and_stands_in_the_help() {
        let help = help().plain();
        for (index, entry) in COMMANDS.iter().enumerate() {
            assert!(!COMMANDS[..index].iter().any(|other| (other.sigil, other.name) == (entry.sigil, entry.name)));
            assert!(entry.name == "t" || help.contains(&entry.usage()), "{}", entry.usage());
        }
    }
}
