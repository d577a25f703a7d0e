//! Completion and help for code that is not run. Called by `handlers::code`, also while a cell runs.
//!
//! ```text
//! text, cursor ─place▶ Place ─┬─ Rust ─source▶ text for the analyzer ─process▶ candidates ─offer▶ Completion
//!                             └─ command, crate ────────────────────────────────────────────────▶ Completion
//! ```
//!
//! The analyzer has a process of its own, which needs seconds before it knows anything. Until then, and whenever it
//! does not answer in time, there is what the notebook itself knows. It sees the notebook through an `Outline`, which the
//! engine publishes.

mod crates;
mod files;
mod known;
mod names;
mod offer;
mod outline;
mod place;
mod popular;
mod process;
mod source;

use std::cell::RefCell;
use std::env;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use boucle_assist::message::{About, Answer, Project};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_local;

pub(crate) use known::Help;
pub(crate) use offer::Offer;
use offer::{Context, Rank};
pub(crate) use outline::{Outline, project};
use place::{Argument, Place, callee, place, word_around, word_before};
use process::{Analyst, Order};
use source::Source;

use crate::cell::FUNCTION_MACROS;
use crate::magics;

/// How long the analyzer may take. A second is what people wait for a list without wondering.
const PATIENCE: Duration = Duration::from_millis(800);

/// Answers questions about one notebook.
#[derive(Debug)]
pub(crate) struct Assistant {
    outline: watch::Receiver<Arc<Outline>>,
    orders: mpsc::UnboundedSender<Order>,
    /// The crates for which the analyzer has been prepared.
    prepared: RefCell<Option<Project>>,
}

/// What could stand at a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    /// What it takes the place of, in bytes of the cell.
    pub(crate) replaces: Range<usize>,
    pub(crate) offers: Vec<Offer>,
}

impl Assistant {
    /// For the notebook that is published there. Must be called inside a `LocalSet`; its process ends with it.
    pub(crate) fn new(outline: watch::Receiver<Arc<Outline>>) -> Assistant {
        let (orders, queue) = mpsc::unbounded_channel();
        spawn_local(Analyst::new(program()).serve(queue));
        Assistant { outline, orders, prepared: RefCell::default() }
    }

    /// Has the analyzer look at what the notebook is made of, so that it knows that before somebody asks. To be called when
    /// a cell has ended; it does nothing if the crates are the same as before, or where the analyzer is to be started by the
    /// first question: its 300 MB are much for a machine that serves many.
    pub(crate) fn prepare(&self) {
        if env::var_os("BOUCLE_ANALYZER").is_some_and(|when| when == "on-request") {
            return;
        }
        let outline = Arc::clone(&self.outline.borrow());
        let Some(project) = outline.project.clone() else { return };
        if self.prepared.replace(Some(project.clone())).as_ref() == Some(&project) {
            return;
        }
        // Methods of std, and names that are not imported, need most of what there is.
        let (start, code) = (source::source(&outline, "", 0).start, "String::new().len();\nHash");
        let text = source::source(&outline, code, code.len()).text;
        let (answer, _) = oneshot::channel();
        let order = Order { project, offset: start + code.len(), text, about: About::Completion, answer };
        let _ = self.orders.send(order);
    }

    /// What could stand at byte `at` of a cell. Never takes longer than a second; a newer question makes it end at once.
    pub(crate) async fn complete(&self, cell: &str, at: usize) -> Completion {
        let outline = Arc::clone(&self.outline.borrow());
        match place(cell, at, |name| outline.knows(name)) {
            Place::Code(code) => self.complete_code(&outline, &code, at).await,
            Place::Command(range) => {
                let offers = magics::beginning_with(&cell[range.start..at]).into_iter();
                let offers = offers.map(|(name, _, summary)| Offer {
                    text: name,
                    kind: "command".into(),
                    signature: summary.to_owned(),
                    rank: Rank::Notebook,
                });
                Completion { replaces: range, offers: offers.collect() }
            }
            Place::Argument { command, typed, kind } => {
                let text = &cell[typed.clone()];
                match kind {
                    Argument::Crate => Completion { offers: crates::crates(text), replaces: typed },
                    Argument::File => of_files(cell, typed),
                    Argument::Word => {
                        let offers = words(&cell[command], text);
                        Completion { replaces: if offers.is_empty() { at..at } else { typed }, offers }
                    }
                }
            }
            Place::String(typed) => of_files(cell, typed),
            Place::Other => Completion { replaces: at..at, offers: Vec::new() },
        }
    }

