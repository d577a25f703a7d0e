//! Texts for a figure: of a length for which there is room, and as XML has them.

/// The text, or its beginning.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most.max(2) {
        return text.to_owned();
    }
    text.chars().take(most.max(2) - 1).chain(['…']).collect()
}

/// The text as it may stand in XML; characters that XML has no form for are left out.
pub(super) fn escaped(text: &str) -> String {
    let mut xml = String::new();
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '\t' | '\n' | '\r' => xml.push(' '),
            '\0'..' ' | '\u{7f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => xml.push(c),
        }
    }
    xml
}

#[cfg(test)]
mod tests {
    use super::{escaped, shortened};

    #[test]
    fn a_text_that_is_too_long_ends_in_an_ellipsis() {
        assert_eq!([shortened("äöü", 3), shortened("äöüß", 3), shortened("abc", 0)], ["äöü", "äö…", "a…"]);
    }

    #[test]
    fn what_xml_has_no_form_for_is_left_out() {
        assert_eq!(escaped("<a & b>\t\u{1}\u{1b}é🎈"), "&lt;a &amp; b&gt; é🎈");
    }
}
