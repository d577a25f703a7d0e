//! Reads doc comments and signatures out of Rust source: of the notebook's items, and of the event loop's library.
//! Used by the engine for `:doc`.

/// What is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Documentation {
    /// How it is declared.
    pub(crate) signature: String,
    /// Its doc comment, as Markdown.
    pub(crate) prose: String,
    /// Where it comes from.
    pub(crate) place: String,
}

/// The declaration of an item without its body, and its doc comment.
pub(crate) fn signature_and_prose(item: &str) -> (String, String) {
    let (mut prose, mut signature) = (Vec::new(), Vec::new());
    let (mut depth, mut is_function) = (0_i32, false);
    for line in item.lines() {
        let code = line.trim_start();
        if signature.is_empty() {
            if let Some(text) = code.strip_prefix("///") {
                prose.push(text.strip_prefix(' ').unwrap_or(text));
                continue;
            }
            if code.starts_with("#[") || code.is_empty() || code.starts_with("//") {
                continue;
            }
            is_function = code.split_whitespace().any(|word| word == "fn" || word == "impl" || word == "macro_rules!");
        }
        // The body of a function is its own business; the fields of a type are what one wants to know.
        if is_function && let Some(body) = body_of(line, &mut depth) {
            signature.push(line[..body].trim_end());
            break;
        }
        signature.push(line);
    }
    let indent =
        signature.iter().filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start().len());
    let indent = indent.min().unwrap_or(0);
    let signature: Vec<&str> = signature.iter().map(|line| line.get(indent..).unwrap_or(line.trim_start())).collect();
    (signature.join("\n").trim().to_owned(), readable(prose.join("\n").trim()))
}

/// A doc comment for a reader who has nothing but it: headings of a modest size, and names instead of links to names.
fn readable(prose: &str) -> String {
    let heading = |line: &str| match line.strip_prefix("# ") {
        Some(title) => format!("**{title}**"),
        None => line.to_owned(),
    };
    let mut text = prose.lines().map(heading).collect::<Vec<_>>().join("\n");
    while let Some(start) = text.find("[`") {
        let Some(end) = text[start..].find("`]").map(|length| start + length) else { break };
        let target = text[end + 2..].strip_prefix('(').and_then(|rest| rest.find(')')).map_or(0, |length| length + 2);
        text.replace_range(end + 1..end + 2 + target, "");
        text.replace_range(start..=start, "");
    }
    text
}

/// Where the body begins, or the final semicolon stands, if it does so in this line.
fn body_of(line: &str, depth: &mut i32) -> Option<usize> {
    for (at, c) in line.char_indices() {
        match c {
            '(' | '[' | '<' => *depth += 1,
            '>' if line[..at].ends_with('-') => {}
            ')' | ']' | '>' => *depth -= 1,
            '{' | ';' if *depth <= 0 => return Some(at),
            _ => {}
        }
    }
    None
}

/// The documentation of a public item of some source files, by its name or as `Type::method`.
pub(crate) fn find_documentation<'a>(
    name: &str,
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Option<Documentation> {
    let (owner, name) = name.rsplit_once("::").map_or((None, name), |(owner, name)| (owner.rsplit("::").next(), name));
    let declares = |line: &str| {
        let line = line.trim_start();
        let words =
            if line.starts_with("macro_rules! ") { line } else { line.strip_prefix("pub ").unwrap_or_default() };
        let mut words =
            words.split(|c: char| !(c == '_' || c == '!' || c.is_alphanumeric())).filter(|word| !word.is_empty());
        let kind = words.find(|word| !matches!(*word, "async" | "const" | "unsafe"));
        matches!(kind, Some("fn" | "struct" | "enum" | "trait" | "type" | "macro_rules!")) && words.next() == Some(name)
    };
    for (_, text) in files {
        let lines: Vec<&str> = text.lines().collect();
        let mut within = None;
        for (number, line) in lines.iter().enumerate() {
            if line.starts_with("impl") || line.starts_with("pub trait") {
                within = Some(*line);
            }
            // Methods are only meant together with their type, and functions only without.
            let is_method = line.starts_with(' ');
            let fits = match owner {
                Some(owner) => is_method && within.is_some_and(|header| has_word(header, owner)),
                None => !is_method,
            };
            if fits && declares(line) {
                let is_comment =
                    |line: &&&str| line.trim_start().starts_with("///") || line.trim_start().starts_with("#[");
                let start = number - lines[..number].iter().rev().take_while(is_comment).count();
                let (signature, prose) = signature_and_prose(&declaration(&lines[start..]));
                return Some(Documentation { signature, prose, place: "part of Boucle".into() });
            }
        }
    }
    None
}

/// The lines of the item that stands first, as far as they show what it is.
fn declaration(lines: &[&str]) -> String {
    let is_end = |line: &&str| {
        let code = line.trim();
        !code.starts_with("///") && (code.ends_with(';') || matches!(code, "}" | "});"))
    };
    let end = lines.iter().position(is_end).unwrap_or(lines.len() - 1);
    lines[..=end].join("\n")
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c == '_' || c.is_alphanumeric())).any(|found| found == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(item: &str, signature: &str, prose: &str) {
        assert_eq!(signature_and_prose(item), (signature.to_owned(), prose.to_owned()));
    }

    #[test]
    fn functions_are_shown_without_their_body() {
        check(
            "/// Adds.\n/// Really.\n#[inline]\nfn add(a: i32) -> i32 { a + 1 }",
            "fn add(a: i32) -> i32",
            "Adds.\nReally.",
        );
        check("fn f<T>(\n    x: [T; 3],\n) where T: Copy {\n}", "fn f<T>(\n    x: [T; 3],\n) where T: Copy", "");
        check("impl Clone for P { fn clone(&self) -> P { P } }", "impl Clone for P", "");
    }

    #[test]
    fn prose_has_no_links_that_lead_nowhere() {
        assert_eq!(
            readable("A [`Task`] of [`x`](crate::x) and [b](c).\n\n# Panics\nNever `[`."),
            "A `Task` of `x` and [b](c).\n\n**Panics**\nNever `[`."
        );
    }

    #[test]
    fn types_are_shown_whole() {
        check("/// A point.\n#[derive(Debug)]\nstruct P {\n    x: i32,\n}", "struct P {\n    x: i32,\n}", "A point.");
    }

    #[test]
    fn libraries_are_searched_by_name_and_by_method() {
        let text = "/// Waits.\n/// let x;\n/// }\npub async fn sleep(t: f64) -> Sleep {\n    x\n}\nimpl<T> Task<T> {\n    /// Stops.\n    pub fn cancel(&self) -> bool {\n    }\n}\n";
        let find = |name| find_documentation(name, [("a.rs", text)]).map(|found| (found.signature, found.prose));
        assert_eq!(find("sleep"), Some(("pub async fn sleep(t: f64) -> Sleep".into(), "Waits.\nlet x;\n}".into())));
        assert_eq!(find("Task::cancel"), Some(("pub fn cancel(&self) -> bool".into(), "Stops.".into())));
        assert_eq!(find("cancel"), None);
        assert_eq!(find("Other::cancel"), None);
    }
}
