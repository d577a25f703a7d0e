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
mod known;
mod names;
mod offer;
mod outline;
mod place;
mod process;
mod source;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{env, iter};

use boucle_assist::message::{About, Answer};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_local;

pub(crate) use known::Help;
pub(crate) use offer::Offer;
use offer::Rank;
pub(crate) use outline::{Outline, project};
use place::{Place, place, word_around, word_before};
use process::{Analyst, Order};

use crate::magics;

/// How long the analyzer may take. A second is what people wait for a list without wondering.
const PATIENCE: Duration = Duration::from_millis(800);

/// Answers questions about one notebook.
#[derive(Debug)]
pub(crate) struct Assistant {
    outline: watch::Receiver<Arc<Outline>>,
    orders: mpsc::UnboundedSender<Order>,
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
        Assistant { outline, orders }
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
            Place::Crate(range) => Completion { offers: crates::crates(&cell[range.clone()]), replaces: range },
            Place::Other => Completion { replaces: at..at, offers: Vec::new() },
        }
    }

    async fn complete_code(&self, outline: &Outline, code: &str, at: usize) -> Completion {
        let replaces = word_before(code, at);
        let typed = &code[replaces.clone()];
        let path = path_before(code, replaces.start);
        if let Some(Answer::Candidates(candidates)) = self.ask(outline, code, at, About::Completion).await {
            let offers = offer::ranked(outline, candidates, typed, path.is_some());
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
            Place::Command(range) => return known::of_command(&cell[range]),
            Place::Crate(_) | Place::Other => return None,
        };
        let word = &code[word_around(&code, at)];
        let call_first = word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit());
        let about = About::Help { call_first, source: with_source };
        if let Some(Answer::Help(Some(help))) = self.ask(&outline, &code, at, about).await {
            let source = help
                .source
                .into_iter()
                .flat_map(|source| ["\n\n---\n\n```rust\n".to_owned(), source, "\n```".to_owned()]);
            return Some(Help { markdown: iter::once(help.markdown).chain(source).collect() });
        }
        known::of_name(&outline, word, with_source)
    }

    /// The analyzer's answer, if it comes in time.
    async fn ask(&self, outline: &Outline, code: &str, at: usize, about: About) -> Option<Answer> {
        let project = outline.project.clone()?;
        let source = source::source(outline, code);
        let (answer, answered) = oneshot::channel();
        let order = Order { project, offset: source.start + at, text: source.text, about, answer };
        self.orders.send(order).ok()?;
        tokio::time::timeout(PATIENCE, answered).await.ok()?.ok()
    }
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
