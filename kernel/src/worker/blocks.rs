//! Display blocks in what a cell prints: the way in which crates made for evcxr show pictures and tables. Used by `output`
//! for stdout.
//!
//! ```text
//! EVCXR_BEGIN_CONTENT text/html
//! <b>content</b>
//! EVCXR_END_CONTENT
//! ```
//!
//! A block may begin behind other text, and end at the beginning of a line. Blocks that follow one another, each of
//! another type, are one value. Whatever does not become a block is text again, to the last byte: nobody can harm a cell
//! by printing a marker.

use std::collections::BTreeMap;

const BEGIN: &str = "EVCXR_BEGIN_CONTENT ";
const END: &str = "\nEVCXR_END_CONTENT";

/// The part of a marker that nobody prints by chance: so much of it may wait for the rest until the cell ends.
const DISTINCTIVE: &str = "EVCXR_";

/// The longest MIME type, in bytes.
const LONGEST_TYPE: usize = 255;

/// The largest block, in bytes. What is larger will hardly have an end.
const LARGEST: usize = 256 << 20;

/// A part of what was printed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// MIME type → content.
    Block(BTreeMap<String, String>),
}

/// Finds the blocks in a stream.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// What may belong to a block and has not been decided. If a block has begun, this begins with its marker.
    held: String,
    /// How much of `held` has been searched for the end of the block.
    searched: usize,
    /// Blocks that have ended and that another type may follow.
    ended: BTreeMap<String, String>,
    /// Whether a block has just ended, whose line break is not text.
    swallow: bool,
}

/// What a text that begins with a marker is.
enum Begun<'t> {
    /// A block of this type, content and length.
    Block(&'t str, &'t str, usize),
    /// The beginning of one.
    Incomplete,
    /// Only text.
    Text,
}

impl Blocks {
    /// Takes the next text, and returns what can be decided now.
    pub(super) fn feed(&mut self, text: String) -> Vec<Piece> {
        if self.held.is_empty() {
            self.held = text;
        } else {
            self.held.push_str(&text);
        }
        let mut pieces = Vec::new();
        while !self.held.is_empty() && self.step(&mut pieces) {}
        pieces
    }

    /// Whether something is held back that may well be complete.
    pub(super) fn in_doubt(&self) -> bool {
        let holds_something = !self.held.is_empty() || !self.ended.is_empty();
        holds_something && !self.has_begun()
    }

    /// Decides without the text that may follow; at the end, also about a block that lacks its end.
    pub(super) fn settle(&mut self, end: bool) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if end || !self.has_begun() {
            self.finish(&mut pieces);
            self.release(self.held.len(), &mut pieces);
        }
        self.swallow &= !end;
        pieces
    }

    /// Whether the beginning of a block waits for its end.
    fn has_begun(&self) -> bool {
        self.held.trim_start().starts_with(DISTINCTIVE)
    }

    /// Decides about the beginning of what is held; whether there may be more to decide.
    fn step(&mut self, pieces: &mut Vec<Piece>) -> bool {
        let begin = if self.ended.is_empty() {
            let Some(begin) = self.held.find(BEGIN) else {
                let longest = (1..BEGIN.len()).rev().find(|&length| self.held.ends_with(&BEGIN[..length]));
                self.release(self.held.len() - longest.unwrap_or(0), pieces);
                return false;
            };
            self.release(begin, pieces);
            0
        } else {
            let rest = self.held.trim_start();
            if BEGIN.starts_with(rest) {
                return false;
            }
            self.held.len() - rest.len()
        };
        let begun = match &self.held[begin..] {
            text if text.starts_with(BEGIN) => begun(text, self.searched.saturating_sub(begin)),
            _ => Begun::Text,
        };
        match begun {
            Begun::Block(mime_type, content, length) if !self.ended.contains_key(mime_type) => {
                self.ended.insert(mime_type.to_owned(), content.to_owned());
                self.held.drain(..begin + length);
                (self.searched, self.swallow) = (0, true);
                true
            }
            Begun::Incomplete => {
                self.searched = self.held.len();
                false
            }
            Begun::Block(..) | Begun::Text if !self.ended.is_empty() => {
                self.finish(pieces);
                true
            }
            Begun::Block(..) | Begun::Text => {
                self.release(BEGIN.len(), pieces);
                true
            }
        }
    }

    /// The value that has ended is complete.
    fn finish(&mut self, pieces: &mut Vec<Piece>) {
        if !self.ended.is_empty() {
            pieces.push(Piece::Block(std::mem::take(&mut self.ended)));
            self.searched = 0;
        }
    }

    /// The first bytes of what is held are text.
    fn release(&mut self, length: usize, pieces: &mut Vec<Piece>) {
        if length == 0 {
            return;
        }
        let rest = self.held.split_off(length);
        let mut text = std::mem::replace(&mut self.held, rest);
        self.searched = 0;
        if std::mem::take(&mut self.swallow) && text.starts_with('\n') {
            text.remove(0);
        }
        match pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(last)) => last.push_str(&text),
            _ => pieces.push(Piece::Text(text)),
        }
    }
}

