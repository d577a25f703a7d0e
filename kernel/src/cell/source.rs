//! Where every byte of generated source comes from: the user's text with the edits made to it, and the map back.
//! Written by `split` and `assemble`; read by the diagnostics and by whoever has to name a place in a cell.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::rewrite::{QUESTION, WAIT};

/// The text of one executed cell, and what the engine changes in it before it is compiled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// How messages name the cell, for example `In[5]`.
    pub(crate) label: String,
    /// What the user typed.
    pub(crate) text: String,
    /// Non-overlapping, by position; at one position the outer one comes first.
    pub(crate) edits: Vec<Edit>,
}

/// One replacement in the user's text, most often of nothing by a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    pub(crate) insert: Cow<'static, str>,
    /// A range of the text that is inserted instead, once more or in another place.
    pub(super) copy: Option<Range<usize>>,
    pub(crate) when: When,
    /// Whether it goes with what stands before it; otherwise with what follows. Between two statements that touch, there
    /// may be both.
    closes: bool,
}

/// What decides whether an edit is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum When {
    #[default]
    Always,
    /// This name is that of the prelude, not the user's own.
    Prelude(&'static str),
    /// Loops may go on for a while without a look, or may not.
    InStrips(bool),
}

impl Edit {
    pub(crate) fn replace(range: Range<usize>, text: impl Into<Cow<'static, str>>) -> Edit {
        Edit { range, insert: text.into(), copy: None, closes: false, when: When::Always }
    }

    /// Inserts what goes with the text behind it.
    pub(crate) fn open(at: usize, text: impl Into<Cow<'static, str>>) -> Edit {
        Edit::replace(at..at, text)
    }

    /// Inserts what goes with the text before it.
    pub(crate) fn close(at: usize, text: impl Into<Cow<'static, str>>) -> Edit {
        Edit { closes: true, ..Edit::replace(at..at, text) }
    }

    /// Inserts another range of the text; it goes with the text before it.
    pub(crate) fn copy(at: usize, range: Range<usize>) -> Edit {
        Edit { copy: Some(range), ..Edit::close(at, "") }
    }

    /// The same edit, to be made on this condition.
    pub(crate) fn when(self, when: When) -> Edit {
        Edit { when, ..self }
    }

    /// Whether it has a loop run in strips.
    pub(crate) fn is_for_strips(&self) -> bool {
        self.when == When::InStrips(true)
    }

    /// The order of edits: at one place, what goes with the text before it comes first, and what replaces the text behind
    /// it comes last.
    pub(crate) fn order(&self) -> impl Ord + use<> {
        (self.range.start, self.range.end, !self.closes)
    }

    /// Whether it is a part of this range of the text.
    fn is_in(&self, range: &Range<usize>) -> bool {
        let Edit { range: own, closes, .. } = self;
        let of_a_neighbor = own.is_empty() && own.start == if *closes { range.start } else { range.end };
        range.start <= own.start && own.end <= range.end && !of_a_neighbor
    }
}

impl Source {
    /// The line and column of a byte offset, both from 1, the column in characters.
    pub(crate) fn line_column(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..offset.min(self.text.len())];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// Whose text a stretch of generated source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The user's, beginning at this offset of the cell's text.
    User(Arc<Source>, usize),
    /// The engine's.
    Glue,
    /// The engine's, taking the variable of this site out of the store.
    Take(u32),
    /// The engine's, storing the variable of this site.
    Store(u32),
}

/// Source ready for rustc, and where each part of it comes from.
#[derive(Debug, Default)]
pub(crate) struct Generated {
    pub(crate) text: String,
    /// The pieces in order: where each begins in `text`, and its origin.
    pieces: Vec<(usize, Origin)>,
    /// The names that are those of the prelude.
    prelude: Vec<&'static str>,
    in_strips: bool,
}

