//! Reads what stands behind `:dep`. Called by the engine.
//!
//! As in evcxr: `name`, `name = "1"`, `name = { version = "1", features = ["x"] }` and `{ path = "…" }`; besides,
//! `name@1` as `cargo add` has it, and a mere path.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

/// The crates that a notebook asks for, as the `[dependencies]` of a manifest.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Dependencies {
    /// Name → version, features and so on.
    entries: BTreeMap<String, Table>,
}

/// What a manifest may say about a dependency.
const KEYS: &[&str] = &[
    "version",
    "features",
    "default-features",
    "default_features",
    "path",
    "git",
    "branch",
    "tag",
    "rev",
    "package",
    "registry",
];

/// The crates that every cell has in any case.
const ALWAYS_THERE: &[&str] = &["asyncio", "std", "core", "alloc"];

impl Dependencies {
    /// These crates and those of the specifications, each of which stood behind one `:dep`. The last word on a crate
    /// counts. Paths are relative to `folder`.
    ///
    /// # Errors
    /// What is wrong with a specification, in words for the user.
    pub(crate) fn with(&self, specifications: &[String], folder: &Path) -> Result<Dependencies, String> {
        let mut entries = self.entries.clone();
        for specification in specifications {
            for (name, value) in read(specification, folder)? {
                let entry = entry(&name, value, folder)?;
                entries.insert(name, entry);
            }
        }
        Ok(Dependencies { entries })
    }

    /// Whether one of them is the crate that code calls `name`.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.entries.keys().any(|entry| entry.replace('-', "_") == name)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Name → what was asked for, as in a manifest.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Table)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// As the value of `[dependencies]`.
    pub(crate) fn to_table(&self) -> Table {
        self.entries.iter().map(|(name, entry)| (name.clone(), Value::Table(entry.clone()))).collect()
    }
}

/// The names and values of a specification.
fn read(specification: &str, folder: &Path) -> Result<Vec<(String, Value)>, String> {
    let text = specification.trim().trim_end_matches(';').trim_end();
    let version = |name: &str, version: &str| Ok(vec![(name.to_owned(), Value::String(version.to_owned()))]);
    if is_name(text) {
        return version(text, "*");
    }
    if let Some((name, wanted)) = text.split_once('@').filter(|(name, _)| is_name(name)) {
        return version(name, wanted);
    }
    if text.starts_with(['.', '/']) {
        let value = Table::from_iter([("path".to_owned(), Value::String(text.to_owned()))]);
        return Ok(vec![(name_at(&folder.join(text))?, Value::Table(value))]);
    }
    let not_understood = |error: toml::de::Error| {
        let example =
            "for example `:dep rand = \"0.9\"` or `:dep serde = { version = \"1\", features = [\"derive\"] }`";
        format!("`:dep {text}` cannot be understood: {}; write it as in Cargo.toml, {example}", error.message().trim())
    };
    if text.starts_with('{') {
        let value = format!("it = {text}").parse::<Table>().map_err(not_understood)?.remove("it");
        let Some(path) = value.as_ref().and_then(|value| value.get("path")?.as_str()) else {
            return Err(format!("`:dep {text}` lacks the name of the crate: `:dep name = {text}`"));
        };
        let name = name_at(&folder.join(path))?;
        return Ok(value.map(|value| (name, value)).into_iter().collect());
    }
    Ok(text.parse::<Table>().map_err(not_understood)?.into_iter().collect())
}

