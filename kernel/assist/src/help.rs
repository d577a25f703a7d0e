//! Asks what stands at a place: its declaration with its documentation, or the call that it is an argument of. Used by
//! `serve`.

use ra_ap_ide::{
    Analysis, Cancellable, FilePosition, FileRange, GotoDefinitionConfig, HoverConfig, HoverDocFormat, RaFixtureConfig,
    SignatureHelp, SubstTyLen, TextRange,
};

use crate::completion::without_allocator;
use crate::message::Help;

/// How a path begins that leads into the notebook: with the name of the package in the manifests that the kernel writes.
const PACKAGE: &str = "cell";

/// What is known of the token at a place, or of the call around it; `call_first` says which of them matters more.
pub(crate) fn help(
    analysis: &Analysis,
    position: FilePosition,
    call_first: bool,
    source: bool,
) -> Cancellable<Option<Help>> {
    let call = || Ok(analysis.signature_help(position)?.map(|call| of_call(&call)));
    let markdown = match call_first {
        true => call()?.map_or_else(|| hover(analysis, position), |text| Ok(Some(text)))?,
        false => hover(analysis, position)?.map_or_else(call, |text| Ok(Some(text)))?,
    };
    let Some(markdown) = markdown else { return Ok(None) };
    let source = if source { definition(analysis, position)? } else { None };
    Ok(Some(Help { markdown, source }))
}

fn hover(analysis: &Analysis, position: FilePosition) -> Cancellable<Option<String>> {
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
    let found = analysis.hover(&config, range)?;
    Ok(found.map(|found| without_package(found.info.markup.as_str())).filter(|text| !text.is_empty()))
}

/// Without the name of the notebook's own package in the block that says to what something belongs.
fn without_package(markdown: &str) -> String {
    let markdown = markdown.trim();
    let Some((path, rest)) = markdown.strip_prefix("```rust\n").and_then(|text| text.split_once("\n```\n")) else {
        return without_allocator(markdown);
    };
    let rest = without_allocator(rest.trim_start());
    if path == PACKAGE {
        return rest;
    }
    let path = path.strip_prefix(PACKAGE).and_then(|path| path.strip_prefix("::")).unwrap_or(path);
    format!("```rust\n{path}\n```\n\n{rest}")
}

fn of_call(call: &SignatureHelp) -> String {
    let mut text = format!("```rust\n{}\n```", call.signature);
    if let Some(parameter) = call.active_parameter.and_then(|index| call.parameter_labels().nth(index)) {
        text.push_str(&format!("\n\nHere: `{parameter}`"));
    }
    if let Some(doc) = &call.doc {
        text.push_str("\n\n---\n\n");
        text.push_str(doc.as_str());
    }
    text
}

/// The definition of what stands at a place, as it is written.
fn definition(analysis: &Analysis, position: FilePosition) -> Cancellable<Option<String>> {
    let config = GotoDefinitionConfig { ra_fixture: RaFixtureConfig::default() };
    let Some(found) = analysis.goto_definition(position, &config)? else { return Ok(None) };
    let Some(target) = found.info.first() else { return Ok(None) };
    let text = analysis.file_text(target.file_id)?;
    let range = usize::from(target.full_range.start())..usize::from(target.full_range.end());
    Ok(text.get(range).map(str::to_owned))
}
