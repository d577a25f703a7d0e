//! Which loops an optimized cell goes through without looking at every turn whether it is interrupted. Called by `rewrite`;
//! pure.
//!
//! To look costs less than a nanosecond, but a loop that does so cannot be vectorized or unrolled: where a turn takes a
//! nanosecond itself, the loop takes up to three times as long. So, from level 2 on, loops whose turns are plain, which
//! means that each surely ends at once, are treated in two other ways:
//! - One over a range of numbers runs in strips of a few thousand turns, with a look between them.
//! - One over what lies in memory does not look at all: it ends when the memory does. The same holds for closures that
//!   iterators over it call.

use syn::visit::{self, Visit};
use syn::{Expr, ExprForLoop};

/// How an optimized loop can be interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// At each turn.
    AtEachTurn,
    /// Between strips of its range.
    BetweenStrips,
    /// Only before and behind it.
    Never,
}

/// Methods that begin to go through something that lies in memory.
const SOURCES: &[&str] = &[
    "bytes",
    "char_indices",
    "chars",
    "chunks",
    "chunks_exact",
    "chunks_exact_mut",
    "chunks_mut",
    "drain",
    "iter",
    "iter_mut",
    "keys",
    "values",
    "values_mut",
    "windows",
];

/// Methods whose iterators end when that does which they are made of.
const ADAPTERS: &[&str] = &[
    "cloned",
    "copied",
    "enumerate",
    "filter",
    "filter_map",
    "fuse",
    "inspect",
    "into_iter",
    "map",
    "map_while",
    "peekable",
    "rev",
    "scan",
    "skip",
    "skip_while",
    "step_by",
    "take",
    "take_while",
    "zip",
];

/// Methods that go through such an iterator.
const CONSUMERS: &[&str] = &[
    "all",
    "any",
    "collect",
    "count",
    "find",
    "find_map",
    "fold",
    "for_each",
    "last",
    "max",
    "max_by",
    "max_by_key",
    "min",
    "min_by",
    "min_by_key",
    "partition",
    "position",
    "product",
    "reduce",
    "rposition",
    "sum",
    "try_fold",
    "try_for_each",
];

/// Methods of numbers, and of what holds a value or many, that end at once. Somebody else's method of such a name looks
/// for itself.
const QUICK: &[&str] = &[
    "abs",
    "abs_diff",
    "acos",
    "asin",
    "atan",
    "atan2",
    "cbrt",
    "ceil",
    "checked_add",
    "checked_div",
    "checked_mul",
    "checked_rem",
    "checked_sub",
    "clamp",
    "copysign",
    "cos",
    "count_ones",
    "count_zeros",
    "div_euclid",
    "exp",
    "exp2",
    "floor",
    "fract",
    "get",
    "get_mut",
    "hypot",
    "is_ascii_digit",
    "is_empty",
    "is_negative",
    "is_none",
    "is_positive",
    "is_power_of_two",
    "is_some",
    "leading_zeros",
    "len",
    "ln",
    "log10",
    "log2",
    "max",
    "min",
    "mul_add",
    "overflowing_add",
    "overflowing_mul",
    "overflowing_sub",
    "pow",
    "powf",
    "powi",
    "recip",
    "rem_euclid",
    "reverse_bits",
    "rotate_left",
    "rotate_right",
    "round",
    "saturating_add",
    "saturating_mul",
    "saturating_sub",
    "signum",
    "sin",
    "sqrt",
    "swap",
    "swap_bytes",
    "tan",
    "tanh",
    "to_bits",
    "trailing_zeros",
    "trunc",
    "unsigned_abs",
    "unwrap",
    "unwrap_or",
    "unwrap_or_default",
    "wrapping_add",
    "wrapping_div",
    "wrapping_mul",
    "wrapping_neg",
    "wrapping_shl",
    "wrapping_shr",
    "wrapping_sub",
];

