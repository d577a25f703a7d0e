//! Carries out cells that hold commands: the parts of such a cell run in the order of its text, each on its own.
//! Called by the engine with the parts that `magics` has found.
//!
//! All commands of a cell are read before anything of it runs, so that a mistyped one changes nothing.

use std::fs;
use std::ops::Range;
use std::sync::Arc;

use boucle_wire::Times;

use super::options;
use super::steps::{Step, Steps};
use super::{Engine, Part, Text, Turn, report};
use crate::cell::{self, ErrorFormat, ValueFormat};
use crate::compile::Diagnostic;
use crate::error::ErrorReport;
use crate::magics::{self, Cell, Command, Problem, Segment, Table};
use crate::publish::{MimeBundle, Publisher, StreamName};
use crate::worker::shell;

/// A longer table of tasks than this nobody reads.
const MOST_TASKS: usize = 200;

impl Turn {
    /// Runs the parts of a text one after the other.
    pub(super) async fn run_segments(
        &mut self,
        text: &Text<'_>,
        segments: Vec<Segment>,
        publisher: &Publisher,
    ) -> Result<(), ErrorReport> {
        let read = Steps::of(text.code, segments);
        let Steps { steps, time_all, .. } = read.map_err(|problem| self.refuse_command(text, problem))?;
        let mut all = Times::default();
        for step in steps {
            self.begin_part().await;
            match step {
                Step::Run(part) => add(&mut all, self.run_step(text, part, publisher).await?),
                Step::Time(part) => {
                    let times = self.run_step(text, part, publisher).await?;
                    add(&mut all, times);
                    publish_times(&times, publisher);
                }
                Step::AddDependencies(specifications) => {
                    self.check_alone(":dep")?;
                    self.add_dependencies(&specifications, publisher).await?;
                }
                Step::Obey(command) => self.obey(command, text, publisher).await?,
            }
        }
        if time_all {
            publish_times(&all, publisher);
        }
        Ok(())
    }

    async fn run_step(&mut self, text: &Text<'_>, part: Part, publisher: &Publisher) -> Result<Times, ErrorReport> {
        let times = self.run_part(text, part, publisher).await?;
        // An interrupt that the code has dealt with itself is not meant for what follows.
        self.interrupts.mark_unchanged();
        Ok(times)
    }

    /// Carries out one command.
    async fn obey(&mut self, command: Command, text: &Text<'_>, publisher: &Publisher) -> Result<(), ErrorReport> {
        match command {
            Command::BuildEnv { name, value } => self.set_build_variable(&name, &value),
            Command::Clear => {
                self.check_alone(":clear")?;
                self.clear(publisher).await;
            }
            Command::Clock(is_virtual) => {
                self.check_alone(":clock")?;
                self.set_clock(is_virtual, publisher).await;
            }
            Command::Doc(name) => {
                let (plain, markdown) = self.documentation(&name);
                show_markdown(&plain, &markdown, publisher);
            }
            Command::Efmt(format) => self.set_error_format(format, publisher),
            Command::Env { name, value } => self.set_variable(&name, &value).await,
            Command::Fmt(format) => self.set_format(format, publisher),
            Command::Help => show_table(&magics::help(), publisher),
            Command::LastSource => show_source(self.last_source.as_deref(), publisher),
            Command::Load(file) => load(&file, publisher)?,
            Command::LoadConfig { quiet } => Box::pin(self.load_configuration(quiet, publisher)).await?,
            Command::Needless(why) => say(format!("not needed here: {why}"), publisher),
            Command::Opt(level) => self.set_level(level, publisher),
            Command::ToggleOpt => {
                let level = if self.options.opt_level == Some(2) { 0 } else { 2 };
                self.set_level(Some(level), publisher);
            }
            Command::Page(name) => {
                let (plain, markdown) = self.documentation(&name);
                publisher.page(&plain, &markdown);
            }
            Command::Quit => quit(publisher),
            Command::Restart => {
                self.check_alone(":restart")?;
                self.restart(publisher).await;
            }
            Command::Shell(command) => self.run_shell(&command, publisher).await?,
            Command::ShowDeps => self.show_dependencies(publisher),
            Command::Tasks => self.show_tasks(publisher).await?,
            Command::Timing => self.toggle_timing(publisher),
            Command::Type(range) => self.show_type(text, range, publisher).await?,
            Command::Types => self.toggle_types(publisher),
            Command::Vars => self.show_variables(publisher),
            Command::Version => self.show_versions(publisher).await?,
            // These have become steps.
            Command::Dep(_)
            | Command::OptCell(_)
            | Command::Time(_)
            | Command::TimeCell
            | Command::Timeit { .. }
            | Command::TimeitCell { .. } => {}
        }
        Ok(())
    }

