//! The edits that make a cell's code run on the notebook's event loop and stop when the user asks.
//! Called by `split` with the parsed cell; pure.
//!
//! Text is inserted at spans, never printed anew, so that lines stay where the user wrote them:
//! - a top-level `x.await` becomes `wait(x)`, which drives the event loop until `x` is done;
//! - a top-level `x?` becomes `question(x)?`, which ends the cell with the error;
//! - loops and functions begin with a checkpoint, where an interrupt is raised, unless they are optimized and can do without;
//! - `std::thread::sleep` becomes a sleep that an interrupt ends;
//! - `display(x)` becomes the macro `display!(x)`, which takes any value, unless the name is the user's own.
//! - `#[test]` goes, so that a test is a function that can be called;
//! - `dbg!`, `file!()`, `line!()` and `column!()` give the place and the text that the user sees, not those of the generated file.
//!
//! Top level means: run by the cell itself, not by a function, closure or `async` block in it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};

use super::extent::extent;
use super::item::StaticPart;
use super::mentions::plain;
use super::optimized::{Look, calls_without_a_look, look};
use super::source::{Edit, When};
use super::statics;

pub(crate) const WAIT: &str = "::asyncio::cell::wait(";
/// The name stands for one of several functions.
pub(crate) const QUESTION: &str = "__boucle_question(";
pub(crate) const RETURNED: &str = " ::asyncio::cell::returned(";
pub(crate) const CHECKPOINT: &str = "::asyncio::cell::checkpoint();";
pub(crate) const CLOSURE_BODY: &str = "{ ::asyncio::cell::checkpoint(); ";
const CLOSURE_BODY_IN_PARENTHESES: &str = "{ ::asyncio::cell::checkpoint(); (";
const STRIPS: &str = "::asyncio::cell::strips(";
const STRIP: &str = " __boucle_strip ";
const IN_STRIP: &str = " in __boucle_strip";
/// Functions of the prelude that are macros.
pub(crate) const FUNCTION_MACROS: &[&str] = &["clear_output", "display", "update_display"];
/// Makes the name of the engine's macro out of the user's `dbg`, which stays where it is.
pub(crate) const DEBUG: &str = "::asyncio::__boucle_";
pub(crate) const THREAD_SLEEP: &str = "::asyncio::cell::thread_sleep";

/// The methods of iterators that go through all of them to compute something: loops by another name. What is collected is
/// most often small, and costs most to optimize.
const CONSUMERS: &[&str] = &["count", "fold", "for_each", "product", "reduce", "sum", "try_fold", "try_for_each"];

/// What becomes of a cell's code.
#[derive(Debug, Default)]
pub(crate) struct Rewrite {
    pub(crate) edits: Vec<Edit>,
    pub(crate) found: Found,
}

/// What the visit has met on its way.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Where loops and chains of iterators begin: they make it worth to optimize.
    pub(crate) loops: Vec<usize>,
    /// The variables that get another value by a plain assignment, and where.
    pub(crate) assigned: Vec<(usize, String)>,
    /// The statics and the keys of `thread_local!`, in order, those in others' initial values left out.
    pub(crate) statics: Vec<StaticPart>,
}

/// The edits for a whole cell, in the order of their positions.
pub(crate) fn rewrite(label: &str, text: &str, statements: &[syn::Stmt]) -> Rewrite {
    let mut visitor = Visitor {
        label,
        text,
        rewrite: Rewrite::default(),
        bound: BTreeSet::new(),
        top: true,
        constant: false,
        in_macro: false,
        plain_closures: BTreeSet::new(),
    };
    for statement in statements {
        visitor.visit_stmt(statement);
    }
    let Visitor { mut rewrite, bound, .. } = visitor;
    rewrite.edits.retain(|edit| !matches!(edit.when, When::Prelude(name) if bound.contains(name)));
    // The visit meets the outer expression first, and the sort is stable: so the outer one's text stays in front.
    rewrite.edits.sort_by_key(Edit::order);
    rewrite
}

struct Visitor<'t> {
    /// How messages call the cell.
    label: &'t str,
    text: &'t str,
    rewrite: Rewrite,
    /// The names that patterns, imports and items within bodies bind, wherever they do.
    bound: BTreeSet<String>,
    /// Whether the cell itself runs the code.
    top: bool,
    /// Whether the compiler evaluates the code, or it must not unwind: no checkpoints there.
    constant: bool,
    /// Whether a macro receives the code as tokens, and might do anything with it.
    in_macro: bool,
    /// Where the closures begin that look for an interrupt only where loops always do.
    plain_closures: BTreeSet<usize>,
}

