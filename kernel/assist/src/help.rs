//! Asks what stands at a place: its declaration with its documentation, or that of the call which it is an argument of.
//! Used by `serve`.

use ra_ap_ide::{
    Analysis, Cancellable, FilePosition, FileRange, GotoDefinitionConfig, HoverConfig, HoverDocFormat, RaFixtureConfig,
    SubstTyLen, SymbolKind, TextRange,
};

use crate::message::Help;
use crate::readable::{self, About, UNKNOWN};

/// What is known of the token at a place, or of the call around it, whose name stands at `callee`; `call_first` says which
/// of them matters more.
pub(crate) fn help(
    analysis: &Analysis,
    position: FilePosition,
    callee: Option<FilePosition>,
    call_first: bool,
    source: bool,
) -> Cancellable<Option<Help>> {
    let here = || token(analysis, position, source);
    let around = || callee.map_or(Ok(None), |callee| call(analysis, callee, position));
    match call_first {
        true => around()?.map_or_else(here, |help| Ok(Some(help))),
        false => here()?.map_or_else(around, |help| Ok(Some(help))),
    }
}

fn token(analysis: &Analysis, position: FilePosition, source: bool) -> Cancellable<Option<Help>> {
    let Some(About { markdown, is_private }) = hover(analysis, position)? else { return Ok(None) };
    let source = if source { definition(analysis, position)? } else { None };
    Ok(Some(Help { markdown, source, is_private }))
}

/// What is called, and which of its parameters stands at the place.
fn call(analysis: &Analysis, callee: FilePosition, position: FilePosition) -> Cancellable<Option<Help>> {
    let Some(About { mut markdown, .. }) = hover(analysis, callee)? else { return Ok(None) };
    let call = analysis.signature_help(position)?;
    let parameter = call.as_ref().and_then(|call| call.parameter_labels().nth(call.active_parameter?));
    if let Some(parameter) = parameter.filter(|parameter| !parameter.contains(UNKNOWN)) {
        let documentation = markdown.find("\n\n---\n").unwrap_or(markdown.len());
        markdown.insert_str(documentation, &format!("\n\nHere: `{}`", parameter.trim_start_matches("mut ")));
    }
    Ok(Some(Help { markdown, source: None, is_private: false }))
}

fn hover(analysis: &Analysis, position: FilePosition) -> Cancellable<Option<About>> {
    let config = HoverConfig {
        links_in_hover: true,
        memory_layout: None,
        documentation: true,
        keywords: true,
        format: HoverDocFormat::Markdown,
        max_trait_assoc_items_count: None,
        max_fields_count: Some(10),
        max_enum_variants_count: Some(10),
        max_subst_ty_len: SubstTyLen::Unlimited,
        show_drop_glue: false,
        ra_fixture: RaFixtureConfig::default(),
    };
    let range = FileRange { file_id: position.file_id, range: TextRange::empty(position.offset) };
    Ok(analysis.hover(&config, range)?.and_then(|found| readable::hover(found.info.markup.as_str())))
}

/// The definition of what stands at a place, as it is written. That of a variable says no more than its type.
fn definition(analysis: &Analysis, position: FilePosition) -> Cancellable<Option<String>> {
    let config = GotoDefinitionConfig { ra_fixture: RaFixtureConfig::default() };
    let Some(found) = analysis.goto_definition(position, &config)? else { return Ok(None) };
    let Some(target) = found.info.first() else { return Ok(None) };
    if matches!(target.kind, Some(SymbolKind::Local | SymbolKind::ValueParam | SymbolKind::SelfParam)) {
        return Ok(None);
    }
    let text = analysis.file_text(target.file_id)?;
    let range = usize::from(target.full_range.start())..usize::from(target.full_range.end());
    let (before, definition) = (text.get(..range.start), text.get(range));
    Ok(before.zip(definition).map(|(before, definition)| aligned(before, definition)))
}

/// A piece of a text without the blanks with which its first line begins there.
fn aligned(before: &str, piece: &str) -> String {
    let line = before.rsplit('\n').next().unwrap_or_default();
    let indent = &line[..line.len() - line.trim_start().len()];
    piece.lines().map(|line| line.strip_prefix(indent).unwrap_or(line)).collect::<Vec<_>>().join("\n")
}