    async fn run_shell(&mut self, command: &str, publisher: &Publisher) -> Result<(), ErrorReport> {
        let environment = self.options.environment.clone();
        let mut interrupts = self.interrupts.clone();
        match self.away(shell::run(command, &environment, publisher, &mut interrupts)).await {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(Some(status)) => {
                Err(ErrorReport::plain("ShellError", format!("`{command}` failed: {}", describe(status.code()))))
            }
            Ok(None) => Err(report::keyboard_interrupt()),
            Err(error) => {
                Err(ErrorReport::plain("ShellError", format!("`{command}` cannot be run with `sh`: {error}")))
            }
        }
    }
}

impl Engine {
    fn show_variables(&self, publisher: &Publisher) {
        let mut table = Table::new(["Variable", "Type"]);
        for (name, ty) in self.session.variables() {
            table.row([Cell::code(name), Cell::code(magics::short_type(ty))]);
        }
        match table.is_empty() {
            true => say("there are no variables", publisher),
            false => show_table(&table, publisher),
        }
    }

    async fn show_tasks(&mut self, publisher: &Publisher) -> Result<(), ErrorReport> {
        self.prepare(publisher).await?;
        let tasks = self.worker().await?.tasks().await;
        let mut table = Table::new(["Task", "Coroutine", "State", "Awaits", "At", "Since", "Awaited by"]);
        let left_out = tasks.len().saturating_sub(MOST_TASKS);
        for task in tasks.into_iter().take(MOST_TASKS) {
            table.row([
                Cell::code(task.name),
                Cell::code(format!("{}()", task.coroutine)),
                Cell::Text(task.state),
                Cell::Text(task.awaits.unwrap_or_default()),
                Cell::Text(task.place.unwrap_or_default()),
                Cell::Text(format!("{} ago", magics::duration(task.since))),
                Cell::Text(task.awaited_by.join(", ")),
            ]);
        }
        match table.is_empty() {
            true => say("no tasks are pending", publisher),
            false => show_table(&table, publisher),
        }
        if left_out > 0 {
            say(format!("and {left_out} more tasks"), publisher);
        }
        Ok(())
    }

    async fn show_versions(&mut self, publisher: &Publisher) -> Result<(), ErrorReport> {
        self.prepare(publisher).await?;
        let rustc = self.ready()?.runtime.toolchain.short_version();
        say(format!("Boucle {}, {rustc}", env!("CARGO_PKG_VERSION")), publisher);
        Ok(())
    }

    /// The type of an expression: that of a variable is known, others are asked of rustc.
    async fn show_type(
        &mut self,
        text: &Text<'_>,
        range: Range<usize>,
        publisher: &Publisher,
    ) -> Result<(), ErrorReport> {
        let known = self.session.type_of(text.code[range.clone()].trim_end_matches(';')).map(str::to_owned);
        let ty = match known {
            Some(ty) => ty,
            None => self.compile_type(text, range, publisher).await?,
        };
        say(magics::short_type(&ty), publisher);
        Ok(())
    }

    fn set_level(&mut self, level: Option<u8>, publisher: &Publisher) {
        self.options.opt_level = level;
        let level = level.map_or_else(|| "0, or 1 where code loops".to_owned(), |level| level.to_string());
        say(format!("Optimization: {level}"), publisher);
    }

    fn set_format(&mut self, format: Option<ValueFormat>, publisher: &Publisher) {
        let name = match &format {
            None => "{:?}",
            Some(ValueFormat::Debug(format)) => format,
            Some(ValueFormat::Display) => "{}",
        };
        say(format!("Output format: {name}"), publisher);
        self.options.formats.value = format;
    }

    fn set_error_format(&mut self, format: Option<ErrorFormat>, publisher: &Publisher) {
        let format = format.unwrap_or(self.options.formats.error);
        self.options.formats.error = format;
        let name = match format {
            ErrorFormat::Explained => {
                "what errors say, and what has caused them (`:efmt {:?}` shows what they are made of)"
            }
            ErrorFormat::Debug => "{:?} (errors must implement Debug)",
            ErrorFormat::Pretty => "{:#?} (errors must implement Debug)",
            ErrorFormat::Display => "{} (errors must implement Display)",
        };
        say(format!("Error format: {name}"), publisher);
    }

    fn toggle_types(&mut self, publisher: &Publisher) {
        self.options.formats.types = !self.options.formats.types;
        say(format!("Types: {}", if self.options.formats.types { "on" } else { "off" }), publisher);
    }