fn is_name(text: &str) -> bool {
    let may_begin = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    may_begin && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// The name of the package in a folder.
fn name_at(folder: &Path) -> Result<String, String> {
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(|error| no_package(folder, &error))?;
    let parsed: Table = text.parse().map_err(|error| format!("`{}` cannot be read: {error}", manifest.display()))?;
    let name = parsed.get("package").and_then(|package| package.get("name")?.as_str());
    name.map(str::to_owned).ok_or_else(|| format!("`{}` does not name a package", manifest.display()))
}

fn no_package(folder: &Path, error: &std::io::Error) -> String {
    format!("there is no crate in `{}`: cannot read its Cargo.toml: {error}", folder.display())
}

/// What is asked for, in the long form and independent of the current folder.
fn entry(name: &str, value: Value, folder: &Path) -> Result<Table, String> {
    if ALWAYS_THERE.contains(&name) {
        return Err(format!("every cell has the crate `{name}` already; leave the `:dep` out"));
    }
    let mut entry = match value {
        Value::String(version) => Table::from_iter([("version".to_owned(), Value::String(version))]),
        Value::Table(entry) => entry,
        other => {
            return Err(format!("the version of `{name}` has to stand in quotes: `:dep {name} = \"{other}\"`"));
        }
    };
    if let Some(key) = entry.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("`{key}` is nothing that a dependency can have; possible are {}", KEYS.join(", ")));
    }
    if let Some(Value::String(path)) = entry.get_mut("path") {
        let absolute = folder.join(&*path);
        let absolute = absolute.canonicalize().map_err(|error| no_package(&absolute, &error))?;
        *path = absolute.to_str().map(str::to_owned).ok_or("the path of a crate has to be UTF-8")?;
        if !absolute.join("Cargo.toml").is_file() {
            return Err(no_package(&absolute, &std::io::ErrorKind::NotFound.into()));
        }
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(specifications: &[&str], expected: Expect) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("own")).unwrap();
        fs::write(folder.path().join("own/Cargo.toml"), "[package]\nname = \"my-own\"\n").unwrap();
        let specifications: Vec<String> = specifications.iter().map(|text| (*text).to_owned()).collect();
        let shown = match Dependencies::default().with(&specifications, folder.path()) {
            Ok(dependencies) => dependencies.to_table().to_string(),
            Err(error) => format!("error: {error}"),
        };
        let real = folder.path().canonicalize().unwrap();
        expected.assert_eq(&shown.replace(real.to_str().unwrap(), "F").replace(folder.path().to_str().unwrap(), "F"));
    }

    #[test]
    fn crates_are_asked_for_in_several_ways() {
        check(
            &["regex"],
            expect![[r#"
            [regex]
            version = "*"
        "#]],
        );
        check(
            &["rand@0.9", "serde = { version = \"1\", features = [\"derive\"] }", "log = \"0.4\";"],
            expect![[r#"
            [log]
            version = "0.4"

            [rand]
            version = "0.9"

            [serde]
            features = ["derive"]
            version = "1"
        "#]],
        );
        check(
            &["./own"],
            expect![[r#"
            [my-own]
            path = "F/own"
        "#]],
        );
        check(
            &["{ path = \"own\" }", "x = { path = 'own', package = \"my-own\" }"],
            expect![[r#"
            [my-own]
            path = "F/own"

            [x]
            package = "my-own"
            path = "F/own"
        "#]],
        );
    }

    #[test]
    fn the_last_word_on_a_crate_counts() {
        check(
            &["rand = \"0.8\"", "rand = \"0.9\""],
            expect![[r#"
            [rand]
            version = "0.9"
        "#]],
        );
    }

    #[test]
    fn mistakes_are_explained() {
        check(
            &["rand = 0.9"],
            expect![[r#"error: the version of `rand` has to stand in quotes: `:dep rand = "0.9"`"#]],
        );
        check(
            &["serde = { version = \"1\", feature = [\"derive\"] }"],
            expect![
                "error: `feature` is nothing that a dependency can have; possible are version, features, default-features, default_features, path, git, branch, tag, rev, package, registry"
            ],
        );
        check(
            &["{ git = \"https://x.example\" }"],
            expect![[
                r#"error: `:dep { git = "https://x.example" }` lacks the name of the crate: `:dep name = { git = "https://x.example" }`"#
            ]],
        );
        check(
            &["x = { path = \"nowhere\" }"],
            expect![
                "error: there is no crate in `F/nowhere`: cannot read its Cargo.toml: No such file or directory (os error 2)"
            ],
        );
        check(&["asyncio"], expect!["error: every cell has the crate `asyncio` already; leave the `:dep` out"]);
        check(
            &["rand = "],
            expect![[
                r#"error: `:dep rand =` cannot be understood: string values must be quoted, expected literal string; write it as in Cargo.toml, for example `:dep rand = "0.9"` or `:dep serde = { version = "1", features = ["derive"] }`"#
            ]],
        );
    }
}