impl Visitor<'_> {
    fn open(&mut self, at: usize, text: &'static str) {
        self.rewrite.edits.push(Edit::open(at, text));
    }

    fn close(&mut self, at: usize, text: impl Into<Cow<'static, str>>) {
        self.rewrite.edits.push(Edit::close(at, text));
    }

    fn replace(&mut self, range: Range<usize>, text: &'static str) {
        self.rewrite.edits.push(Edit::replace(range, text));
    }

    /// Puts a checkpoint at the beginning of a body, behind its inner attributes.
    fn checkpoint(&mut self, open_brace: Span, attributes: &[syn::Attribute], when: When) {
        if self.constant || self.in_macro {
            return;
        }
        let inner = attributes.iter().filter(|attribute| matches!(attribute.style, syn::AttrStyle::Inner(_)));
        let at = inner.map(|attribute| extent(attribute).end).max();
        let at = at.unwrap_or(0).max(open_brace.byte_range().end);
        self.rewrite.edits.push(Edit::open(at, CHECKPOINT).when(when));
    }

    /// Makes `for p in 0..n { }` a loop over the strips of the range, and one in it over a strip.
    fn strips(&mut self, node: &syn::ExprForLoop) {
        let (pattern, range) = (extent(&*node.pat), extent(&*node.expr));
        let when = When::InStrips(true);
        let before = [Edit::replace(pattern.clone(), STRIP), Edit::open(range.start, STRIPS)];
        let between =
            [Edit::close(range.end, ") { for "), Edit::copy(range.end, pattern), Edit::close(range.end, IN_STRIP)];
        self.rewrite.edits.extend(before.map(|edit| edit.when(when)));
        self.visit_pat(&node.pat);
        // What the range ends with comes first.
        self.visit_expr(&node.expr);
        self.rewrite.edits.extend(between.map(|edit| edit.when(when)));
        self.visit_block(&node.body);
        self.rewrite.edits.push(Edit::close(extent(&node.body).end, " }").when(when));
    }

    /// A place that the code asks for: that in the cell, or the cell.
    fn place(&mut self, call: &syn::Macro, what: &str) {
        let range = extent(call);
        let before = &self.text[..range.start];
        let place = match what {
            "file" => format!("{:?}", self.label),
            "line" => format!("{}u32", before.matches('\n').count() + 1),
            _ => format!("{}u32", before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1),
        };
        self.rewrite.edits.push(Edit::replace(range, place));
    }

    /// A call of `dbg!` becomes one of the engine's, which is told the text of its arguments.
    fn debug(&mut self, call: &syn::Macro) {
        let Ok(values) = call.parse_body_with(Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated) else {
            return;
        };
        let texts: String = values.iter().map(|value| format!("{:?},", &self.text[extent(value)])).collect();
        let at = call.delimiter.span().open().byte_range().end;
        self.open(extent(&call.path).start, DEBUG);
        self.rewrite.edits.push(Edit::open(at, format!("{texts};")));
    }

    /// A call of `thread_local!`: its keys stay, each to be wrapped or declared by itself, and what is around them goes.
    fn thread_local(&mut self, call: &syn::Macro, semicolon: Option<Span>) -> bool {
        let keys = statics::of_thread_local(call);
        let (Some(first), Some(last)) = (keys.first(), keys.last()) else { return false };
        let end = semicolon.unwrap_or(call.delimiter.span().close()).byte_range().end;
        self.replace(extent(call).start..first.range.start, "");
        self.replace(last.range.end..end, "");
        self.rewrite.found.statics.extend(keys);
        true
    }

    /// Visits code that runs under other circumstances than the code around it.
    fn within(&mut self, top: bool, constant: bool, visit: impl FnOnce(&mut Self)) {
        let outer = (self.top, self.constant);
        (self.top, self.constant) = (self.top && top, self.constant || constant);
        visit(self);
        (self.top, self.constant) = outer;
    }

    /// A function's body: it begins a new world, unless the compiler evaluates it or it must not unwind.
    fn function(&mut self, signature: &syn::Signature, attributes: &[syn::Attribute], block: &syn::Block) {
        let outer = (self.top, self.constant);
        // Unwinding out of a function of another ABI would abort the process: nothing in it may be interrupted.
        (self.top, self.constant) = (false, signature.constness.is_some() || signature.abi.is_some());
        visit::visit_signature(self, signature);
        self.checkpoint(block.brace_token.span.open(), attributes, When::Always);
        visit::visit_block(self, block);
        (self.top, self.constant) = outer;
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_local(&mut self, node: &'ast syn::Local) {
        // A closure that gets braces must not end in front of an `else`.
        let value = node.init.as_ref().filter(|init| init.diverge.is_some()).map(|init| &*init.expr);
        let range = value.filter(|value| ends_with_a_closure(value)).map(extent);
        if let Some(range) = &range {
            self.open(range.start, "(");
        }
        visit::visit_local(self, node);
        if let Some(range) = range {
            self.close(range.end, ")");
        }
    }

    fn visit_expr_await(&mut self, node: &'ast syn::ExprAwait) {
        if self.top {
            self.open(extent(&node.base).start, WAIT);
            self.replace(node.dot_token.span.byte_range().start..node.await_token.span.byte_range().end, ")");
        }
        visit::visit_expr_await(self, node);
    }

    fn visit_expr_try(&mut self, node: &'ast syn::ExprTry) {
        if self.top {
            self.open(extent(&node.expr).start, QUESTION);
        }
        visit::visit_expr_try(self, node);
        if self.top {
            self.close(node.question_token.span.byte_range().start, ")");
        }
    }

    fn visit_expr_return(&mut self, node: &'ast syn::ExprReturn) {
        if self.top {
            let Range { start, end } = extent(node);
            if node.expr.is_none() {
                // An operator may follow, which would take what is returned for its own.
                self.open(start, "(");
            }
            self.close(node.return_token.span.byte_range().end, RETURNED);
            if node.expr.is_none() {
                self.close(end, "()))");
            }
        }
        visit::visit_expr_return(self, node);
        if self.top && node.expr.is_some() {
            self.close(extent(node).end, ")");
        }
    }

    fn visit_expr_assign(&mut self, node: &'ast syn::ExprAssign) {
        if let syn::Expr::Path(place) = &*node.left
            && let Some(name) = place.path.get_ident()
        {
            self.rewrite.found.assigned.push((extent(node).start, plain(name)));
        }
        visit::visit_expr_assign(self, node);
    }

    fn visit_expr_call(&mut self, node: &'ast syn::ExprCall) {
        if let syn::Expr::Path(function) = &*node.func
            && let Some(name) = function.path.get_ident()
            && let Some(called) = FUNCTION_MACROS.iter().find(|known| name == **known)
        {
            let at = name.span().byte_range().end;
            self.rewrite.edits.push(Edit::close(at, "!").when(When::Prelude(called)));
        }
        visit::visit_expr_call(self, node);
    }

    fn visit_pat_ident(&mut self, node: &'ast syn::PatIdent) {
        self.bound.insert(plain(&node.ident));
        visit::visit_pat_ident(self, node);
    }

    fn visit_use_name(&mut self, node: &'ast syn::UseName) {
        self.bound.insert(plain(&node.ident));
    }

    fn visit_use_rename(&mut self, node: &'ast syn::UseRename) {
        self.bound.insert(plain(&node.rename));
    }

    fn visit_expr_path(&mut self, node: &'ast syn::ExprPath) {
        let segments: Vec<String> = node.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let names: Vec<&str> = segments.iter().map(String::as_str).collect();
        if matches!(names[..], ["std", "thread", "sleep"] | ["thread", "sleep"]) && node.qself.is_none() {
            self.replace(extent(&node.path), THREAD_SLEEP);
        }
        visit::visit_expr_path(self, node);
    }

    fn visit_expr_method_call(&mut self, node: &'ast syn::ExprMethodCall) {
        if CONSUMERS.iter().any(|consumer| node.method == consumer) {
            self.rewrite.found.loops.push(extent(node).start);
        }
        for argument in &node.args {
            if let syn::Expr::Closure(closure) = argument
                && calls_without_a_look(node, closure)
            {
                self.plain_closures.insert(extent(closure).start);
            }
        }
        visit::visit_expr_method_call(self, node);
    }

    fn visit_expr_loop(&mut self, node: &'ast syn::ExprLoop) {
        self.rewrite.found.loops.push(extent(node).start);
        self.checkpoint(node.body.brace_token.span.open(), &node.attrs, When::Always);
        visit::visit_expr_loop(self, node);
    }

    fn visit_expr_while(&mut self, node: &'ast syn::ExprWhile) {
        self.rewrite.found.loops.push(extent(node).start);
        self.checkpoint(node.body.brace_token.span.open(), &node.attrs, When::Always);
        visit::visit_expr_while(self, node);
    }

    fn visit_expr_for_loop(&mut self, node: &'ast syn::ExprForLoop) {
        self.rewrite.found.loops.push(extent(node).start);
        let look = if self.constant || self.in_macro { Look::AtEachTurn } else { look(node) };
        let when = if look == Look::AtEachTurn { When::Always } else { When::InStrips(false) };
        self.checkpoint(node.body.brace_token.span.open(), &node.attrs, when);
        match look {
            Look::BetweenStrips => self.strips(node),
            Look::AtEachTurn | Look::Never => visit::visit_expr_for_loop(self, node),
        }
    }

    fn visit_expr_closure(&mut self, node: &'ast syn::ExprClosure) {
        let is_plain = self.plain_closures.contains(&extent(node).start);
        let when = if is_plain { When::InStrips(false) } else { When::Always };
        self.within(false, false, |this| {
            // Iterators loop without a loop of the user's, by calling closures.
            match &*node.body {
                syn::Expr::Block(body) if body.label.is_none() => {
                    this.checkpoint(body.block.brace_token.span.open(), &body.attrs, when);
                }
                syn::Expr::Async(_) => {}
                body if !this.constant && !this.in_macro => {
                    let range = extent(body);
                    let parentheses = goes_on_behind_a_block(body);
                    let open = if parentheses { CLOSURE_BODY_IN_PARENTHESES } else { CLOSURE_BODY };
                    this.rewrite.edits.push(Edit::open(range.start, open).when(when));
                    visit::visit_expr_closure(this, node);
                    let close = if parentheses { ") }" } else { " }" };
                    this.rewrite.edits.push(Edit::close(range.end, close).when(when));
                    return;
                }
                _ => {}
            }
            visit::visit_expr_closure(this, node);
        });
    }

    fn visit_expr_repeat(&mut self, node: &'ast syn::ExprRepeat) {
        self.visit_expr(&node.expr);
        self.within(false, true, |this| this.visit_expr(&node.len));
    }

    fn visit_generic_argument(&mut self, node: &'ast syn::GenericArgument) {
        self.within(false, true, |this| visit::visit_generic_argument(this, node));
    }

    fn visit_const_param(&mut self, node: &'ast syn::ConstParam) {
        self.within(false, true, |this| visit::visit_const_param(this, node));
    }

    fn visit_expr_async(&mut self, node: &'ast syn::ExprAsync) {
        self.within(false, false, |this| visit::visit_expr_async(this, node));
    }

    fn visit_expr_const(&mut self, node: &'ast syn::ExprConst) {
        self.within(false, true, |this| visit::visit_expr_const(this, node));
    }

    fn visit_type(&mut self, node: &'ast syn::Type) {
        self.within(false, true, |this| visit::visit_type(this, node));
    }

    fn visit_item_const(&mut self, node: &'ast syn::ItemConst) {
        self.within(false, true, |this| visit::visit_item_const(this, node));
    }

    fn visit_item_macro(&mut self, node: &'ast syn::ItemMacro) {
        if !self.thread_local(&node.mac, node.semi_token.map(|token| token.span)) {
            visit::visit_item_macro(self, node);
        }
    }

    fn visit_stmt_macro(&mut self, node: &'ast syn::StmtMacro) {
        if !self.thread_local(&node.mac, node.semi_token.map(|token| token.span)) {
            visit::visit_stmt_macro(self, node);
        }
    }

    fn visit_item_static(&mut self, node: &'ast syn::ItemStatic) {
        let nested = self.rewrite.found.statics.last().is_some_and(|outer| outer.range.contains(&extent(node).start));
        if !nested {
            self.rewrite.found.statics.push(statics::of_item(node));
        }
        self.within(false, true, |this| visit::visit_item_static(this, node));
    }

    fn visit_item_enum(&mut self, node: &'ast syn::ItemEnum) {
        self.within(false, true, |this| visit::visit_item_enum(this, node));
    }

    fn visit_impl_item_const(&mut self, node: &'ast syn::ImplItemConst) {
        self.within(false, true, |this| visit::visit_impl_item_const(this, node));
    }

    fn visit_trait_item_const(&mut self, node: &'ast syn::TraitItemConst) {
        self.within(false, true, |this| visit::visit_trait_item_const(this, node));
    }

    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.bound.insert(plain(&node.sig.ident));
        // A test would not be there where nobody runs tests.
        for attribute in node.attrs.iter().filter(|attribute| attribute.path().is_ident("test")) {
            self.replace(extent(attribute), "");
        }
        self.function(&node.sig, &node.attrs, &node.block);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.function(&node.sig, &node.attrs, &node.block);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if let Some(block) = &node.default {
            self.function(&node.sig, &node.attrs, block);
        }
    }

    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        let name = node.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "file" | "line" | "column" if node.tokens.is_empty() => self.place(node, &name),
            "dbg" => self.debug(node),
            _ => {}
        }
        // Most macros take expressions, which may need edits: those of a cell's own level may await or fail.
        let concerned = |token: &TokenTree| match token {
            TokenTree::Ident(ident) => {
                (self.top && ident == "await") || FUNCTION_MACROS.iter().any(|name| ident == name)
            }
            TokenTree::Punct(punct) => self.top && punct.as_char() == '?',
            TokenTree::Group(_) | TokenTree::Literal(_) => false,
        };
        if !any_token(node.tokens.clone(), &concerned) {
            return;
        }
        let Some(arguments) = arguments_of(node) else { return };
        let outer = std::mem::replace(&mut self.in_macro, true);
        for argument in &arguments {
            // The visitor borrows for the whole tree's lifetime; these trees live only here.
            Visitor::visit_expr(self, argument);
        }
        self.in_macro = outer;
        if matches!(name.as_str(), "assert" | "debug_assert") && arguments.len() == 1 && !arguments.trailing_punct() {
            // The macro would quote its argument as it has become; the message must quote it as it was written.
            let range = extent(&arguments);
            let message = format!(", \"assertion failed: {{}}\", {:?}", &self.text[range.clone()]);
            self.close(range.end, message);
        }
    }
}

