//! Splits the text of a cell into attributes, imports, items and statements. The first stage; called by the engine.
//! What cannot be parsed is handed to rustc as it stands, whose messages are better than any made here.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Expr, Item as SynItem, Stmt};

use super::bindings::{Bindings, is_harmless};
use super::extent::extent;
use super::item::{Item, Use};
use super::item_macros::{ItemMacros, makes_items};
use super::items::{item_of, keys_in, macro_call, made_by};
use super::mentions::{self, plain};
use super::rewrite::{Found, QUESTION, Rewrite, rewrite};
use super::source::{Edit, Source};

/// A cell, split.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) source: Arc<Source>,
    /// Attributes of the whole cell, such as `#![allow(unused)]`.
    pub(crate) attributes: Vec<Range<usize>>,
    pub(crate) items: Vec<Arc<Item>>,
    pub(crate) uses: Vec<Arc<Use>>,
    /// The crates that `extern crate` names.
    pub(crate) extern_crates: Vec<String>,
    pub(crate) statements: Vec<Statement>,
    /// What the statements mention.
    pub(crate) mentions: BTreeSet<String>,
    /// Whether any of the code loops.
    pub(crate) loops: bool,
}

impl Parsed {
    /// Whether the cell itself ends with an error that a `?` of its meets.
    pub(crate) fn asks_questions(&self) -> bool {
        self.source.edits.iter().any(|edit| edit.insert == QUESTION)
    }
}

/// One statement of the cell's own level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Statement {
    pub(crate) range: Range<usize>,
    /// The variables that it binds, if it is a `let`.
    pub(crate) binds: Vec<String>,
    /// Whether they get their value later.
    pub(crate) late: bool,
    /// Where the pattern of the `let` stands.
    pub(crate) pattern: Option<Range<usize>>,
    /// The names that it mentions.
    pub(crate) mentions: BTreeSet<String>,
    /// The variables that it gives another value, perhaps after it has moved them.
    pub(crate) assigns: BTreeSet<String>,
    /// Whether it is a `let` of a reference, which ends with the cell in any case.
    pub(crate) borrows: bool,
    /// Whether it surely runs to its end, as a `let` of a literal does.
    pub(crate) harmless: bool,
    /// Whether it is the expression whose value the cell shows.
    pub(crate) shown: bool,
}

impl Statement {
    /// An expression that is not shown.
    fn at(range: Range<usize>) -> Statement {
        Statement { range, ..Statement::default() }
    }
}

/// Why the text could not be split, for the case that rustc has nothing to say about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) message: String,
    pub(crate) at: Range<usize>,
    /// Whether not even the tokens could be told apart, so that the text must not be put inside anything.
    pub(crate) lexical: bool,
}

/// Splits the text of a cell that messages call `label`, in a notebook with the given macros that make items.
pub(crate) fn split(label: &str, text: &str, item_macros: &ItemMacros) -> Result<Parsed, SyntaxError> {
    split_part(label, text, 0..text.len(), item_macros)
}

