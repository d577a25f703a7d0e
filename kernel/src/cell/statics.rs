//! Finds what must stay the same one however often the code around it is compiled: statics, at the top level of a cell or
//! deep in its functions and modules, and the keys of `thread_local!`. Called by `rewrite` on its way through the code.

use std::collections::BTreeSet;
use std::ops::Range;

use quote::ToTokens;
use syn::parse::{ParseStream, Parser};

use super::extent::extent;
use super::item::{StaticKind, StaticPart};
use super::mentions::{self, plain};

/// The parts of a `static` item.
pub(super) fn of_item(item: &syn::ItemStatic) -> StaticPart {
    let start = item.static_token.span.byte_range().start;
    let mutable = matches!(item.mutability, syn::StaticMutability::Mut(_));
    StaticPart {
        range: extent(item),
        visibility: range_of(&item.vis, start),
        name: plain(&item.ident),
        declaration: start..extent(&item.ty).end,
        kind: if mutable { StaticKind::Mutable } else { StaticKind::Plain },
        mentions: mentions_of(&[&item.ty, &item.expr]),
    }
}

/// The keys that a call of `thread_local!` defines; none if it is not such a call, or wrong.
pub(super) fn of_thread_local(call: &syn::Macro) -> Vec<StaticPart> {
    let is_it = call.path.segments.last().is_some_and(|segment| segment.ident == "thread_local");
    if is_it { keys.parse2(call.tokens.clone()).unwrap_or_default() } else { Vec::new() }
}

fn keys(input: ParseStream<'_>) -> syn::Result<Vec<StaticPart>> {
    let mut keys = Vec::new();
    while !input.is_empty() {
        let start = input.span().byte_range().start;
        input.call(syn::Attribute::parse_outer)?;
        let visibility: syn::Visibility = input.parse()?;
        let token: syn::Token![static] = input.parse()?;
        let name: syn::Ident = input.parse()?;
        input.parse::<syn::Token![:]>()?;
        let ty: syn::Type = input.parse()?;
        input.parse::<syn::Token![=]>()?;
        let value: syn::Expr = input.parse()?;
        let semicolon: Option<syn::Token![;]> = input.parse()?;
        let end = semicolon.map_or(extent(&value), |semicolon| semicolon.span.byte_range()).end;
        keys.push(StaticPart {
            range: start..end,
            visibility: range_of(&visibility, token.span.byte_range().start),
            name: plain(&name),
            declaration: name.span().byte_range(),
            kind: StaticKind::ThreadLocal(extent(&ty)),
            mentions: mentions_of(&[&ty, &value]),
        });
    }
    Ok(keys)
}

/// Where a visibility stands; an empty one has no place of its own.
fn range_of(visibility: &syn::Visibility, otherwise: usize) -> Range<usize> {
    match visibility {
        syn::Visibility::Inherited => otherwise..otherwise,
        written => extent(written),
    }
}

fn mentions_of(parts: &[&dyn ToTokens]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for part in parts {
        mentions::collect(part.to_token_stream(), &mut names);
    }
    names
}
