//! Makes the session's items out of those that a cell defines: what each is called, what it provides and what it mentions.
//! Called by `split`.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::Item as SynItem;

use super::item::{Item, ItemKind, Namespaces, StaticPart};
use super::item_macros::{ItemMacros, look_up, makes_items};
use super::mentions::{self, plain};
use super::rewrite::Found;
use super::shape::Shape;
use super::source::Source;

pub(super) fn item_of(item: &SynItem, source: &Arc<Source>, range: Range<usize>, found: &Found) -> Item {
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
pub(super) fn keys_in(range: &Range<usize>, source: &Arc<Source>, found: &Found) -> Vec<Arc<Item>> {
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
pub(super) fn made_by<'a>(call: &syn::StmtMacro, item_macros: &'a ItemMacros) -> Option<&'a BTreeSet<String>> {
    look_up(&plain(&call.mac.path.segments.last()?.ident), item_macros)
}

/// A call is known by the macro and by the first name that it is given, which is most often that of what it makes.
pub(super) fn macro_call(
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
