//! Reads what stands behind the names of commands. Each function is that of one or several lines of the table in
//! `command`: it is given the argument and where that stands, and says what is wrong in words for the user.

use std::ops::Range;

use super::command::Command;
use crate::cell::{ErrorFormat, ValueFormat};

/// For commands that take no argument.
pub(super) fn nothing(argument: &str, command: Command) -> Result<Command, String> {
    match argument.trim_end_matches(';') {
        "" => Ok(command),
        surplus => Err(format!("this command takes no argument, so `{surplus}` is too much")),
    }
}

pub(super) fn some_code(range: Range<usize>, command: Command) -> Result<Command, String> {
    if range.is_empty() { Err("there is no code behind this command".into()) } else { Ok(command) }
}

pub(super) fn shell(argument: &str, _: Range<usize>) -> Result<Command, String> {
    match argument {
        "" => Err("a shell command has to follow the `!`".into()),
        command => Ok(Command::Shell(command.to_owned())),
    }
}

pub(super) fn code_type(_: &str, range: Range<usize>) -> Result<Command, String> {
    some_code(range.clone(), Command::Type(range))
}

pub(super) fn documented(argument: &str, _: Range<usize>) -> Result<Command, String> {
    documented_name(argument).map(Command::Doc)
}

/// The name in what somebody asks about, which may look like a call.
pub(super) fn documented_name(argument: &str) -> Result<String, String> {
    match argument.trim_end_matches(['!', '(', ')', ';']) {
        "" => Err("there is no name behind this command".into()),
        name => Ok(name.to_owned()),
    }
}

pub(super) fn some_file(argument: &str, _: Range<usize>) -> Result<Command, String> {
    match argument {
        "" => Err("there is no file behind this command".into()),
        file => Ok(Command::Load(file.to_owned())),
    }
}

pub(super) fn dependency(argument: &str, _: Range<usize>) -> Result<Command, String> {
    match argument {
        "" => Err("`:dep` needs a crate, for example `:dep rand = \"0.9\"`".into()),
        specification => Ok(Command::Dep(specification.to_owned())),
    }
}

/// The words that a command takes, if it has a few of its own.
pub(crate) fn choices(command: &str) -> &'static [&'static str] {
    match command {
        ":opt" => &["0", "1", "2", "3", "auto"],
        "%%opt" => &["0", "1", "2", "3"],
        ":clock" => &["virtual", "real"],
        ":fmt" => &["{:#?}", "{:?}", "{}"],
        ":efmt" => &["default", "{}", "{:?}", "{:#?}"],
        _ => &[],
    }
}

pub(super) fn clock(argument: &str, _: Range<usize>) -> Result<Command, String> {
    match argument.trim_end_matches(';').trim_end() {
        "" => Ok(Command::Clock(None)),
        "virtual" => Ok(Command::Clock(Some(true))),
        "real" => Ok(Command::Clock(Some(false))),
        other => Err(format!("the clock is `virtual` or `real`, not `{other}`")),
    }
}

pub(super) fn level(argument: &str, _: Range<usize>) -> Result<Command, String> {
    match argument {
        "" => Ok(Command::ToggleOpt),
        "auto" => Ok(Command::Opt(None)),
        level => level_of(level).map(|level| Command::Opt(Some(level))),
    }
}

pub(super) fn cell_level(argument: &str, _: Range<usize>) -> Result<Command, String> {
    level_of(argument).map(Command::OptCell)
}

fn level_of(text: &str) -> Result<u8, String> {
    let level = text.parse().ok().filter(|level| *level <= 3);
    level.ok_or_else(|| format!("the level is a number from 0 to 3, not `{text}`"))
}

pub(super) fn value_format(argument: &str, _: Range<usize>) -> Result<Command, String> {
    let refused =
        || format!("`{argument}` does not fit every value: a format has one `{{…?}}`, such as `{{:#?}}`, or is `{{}}`");
    match argument.trim_matches('"') {
        "" => Ok(Command::Fmt(None)),
        "{}" => Ok(Command::Fmt(Some(ValueFormat::Display))),
        format => {
            let (before, rest) = format.split_once('{').ok_or_else(refused)?;
            let (spec, behind) = rest.split_once('}').ok_or_else(refused)?;
            let flags = spec.strip_prefix(':').and_then(|spec| spec.strip_suffix('?')).ok_or_else(refused)?;
            let plain = flags.chars().all(|c| c.is_ascii_digit() || "#.+-<^>xX ".contains(c));
            let alone = !before.contains('}') && !behind.contains(['{', '}']);
            let format = Some(ValueFormat::Debug(format.to_owned()));
            if plain && alone { Ok(Command::Fmt(format)) } else { Err(refused()) }
        }
    }
}

pub(super) fn error_format(argument: &str, _: Range<usize>) -> Result<Command, String> {
    match argument {
        "" => Ok(Command::Efmt(None)),
        "default" => Ok(Command::Efmt(Some(ErrorFormat::Explained))),
        "{:?}" => Ok(Command::Efmt(Some(ErrorFormat::Debug))),
        "{:#?}" => Ok(Command::Efmt(Some(ErrorFormat::Pretty))),
        "{}" => Ok(Command::Efmt(Some(ErrorFormat::Display))),
        other => Err(format!(
            "errors are written with `{{}}`, `{{:?}}` or `{{:#?}}`, or as by `default`, not with `{other}`"
        )),
    }
}

pub(super) fn variable(argument: &str) -> Result<(String, String), String> {
    let (name, value) = argument.split_once('=').ok_or("a name, `=` and a value have to follow this command")?;
    let name = name.trim();
    if name.is_empty() || name.contains(char::is_whitespace) || argument.contains('\0') {
        return Err(format!("`{name}` is not the name of an environment variable"));
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

pub(super) fn configuration(argument: &str, _: Range<usize>) -> Result<Command, String> {
    match argument {
        "--quiet" => Ok(Command::LoadConfig { quiet: true }),
        argument => nothing(argument, Command::LoadConfig { quiet: false }),
    }
}

pub(super) fn measured(argument: &str, range: Range<usize>) -> Result<Command, String> {
    let (loops, rows, rest) = counts(argument)?;
    let code = range.end - rest.len()..range.end;
    some_code(code.clone(), Command::Timeit { code, loops, rows })
}

pub(super) fn measured_cell(argument: &str, _: Range<usize>) -> Result<Command, String> {
    match counts(argument)? {
        (loops, rows, "") => Ok(Command::TimeitCell { loops, rows }),
        (_, _, surplus) => Err(format!("the code has to begin on the next line, not with `{surplus}`")),
    }
}

/// `-n 100 -r 5 code` → 100, 5 and the code. Without `-n` it is 0, which means as many as it takes.
fn counts(argument: &str) -> Result<(u64, u32, &str), String> {
    let (mut loops, mut rows, mut rest) = (0, 7, argument);
    while let Some(option) = rest.strip_prefix("-n").or_else(|| rest.strip_prefix("-r")) {
        let is_loops = rest.starts_with("-n");
        let option = option.trim_start();
        let end = option.find(|c: char| !c.is_ascii_digit()).unwrap_or(option.len());
        let number: u32 = option[..end]
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| format!("a number from 1 has to follow `{}`", if is_loops { "-n" } else { "-r" }))?;
        if is_loops {
            loops = number.into()
        } else {
            rows = number
        }
        rest = option[end..].trim_start();
    }
    Ok((loops, rows, rest))
}
