//! Splits the text of a cell into attributes, imports, items and statements. The first stage; called by the engine.
//! What cannot be parsed is handed to rustc as it stands, whose messages are better than any made here.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Expr, Item as SynItem, Pat, Stmt};

use super::extent::extent;
use super::item::{Item, ItemKind, Namespaces, StaticPart, Use};
use super::item_macros::{ItemMacros, look_up, makes_items};
use super::mentions::{self, plain};
use super::rewrite::{Found, Rewrite, rewrite};
use super::shape::Shape;
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
    let Rewrite { mut edits, mut found } = rewrite(text, &statements);
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

/// Whether evaluating the expression can neither fail nor take long.
fn is_harmless(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) | Expr::Path(_) | Expr::Closure(_) => true,
        Expr::Reference(reference) => is_harmless(&reference.expr),
        Expr::Paren(paren) => is_harmless(&paren.expr),
        Expr::Tuple(tuple) => tuple.elems.iter().all(is_harmless),
        Expr::Array(array) => array.elems.iter().all(is_harmless),
        _ => false,
    }
}

/// The names that a pattern binds.
#[derive(Default)]
struct Bindings {
    names: Vec<String>,
}

impl Bindings {
    fn collect(&mut self, pattern: &Pat, outermost: bool) {
        match pattern {
            Pat::Ident(ident) => {
                let name = plain(&ident.ident);
                // Inside a pattern, a capitalized name without `@` is a constant or variant, by convention.
                let constant = !outermost && ident.subpat.is_none() && name.starts_with(char::is_uppercase);
                if !constant && !self.names.contains(&name) {
                    self.names.push(name);
                }
                if let Some((_, inner)) = &ident.subpat {
                    self.collect(inner, false);
                }
            }
            Pat::Or(or) => or.cases.iter().for_each(|case| self.collect(case, false)),
            Pat::Paren(paren) => self.collect(&paren.pat, outermost),
            Pat::Reference(reference) => self.collect(&reference.pat, false),
            Pat::Slice(slice) => slice.elems.iter().for_each(|elem| self.collect(elem, false)),
            Pat::Struct(fields) => fields.fields.iter().for_each(|field| {
                let shorthand = field.colon_token.is_none();
                self.collect(&field.pat, shorthand);
            }),
            Pat::Tuple(tuple) => tuple.elems.iter().for_each(|elem| self.collect(elem, false)),
            Pat::TupleStruct(tuple) => tuple.elems.iter().for_each(|elem| self.collect(elem, false)),
            Pat::Type(typed) => self.collect(&typed.pat, outermost),
            _ => {}
        }
    }
}

fn item_of(item: &SynItem, source: &Arc<Source>, range: Range<usize>, found: &Found) -> Item {
    let mut mentioned = BTreeSet::new();
    mentions::collect(item.to_token_stream(), &mut mentioned);
    let named = |name: &syn::Ident| (plain(name), BTreeSet::from([plain(name)]));
    let namespaces = namespaces_of(item);
    let (kind, (key, provides)) = match item {
        SynItem::Struct(item) => (ItemKind::Type, named(&item.ident)),
        SynItem::Enum(item) => (ItemKind::Type, named(&item.ident)),
        SynItem::Union(item) => (ItemKind::Type, named(&item.ident)),
        SynItem::Type(item) => (ItemKind::Alias, named(&item.ident)),
        SynItem::Trait(item) => {
            let (key, mut provides) = named(&item.ident);
            provides.extend(item.items.iter().filter_map(|item| match item {
                syn::TraitItem::Fn(item) => Some(plain(&item.sig.ident)),
                _ => None,
            }));
            let constants = item.items.iter().filter_map(|item| match item {
                syn::TraitItem::Const(item) => Some(plain(&item.ident)),
                _ => None,
            });
            (ItemKind::Trait { constants: constants.collect() }, (key, provides))
        }
        SynItem::Fn(item) => (ItemKind::Other, named(&item.sig.ident)),
        SynItem::Const(item) => (ItemKind::Other, named(&item.ident)),
        SynItem::Mod(item) => (ItemKind::Module { defines: defined_in(item) }, named(&item.ident)),
        SynItem::TraitAlias(item) => (ItemKind::Trait { constants: BTreeSet::new() }, named(&item.ident)),
        SynItem::Static(item) => (ItemKind::Static, named(&item.ident)),
        SynItem::Macro(item) => match &item.ident {
            Some(name) => (ItemKind::Macro { makes_items: makes_items(item.mac.tokens.clone()) }, named(name)),
            None => (ItemKind::Other, (item.to_token_stream().to_string(), mentioned.clone())),
        },
        SynItem::Impl(item) => impl_of(item),
        SynItem::ExternCrate(_) => (ItemKind::ExternCrate, (item.to_token_stream().to_string(), mentioned.clone())),
        other => (ItemKind::Other, (other.to_token_stream().to_string(), mentioned.clone())),
    };
    Item {
        kind,
        key,
        provides,
        mentions: mentioned,
        shape: Shape::of(item),
        namespaces,
        source: source.clone(),
        loops: found.loops.iter().any(|at| range.contains(at)),
        statics: found.statics.iter().filter(|part| range.contains(&part.range.start)).cloned().collect(),
        range,
    }
}

