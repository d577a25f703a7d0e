//! Where a piece of the syntax tree stands in the text. Used by whatever remembers places: `split`, `rewrite`, `statics`.

use std::ops::Range;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

/// The bytes from the first token to the last; empty if there is none.
///
/// `Spanned` asks the outermost tokens alone. But a tree may print parentheses of its own, which stand nowhere.
pub(super) fn extent(node: &(impl ToTokens + ?Sized)) -> Range<usize> {
    let mut found = None;
    extend(&mut found, node.to_token_stream());
    found.unwrap_or_default()
}

fn extend(found: &mut Option<Range<usize>>, tokens: TokenStream) {
    for token in tokens {
        let range = token.span().byte_range();
        match token {
            _ if !range.is_empty() => {
                let before = found.take().unwrap_or_else(|| range.clone());
                *found = Some(before.start.min(range.start)..before.end.max(range.end));
            }
            TokenTree::Group(group) => extend(found, group.stream()),
            // What was made up has no place.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Range<usize>) {
        let statements = syn::parse::Parser::parse_str(syn::Block::parse_within, text).unwrap();
        assert_eq!(extent(&statements[0]), expected);
    }

    #[test]
    fn a_statement_reaches_from_its_first_token_to_its_last() {
        check(" a + b(c) ", 1..9);
        check("#[x] ..5", 0..8);
        check("(1, [2]); 3", 0..9);
    }
}