/// Functions that do.
const QUICK_FUNCTIONS: &[&str] = &["black_box", "from", "from_bits", "max", "min", "swap"];

/// The most turns between two numbers that are written there.
const FEW: u128 = 1 << 24;

/// How a loop can be interrupted once it is optimized.
pub(super) fn look(node: &ExprForLoop) -> Look {
    let mut body = Plain::default();
    body.visit_block(&node.body);
    match without_parentheses(&node.expr) {
        _ if body.is_not => Look::AtEachTurn,
        Expr::Range(range) if is_of_characters(range) => Look::Never,
        Expr::Range(range) if range.start.is_some() && range.end.is_some() && !body.leaves(node.label.as_ref()) => {
            Look::BetweenStrips
        }
        Expr::Reference(_) => Look::Never,
        expr if lies_in_memory(expr) => Look::Never,
        _ => Look::AtEachTurn,
    }
}

/// Whether a closure that this method is given can do without a look.
pub(super) fn calls_without_a_look(call: &syn::ExprMethodCall, closure: &syn::ExprClosure) -> bool {
    let name = call.method.to_string();
    let mut body = Plain::default();
    body.visit_expr(&closure.body);
    let goes_through = ADAPTERS.contains(&name.as_str()) || CONSUMERS.contains(&name.as_str());
    goes_through && !body.is_not && lies_in_memory(&call.receiver)
}

/// Whether an iterator goes through something that lies in memory, or is as short.
fn lies_in_memory(expr: &Expr) -> bool {
    match without_parentheses(expr) {
        Expr::MethodCall(call) => {
            let name = call.method.to_string();
            SOURCES.contains(&name.as_str()) || ADAPTERS.contains(&name.as_str()) && lies_in_memory(&call.receiver)
        }
        Expr::Range(range) => {
            let number = |end: &Option<Box<Expr>>| match end.as_deref() {
                Some(Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(number), .. })) => number.base10_parse::<u128>().ok(),
                _ => None,
            };
            number(&range.start).zip(number(&range.end)).is_some_and(|(start, end)| end.saturating_sub(start) <= FEW)
        }
        _ => false,
    }
}

fn is_of_characters(range: &syn::ExprRange) -> bool {
    let is_one = |end: &Expr| matches!(end, Expr::Lit(syn::ExprLit { lit: syn::Lit::Char(_), .. }));
    [&range.start, &range.end].into_iter().flatten().any(|end| is_one(end))
}

fn without_parentheses(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(inner) => without_parentheses(&inner.expr),
        Expr::Group(inner) => without_parentheses(&inner.expr),
        expr => expr,
    }
}

/// Looks for what may keep code from ending at once, and for ways out of the loop that it is the body of.
#[derive(Default)]
struct Plain {
    is_not: bool,
    /// Whether it leaves the innermost loop.
    breaks: bool,
    /// The labels of the loops and blocks that it leaves or goes on with.
    labels: Vec<syn::Lifetime>,
}

impl Plain {
    /// Whether it leaves the loop with this label otherwise than by returning.
    fn leaves(&self, label: Option<&syn::Label>) -> bool {
        self.breaks || label.is_some_and(|label| self.labels.contains(&label.name))
    }
}

impl<'ast> Visit<'ast> for Plain {
    fn visit_expr(&mut self, node: &'ast Expr) {
        let ends_at_once = match node {
            Expr::Array(_) | Expr::Assign(_) | Expr::Binary(_) | Expr::Block(_) | Expr::Break(_) | Expr::Cast(_) => {
                true
            }
            Expr::Continue(_) | Expr::Field(_) | Expr::Group(_) | Expr::If(_) | Expr::Index(_) | Expr::Let(_) => true,
            Expr::Lit(_) | Expr::Match(_) | Expr::Paren(_) | Expr::Path(_) | Expr::Range(_) | Expr::Reference(_) => {
                true
            }
            Expr::Return(_) | Expr::Struct(_) | Expr::Tuple(_) | Expr::Unary(_) | Expr::Unsafe(_) => true,
            Expr::MethodCall(call) => QUICK.iter().any(|quick| call.method == quick),
            Expr::Call(call) => match &*call.func {
                Expr::Path(function) => function.path.segments.last().is_some_and(|last| {
                    let name = last.ident.to_string();
                    QUICK_FUNCTIONS.contains(&name.as_str()) || name.starts_with(char::is_uppercase)
                }),
                _ => false,
            },
            _ => false,
        };
        self.is_not |= !ends_at_once;
        visit::visit_expr(self, node);
    }

