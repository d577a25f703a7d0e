//! Asks what could stand at a place, and makes it plain: text without marks, one word for what it is. Used by `serve`.

use std::ops::Range;

use ra_ap_hir::PrefixKind;
use ra_ap_ide::{
    Analysis, CallableSnippets, Cancellable, CompletionConfig, CompletionFieldsToResolve, CompletionItem,
    CompletionItemKind, CompletionRelevance, FilePosition, RaFixtureConfig, SymbolKind,
};
use ra_ap_ide_db::SnippetCap;
use ra_ap_ide_db::imports::insert_use::{ImportGranularity, InsertUseConfig};

use crate::message::Candidate;
use crate::readable;
use crate::snippet::plain;

/// Everything that could stand at the place and begins as what is there already.
pub(crate) fn candidates(analysis: &Analysis, text: &str, position: FilePosition) -> Cancellable<Vec<Candidate>> {
    let at = usize::from(position.offset);
    let word = text[..at].trim_end_matches(|c: char| c == '_' || c.is_alphanumeric()).len()..at;
    // Methods of traits that are not imported would need a `use`, which only an editor can add.
    let may_be_elsewhere = word.len() >= LONG_ENOUGH && !text[..word.start].ends_with('.');
    let items = analysis.completions(&config(may_be_elsewhere), position, None)?;
    let items = items.iter().flatten().enumerate();
    Ok(items.filter_map(|(index, item)| candidate(item, index, text, &word)).collect())
}

/// So much of a name must be there before names are looked for that are not imported.
const LONG_ENOUGH: usize = 3;

fn config(imports: bool) -> CompletionConfig<'static> {
    CompletionConfig {
        enable_postfix_completions: false,
        enable_imports_on_the_fly: imports,
        enable_self_on_the_fly: false,
        enable_auto_iter: false,
        enable_auto_await: false,
        enable_private_editable: false,
        enable_term_search: false,
        term_search_fuel: 0,
        full_function_signatures: true,
        callable: Some(CallableSnippets::FillArguments),
        add_colons_to_module: false,
        add_semicolon_to_unit: false,
        // Without it there are no arguments.
        snippet_cap: SnippetCap::new(true),
        insert_use: InsertUseConfig {
            granularity: ImportGranularity::Item,
            enforce_granularity: false,
            prefix_kind: PrefixKind::Plain,
            group: false,
            skip_glob_imports: false,
        },
        prefer_no_std: false,
        prefer_prelude: true,
        prefer_absolute: false,
        snippets: Vec::new(),
        limit: None,
        fields_to_resolve: CompletionFieldsToResolve::empty(),
        exclude_flyimport: Vec::new(),
        exclude_traits: &[],
        ra_fixture: RaFixtureConfig::default(),
    }
}

/// `None` for what does not begin like the word that is there, for templates of code, and for what nobody should use.
fn candidate(item: &CompletionItem, index: usize, text: &str, word: &Range<usize>) -> Option<Candidate> {
    // What it replaces may begin before the word, with `fn ` or the `'` of a lifetime.
    let before = text.get(item.source_range.start().into()..word.start)?;
    let name = name_of(item.label.primary.strip_prefix(before)?);
    let kind = kind(item.kind, name)?;
    let typed = &text[word.clone()];
    let is_meant = begins(name, typed) && !name.is_empty() && !name.contains(',') && !NOT_OFFERED.contains(&name);
    if !is_meant || (item.deprecated && name != typed) {
        return None;
    }
    let mut edits = item.text_edit.iter();
    let written = match (edits.next(), edits.next()) {
        (Some(edit), None) if edit.delete == item.source_range => written(&edit.insert, item, name),
        // What changes more than the word can be offered by its name.
        _ => name.to_owned(),
    };
    let written = match &*item.import_to_add {
        [] => written.strip_prefix(before)?.to_owned(),
        // Front ends cannot add a `use`, so what is not imported is offered by its path.
        [import] => import.path.strip_suffix(name)?.to_owned() + &written,
        _ => return None,
    };
    Some(Candidate {
        text: written,
        name: name.to_owned(),
        kind: kind.to_owned(),
        signature: item.detail.as_deref().map(signature).unwrap_or_default(),
        relevance: relevance(item, index),
    })
}

/// How likely it is that an item is meant, which is the item at `index` of all.
fn relevance(item: &CompletionItem, index: usize) -> i32 {
    let beside = |one: CompletionRelevance, other: CompletionRelevance| {
        i32::try_from(i64::from(one.score()) - i64::from(other.score())).unwrap_or_default()
    };
    // That a method returns what it is called on says nothing.
    let is_method = item.kind == CompletionItemKind::SymbolKind(SymbolKind::Method);
    let function = item.relevance.function.filter(|_| !is_method);
    let relevance = CompletionRelevance { function, ..item.relevance };
    let without_type = CompletionRelevance { type_match: None, ..relevance };
    // Where no type is expected, everything generic seems to fit a little.
    let fits = beside(relevance, without_type);
    let fits = if fits >= FITS || item.kind == CompletionItemKind::Binding { fits } else { 0 };
    let own = match item.kind {
        // What a `match` lacks.
        _ if relevance.is_missing => NEAR,
        // What an `impl` lacks. The trait begins with what is necessary.
        _ if is_lacking(item) => NEAR + i32::try_from(100_usize.saturating_sub(index)).unwrap_or_default(),
        CompletionItemKind::SymbolKind(
            SymbolKind::TypeParam | SymbolKind::ConstParam | SymbolKind::LifetimeParam | SymbolKind::SelfParam,
        ) => NEAR,
        _ => 0,
    };
    beside(without_type, CompletionRelevance::default()) + fits + own
}