/// Splits the part of a cell's text that is Rust; the rest of it belongs to commands.
pub(crate) fn split_part(
    label: &str,
    text: &str,
    part: Range<usize>,
    item_macros: &ItemMacros,
) -> Result<Parsed, SyntaxError> {
    proc_macro2::extra::invalidate_current_thread_spans();
    // What stands before the part is left blank, so that its spans are those of the whole text.
    let code: Cow<'_, str> = match part.start {
        0 => text[part.clone()].into(),
        _ => (" ".repeat(part.start) + &text[part.clone()]).into(),
    };
    let (parsed, completed) = match parse(&code) {
        Ok(parsed) => (parsed, false),
        // At the end of a cell a semicolon may be forgotten: what it would end is clear without it.
        Err(error) => match parse(&format!("{code}{FINAL_SEMICOLON}")) {
            Ok(parsed) => (parsed, true),
            Err(_) => return Err(error),
        },
    };
    let (attributes, statements) = parsed;
    let Rewrite { mut edits, mut found } = rewrite(label, text, &statements);
    if completed {
        for part_of_static in &mut found.statics {
            part_of_static.range.end = part_of_static.range.end.min(part.end);
        }
        edits.push(Edit::close(part.end, FINAL_SEMICOLON));
    }
    let source = Arc::new(Source { label: label.into(), text: text.into(), edits });
    let mut parsed = Parsed {
        attributes: attributes.iter().map(extent).collect(),
        items: Vec::new(),
        uses: Vec::new(),
        extern_crates: Vec::new(),
        statements: Vec::new(),
        mentions: BTreeSet::new(),
        loops: !found.loops.is_empty(),
        source,
    };
    let mut item_macros = item_macros.clone();
    item_macros.extend(statements.iter().filter_map(new_item_macro));
    let last = statements.len().saturating_sub(1);
    for (index, statement) in statements.into_iter().enumerate() {
        let whole = extent(&statement);
        let range = whole.start..whole.end.min(part.end);
        parsed.add(statement, range, index == last, &found, &item_macros);
    }
    Ok(parsed)
}

/// The source of a part that cannot be split: the part alone, on its lines.
pub(crate) fn unsplit(label: &str, text: &str, part: Range<usize>) -> Source {
    let lines = "\n".repeat(text[..part.start].matches('\n').count());
    let before = Edit::replace(0..part.start, lines);
    let behind = Edit::replace(part.end..text.len(), "");
    Source { label: label.into(), text: text.into(), edits: vec![before, behind] }
}

/// The macro that a statement defines, if it is one that makes items.
fn new_item_macro(statement: &Stmt) -> Option<(String, BTreeSet<String>)> {
    let Stmt::Item(SynItem::Macro(item)) = statement else { return None };
    Some((plain(item.ident.as_ref()?), makes_items(item.mac.tokens.clone())?))
}

/// What completes a cell whose last statement lacks its end; a comment may stand on the last line.
const FINAL_SEMICOLON: &str = "\n;";

fn parse(text: &str) -> Result<(Vec<syn::Attribute>, Vec<Stmt>), SyntaxError> {
    let tokens: TokenStream = text.parse().map_err(|error: proc_macro2::LexError| SyntaxError {
        message: "this text cannot be read as Rust".into(),
        at: error.span().byte_range(),
        lexical: true,
    })?;
    if let Some(at) = too_deep(tokens.clone(), 0) {
        return Err(SyntaxError { message: "this is nested too deeply".into(), at: at.byte_range(), lexical: true });
    }
    let cell = |input: syn::parse::ParseStream<'_>| {
        Ok((syn::Attribute::parse_inner(input)?, syn::Block::parse_within(input)?))
    };
    syn::parse::Parser::parse2(cell, tokens).map_err(|error| SyntaxError {
        message: error.to_string(),
        at: error.span().byte_range(),
        lexical: false,
    })
}

/// How deeply code may be nested: far deeper than people write, and not as deep as rustc can bear.
const DEEPEST: usize = 400;

/// Where the tokens are nested more deeply than that, by delimiters or by prefix operators.
fn too_deep(tokens: TokenStream, depth: usize) -> Option<Span> {
    let mut prefixes = 0;
    for token in tokens {
        prefixes = if matches!(token, TokenTree::Punct(_)) { prefixes + 1 } else { 0 };
        if depth + prefixes > DEEPEST {
            return Some(token.span());
        }
        if let TokenTree::Group(group) = token
            && let Some(at) = too_deep(group.stream(), depth + 1)
        {
            return Some(at);
        }
    }
    None
}