    fn visit_expr_break(&mut self, node: &'ast syn::ExprBreak) {
        self.breaks |= node.label.is_none();
        self.labels.extend(node.label.clone());
        visit::visit_expr_break(self, node);
    }

    fn visit_expr_continue(&mut self, node: &'ast syn::ExprContinue) {
        self.labels.extend(node.label.clone());
    }

    fn visit_item(&mut self, _: &'ast syn::Item) {
        self.is_not = true;
    }

    fn visit_macro(&mut self, _: &'ast syn::Macro) {
        self.is_not = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Look) {
        let node: ExprForLoop = syn::parse_str(text).unwrap();
        assert_eq!(look(&node), expected, "{text}");
    }

    #[test]
    fn plain_loops_over_ranges_run_in_strips() {
        for text in [
            "for i in 0..n { s += i * i }",
            "for i in (a + 1)..=b.len() { if v[i] > 0 { continue } v[i] = v[i].wrapping_mul(3); }",
            "'a: for (i) in 0..n { let x = Some(i as f64); s += x.unwrap().sqrt(); }",
            "for i in 0..n { 'b: { if i > 3 { break 'b } s += 1 } }",
        ] {
            check(text, Look::BetweenStrips);
        }
    }

    #[test]
    fn plain_loops_over_memory_do_not_look() {
        for text in [
            "for x in &v { s += x }",
            "for x in &mut v { if *x == 0 { break } *x += 1 }",
            "for (i, x) in v.iter().enumerate().rev() { w[i] = x.abs() }",
            "for (a, b) in a.iter().zip(b) { s += a * b }",
            "for c in 'a'..='z' { n += c as u32 }",
            "for c in text.bytes() { n += usize::from(c == b' ') }",
        ] {
            check(text, Look::Never);
        }
    }

    #[test]
    fn other_loops_look_at_each_turn() {
        for text in [
            "for i in 0.. { s += i }",
            "for i in 0..n { if i > 3 { break } }",
            "'a: for i in 0..n { continue 'a }",
            "for i in 0..n { work(i) }",
            "for i in 0..n { for j in 0..n { s += 1 } }",
            "for i in 0..n { println!() }",
            "for i in 0..n { v.sort() }",
            "for i in 0..n { f.await; }",
            "for x in v { s += x }",
            "for x in v.iter().cycle() { s += x }",
            "for x in std::iter::repeat(1) { s += x }",
        ] {
            check(text, Look::AtEachTurn);
        }
    }

    #[test]
    fn closures_called_by_iterators_over_memory_do_not_look() {
        for (text, expected) in [
            ("v.iter().map(|x| x * 2)", true),
            ("v.iter().enumerate().filter(|x| x.0 > 1).fold(0, |a, b| a + b.1)", true),
            ("(0..100).map(|x| x * 2)", true),
            ("(0..n).map(|x| x * 2)", false),
            ("v.iter().map(|x| work(x))", false),
            ("v.iter().cycle().map(|x| x * 2)", false),
            ("v.map(|x| x * 2)", false),
            ("v.iter().flat_map(|x| [x, x])", false),
        ] {
            let call: syn::ExprMethodCall = syn::parse_str(text).unwrap();
            let Some(Expr::Closure(closure)) = call.args.last() else { unreachable!() };
            assert_eq!(calls_without_a_look(&call, closure), expected, "{text}");
        }
    }
}
