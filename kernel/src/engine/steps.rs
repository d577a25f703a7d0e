//! What a text with commands asks for, step by step. Made by `commands` before anything runs.

use super::Part;
use crate::cell::Purpose;
use crate::magics::{self, Command, Problem, Segment};

/// One thing to do.
#[derive(Debug)]
pub(super) enum Step {
    Run(Part),
    /// Run it, and tell how long it took.
    Time(Part),
    /// The `:dep`s that follow one another.
    AddDependencies(Vec<String>),
    Obey(Command),
}

/// What a text asks for, in order.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub(super) steps: Vec<Step>,
    /// What commands about the whole cell ask of its code.
    opt_level: Option<u8>,
    purpose: Purpose,
    /// Whether to tell how long all of it took.
    pub(super) time_all: bool,
}

impl Steps {
    pub(super) fn of(text: &str, segments: Vec<Segment>) -> Result<Steps, Problem> {
        let mut all = Steps::default();
        for segment in segments {
            match segment {
                Segment::Code(range) => {
                    let part = Part { range, purpose: all.purpose, opt_level: all.opt_level };
                    all.steps.push(Step::Run(part));
                }
                Segment::Command(line) => {
                    let command = magics::parse(text, &line)?;
                    let late = magics::Sigil::Cell == line.sigil && !all.steps.is_empty();
                    if late {
                        return Err(Problem {
                            message: "what is said about the whole cell has to come first in it".into(),
                            help: None,
                            at: line.name.start - line.sigil.text().len()..line.name.end,
                        });
                    }
                    all.add(command);
                }
            }
        }
        Ok(all)
    }

    fn add(&mut self, command: Command) {
        match command {
            Command::Dep(specification) => match self.steps.last_mut() {
                Some(Step::AddDependencies(earlier)) => earlier.push(specification),
                _ => self.steps.push(Step::AddDependencies(vec![specification])),
            },
            Command::OptCell(level) => self.opt_level = Some(level),
            Command::TimeCell => self.time_all = true,
            Command::TimeitCell { loops, rows } => self.purpose = Purpose::Measure { loops, rows },
            Command::Time(range) => {
                self.steps.push(Step::Time(Part { range, purpose: Purpose::Run, opt_level: self.opt_level }));
            }
            Command::Timeit { code, loops, rows } => {
                let purpose = Purpose::Measure { loops, rows };
                self.steps.push(Step::Run(Part { range: code, purpose, opt_level: self.opt_level }));
            }
            command => self.steps.push(Step::Obey(command)),
        }
    }
}
