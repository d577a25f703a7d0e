//! What is known of a name: for `:doc` and `?name`. Part of the engine's commands.

use super::Engine;
use crate::compile::runtime;
use crate::magics::{self, Documentation};

impl Engine {
    /// What the notebook, or else the event loop's library, says of a name, or where to read on: as text and as Markdown.
    pub(super) fn documentation(&self, name: &str) -> (String, String) {
        let found = self.of_notebook(name).or_else(|| magics::find_documentation(name, runtime::sources()));
        match found {
            Some(Documentation { signature, prose, place }) => {
                let plain = [signature.as_str(), prose.as_str(), place.as_str()];
                let plain: Vec<&str> = plain.into_iter().filter(|part| !part.is_empty()).collect();
                let markdown = format!("```rust\n{signature}\n```\n\n{prose}\n\n{place}");
                (plain.join("\n\n"), markdown.trim_end().to_owned())
            }
            None => {
                let url = format!("https://doc.rust-lang.org/std/?search={}", name.replace(' ', "%20"));
                let nothing = format!("the notebook knows nothing of `{name}`");
                let plain = format!("{nothing}; search Rust's documentation: {url}");
                (plain, format!("{nothing}; [search Rust's documentation]({url})"))
            }
        }
    }

    /// What the notebook knows of a variable or an item of its own.
    fn of_notebook(&self, name: &str) -> Option<Documentation> {
        if let Some(ty) = self.session.type_of(name) {
            let signature = format!("let {name}: {}", magics::short_type(ty));
            return Some(Documentation { signature, prose: String::new(), place: "a variable of the notebook".into() });
        }
        let item = self.session.item(name)?;
        let (signature, prose) = magics::signature_and_prose(item.text());
        Some(Documentation { signature, prose, place: format!("defined in {}", item.source.label) })
    }
}