    fn toggle_timing(&mut self, publisher: &Publisher) {
        self.options.timing = !self.options.timing;
        say(format!("Timing: {}", if self.options.timing { "on" } else { "off" }), publisher);
    }

    async fn set_clock(&mut self, is_virtual: Option<bool>, publisher: &Publisher) {
        self.options.virtual_time = is_virtual.unwrap_or(self.options.virtual_time);
        if let Some(is_virtual) = is_virtual
            && let Some(worker) = self.ready.as_ref().and_then(|ready| ready.worker.as_ref())
        {
            worker.set_clock(is_virtual).await;
        }
        let meaning = match self.options.virtual_time {
            true => "virtual (sleeps pass at once, in the same order)",
            false => "real",
        };
        say(format!("Clock: {meaning}"), publisher);
    }

    async fn set_variable(&mut self, name: &str, value: &str) {
        options::set(&mut self.options.environment, name, value);
        if let Some(worker) = self.ready.as_ref().and_then(|ready| ready.worker.as_ref()) {
            worker.set_variable(name, value).await;
        }
    }

    fn set_build_variable(&mut self, name: &str, value: &str) {
        options::set(&mut self.options.build_environment, name, value);
        if let Some(ready) = &mut self.ready {
            ready.compiler.set_variable(name, value);
        }
    }

    async fn restart(&mut self, publisher: &Publisher) {
        let lost = self.end_worker("`:restart`").await;
        let lost = if lost.is_empty() { "no variables".to_owned() } else { lost.join(", ") };
        say(format!("restarted; lost: {lost}"), publisher);
    }

    async fn clear(&mut self, publisher: &Publisher) {
        self.end_worker("`:clear`").await;
        self.session.clear();
        say("all variables, definitions and tasks are forgotten", publisher);
    }

    fn refuse_command(&mut self, text: &Text<'_>, problem: Problem) -> ErrorReport {
        let source = Arc::new(cell::unsplit(&text.label, text.code, 0..text.code.len()));
        self.session.remember_source(&source);
        let mut diagnostic = Diagnostic::error(problem.message, source, problem.at);
        diagnostic.children.extend(problem.help.map(Diagnostic::help));
        report::bad_command(&diagnostic)
    }
}

fn add(all: &mut Times, times: Times) {
    all.load += times.load;
    all.wall += times.wall;
    all.processor += times.processor;
}

fn publish_times(times: &Times, publisher: &Publisher) {
    let (processor, wall) = (magics::duration(times.processor), magics::duration(times.wall));
    publisher.stream(StreamName::Stdout, format!("CPU time: {processor}\nWall time: {wall}\n"));
}

/// What an exit code means.
fn describe(code: Option<i32>) -> String {
    match code {
        Some(127) => "there is no such command (exit code 127)".to_owned(),
        Some(126) => "this cannot be run (exit code 126)".to_owned(),
        Some(code) if code > 128 => format!("ended by signal {} (exit code {code})", code - 128),
        Some(code) => format!("exit code {code}"),
        None => "it was killed".to_owned(),
    }
}

fn show_table(table: &Table, publisher: &Publisher) {
    publisher.display_data(table.bundle(), MimeBundle::new(), None);
}

fn show_source(source: Option<&str>, publisher: &Publisher) {
    let Some(source) = source else { return say("nothing has been compiled yet", publisher) };
    show_markdown(source, &format!("```rust\n{source}\n```"), publisher);
}

fn load(file: &str, publisher: &Publisher) -> Result<(), ErrorReport> {
    let unreadable = |error| ErrorReport::plain("LoadError", format!("cannot read `{file}`: {error}"));
    let text = fs::read_to_string(file).map_err(unreadable)?;
    publisher.set_next_input(&format!("// :load {file}\n{text}"));
    Ok(())
}

fn quit(publisher: &Publisher) {
    say("a console ends now; a notebook's kernel is shut down by the notebook", publisher);
    publisher.ask_exit();
}

fn show_markdown(plain: &str, markdown: &str, publisher: &Publisher) {
    let data = [("text/plain", plain), ("text/markdown", markdown)];
    let data = data.into_iter().map(|(mime, text)| (mime.to_owned(), text.into()));
    publisher.display_data(data.collect(), MimeBundle::new(), None);
}

/// Shows a line of text.
pub(super) fn say(text: impl Into<String>, publisher: &Publisher) {
    let data = MimeBundle::from_iter([("text/plain".to_owned(), text.into().into())]);
    publisher.display_data(data, MimeBundle::new(), None);
}