impl Generated {
    /// Source in which these names are those of the prelude, and loops may go on for a while without a look, or may not.
    pub(crate) fn new(prelude: Vec<&'static str>, in_strips: bool) -> Generated {
        Generated { prelude, in_strips, ..Generated::default() }
    }

    /// Whether an edit is made here.
    pub(crate) fn makes(&self, edit: &Edit) -> bool {
        match edit.when {
            When::Always => true,
            When::Prelude(name) => self.prelude.contains(&name),
            When::InStrips(in_strips) => self.in_strips == in_strips,
        }
    }

    /// What its file is called. Source of the same text has the same name, whichever cell it is of, and no other source has
    /// it: what was compiled is found again however a notebook is run, and a place names the source that it is in.
    pub(crate) fn file(&self) -> String {
        let hash = Sha256::digest(self.text.as_bytes());
        hash.iter().take(8).fold("cell-".to_owned(), |name, byte| format!("{name}{byte:02x}"))
    }

    /// Appends text of the engine's own.
    pub(crate) fn glue(&mut self, text: &str) {
        self.push(Origin::Glue, text);
    }

    /// Appends text of the engine's own that takes the variable of `site`.
    pub(crate) fn take(&mut self, site: u32, text: &str) {
        self.push(Origin::Take(site), text);
    }

    /// Appends text of the engine's own that stores the variable of `site`.
    pub(crate) fn store(&mut self, site: u32, text: &str) {
        self.push(Origin::Store(site), text);
    }

    /// Appends a range of a cell, with the edits that fall into it.
    pub(crate) fn user(&mut self, source: &Arc<Source>, range: Range<usize>) {
        self.user_with(source, range.clone(), |edit| edit.is_in(&range));
    }

    /// The same, without the edits at its very ends, which belong to its neighbors.
    pub(crate) fn user_inside(&mut self, source: &Arc<Source>, range: Range<usize>) {
        self.user_with(source, range.clone(), |edit| range.start < edit.range.start && edit.range.end < range.end);
    }

    fn user_with(&mut self, source: &Arc<Source>, range: Range<usize>, includes: impl Fn(&Edit) -> bool) {
        let mut at = range.start;
        for edit in source.edits.iter().filter(|edit| includes(edit)) {
            if !self.makes(edit) {
                continue;
            }
            self.push(Origin::User(source.clone(), at), &source.text[at..edit.range.start]);
            self.glue(&edit.insert);
            if let Some(copy) = edit.copy.clone() {
                self.push(Origin::User(source.clone(), copy.start), &source.text[copy]);
            }
            at = edit.range.end;
        }
        self.push(Origin::User(source.clone(), at), &source.text[at..range.end]);
    }

    /// Appends as many line breaks as the text has, so that what follows keeps its line.
    pub(crate) fn line_breaks_of(&mut self, text: &str) {
        self.glue(&"\n".repeat(text.matches('\n').count()));
    }

    fn push(&mut self, origin: Origin, text: &str) {
        if !text.is_empty() {
            self.pieces.push((self.text.len(), origin));
            self.text.push_str(text);
        }
    }

    /// The origin of a byte of the generated text, and how far into its piece the byte lies.
    fn piece_at(&self, offset: usize) -> Option<(usize, &(usize, Origin))> {
        let after = self.pieces.partition_point(|(start, _)| *start <= offset);
        let index = after.checked_sub(1)?;
        Some((index, &self.pieces[index]))
    }

    /// Whether a place of the generated text is the engine's own.
    pub(crate) fn is_glue(&self, offset: usize) -> bool {
        !matches!(self.piece_at(offset), Some((_, (_, Origin::User(..)))))
    }

    /// The store that a range of the generated text lies in, if it lies in one.
    pub(crate) fn store_at(&self, range: &Range<usize>) -> Option<u32> {
        match self.piece_at(range.start)? {
            (_, (_, Origin::Store(site))) => Some(*site),
            _ => None,
        }
    }

