//! Who makes a call, and which: a table of lines knows nothing but where it begins. Called by the engine for its reports;
//! pure.

use std::fmt;
use std::ops::Range;

use syn::Expr;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};

use super::extent::extent;
use super::failing::{statements, word};
use super::mentions::plain;

/// Whose code makes a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Caller {
    /// The function, for example `Stack::pop`; `None` for the cell itself.
    function: Option<String>,
    /// The part of it that does, if that runs at times of its own.
    part: Option<&'static str>,
}

impl Caller {
    /// The name by which the function is called, if it has one.
    pub(crate) fn name(&self) -> Option<&str> {
        self.function.as_deref().filter(|_| self.part.is_none())?.rsplit("::").next()
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(part) = self.part {
            write!(f, "{part} of ")?;
        }
        match &self.function {
            Some(function) => write!(f, "`{function}`"),
            None => f.write_str("the cell"),
        }
    }
}

/// The caller at byte `at` of a cell's text, and the call that begins there, of `callee` if there are several; at least
/// the word there.
pub(crate) fn call(text: &str, at: usize, callee: Option<&str>) -> (Caller, Range<usize>) {
    // The compiler counts the parentheses around an expression to it.
    let at = at + text[at..].len() - text[at..].trim_start_matches(|c: char| c == '(' || c.is_whitespace()).len();
    let mut finder =
        Finder { at, callee, subject: None, caller: Caller::default(), found: Caller::default(), calls: Vec::new() };
    for statement in statements(text).iter().flatten() {
        finder.visit_stmt(statement);
    }
    let Finder { found, calls, .. } = finder;
    let of_callee = calls.iter().find(|(_, is_callee)| *is_callee);
    let smallest = || calls.iter().min_by_key(|(range, _)| range.len());
    let range = of_callee.or_else(smallest).map(|(range, _)| range.clone());
    (found, range.unwrap_or_else(|| at..at + word(&text[at..])))
}

struct Finder<'a> {
    at: usize,
    callee: Option<&'a str>,
    /// What the `impl` or trait around is about.
    subject: Option<String>,
    /// Whose code is visited.
    caller: Caller,
    /// Whose code is at the place.
    found: Caller,
    /// The calls that begin at the place, and whether they are of the callee.
    calls: Vec<(Range<usize>, bool)>,
}

impl Finder<'_> {
    /// Visits something that has the place in it, if it has; its code is this caller's.
    fn within(&mut self, range: &Range<usize>, caller: Caller, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.caller, caller);
        if range.contains(&self.at) {
            self.found = self.caller.clone();
            visit(self);
        }
        self.caller = outer;
    }

    fn function(&mut self, name: &syn::Ident, block: &syn::Block) {
        let name = plain(name);
        let function = Some(match &self.subject {
            Some(subject) => format!("{subject}::{name}"),
            None => name,
        });
        let subject = self.subject.take();
        let caller = Caller { function, part: None };
        self.within(&extent(block), caller, |this| visit::visit_block(this, block));
        self.subject = subject;
    }

    fn about(&mut self, subject: Option<String>, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.subject, subject);
        visit(self);
        self.subject = outer;
    }

    fn meet(&mut self, whole: &Range<usize>, shown: Range<usize>, name: Option<String>) {
        if whole.start == self.at {
            self.calls.push((shown, name.is_some() && name.as_deref() == self.callee));
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.function(&node.sig.ident, &node.block);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.function(&node.sig.ident, &node.block);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if let Some(block) = &node.default {
            self.function(&node.sig.ident, block);
        }
    }

    fn visit_item_impl(&mut self, node: &'ast syn::ItemImpl) {
        let subject = match &*node.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|segment| plain(&segment.ident)),
            _ => None,
        };
        self.about(subject, |this| visit::visit_item_impl(this, node));
    }

    fn visit_item_trait(&mut self, node: &'ast syn::ItemTrait) {
        self.about(Some(plain(&node.ident)), |this| visit::visit_item_trait(this, node));
    }

    fn visit_item_mod(&mut self, node: &'ast syn::ItemMod) {
        self.about(None, |this| visit::visit_item_mod(this, node));
    }

    fn visit_expr_closure(&mut self, node: &'ast syn::ExprClosure) {
        let caller = Caller { part: Some("a closure"), ..self.caller.clone() };
        self.within(&extent(&node.body), caller, |this| visit::visit_expr_closure(this, node));
    }

    fn visit_expr_async(&mut self, node: &'ast syn::ExprAsync) {
        let caller = Caller { part: Some("an `async` block"), ..self.caller.clone() };
        self.within(&extent(&node.block), caller, |this| visit::visit_expr_async(this, node));
    }

    fn visit_expr(&mut self, node: &'ast Expr) {
        let whole = extent(node);
        match node {
            Expr::Call(call) => {
                let name = match &*call.func {
                    Expr::Path(path) => path.path.segments.last().map(|segment| plain(&segment.ident)),
                    _ => None,
                };
                self.meet(&whole, whole.clone(), name);
            }
            Expr::MethodCall(call) => {
                self.meet(&whole, call.method.span().byte_range().start..whole.end, Some(plain(&call.method)));
            }
            // The compiler says where the word stands.
            Expr::Await(node) if node.await_token.span.byte_range().start == self.at => {
                self.calls.push((whole, false));
            }
            // An operator may be a function of the user's.
            Expr::Binary(_) | Expr::Index(_) | Expr::Unary(_) => self.meet(&whole, whole.clone(), None),
            _ => {}
        }
        visit::visit_expr(self, node);
    }

    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        let whole = extent(node);
        self.meet(&whole, whole.clone(), None);
        // Most macros take expressions.
        let arguments = node.parse_body_with(Punctuated::<Expr, syn::Token![,]>::parse_terminated);
        for argument in arguments.into_iter().flatten() {
            Finder::visit_expr(self, &argument);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks where `^` stands, which is taken out.
    #[track_caller]
    fn check(marked: &str, callee: &str, caller: &str, expected: &str) {
        let at = marked.find('^').unwrap();
        let text = marked.replacen('^', "", 1);
        let (found, range) = call(&text, at, Some(callee));
        assert_eq!((found.to_string().as_str(), &text[range]), (caller, expected));
    }

    #[test]
    fn calls_are_found_where_they_begin() {
        check("fn outer(n: i32) { println!(\"{}\", ^inner(n) + 1); }", "inner", "`outer`", "inner(n)");
        check("let x = 1; 2 * ^inner(3)", "inner", "the cell", "inner(3)");
        check("impl<T> S<T> { fn a(&self) { ^self.b(1).c(2) } }", "b", "`S::a`", "b(1)");
        check("impl<T> S<T> { fn a(&self) { ^self.b(1).c(2) } }", "c", "`S::a`", "c(2)");
        check("fn f() { v.iter().map(|x| ^g(x)).sum() }", "g", "a closure of `f`", "g(x)");
        check("f(async { ^g() })", "g", "an `async` block of the cell", "g()");
        check("async fn f() { g().^await + 1 }", "g", "`f`", "g().await");
        check("^g().await", "g", "the cell", "g()");
        check("mod m { pub fn f() { ^g() } }", "g", "`f`", "g()");
        check("fn f() { 1 + ^((g(2)) * 2) }", "g", "`f`", "g(2)");
        check("trait T { fn t(&self) { ^*self + 1 } }", "add", "`T::t`", "*self");
    }

    #[test]
    fn at_least_the_word_is_found() {
        check(":vars\n^fail( ]", "fail", "the cell", "fail");
    }
}
