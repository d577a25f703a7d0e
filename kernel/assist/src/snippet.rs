//! Makes plain text of the snippets that editors fill in: Jupyter's front ends would show their marks. Used by `completion`.

/// A snippet without its marks: `${1:name}` becomes `name`, `$0` nothing.
pub fn plain(snippet: &str) -> String {
    let mut text = String::with_capacity(snippet.len());
    let mut rest = snippet.chars().peekable();
    let mut open = 0_usize;
    while let Some(c) = rest.next() {
        match c {
            '\\' => text.extend(rest.next()),
            '$' => {
                let braced = rest.next_if_eq(&'{').is_some();
                while rest.next_if(char::is_ascii_digit).is_some() {}
                // `${1}` has no text of its own.
                if braced && rest.next_if_eq(&':').is_some() {
                    open += 1;
                } else if braced {
                    rest.next_if_eq(&'}');
                }
            }
            '}' if open > 0 => open -= 1,
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn marks_are_left_out() {
        for (snippet, expected) in [
            ("push(${1:value})$0", "push(value)"),
            ("insert(${1:index}, ${2:element})$0", "insert(index, element)"),
            ("len()$0", "len()"),
            ("println!($0)", "println!()"),
            ("f(${1})", "f()"),
            ("if $1 {\n    $0\n}", "if  {\n    \n}"),
            ("costs \\$5 \\}", "costs $5 }"),
            ("f(${1:S { x: ${2:1\\}} }) }", "f(S { x: 1} ) }"),
            ("é(${1:ü})", "é(ü)"),
            ("$", ""),
        ] {
            assert_eq!(plain(snippet), expected, "{snippet}");
        }
    }
}
