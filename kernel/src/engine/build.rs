//! Compiles a planned cell, and again with other choices where rustc's answer asks for them. Called by the engine.
//!
//! The first attempt keeps every variable and lays the cell out in levels. What rustc refuses about a store means that
//! the variable cannot be kept: it was moved, or it borrows. What the borrow checker refuses otherwise gets a second
//! opinion on the cell as the user wrote it, flat: either it is right, and its words are about the user's code, or the
//! levels were to blame.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::attempt::{Attempt, errors};
use crate::cell::{
    CellPlan, Generated, Item, Layout, Source, SyntaxError, Use, assemble, assemble_unparsed, is_balanced,
};
use crate::compile::{CompileError, Compiler, Diagnostic, Level, Product, RELEASE, Request, Span, Verdict};
use crate::session::{Ended, Session};

/// A cell that is ready to run.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) library: PathBuf,
    pub(super) generated: Arc<Generated>,
    /// Store site → type, for the variables that can be kept.
    pub(super) types: BTreeMap<u32, String>,
    /// The stores to be ignored, because the type has no name.
    pub(super) discard: Vec<u32>,
    pub(super) warnings: Vec<Diagnostic>,
    /// The variables that end with the cell, and why.
    pub(super) ended: BTreeMap<String, Ended>,
    /// Earlier imports that have lost what they import, and are no more.
    pub(super) dropped_uses: Vec<Arc<Use>>,
    /// What the user should know, although nothing is wrong with the cell.
    pub(super) notes: Vec<String>,
    /// How long the linker took; `None` if nothing had to be compiled.
    pub(super) link: Option<Duration>,
}

/// Why there is nothing to run.
#[derive(Debug)]
pub(super) enum Refusal {
    /// rustc refused the cell.
    Cell(Vec<Diagnostic>),
    /// The cell redefines what this item of an earlier cell defines, although their names do not tell.
    Replaces(Arc<Item>),
    /// The type of this variable cannot be named where the cell runs.
    OutOfReach(String),
    /// rustc could not be asked.
    Tool(CompileError),
}

impl From<CompileError> for Refusal {
    fn from(error: CompileError) -> Refusal {
        Refusal::Tool(error)
    }
}

/// Compiles the cell that messages call `label`, in a notebook with the given variables.
/// Without an `opt_level` that of rustc follows from the code.
pub(super) async fn build(
    compiler: &Compiler,
    plan: &mut CellPlan,
    session: &Session,
    label: &str,
    opt_level: Option<u8>,
) -> Result<Built, Refusal> {
    let opt_level =
        opt_level.unwrap_or_else(|| u8::from(plan.parsed.loops || plan.items.iter().any(|item| item.loops)));
    plan.in_strips = opt_level >= RELEASE;
    let layout = Layout::default();
    let mut attempt = Attempt { plan, label, layout, built: Built::default(), refused: None };
    loop {
        let (generated, sites) = assemble(attempt.plan, &attempt.layout);
        let generated = Arc::new(generated);
        let product = match (attempt.plan.runs(), sites.is_empty()) {
            (false, _) => Product::Check,
            (true, true) => Product::Library,
            (true, false) => Product::LibraryAndTypes,
        };
        let request = Request { generated: &generated, product, opt_level, epoch: attempt.plan.epoch };
        match compiler.compile(request).await? {
            Verdict::Accepted(compiled) if attempt.name_types(&compiled.types) => {}
            Verdict::Accepted(compiled) => {
                attempt.built.notes.extend(compiler.take_note());
                return Ok(attempt.finish(compiled, generated, &sites));
            }
            Verdict::Refused(diagnostics) => {
                if let Some(site) = errors(&diagnostics).find_map(Diagnostic::take_of_a_hidden_type) {
                    return Err(Refusal::OutOfReach(sites[site as usize].name.clone()));
                }
                if let Some(item) = replaced_item(attempt.plan, &diagnostics) {
                    return Err(Refusal::Replaces(item));
                }
                if !attempt.adapt(&diagnostics, &sites) {
                    return attempt.give_up(diagnostics, session);
                }
            }
        }
    }
}

/// The type of the final expression of a cell that is planned for this purpose, as the compiler writes it, or what it objects.
pub(super) async fn type_of(
    compiler: &Compiler,
    plan: &CellPlan,
) -> Result<Result<String, Vec<Diagnostic>>, CompileError> {
    let (generated, _) = assemble(plan, &Layout::default());
    let request = Request { generated: &Arc::new(generated), product: Product::Types, opt_level: 0, epoch: plan.epoch };
    match compiler.compile(request).await? {
        Verdict::Accepted(compiled) => {
            // The type that the compiler names is that of a reference to the value.
            let found = compiled.types.get(&0).and_then(|ty| ty.strip_prefix('&'));
            Ok(Ok(found.unwrap_or("()").to_owned()))
        }
        Verdict::Refused(diagnostics) => Ok(Err(diagnostics)),
    }
}

/// The item of an earlier cell that defines the same as this cell, as rustc says: two headers of an `impl` may mean the
/// same without being spelt the same.
fn replaced_item(plan: &CellPlan, diagnostics: &[Diagnostic]) -> Option<Arc<Item>> {
    let conflicts = |error: &&Diagnostic| matches!(error.code.as_deref(), Some("E0119" | "E0428" | "E0592"));
    let spans = |error: &Diagnostic| error.spans.clone();
    errors(diagnostics).filter(conflicts).map(spans).find_map(|spans| {
        let of_this_cell = spans.iter().any(|span| Arc::ptr_eq(&span.source, &plan.parsed.source));
        let holds = |item: &&Arc<Item>| {
            let is_in = |span: &Span| Arc::ptr_eq(&span.source, &item.source) && item.range.contains(&span.range.start);
            spans.iter().any(is_in)
        };
        plan.items.iter().find(holds).filter(|_| of_this_cell).cloned()
    })
}

/// What is wrong with a text that could not be parsed, in rustc's words if it has any.
///
/// # Errors
/// If rustc could not be asked.
pub(super) async fn explain_syntax(
    compiler: &Compiler,
    source: &Arc<Source>,
    error: SyntaxError,
) -> Result<Vec<Diagnostic>, CompileError> {
    if error.message.contains("too deeply") {
        // rustc would run out of stack.
        return Ok(vec![Diagnostic::error(error.message, source.clone(), error.at)]);
    }
    // A text with unbalanced delimiters would only be made worse by more of them.
    let generated = Arc::new(assemble_unparsed(source, is_balanced(&source.text)));
    let request = Request { generated: &generated, product: Product::Check, opt_level: 0, epoch: 0 };
    match compiler.compile(request).await? {
        Verdict::Refused(mut diagnostics) => {
            // What rustc goes on to say is guesswork: it does not know the names of the notebook here, and after what
            // is no token not even where statements begin.
            if diagnostics.iter().any(is_about_syntax) {
                diagnostics.retain(is_about_syntax);
            }
            if error.lexical {
                diagnostics.truncate(1);
            }
            Ok(diagnostics)
        }
        // rustc has no objection: then the parser's has to do.
        Verdict::Accepted(_) => Ok(vec![Diagnostic::error(error.message, source.clone(), error.at)]),
    }
}

fn is_about_syntax(diagnostic: &Diagnostic) -> bool {
    let of_the_lexer = ["E0585", "E0586", "E0748", "E0753", "E0758", "E0762", "E0763", "E0765", "E0766", "E0768"];
    let code = diagnostic.code.as_deref();
    diagnostic.level == Level::Error && code.is_none_or(|code| of_the_lexer.contains(&code))
}