/// How much the analyzer gives for a type that fits exactly.
const FITS: i32 = 35;

/// How much speaks for what belongs to the very code around.
const NEAR: i32 = 60;

/// Whether it is a member of a trait, to be written in an `impl`.
fn is_lacking(item: &CompletionItem) -> bool {
    ["fn ", "async fn ", "type ", "const "].iter().any(|word| item.lookup().starts_with(word))
}

/// Types that only a nightly toolchain has, and a template.
const NOT_OFFERED: [&str; 3] = ["f16", "f128", "letm"];

/// What to write for an item. Arguments that are only placeholders for values are left out, unless they are the names of
/// parameters.
fn written(insert: &str, item: &CompletionItem, name: &str) -> String {
    match item.kind {
        _ if !item.is_snippet => insert.to_owned(),
        // Fields that have no name are left open, as in `Some(_)`.
        CompletionItemKind::Binding => plain(&insert.replace("($", "(_$").replace(", $", ", _$")),
        CompletionItemKind::SymbolKind(SymbolKind::Function | SymbolKind::Method | SymbolKind::Macro) => {
            // A member of a trait, with a body to fill in.
            let text = plain(&insert.replace("{\n    $0\n}", "{ todo!() }"));
            let arguments = text.strip_prefix(name).and_then(|text| text.strip_prefix('('));
            let receiver = arguments.map(|text| text.trim_start_matches(['&', ' ']).trim_start_matches("mut "));
            match receiver.is_some_and(|text| text.starts_with("self")) {
                // `String::len`: a function like any other.
                true => name.to_owned(),
                false => text.split_whitespace().collect::<Vec<_>>().join(" "),
            }
        }
        CompletionItemKind::SymbolKind(SymbolKind::TypeAlias | SymbolKind::Const) => {
            plain(insert).trim_end_matches(';').to_owned()
        }
        _ => name.to_owned(),
    }
}

/// A declaration as people need it: without marks, and without what is the same everywhere.
fn signature(detail: &str) -> String {
    let text = plain(&readable::declaration(detail));
    let text = text.strip_prefix("pub ").unwrap_or(&text);
    let text = text.strip_prefix("pub(in ...) ").unwrap_or(text);
    if text == "expr.await" { String::new() } else { text.to_owned() }
}

/// The name in a label, such as `f(…)`, `Point {…}` or `fn f(..)`.
fn name_of(label: &str) -> &str {
    let words = ["async ", "unsafe ", "fn ", "type ", "const "];
    let name = words.iter().fold(label, |label, word| label.strip_prefix(word).unwrap_or(label));
    let end = name.find(['(', ' ', '{', '<']).unwrap_or(name.len());
    name[..end].trim_end_matches("::")
}

fn begins(name: &str, typed: &str) -> bool {
    let mut name = name.trim_start_matches("r#").chars();
    typed.trim_start_matches("r#").chars().all(|c| name.next().is_some_and(|n| n.to_lowercase().eq(c.to_lowercase())))
}

/// What an item is, as people call it; `None` for what nobody would look for.
fn kind(kind: CompletionItemKind, name: &str) -> Option<&'static str> {
    Some(match kind {
        CompletionItemKind::SymbolKind(kind) => match kind {
            SymbolKind::Function => "function",
            SymbolKind::Method => "method",
            SymbolKind::Macro | SymbolKind::ProcMacro => "macro",
            SymbolKind::Local | SymbolKind::ValueParam | SymbolKind::SelfParam => "variable",
            SymbolKind::Field => "field",
            SymbolKind::Struct | SymbolKind::Union => "struct",
            SymbolKind::Enum => "enum",
            SymbolKind::Variant => "variant",
            SymbolKind::Trait => "trait",
            SymbolKind::Const | SymbolKind::ConstParam => "constant",
            SymbolKind::Static => "static",
            SymbolKind::Module | SymbolKind::ToolModule => "module",
            SymbolKind::CrateRoot => "crate",
            SymbolKind::TypeAlias | SymbolKind::TypeParam | SymbolKind::SelfType => "type",
            SymbolKind::Attribute | SymbolKind::BuiltinAttr | SymbolKind::Derive | SymbolKind::DeriveHelper => {
                "attribute"
            }
            SymbolKind::LifetimeParam => "lifetime",
            SymbolKind::Label => "label",
            SymbolKind::Impl | SymbolKind::InlineAsmRegOrRegClass => return None,
        },
        // In a pattern: what could be matched.
        CompletionItemKind::Binding if name.starts_with(char::is_lowercase) => "variable",
        CompletionItemKind::Binding => "variant",
        CompletionItemKind::BuiltinType => "type",
        CompletionItemKind::Keyword => "keyword",
        CompletionItemKind::InferredType
        | CompletionItemKind::Snippet
        | CompletionItemKind::UnresolvedReference
        | CompletionItemKind::Expression => return None,
    })
}