/// Each key of a call of `thread_local!` is an item by itself.
fn keys_in(range: &Range<usize>, source: &Arc<Source>, found: &Found) -> Vec<Arc<Item>> {
    let keys = found.statics.iter().filter(|key| range.contains(&key.range.start));
    let item = |key: &StaticPart| Item {
        kind: ItemKind::Static,
        key: key.name.clone(),
        namespaces: Namespaces::VALUES,
        provides: BTreeSet::from([key.name.clone()]),
        mentions: key.mentions.clone(),
        shape: Shape::default(),
        source: source.clone(),
        range: key.range.clone(),
        loops: false,
        statics: vec![key.clone()],
    };
    keys.map(|key| Arc::new(item(key))).collect()
}

/// The names that a call makes by itself, if it is that of a macro that makes items.
fn made_by<'a>(call: &syn::StmtMacro, item_macros: &'a ItemMacros) -> Option<&'a BTreeSet<String>> {
    look_up(&plain(&call.mac.path.segments.last()?.ident), item_macros)
}

/// A call is known by the macro and by the first name that it is given, which is most often that of what it makes.
fn macro_call(
    call: &syn::StmtMacro,
    made: &BTreeSet<String>,
    source: &Arc<Source>,
    range: Range<usize>,
    found: &Found,
) -> Item {
    let mut mentions = BTreeSet::new();
    mentions::collect(call.to_token_stream(), &mut mentions);
    let first = call.mac.tokens.clone().into_iter().find_map(|token| match token {
        TokenTree::Ident(word) => Some(plain(&word)),
        _ => None,
    });
    Item {
        kind: ItemKind::MacroCall,
        key: format!("{}! {}", call.mac.path.to_token_stream(), first.unwrap_or_default()),
        namespaces: Namespaces::default(),
        provides: mentions.union(made).cloned().collect(),
        shape: Shape::of_tokens(call.to_token_stream()),
        mentions,
        source: source.clone(),
        loops: found.loops.iter().any(|at| range.contains(at)),
        statics: Vec::new(),
        range,
    }
}

fn namespaces_of(item: &SynItem) -> Namespaces {
    match item {
        SynItem::Struct(item) if matches!(item.fields, syn::Fields::Named(_)) => Namespaces::TYPES,
        SynItem::Struct(_) => Namespaces::BOTH,
        SynItem::Enum(_)
        | SynItem::Union(_)
        | SynItem::Type(_)
        | SynItem::Trait(_)
        | SynItem::TraitAlias(_)
        | SynItem::Mod(_) => Namespaces::TYPES,
        SynItem::Fn(_) | SynItem::Const(_) | SynItem::Static(_) => Namespaces::VALUES,
        SynItem::Macro(item) if item.ident.is_some() => Namespaces::MACROS,
        _ => Namespaces::default(),
    }
}

/// The names that a module or a module in it gives to anything.
fn defined_in(module: &syn::ItemMod) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for item in module.content.iter().flat_map(|(_, items)| items) {
        match item {
            SynItem::Struct(item) => drop(names.insert(plain(&item.ident))),
            SynItem::Enum(item) => drop(names.insert(plain(&item.ident))),
            SynItem::Union(item) => drop(names.insert(plain(&item.ident))),
            SynItem::Type(item) => drop(names.insert(plain(&item.ident))),
            SynItem::Trait(item) => drop(names.insert(plain(&item.ident))),
            SynItem::Const(item) => drop(names.insert(plain(&item.ident))),
            SynItem::Fn(item) => drop(names.insert(plain(&item.sig.ident))),
            SynItem::Mod(item) => {
                names.insert(plain(&item.ident));
                names.extend(defined_in(item));
            }
            SynItem::Use(item) => flatten_names(&item.tree, &mut names),
            SynItem::Macro(item) => mentions::collect(item.mac.tokens.clone(), &mut names),
            _ => {}
        }
    }
    names
}

/// The names that an import binds.
fn flatten_names(tree: &syn::UseTree, names: &mut BTreeSet<String>) {
    match tree {
        syn::UseTree::Path(path) => flatten_names(&path.tree, names),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| flatten_names(tree, names)),
        syn::UseTree::Name(name) => drop(names.insert(plain(&name.ident))),
        syn::UseTree::Rename(rename) => drop(names.insert(plain(&rename.rename))),
        syn::UseTree::Glob(_) => {}
    }
}

fn impl_of(item: &syn::ItemImpl) -> (ItemKind, (String, BTreeSet<String>)) {
    let mut header = BTreeSet::new();
    let mut header_tokens = item.generics.to_token_stream();
    let mut key = "impl ".to_owned();
    key.push_str(&header_tokens.to_string());
    let mut bare = item.clone();
    bare.items.clear();
    bare.attrs.clear();
    let before_for: TokenStream = bare.to_token_stream();
    key.push_str(&before_for.to_string());
    header_tokens.extend(before_for);
    mentions::collect(header_tokens, &mut header);
    let mut self_type = BTreeSet::new();
    mentions::collect(item.self_ty.to_token_stream(), &mut self_type);
    let defines = item.items.iter().filter_map(|item| match item {
        syn::ImplItem::Fn(item) => Some(plain(&item.sig.ident)),
        syn::ImplItem::Const(item) => Some(item.ident.to_string()),
        syn::ImplItem::Type(item) => Some(item.ident.to_string()),
        _ => None,
    });
    (ItemKind::Impl { self_type, header, defines: defines.collect() }, (key, BTreeSet::new()))
}
