//! Writes the package that cargo builds a bundle from. Called by `build`; pure.

use toml::{Table, Value};

use super::request::Dependencies;

/// The package without crates, as it comes with the runtime's sources.
const TEMPLATE: &str = include_str!("../../../../runtime/bundle/Cargo.toml");

/// The manifest of a bundle.
pub(super) fn manifest(dependencies: &Dependencies) -> String {
    let mut manifest: Table = TEMPLATE.parse().expect("the template is a manifest");
    if let Some(Value::Table(own)) = manifest.get_mut("dependencies") {
        own.extend(dependencies.to_table());
    }
    manifest.to_string()
}

/// Its source, which makes all crates part of the library.
pub(super) fn source<'a>(crates: impl IntoIterator<Item = &'a str>) -> String {
    crates.into_iter().map(|name| format!("pub extern crate {name};\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_manifest_holds_the_runtime_and_the_crates() {
        let asked = ["serde = { version = \"1\", features = [\"derive\"] }".to_owned()];
        let dependencies = Dependencies::default().with(&asked, Path::new("/")).unwrap();
        let written: Table = manifest(&dependencies).parse().unwrap();
        assert_eq!(written["package"]["name"].as_str(), Some("boucle-bundle"));
        assert_eq!(written["dependencies"]["asyncio"]["path"].as_str(), Some(".."));
        assert_eq!(written["dependencies"]["serde"]["features"][0].as_str(), Some("derive"));
    }

    #[test]
    fn the_source_names_each_crate() {
        assert_eq!(source(["asyncio", "regex"]), "pub extern crate asyncio;\npub extern crate regex;\n");
    }
}