impl Parsed {
    fn add(&mut self, statement: Stmt, range: Range<usize>, last: bool, found: &Found, item_macros: &ItemMacros) {
        match statement {
            Stmt::Item(SynItem::Use(item)) => self.add_uses(&item),
            Stmt::Item(item) => {
                if let SynItem::ExternCrate(item) = &item {
                    self.extern_crates.push(plain(&item.ident));
                }
                self.items.push(Arc::new(item_of(&item, &self.source, range, found)));
            }
            Stmt::Expr(Expr::Verbatim(tokens), _) if tokens.is_empty() => {}
            Stmt::Local(local) => {
                let mut bindings = Bindings::default();
                bindings.collect(&local.pat, true);
                let init = local.init.as_ref();
                let statement = Statement {
                    binds: bindings.names,
                    late: init.is_none(),
                    pattern: Some(extent(&local.pat)),
                    borrows: init.is_some_and(|init| matches!(*init.expr, Expr::Reference(_))),
                    harmless: init.is_none_or(|init| init.diverge.is_none() && is_harmless(&init.expr)),
                    ..Statement::at(range)
                };
                self.add_statement(statement, local.to_token_stream(), found);
            }
            Stmt::Expr(_, semicolon) => {
                let shown = last && semicolon.is_none();
                self.add_statement(Statement { shown, ..Statement::at(range) }, statement.to_token_stream(), found);
            }
            Stmt::Macro(call)
                if call.mac.path.is_ident("thread_local")
                    && found.statics.iter().any(|part| range.contains(&part.range.start)) =>
            {
                self.items.extend(keys_in(&range, &self.source, found));
            }
            Stmt::Macro(ref call) if let Some(names) = made_by(call, item_macros) => {
                self.items.push(Arc::new(macro_call(call, names, &self.source, range, found)));
            }
            Stmt::Macro(ref call) => {
                let shown = last && call.semi_token.is_none();
                self.add_statement(Statement { shown, ..Statement::at(range) }, statement.to_token_stream(), found);
            }
        }
    }

    fn add_statement(&mut self, mut statement: Statement, tokens: TokenStream, found: &Found) {
        mentions::collect(tokens, &mut statement.mentions);
        self.mentions.extend(statement.mentions.iter().cloned());
        let here = found.assigned.iter().filter(|(at, _)| statement.range.contains(at));
        statement.assigns = here.map(|(_, name)| name.clone()).collect();
        self.statements.push(statement);
    }

    fn add_uses(&mut self, item: &syn::ItemUse) {
        let mut leaves = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut |segments, rename, binds| {
            leaves.push((segments.to_vec(), rename, binds));
        });
        for (segments, rename, binds) in leaves {
            let last = segments.last().map(|range| self.source.text[range.clone()].to_owned());
            let binds = binds.or_else(|| last.filter(|name| rename.is_none() && name != "*"));
            let absolute = item.leading_colon.is_some();
            self.uses.push(Arc::new(Use { binds, segments, absolute, rename, source: self.source.clone() }));
        }
    }
}

/// Calls `leaf` with the segments, the rename and the bound name of each import of a tree.
fn flatten(
    tree: &syn::UseTree,
    segments: &mut Vec<Range<usize>>,
    leaf: &mut impl FnMut(&[Range<usize>], Option<Range<usize>>, Option<String>),
) {
    let depth = segments.len();
    match tree {
        syn::UseTree::Path(path) => {
            segments.push(path.ident.span().byte_range());
            flatten(&path.tree, segments, leaf);
        }
        syn::UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, segments, leaf);
            }
        }
        syn::UseTree::Glob(glob) => {
            segments.push(glob.star_token.span.byte_range());
            leaf(segments, None, None);
        }
        syn::UseTree::Name(name) => {
            // `a::{self}` imports `a`.
            let binds = if name.ident == "self" && depth > 0 { None } else { Some(plain(&name.ident)) };
            if binds.is_some() {
                segments.push(name.ident.span().byte_range());
            }
            leaf(segments, None, binds);
        }
        syn::UseTree::Rename(rename) => {
            if rename.ident != "self" || depth == 0 {
                segments.push(rename.ident.span().byte_range());
            }
            let binds = (rename.rename != "_").then(|| plain(&rename.rename));
            leaf(segments, Some(rename.rename.span().byte_range()), binds);
        }
    }
    segments.truncate(depth);
}
