//! What of a definition decides what the bytes of a value mean. Changing that outdates values; changing anything else of
//! the definition must not cost a variable. Called by `split` for each item; compared and followed by the session.
//!
//! The documentation is left out, and so are derives, which add impls beside the type, and the bodies of functions,
//! unless the compiler may evaluate them for the length of an array.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{ImplItem, Item as SynItem, TraitItem};

use super::mentions;

/// That part of a definition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Shape {
    text: String,
    names: BTreeSet<String>,
}

impl Shape {
    /// What these tokens amount to.
    pub(crate) fn of_tokens(tokens: TokenStream) -> Shape {
        let text = tokens.to_string();
        let mut names = BTreeSet::new();
        mentions::collect(tokens, &mut names);
        Shape { text, names }
    }

    /// What of the item decides what the bytes of a value mean.
    pub(crate) fn of(item: &SynItem) -> Shape {
        Shape::of_tokens(shaping(item.clone()))
    }

    /// Whether the definition has no part in the meaning of values.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether it may mean something else once one of these names does.
    pub(crate) fn follows(&self, changed: &BTreeSet<String>) -> bool {
        !self.names.is_disjoint(changed)
    }
}

fn shaping(mut item: SynItem) -> TokenStream {
    match &mut item {
        SynItem::Struct(item) => {
            plain(&mut item.attrs);
            item.fields.iter_mut().for_each(|field| plain(&mut field.attrs));
        }
        SynItem::Enum(item) => {
            plain(&mut item.attrs);
            for variant in &mut item.variants {
                plain(&mut variant.attrs);
                variant.fields.iter_mut().for_each(|field| plain(&mut field.attrs));
            }
        }
        SynItem::Union(item) => plain(&mut item.attrs),
        SynItem::Type(item) => plain(&mut item.attrs),
        SynItem::Const(item) => plain(&mut item.attrs),
        SynItem::Trait(item) => {
            plain(&mut item.attrs);
            for inner in &mut item.items {
                if let TraitItem::Fn(function) = inner {
                    plain(&mut function.attrs);
                    function.default = None;
                }
            }
        }
        SynItem::Impl(item) => {
            item.attrs.clear();
            item.items.retain(|inner| match inner {
                ImplItem::Fn(function) => function.sig.constness.is_some(),
                _ => true,
            });
            if item.items.is_empty() {
                return TokenStream::new();
            }
        }
        SynItem::Mod(item) => {
            let inner = item.content.iter().flat_map(|(_, items)| items.iter().cloned().map(shaping));
            return inner.collect();
        }
        SynItem::Fn(item) if item.sig.constness.is_some() => plain(&mut item.attrs),
        SynItem::Fn(_) | SynItem::Static(_) | SynItem::ExternCrate(_) | SynItem::ForeignMod(_) => {
            return TokenStream::new();
        }
        _ => {}
    }
    item.to_token_stream()
}

/// Leaves out the attributes that change nothing about the item itself.
fn plain(attributes: &mut Vec<syn::Attribute>) {
    attributes.retain(|attribute| !attribute.path().is_ident("doc") && !attribute.path().is_ident("derive"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(code: &str) -> Shape {
        Shape::of(&syn::parse_str(code).unwrap())
    }

    #[test]
    fn what_cannot_change_a_value_is_left_out() {
        for (before, after) in [
            ("struct P { x: u8 }", "/// Doc.\n#[derive(Debug)]\nstruct P {\n    /// X.\n    x: u8, // x\n}"),
            ("trait T { fn a(&self) -> u8 { 1 } }", "trait T { /** A. */ fn a(&self) -> u8; }"),
            (
                "impl Iterator for P { type Item = u8; fn next(&mut self) -> Option<u8> { None } }",
                "impl Iterator for P { type Item = u8; fn next(&mut self) -> Option<u8> { Some(1) } }",
            ),
            ("mod m { pub struct P; pub fn f() {} }", "mod m { fn g() { todo!() } pub struct P; }"),
        ] {
            assert_eq!(shape(before).text.replace(" , }", " }"), shape(after).text.replace(" , }", " }"));
        }
        assert!(shape("fn f() -> u8 { 1 }").is_empty());
        assert!(shape("impl P { fn f(&self) {} }").is_empty());
    }

    #[test]
    fn what_may_change_a_value_counts() {
        for (before, after) in [
            ("struct P { x: u8 }", "#[repr(packed)] struct P { x: u8 }"),
            ("trait T { fn a(&self); fn b(&self); }", "trait T { fn b(&self); fn a(&self); }"),
            ("impl A for P { const N: usize = 1; }", "impl A for P { const N: usize = 2; }"),
            ("impl P { const fn n() -> usize { 1 } }", "impl P { const fn n() -> usize { 2 } }"),
            ("const fn n() -> usize { 1 }", "const fn n() -> usize { 2 }"),
            ("mod m { mod n { const N: usize = 1; } }", "mod m { mod n { const N: usize = 2; } }"),
        ] {
            assert_ne!(shape(before), shape(after));
        }
    }
}
