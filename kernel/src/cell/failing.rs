//! Which piece of a cell's text failed, told by where it begins: the place of a panic names one character only.
//! Called by the engine for its reports; pure.

use std::ops::Range;

use proc_macro2::TokenStream;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr};

use super::extent::extent;

/// What panics with such a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Culprit {
    /// An operator whose name begins like this in the compiler's words.
    Operator(&'static str),
    /// Something in brackets behind a value.
    Index,
    /// An expression with a `?` behind it.
    Question,
    /// A macro, or a call of a function or method.
    Call,
}

/// The verbs of "attempt to … with overflow", "attempt to … by zero".
const OPERATIONS: &[&str] =
    &["add", "subtract", "multiply", "divide", "calculate the remainder", "shift left", "shift right", "negate"];

/// The range of the expression that begins at byte `at` and failed with this message, as far as it can be told; at least
/// the word there. What is no panic is an error that `?` has met, or an exception.
pub(crate) fn failing(text: &str, at: usize, message: &str, is_panic: bool) -> Range<usize> {
    let operation = || {
        OPERATIONS
            .iter()
            .copied()
            .find(|verb| message.strip_prefix("attempt to ").is_some_and(|rest| rest.starts_with(verb)))
    };
    let culprit = match operation() {
        _ if !is_panic => Culprit::Question,
        Some(verb) => Culprit::Operator(verb),
        None if message.starts_with("index out of bounds") || text[at..].starts_with('[') => Culprit::Index,
        None => Culprit::Call,
    };
    let found = expression(text, at, culprit);
    // An exception may also be raised by the function that is called there.
    let found = found.or_else(|| (!is_panic).then(|| expression(text, at, Culprit::Call))?);
    found.unwrap_or_else(|| at..at + word(&text[at..]))
}

/// The smallest expression of this kind that begins there.
fn expression(text: &str, at: usize, culprit: Culprit) -> Option<Range<usize>> {
    let mut finder = Finder { at, culprit, found: None };
    for statement in statements(text)? {
        finder.visit_stmt(&statement);
    }
    finder.found
}

/// The statements of a cell's text as it was written, without its commands.
pub(super) fn statements(text: &str) -> Option<Vec<syn::Stmt>> {
    // What begins like this is no statement.
    let is_command = |line: &str| line.trim_start().starts_with([':', '%', '!', '?']);
    let without = |line: &str| if is_command(line) { format!("{}\n", " ".repeat(line.len() - 1)) } else { line.into() };
    parse(text).or_else(|| parse(&text.split_inclusive('\n').map(without).collect::<String>()))
}

fn parse(text: &str) -> Option<Vec<syn::Stmt>> {
    proc_macro2::extra::invalidate_current_thread_spans();
    let tokens: TokenStream = text.parse().ok()?;
    let cell = |input: syn::parse::ParseStream<'_>| {
        syn::Attribute::parse_inner(input)?;
        syn::Block::parse_within(input)
    };
    // At the end of a cell a semicolon may be missing.
    let parsed = syn::parse::Parser::parse2(cell, tokens.clone()).or_else(|_| {
        let semicolon: TokenStream = std::iter::once(tokens).chain(";".parse::<TokenStream>()).collect();
        syn::parse::Parser::parse2(cell, semicolon)
    });
    parsed.ok()
}

/// The length of the word at the beginning, or of the one character there.
pub(super) fn word(text: &str) -> usize {
    let end = text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len());
    end.max(text.chars().next().map_or(0, char::len_utf8))
}

struct Finder {
    at: usize,
    culprit: Culprit,
    found: Option<Range<usize>>,
}

impl Finder {
    fn meet(&mut self, range: Range<usize>) {
        let is_smaller = self.found.as_ref().is_none_or(|found| range.len() < found.len());
        if range.start == self.at && is_smaller {
            self.found = Some(range);
        }
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_expr(&mut self, node: &'ast Expr) {
        let whole = extent(node);
        match (node, self.culprit) {
            (Expr::Binary(binary), Culprit::Operator(verb)) if verb_of(&binary.op) == Some(verb) => self.meet(whole),
            (Expr::Unary(_), Culprit::Operator("negate")) => self.meet(whole),
            (Expr::Index(index), Culprit::Index) => {
                self.meet(index.bracket_token.span.join().byte_range());
                self.meet(whole);
            }
            (Expr::Try(_), Culprit::Question) => self.meet(whole),
            (Expr::MethodCall(call), Culprit::Call) => self.meet(call.method.span().byte_range().start..whole.end),
            (Expr::Call(_) | Expr::Await(_), Culprit::Call) => self.meet(whole),
            _ => {}
        }
        visit::visit_expr(self, node);
    }

    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        if self.culprit == Culprit::Call {
            self.meet(extent(node));
        }
        // Most macros take expressions.
        let arguments = node.parse_body_with(Punctuated::<Expr, syn::Token![,]>::parse_terminated);
        for argument in arguments.into_iter().flatten() {
            Finder::visit_expr(self, &argument);
        }
    }
}

fn verb_of(operator: &BinOp) -> Option<&'static str> {
    Some(match operator {
        BinOp::Add(_) | BinOp::AddAssign(_) => "add",
        BinOp::Sub(_) | BinOp::SubAssign(_) => "subtract",
        BinOp::Mul(_) | BinOp::MulAssign(_) => "multiply",
        BinOp::Div(_) | BinOp::DivAssign(_) => "divide",
        BinOp::Rem(_) | BinOp::RemAssign(_) => "calculate the remainder",
        BinOp::Shl(_) | BinOp::ShlAssign(_) => "shift left",
        BinOp::Shr(_) | BinOp::ShrAssign(_) => "shift right",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks where `^` stands, which is taken out.
    #[track_caller]
    fn check(marked: &str, message: &str, expected: &str) {
        let at = marked.find('^').unwrap();
        let text = marked.replacen('^', "", 1);
        assert_eq!(&text[failing(&text, at, message, message != "?")], expected);
    }

    #[test]
    fn the_expression_that_failed_is_marked() {
        check("fn f() { a.b().^unwrap() + 1 }", "called `Option::unwrap()`", "unwrap()");
        check("let x = ^list[at] + 1;", "index out of bounds: the len is 3", "list[at]");
        check("ages^[\"Bob\"].len()", "no entry found for key", "[\"Bob\"]");
        check("let x = ^a + b / c;", "attempt to add with overflow", "a + b / c");
        check("let x = ^10 / zero + 1", "attempt to divide by zero", "10 / zero");
        check("for _ in 0..3 { ^n += 1; }", "attempt to add with overflow", "n += 1");
        check("println!(\"{}\", ^v[9])", "index out of bounds", "v[9]");
        check("match 3 { _ => ^unreachable!(\"only\") }", "internal error", "unreachable!(\"only\")");
        check("^load(1)?.len()", "?", "load(1)?");
        check("^drop(5);", "any message", "drop(5)");
        check(":opt 3\n  %time é\n^drop(5)", "any message", "drop(5)");
    }

    #[test]
    fn at_least_the_word_is_marked() {
        check("let é = ^über;", "any message", "über");
        check(":vars\n^fail( ]", "any message", "fail");
    }
}