    async fn complete_code(&self, outline: &Outline, code: &str, at: usize) -> Completion {
        let replaces = word_before(code, at);
        let typed = &code[replaces.clone()];
        let path = path_before(code, replaces.start);
        let source = source::source(outline, code, at);
        if let Some(Answer::Candidates(candidates)) = self.ask(outline, &source, at, About::Completion).await {
            let before = code[..replaces.start].trim_end_matches([' ', '\t']);
            let begins_statement = before.is_empty() || before.ends_with(['\n', ';', '{', '}']);
            let context = Context { typed, is_path: path.is_some(), begins_statement, source: &source.text };
            let offers = offer::ranked(outline, candidates, context);
            return Completion { replaces, offers };
        }
        // A number, a lifetime: nothing that has a name.
        let is_name = typed.is_empty() || !typed.starts_with(|c: char| c.is_ascii_digit());
        let offers = if is_name { names::names(outline, typed, path) } else { Vec::new() };
        Completion { replaces, offers }
    }

    /// What stands at byte `at` of a cell, with its source if that is wanted.
    pub(crate) async fn inspect(&self, cell: &str, at: usize, with_source: bool) -> Option<Help> {
        let outline = Arc::clone(&self.outline.borrow());
        let code = match place(cell, at, |name| outline.knows(name)) {
            Place::Code(code) => code,
            Place::Command(command) | Place::Argument { command, .. } => return known::of_command(&cell[command]),
            Place::String(_) | Place::Other => return None,
        };
        let range = word_around(&code, at);
        let word = &code[range.clone()];
        let call_first = word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit());
        let called = callee(&code, at);
        let name = if call_first { &code[called.clone()?] } else { word };
        // The analyzer would tell of the function of this name, which people do not call.
        if FUNCTION_MACROS.contains(&name) && !outline.knows(name) {
            return known::of_name(&outline, name, with_source);
        }
        let ask = async |code: &str| {
            let source = source::source(&outline, code, at);
            let callee = called.as_ref().map(|name| source.start + name.start);
            let about = About::Help { callee, call_first, source: with_source };
            match self.ask(&outline, &source, at, about).await {
                Some(Answer::Help(help)) => help,
                _ => None,
            }
        };
        let mut help = ask(&code).await;
        // `names.len` is a private field, but not what somebody asks for who has not written the brackets yet.
        if help.as_ref().is_some_and(|help| help.is_private) {
            help = ask(&format!("{}(){}", &code[..range.end], &code[range.end..])).await.or(help);
        }
        let Some(help) = help else {
            return known::of_name(&outline, name, with_source);
        };
        let source = help.source.map(|source| format!("\n\n---\n\n```rust\n{source}\n```"));
        Some(Help { markdown: help.markdown + &source.unwrap_or_default() })
    }

    /// The analyzer's answer about byte `at` of the cell in a source, if it comes in time.
    async fn ask(&self, outline: &Outline, source: &Source, at: usize, about: About) -> Option<Answer> {
        let project = outline.project.clone()?;
        let (answer, answered) = oneshot::channel();
        let order = Order { project, offset: source.start + at, text: source.text.clone(), about, answer };
        self.orders.send(order).ok()?;
        tokio::time::timeout(PATIENCE, answered).await.ok()?.ok()
    }
}

/// The files that a path could go on with.
fn of_files(cell: &str, path: Range<usize>) -> Completion {
    let (name, offers) = files::files(&cell[path.clone()]);
    Completion { replaces: path.start + name..path.end, offers }
}

/// Those of a command's words that begin as what is typed.
fn words(command: &str, typed: &str) -> Vec<Offer> {
    let meant = magics::choices(command).iter().filter(|word| word.starts_with(typed));
    let offer = |word: &&str| Offer {
        text: (*word).to_owned(),
        kind: "option".into(),
        signature: String::new(),
        rank: Rank::Notebook,
    };
    meant.map(offer).collect()
}