    /// The taking of a variable that a range of the generated text lies in, if it lies in one.
    pub(crate) fn take_at(&self, range: &Range<usize>) -> Option<u32> {
        match self.piece_at(range.start)? {
            (_, (_, Origin::Take(site))) => Some(*site),
            _ => None,
        }
    }

    /// The part of a cell that a range of the generated text shows: what is left of it once everything that the
    /// engine inserted is taken out. `None` if nothing is left.
    pub(crate) fn locate(&self, range: &Range<usize>) -> Option<(Arc<Source>, Range<usize>)> {
        let (mut index, _) = self.piece_at(range.start)?;
        let mut found: Option<(Arc<Source>, Range<usize>)> = None;
        while let Some((start, origin)) =
            self.pieces.get(index).filter(|(start, _)| *start < range.end.max(range.start + 1))
        {
            let end = self.pieces.get(index + 1).map_or(self.text.len(), |(next, _)| *next);
            if let Origin::User(source, offset) = origin {
                let from = offset + range.start.saturating_sub(*start);
                let to = offset + range.end.min(end).saturating_sub(*start);
                match &mut found {
                    None => found = Some((source.clone(), from..to.max(from))),
                    Some((first, covered)) if Arc::ptr_eq(first, source) && to >= covered.end => covered.end = to,
                    Some(_) => break,
                }
            }
            index += 1;
        }
        found.or_else(|| self.end_of_user_text(range))
    }

    /// The end of the user's text, where an empty range of the generated text touches it.
    fn end_of_user_text(&self, range: &Range<usize>) -> Option<(Arc<Source>, Range<usize>)> {
        let last = range.start.checked_sub(1).filter(|_| range.is_empty())?;
        match self.piece_at(last)? {
            (_, (start, Origin::User(source, offset))) => {
                let end = offset + range.start - start;
                Some((source.clone(), end..end))
            }
            _ => None,
        }
    }

    /// The place in a cell of a line and column, from 1, of the generated text.
    pub(crate) fn locate_line(&self, line: usize, column: usize) -> Option<(Arc<Source>, usize)> {
        let start: usize = self.text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
        let within = self.text.get(start..)?.char_indices().nth(column.checked_sub(1)?)?.0;
        let (source, range) = self.locate(&(start + within..start + within + 1))?;
        Some((source, range.start))
    }

    /// The place in a cell of a line, from 1, and a byte in it, also from 1, of the generated text, where the cell's code
    /// calls something. What is inserted in front of an expression to call something with it counts as the expression.
    pub(crate) fn locate_call(&self, line: usize, byte: usize) -> Option<(&Arc<Source>, usize)> {
        let start: usize = self.text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
        let at = start + byte.checked_sub(1)?;
        let (index, (begin, origin)) = self.piece_at(at)?;
        if let Origin::User(source, offset) = origin {
            return Some((source, offset + at - begin));
        }
        let mut behind = self.pieces[index..].iter();
        let (begin, source, offset) = behind.find_map(|(begin, origin)| match origin {
            Origin::User(source, offset) => Some((*begin, source, *offset)),
            _ => None,
        })?;
        let is_in_front = self.text.get(at..begin)?.replace(WAIT, "").replace(QUESTION, "").chars().all(|c| c == '(');
        is_in_front.then_some((source, offset))
    }

    /// The stretches of user text.
    pub(crate) fn user_pieces(&self) -> Vec<UserPiece<'_>> {
        let mut at = Walk { text: &self.text, offset: 0, line: 1, column: 1 };
        let mut pieces = Vec::new();
        for (index, (start, origin)) in self.pieces.iter().enumerate() {
            let start = at.to(*start);
            let end = at.to(self.pieces.get(index + 1).map_or(self.text.len(), |(next, _)| *next));
            if let Origin::User(source, offset) = origin {
                pieces.push(UserPiece { start, end, source, offset: *offset });
            }
        }
        pieces
    }
}

