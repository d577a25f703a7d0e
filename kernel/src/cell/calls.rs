//! Where a piece of a cell's text calls a function: a backtrace knows names only. Called by the engine for its reports;
//! pure.

use std::ops::Range;

use proc_macro2::TokenStream;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};

use super::extent::extent;

/// The calls of the function `callee` in a text: in its functions called `caller`, or at its own level. Where there is no
/// such call, the name of the caller stands for it.
pub(crate) fn calls(text: &str, caller: Option<&str>, callee: &str) -> Vec<Range<usize>> {
    proc_macro2::extra::invalidate_current_thread_spans();
    let Ok(tokens) = format!("{text}\n;").parse::<TokenStream>() else { return Vec::new() };
    let Ok(statements) = syn::parse::Parser::parse2(syn::Block::parse_within, tokens) else { return Vec::new() };
    let mut finder = Finder { caller, callee, inside: caller.is_none(), names: Vec::new(), calls: Vec::new() };
    for statement in &statements {
        finder.visit_stmt(statement);
    }
    if finder.calls.is_empty() { finder.names } else { finder.calls }
}

struct Finder<'a> {
    caller: Option<&'a str>,
    callee: &'a str,
    /// Whether the code belongs to the caller.
    inside: bool,
    names: Vec<Range<usize>>,
    calls: Vec<Range<usize>>,
}

impl Finder<'_> {
    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let outer = self.inside;
        self.inside = self.caller.is_some_and(|caller| signature.ident == caller);
        if self.inside {
            self.names.push(signature.ident.span().byte_range());
        }
        visit::visit_block(self, block);
        self.inside = outer;
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.function(&node.sig, &node.block);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.function(&node.sig, &node.block);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if let Some(block) = &node.default {
            self.function(&node.sig, block);
        }
    }

    fn visit_expr_call(&mut self, node: &'ast syn::ExprCall) {
        if let syn::Expr::Path(path) = &*node.func
            && path.path.segments.last().is_some_and(|last| last.ident == self.callee)
            && self.inside
        {
            self.calls.push(extent(node));
        }
        visit::visit_expr_call(self, node);
    }

    fn visit_expr_method_call(&mut self, node: &'ast syn::ExprMethodCall) {
        if node.method == self.callee && self.inside {
            self.calls.push(node.method.span().byte_range().start..extent(node).end);
        }
        visit::visit_expr_method_call(self, node);
    }

    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        // Most macros take expressions.
        let arguments = node.parse_body_with(Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated);
        for argument in arguments.into_iter().flatten() {
            Finder::visit_expr(self, &argument);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, caller: Option<&str>, callee: &str, expected: &[&str]) {
        let found: Vec<&str> = calls(text, caller, callee).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn calls_are_found_in_the_function_that_makes_them() {
        let text = "fn outer(n: i32) { println!(\"{}\", inner(n)); } fn other() { inner(2); } inner(3)";
        check(text, Some("outer"), "inner", &["inner(n)"]);
        check(text, None, "inner", &["inner(3)"]);
        check("impl S { fn a(&self) { self.b(1) + m::b(2) } }", Some("a"), "b", &["b(1)", "m::b(2)"]);
        check("fn apply(f: fn()) { f() }", Some("apply"), "inner", &["apply"]);
    }
}
