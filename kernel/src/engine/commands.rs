//! Carries out cells that hold commands: the parts of such a cell run in the order of its text, each on its own.
//! Called by the engine with the parts that `magics` has found.
//!
//! All commands of a cell are read before anything of it runs, so that a mistyped one changes nothing.

use std::sync::Arc;

use super::{CellRequest, Engine, Part, report};
use crate::cell;
use crate::compile::Diagnostic;
use crate::error::ErrorReport;
use crate::magics::{self, Cell, Command, Problem, Segment, Table};
use crate::publish::{MimeBundle, Publisher};

/// One thing to do.
#[derive(Debug)]
enum Step {
    Run(Part),
    /// The `:dep`s that follow one another.
    AddDependencies(Vec<String>),
    Obey(Command),
}

impl Engine {
    /// Runs the parts of a cell one after the other.
    pub(super) async fn run_segments(
        &mut self,
        request: &CellRequest<'_>,
        segments: Vec<Segment>,
        publisher: &Publisher,
    ) -> Result<(), ErrorReport> {
        let steps = steps(request.code, segments).map_err(|problem| self.refuse_command(request, problem))?;
        for step in steps {
            match step {
                Step::Run(part) => self.run_part(request, part, publisher).await?,
                Step::AddDependencies(specifications) => self.add_dependencies(&specifications, publisher).await?,
                Step::Obey(command) => self.obey(command, publisher).await?,
            }
        }
        Ok(())
    }

    /// Carries out one command.
    async fn obey(&mut self, command: Command, publisher: &Publisher) -> Result<(), ErrorReport> {
        match command {
            Command::Dep(specification) => return self.add_dependencies(&[specification], publisher).await,
            Command::ShowDeps => show(publisher, "no crates have been added"),
            Command::Help => publisher.display_data(magics::help().bundle(), MimeBundle::new(), None),
            Command::Vars => self.show_variables(publisher),
            Command::Version => self.show_versions(publisher).await?,
        }
        Ok(())
    }

    fn show_variables(&self, publisher: &Publisher) {
        let mut table = Table::new(["Variable", "Type"]);
        for (name, ty) in self.session.variables() {
            table.row([Cell::code(name), Cell::code(ty)]);
        }
        match table.is_empty() {
            true => show(publisher, "there are no variables"),
            false => publisher.display_data(table.bundle(), MimeBundle::new(), None),
        }
    }

    async fn show_versions(&mut self, publisher: &Publisher) -> Result<(), ErrorReport> {
        self.prepare(Some(publisher)).await?;
        let rustc = self.ready()?.runtime.toolchain.short_version();
        show(publisher, &format!("Boucle {}, {rustc}", env!("CARGO_PKG_VERSION")));
        Ok(())
    }

    fn refuse_command(&mut self, request: &CellRequest<'_>, problem: Problem) -> ErrorReport {
        let label = self.session.label(request.execution_count, request.code);
        let source = Arc::new(cell::unsplit(&label, request.code, 0..request.code.len()));
        self.session.remember_source(&source);
        let mut diagnostic = Diagnostic::error(problem.message, source, problem.at);
        diagnostic.children.extend(problem.help.map(Diagnostic::help));
        report::bad_command(&diagnostic)
    }
}

/// What a cell asks for, in order.
fn steps(text: &str, segments: Vec<Segment>) -> Result<Vec<Step>, Problem> {
    let mut steps = Vec::new();
    let mut number = 0;
    for segment in segments {
        match segment {
            Segment::Code(range) => {
                steps.push(Step::Run(Part { range, number }));
                number += 1;
            }
            Segment::Command(line) => match (magics::parse(text, &line)?, steps.last_mut()) {
                (Command::Dep(specification), Some(Step::AddDependencies(earlier))) => earlier.push(specification),
                (Command::Dep(specification), _) => steps.push(Step::AddDependencies(vec![specification])),
                (command, _) => steps.push(Step::Obey(command)),
            },
        }
    }
    Ok(steps)
}

fn show(publisher: &Publisher, text: &str) {
    let data = MimeBundle::from_iter([("text/plain".to_owned(), text.into())]);
    publisher.display_data(data, MimeBundle::new(), None);
}