/// A stretch of user text: where it stands in the generated text, as (line, column), and what it is.
#[derive(Debug, Clone)]
pub(crate) struct UserPiece<'a> {
    pub(crate) start: (usize, usize),
    pub(crate) end: (usize, usize),
    pub(crate) source: &'a Arc<Source>,
    pub(crate) offset: usize,
}

/// Counts lines and columns on the way through a text.
struct Walk<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
    column: usize,
}

impl Walk<'_> {
    /// Goes forward to an offset; its line and column, from 1.
    fn to(&mut self, offset: usize) -> (usize, usize) {
        for c in self.text[self.offset..offset].chars() {
            (self.line, self.column) = if c == '\n' { (self.line + 1, 1) } else { (self.line, self.column + 1) };
        }
        self.offset = offset;
        (self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str, edits: &[(Range<usize>, &'static str)]) -> Arc<Source> {
        let edits = edits.iter().map(|(range, insert)| Edit::replace(range.clone(), *insert));
        Arc::new(Source { label: "In[1]".into(), text: text.into(), edits: edits.collect() })
    }

    #[test]
    fn edits_are_applied_and_traced_back() {
        let cell = source("f().await;", &[(0..0, "wait("), (3..9, ")")]);
        let mut generated = Generated::default();
        generated.glue("fn cell() { ");
        generated.user(&cell, 0..10);
        assert_eq!(generated.text, "fn cell() { wait(f());");
        assert_eq!(generated.locate(&(17..20)), Some((cell.clone(), 0..3)));
        assert_eq!(generated.locate(&(12..22)), Some((cell.clone(), 0..10)));
        assert_eq!(generated.locate(&(0..5)), None);
        assert_eq!(generated.locate(&(20..20)), Some((cell.clone(), 3..3)));
        let places: Vec<_> =
            generated.user_pieces().into_iter().map(|piece| (piece.start, piece.end, piece.offset)).collect();
        assert_eq!(places, [((1, 18), (1, 21), 0), ((1, 22), (1, 23), 9)]);
    }

    #[test]
    fn statements_that_touch_keep_their_edits_apart() {
        let edits = vec![Edit::close(1, ")"), Edit::open(1, "wait(")];
        let cell = Arc::new(Source { label: "In[1]".into(), text: "ab".into(), edits });
        let written = |range| {
            let mut generated = Generated::default();
            generated.user(&cell, range);
            generated.text
        };
        assert_eq!([written(0..1), written(1..2), written(0..2)], ["a)", "wait(b", "a)wait(b"]);
    }

    #[test]
    fn calls_are_found_behind_what_makes_them() {
        let cell = source("f().await;", &[(0..0, WAIT), (3..9, ")")]);
        let mut generated = Generated::default();
        generated.glue("{ match &(");
        generated.user(&cell, 0..10);
        let place = |at: usize| generated.locate_call(1, at + 1).map(|(_, offset)| offset);
        let found = |word: &str| place(generated.text.find(word).unwrap());
        assert_eq!([found("("), found("::asyncio"), found("f()"), found(";")], [Some(0), Some(0), Some(0), Some(9)]);
        assert_eq!([found("{"), found("match")], [None, None]);
    }

    #[test]
    fn inserting_nothing_gives_back_the_same_text() {
        let text = "let π = \"é\";\r\n// comment\nπ.len()\n";
        let mut generated = Generated::default();
        generated.user(&source(text, &[]), 0..text.len());
        assert_eq!(generated.text, text);
    }

    #[test]
    fn lines_and_columns_count_characters() {
        let cell = source("a\nπé!", &[]);
        assert_eq!(cell.line_column(0), (1, 1));
        assert_eq!(cell.line_column(6), (2, 3));
    }

    #[test]
    fn stores_are_recognized() {
        let mut generated = Generated::default();
        generated.glue("x");
        generated.store(4, "put(x)");
        assert_eq!(generated.store_at(&(3..4)), Some(4));
        assert_eq!(generated.store_at(&(0..1)), None);
    }
}