/// The expressions that a macro is given, if that is what it is given.
fn arguments_of(call: &syn::Macro) -> Option<Punctuated<syn::Expr, syn::Token![,]>> {
    let list = |input: ParseStream<'_>| {
        let with_semicolons = Punctuated::<syn::Expr, syn::Token![;]>::parse_terminated(input)?;
        Ok(with_semicolons.into_iter().collect())
    };
    // The rest of `matches!(value, pattern)` is no expression.
    let first = |input: ParseStream<'_>| {
        let value: syn::Expr = input.parse()?;
        input.parse::<syn::Token![,]>()?;
        input.parse::<TokenStream>()?;
        Ok(Punctuated::from_iter([value]))
    };
    call.parse_body_with(Punctuated::parse_terminated)
        .or_else(|_| call.parse_body_with(list))
        .or_else(|_| call.parse_body_with(first))
        .ok()
}

fn any_token(tokens: TokenStream, wanted: &impl Fn(&TokenTree) -> bool) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => any_token(group.stream(), wanted),
        token => wanted(&token),
    })
}

fn ends_with_a_closure(expr: &syn::Expr) -> bool {
    use syn::Expr;
    match expr {
        Expr::Closure(_) => true,
        Expr::Assign(expr) => ends_with_a_closure(&expr.right),
        Expr::Binary(expr) => ends_with_a_closure(&expr.right),
        Expr::Break(expr) => expr.expr.as_deref().is_some_and(ends_with_a_closure),
        Expr::Range(expr) => expr.end.as_deref().is_some_and(ends_with_a_closure),
        Expr::Reference(expr) => ends_with_a_closure(&expr.expr),
        Expr::Return(expr) => expr.expr.as_deref().is_some_and(ends_with_a_closure),
        Expr::Unary(expr) => ends_with_a_closure(&expr.expr),
        _ => false,
    }
}

