//! What is known of a name without an analyzer: by the notebook, by the library of the event loop, of commands. Pure.

use super::outline::Outline;
use crate::compile::runtime;
use crate::magics::{self, Documentation};

/// What stands somewhere, for reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Help {
    pub(crate) markdown: String,
}

impl Help {
    /// The same without marks.
    pub(crate) fn plain(&self) -> String {
        let lines = self.markdown.lines().filter(|line| !line.starts_with("```") && *line != "---");
        let text = lines.collect::<Vec<_>>().join("\n");
        without_links(text.trim()).replace("\n\n\n", "\n\n")
    }
}

/// `[text](url)` as `text`.
fn without_links(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    let mut rest = markdown;
    while let Some((before, behind)) = rest.split_once("](http") {
        let Some((open, close)) = before.rfind('[').zip(behind.find(')')) else { break };
        text.push_str(&before[..open]);
        text.push_str(&before[open + 1..]);
        rest = &behind[close + 1..];
    }
    text + rest
}

/// What the notebook knows of a name, or else the library of the event loop.
pub(super) fn of_name(outline: &Outline, name: &str, with_source: bool) -> Option<Help> {
    if let Some(ty) = outline.variables.get(name) {
        return Some(Help { markdown: format!("```rust\nlet {name}: {}\n```", magics::short_type(ty)) });
    }
    let Some(item) = outline.item(name) else {
        return magics::find_documentation(name, runtime::sources()).map(|found| shown(&found));
    };
    let (signature, prose) = magics::signature_and_prose(item.text());
    let signature = if with_source { item.text().to_owned() } else { signature };
    Some(shown(&Documentation { signature, prose, place: format!("defined in {}", item.source.label) }))
}

/// What a command is for.
pub(super) fn of_command(name: &str) -> Option<Help> {
    let (usage, summary) = magics::usage(name)?;
    Some(Help { markdown: format!("```text\n{usage}\n```\n\n{summary}") })
}

fn shown(Documentation { signature, prose, place }: &Documentation) -> Help {
    let markdown = format!("```rust\n{signature}\n```\n\n{prose}\n\n{place}");
    Help { markdown: markdown.replace("\n\n\n\n", "\n\n") }
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::outline;
    use super::*;

    #[track_caller]
    fn check(name: &str, with_source: bool, plain: &str) {
        let outline =
            outline(&["/// Adds.\nfn add(a: i32) -> i32 { a + 1 }\nstruct S;"], &[("v", "std::vec::Vec<i32>")]);
        let help = of_name(&outline, name, with_source).expect(name);
        assert!(help.markdown.starts_with("```rust\n"));
        assert_eq!(help.plain(), plain);
    }

    #[test]
    fn names_of_the_notebook_are_known() {
        check("v", false, "let v: Vec<i32>");
        check("add", false, "fn add(a: i32) -> i32\n\nAdds.\n\ndefined in In[0]");
        check("add", true, "/// Adds.\nfn add(a: i32) -> i32 { a + 1 }\n\nAdds.\n\ndefined in In[0]");
        check("S", false, "struct S;\n\ndefined in In[0]");
    }

    #[test]
    fn a_console_shows_no_links() {
        let help =
            Help { markdown: "```rust\nfn f(a: [u8; 2])\n```\n\n[`f`](https://x/f.html) is [a] [g](http://y)!".into() };
        assert_eq!(help.plain(), "fn f(a: [u8; 2])\n\n`f` is [a] g!");
    }

    #[test]
    fn so_is_the_library_and_so_are_commands() {
        let sleep = of_name(&Outline::default(), "sleep", false).expect("a function of the library").plain();
        assert!(sleep.starts_with("pub fn sleep("), "{sleep}");
        assert_eq!(of_name(&Outline::default(), "nonsense", false), None);
        assert_eq!(
            of_command(":opt").expect("a command").plain(),
            ":opt 0…3\n\nhow much rustc optimizes from now on; `auto`: by whether the code loops"
        );
        assert_eq!(of_command(":t"), of_command(":type"));
        assert_eq!(of_command(":nonsense"), None);
    }
}
