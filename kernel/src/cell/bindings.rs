//! What a `let` of a cell's own level does: which variables it binds, and whether it can fail. Called by `split`.

use syn::{Expr, Pat};

use super::mentions::plain;

/// Whether evaluating the expression can neither fail nor take long.
pub(super) fn is_harmless(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) | Expr::Path(_) | Expr::Closure(_) => true,
        Expr::Reference(reference) => is_harmless(&reference.expr),
        Expr::Paren(paren) => is_harmless(&paren.expr),
        Expr::Tuple(tuple) => tuple.elems.iter().all(is_harmless),
        Expr::Array(array) => array.elems.iter().all(is_harmless),
        _ => false,
    }
}

/// The names that a pattern binds.
#[derive(Default)]
pub(super) struct Bindings {
    pub(super) names: Vec<String>,
}

impl Bindings {
    pub(super) fn collect(&mut self, pattern: &Pat, outermost: bool) {
        match pattern {
            Pat::Ident(ident) => {
                let name = plain(&ident.ident);
                // Inside a pattern, a capitalized name without `@` is a constant or variant, by convention.
                let constant = !outermost && ident.subpat.is_none() && name.starts_with(char::is_uppercase);
                if !constant && !self.names.contains(&name) {
                    self.names.push(name);
                }
                if let Some((_, inner)) = &ident.subpat {
                    self.collect(inner, false);
                }
            }
            Pat::Or(or) => or.cases.iter().for_each(|case| self.collect(case, false)),
            Pat::Paren(paren) => self.collect(&paren.pat, outermost),
            Pat::Reference(reference) => self.collect(&reference.pat, false),
            Pat::Slice(slice) => slice.elems.iter().for_each(|elem| self.collect(elem, false)),
            Pat::Struct(fields) => fields.fields.iter().for_each(|field| {
                let shorthand = field.colon_token.is_none();
                self.collect(&field.pat, shorthand);
            }),
            Pat::Tuple(tuple) => tuple.elems.iter().for_each(|elem| self.collect(elem, false)),
            Pat::TupleStruct(tuple) => tuple.elems.iter().for_each(|elem| self.collect(elem, false)),
            Pat::Type(typed) => self.collect(&typed.pat, outermost),
            _ => {}
        }
    }
}
