//! Asks what could stand at a place, and makes it plain: text without marks, one word for what it is. Used by `serve`.

use ra_ap_hir::PrefixKind;
use ra_ap_ide::{
    Analysis, CallableSnippets, Cancellable, CompletionConfig, CompletionFieldsToResolve, CompletionItem,
    CompletionItemKind, FilePosition, RaFixtureConfig, SymbolKind,
};
use ra_ap_ide_db::SnippetCap;
use ra_ap_ide_db::imports::insert_use::{ImportGranularity, InsertUseConfig};

use crate::message::Candidate;
use crate::snippet::plain;

/// Everything that could stand at the place and begins as what is there already.
pub(crate) fn candidates(analysis: &Analysis, text: &str, position: FilePosition) -> Cancellable<Vec<Candidate>> {
    let items = analysis.completions(&config(), position, None)?;
    Ok(items.into_iter().flatten().filter_map(|item| candidate(&item, text)).collect())
}

fn config() -> CompletionConfig<'static> {
    CompletionConfig {
        enable_postfix_completions: false,
        enable_imports_on_the_fly: false,
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

/// `None` for what does not begin like what is there, and for templates of code.
fn candidate(item: &CompletionItem, text: &str) -> Option<Candidate> {
    let replaces = item.source_range.start().into()..usize::from(item.source_range.end());
    let typed = text.get(replaces.clone())?;
    let name = name_of(item.lookup());
    let kind = kind(item.kind)?;
    if !begins(name, typed) || name.is_empty() {
        return None;
    }
    let mut edits = item.text_edit.iter();
    let text = match (edits.next(), edits.next()) {
        (Some(edit), None) if edit.delete == item.source_range => written(&edit.insert, item, name),
        // What changes more than the word can be offered by its name.
        _ => name.to_owned(),
    };
    Some(Candidate {
        text,
        name: name.to_owned(),
        kind: kind.to_owned(),
        signature: without_allocator(item.detail.as_deref().unwrap_or_default()),
        replaces,
        relevance: item.relevance.score(),
    })
}

/// What to write for an item. Arguments that are only placeholders for values are left out, unless they are the names of
/// parameters.
fn written(insert: &str, item: &CompletionItem, name: &str) -> String {
    match item.kind {
        CompletionItemKind::Keyword | CompletionItemKind::BuiltinType => name.to_owned(),
        CompletionItemKind::SymbolKind(SymbolKind::Function | SymbolKind::Method | SymbolKind::Macro)
            if item.is_snippet =>
        {
            plain(insert)
        }
        _ if item.is_snippet => name.to_owned(),
        _ => insert.to_owned(),
    }
}

/// Types without the allocator that nobody chooses.
pub(crate) fn without_allocator(text: &str) -> String {
    text.replace(", Global>", ">")
}

/// The name that a label begins with.
fn name_of(label: &str) -> &str {
    let end = label.find(|c: char| matches!(c, '(' | ' ' | '{' | '<')).unwrap_or(label.len());
    &label[..end]
}

fn begins(name: &str, typed: &str) -> bool {
    let mut name = name.trim_start_matches("r#").chars();
    typed.trim_start_matches("r#").chars().all(|c| name.next().is_some_and(|n| n.to_lowercase().eq(c.to_lowercase())))
}

/// What an item is, as people call it; `None` for what nobody would look for.
fn kind(kind: CompletionItemKind) -> Option<&'static str> {
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
        CompletionItemKind::Binding => "variable",
        CompletionItemKind::BuiltinType => "type",
        CompletionItemKind::Keyword => "keyword",
        CompletionItemKind::InferredType
        | CompletionItemKind::Snippet
        | CompletionItemKind::UnresolvedReference
        | CompletionItemKind::Expression => return None,
    })
}