/// What belongs in front of a word by `.` or `::`.
fn path_before(code: &str, at: usize) -> Option<&str> {
    let before = &code[..at];
    let is_path = (before.ends_with('.') && !before.ends_with("..")) || before.ends_with("::");
    let start = before.trim_end_matches(|c: char| matches!(c, '_' | ':' | '.') || c.is_alphanumeric()).len();
    is_path.then(|| &before[start..])
}

/// The analyzer's program lies beside the kernel's.
pub(crate) fn program() -> PathBuf {
    let name = format!("boucle-assist{}", env::consts::EXE_SUFFIX);
    env::current_exe().map(|kernel| kernel.with_file_name(&name)).unwrap_or_else(|_| name.into())
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::source::tests::outline;
    use super::*;

    /// What is offered at the `|` of a cell while there is no analyzer.
    async fn offers(marked: &str) -> (Range<usize>, Vec<String>) {
        let at = marked.find('|').unwrap();
        let (_publish, outline) = watch::channel(Arc::new(outline(&["fn tick() {}"], &[("tock", "u8")])));
        let assistant = Assistant::new(outline);
        let completion = assistant.complete(&marked.replacen('|', "", 1), at).await;
        (completion.replaces, completion.offers.into_iter().map(|offer| offer.text).collect())
    }

    #[tokio::test]
    async fn names_are_known_without_an_analyzer() {
        let check = async {
            let of = |text: &str| text.to_owned();
            assert_eq!(offers("é + tic|k").await, (5..8, vec![of("tick()")]));
            assert_eq!(offers("tock.|").await, (5..5, vec![]));
            assert_eq!(offers("1|").await, (0..1, vec![]));
            assert_eq!(offers("// tic|").await, (6..6, vec![]));
            assert_eq!(offers("tock;\n:va|").await, (6..9, vec![of(":vars")]));
            assert_eq!(offers("%%time|").await, (0..6, vec![of("%%time"), of("%%timeit")]));
            assert_eq!(offers(":dep tracing-subs|").await.1, [of("tracing-subscriber")]);
            assert_eq!(offers(":clock v|").await, (7..8, vec![of("virtual")]));
            assert_eq!(offers(":vars x|").await, (7..7, vec![]));
            assert_eq!(offers("!cat src/lib|").await, (9..12, vec![]));
            assert_eq!(offers("!cat src/mai|").await, (9..12, vec![of("main.rs")]));
            assert_eq!(offers("f(\"src/mai|").await, (7..10, vec![of("main.rs")]));
        };
        LocalSet::new().run_until(check).await;
    }

    #[tokio::test]
    async fn names_can_be_inspected_without_an_analyzer() {
        let check = async {
            let (_publish, outline) = watch::channel(Arc::new(outline(&[], &[("tock", "u8")])));
            let assistant = Assistant::new(outline);
            let plain = async |cell: &str, at| assistant.inspect(cell, at, false).await.map(|help| help.plain());
            assert_eq!(plain("1 + tock", 6).await.as_deref(), Some("let tock: u8"));
            assert_eq!(plain(":vars", 2).await.as_deref(), Some(":vars\n\nthe variables and their types"));
            assert!(plain("?sleep", 6).await.is_some_and(|help| help.starts_with("pub fn sleep")));
            assert_eq!(plain("\"tock\"", 3).await, None);
            assert_eq!(plain("nonsense", 3).await, None);
            assert!(plain("sleep(1", 7).await.is_some_and(|help| help.starts_with("pub fn sleep")));
            assert!(plain(":opt 3", 6).await.is_some_and(|help| help.starts_with(":opt")));
        };
        LocalSet::new().run_until(check).await;
    }

    #[test]
    fn paths_are_told_from_ranges() {
        assert_eq!(path_before("a.b.", 4), Some("a.b."));
        assert_eq!(path_before("(asyncio::", 10), Some("asyncio::"));
        assert_eq!(path_before("0..", 3), None);
        assert_eq!(path_before("a + ", 4), None);
    }
}