/// Whether an expression such as `unsafe { f() } + 1` would end with the block if it stood among statements.
fn goes_on_behind_a_block(expr: &syn::Expr) -> bool {
    use syn::Expr;
    match expr {
        Expr::Assign(expr) => begins_with_a_block(&expr.left),
        Expr::Binary(expr) => begins_with_a_block(&expr.left),
        Expr::Call(expr) => begins_with_a_block(&expr.func),
        Expr::Cast(expr) => begins_with_a_block(&expr.expr),
        Expr::Index(expr) => begins_with_a_block(&expr.expr),
        Expr::Range(expr) => expr.start.as_deref().is_some_and(begins_with_a_block),
        _ => false,
    }
}

fn begins_with_a_block(expr: &syn::Expr) -> bool {
    use syn::Expr;
    match expr {
        Expr::Block(_) | Expr::Const(_) | Expr::ForLoop(_) | Expr::If(_) | Expr::Loop(_) => true,
        Expr::Match(_) | Expr::TryBlock(_) | Expr::Unsafe(_) | Expr::While(_) => true,
        Expr::Await(expr) => begins_with_a_block(&expr.base),
        Expr::Field(expr) => begins_with_a_block(&expr.base),
        Expr::MethodCall(expr) => begins_with_a_block(&expr.receiver),
        Expr::Try(expr) => begins_with_a_block(&expr.expr),
        expr => goes_on_behind_a_block(expr),
    }
}

#[cfg(test)]
mod tests;