/// What a text that begins with a marker is. So many bytes of it have been searched for the end before.
fn begun(text: &str, searched: usize) -> Begun<'_> {
    let line = &text[BEGIN.len()..];
    let Some(length) = line.find('\n') else {
        let hopeful = line.len() <= LONGEST_TYPE && line.trim_end().chars().all(is_of_a_type);
        return if hopeful { Begun::Incomplete } else { Begun::Text };
    };
    let mime_type = line[..length].trim_end();
    if !is_mime_type(mime_type) {
        return Begun::Text;
    }
    // The line break behind the type may be the one in front of the end. The last search may have ended within a marker.
    let content = BEGIN.len() + length;
    let from = text.floor_char_boundary(searched.saturating_sub(END.len()).max(content));
    match text[from..].find(END).map(|at| from + at) {
        Some(end) => Begun::Block(mime_type, text.get(content + 1..end).unwrap_or_default(), end + END.len()),
        None if text.len() > LARGEST => Begun::Text,
        None => Begun::Incomplete,
    }
}

fn is_mime_type(text: &str) -> bool {
    let parts = text.split_once('/');
    parts.is_some_and(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty() && text.chars().all(is_of_a_type))
}

fn is_of_a_type(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/+-._;=".contains(c)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn describe(pieces: Vec<Piece>, out: &mut String) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.push_str(&text),
                Piece::Block(data) => out.push_str(&format!("{data:?}")),
            }
        }
    }

    /// What becomes of a text: whole, character by character, and in any two parts; it must be the same.
    #[track_caller]
    fn shown(text: &str) -> String {
        let through = |parts: &[&str]| {
            let (mut blocks, mut out) = (Blocks::default(), String::new());
            for part in parts {
                describe(blocks.feed((*part).to_owned()), &mut out);
            }
            describe(blocks.settle(true), &mut out);
            out
        };
        let whole = through(&[text]);
        let characters: Vec<String> = text.chars().map(String::from).collect();
        assert_eq!(through(&characters.iter().map(String::as_str).collect::<Vec<_>>()), whole);
        for (at, _) in text.char_indices() {
            assert_eq!(through(&[&text[..at], &text[at..]]), whole, "split at {at}");
        }
        whole
    }

    #[track_caller]
    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&shown(text));
    }

    #[test]
    fn a_block_is_shown_and_the_text_around_it_stays() {
        check(
            "before EVCXR_BEGIN_CONTENT text/html\n<b>é</b>\n\nx\nEVCXR_END_CONTENT\nafter\n",
            expect![[r#"
                before {"text/html": "<b>é</b>\n\nx"}after
            "#]],
        );
        check("EVCXR_BEGIN_CONTENT text/html\nEVCXR_END_CONTENT", expect![[r#"{"text/html": ""}"#]]);
        check("EVCXR_BEGIN_CONTENT text/html\n\nEVCXR_END_CONTENT", expect![[r#"{"text/html": ""}"#]]);
    }

    #[test]
    fn blocks_of_different_types_are_one_value() {
        let block = |mime_type: &str| format!("EVCXR_BEGIN_CONTENT {mime_type}\nx\nEVCXR_END_CONTENT\n");
        let text =
            [block("text/plain"), block("text/html"), block("text/html"), "\n".into(), block("image/png")].concat();
        check(&text, expect![[r#"{"text/html": "x", "text/plain": "x"}{"image/png": "x", "text/html": "x"}"#]]);
    }

    #[test]
    fn what_is_no_block_is_text() {
        for text in [
            "EVCXR_BEGIN_CONTENT",
            "EVCXR_BEGIN_CONTENT \n",
            "EVCXR_BEGIN_CONTENT html\nx\nEVCXR_END_CONTENT\n",
            "EVCXR_BEGIN_CONTENT text/html or so\nx\nEVCXR_END_CONTENT\n",
            "EVCXR_BEGIN_CONTENT text/html\nno end",
            "EVCXR_END_CONTENT\n",
            "EVCXR_BEGIN_CONTENT text/html\nx EVCXR_END_CONTENT\n",
            "EVCXR_BEGIN_CONTENT EVCXR_BEGIN_CONTENT text/html",
            "E EV EVCXR_ EVCXR_BEGIN_CONTENTS",
            "ends in EVCXR_BEG",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn text_after_an_unfinished_second_block_is_kept() {
        check(
            "EVCXR_BEGIN_CONTENT text/html\nx\nEVCXR_END_CONTENT\nEVCXR_BEGIN_CONTENT text/plain\ny",
            expect![[r#"
                {"text/html": "x"}EVCXR_BEGIN_CONTENT text/plain
                y"#]],
        );
    }

    #[test]
    fn only_what_nobody_prints_by_chance_waits() {
        let mut blocks = Blocks::default();
        assert_eq!(blocks.feed("dot: E".into()), [Piece::Text("dot: ".into())]);
        assert!(blocks.in_doubt());
        assert_eq!(blocks.settle(false), [Piece::Text("E".into())]);
        assert!(!blocks.in_doubt());
        assert_eq!(blocks.feed("EVCXR_BEGIN_CONTENT text/ht".into()), []);
        assert!(!blocks.in_doubt());
        assert_eq!(blocks.settle(false), []);
        assert_eq!(blocks.feed("ml\nx\nEVCXR_END_CONTENT\n".into()), []);
        assert!(blocks.in_doubt(), "another type may follow");
        assert!(matches!(&blocks.settle(false)[..], [Piece::Block(_)]));
        assert_eq!(blocks.settle(true), []);
    }
}
