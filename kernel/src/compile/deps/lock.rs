//! Compares `Cargo.lock` files: what a set of crates changes about those that are loaded. Called by `build`; pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// A lock file, as far as it matters.
#[derive(Debug, Deserialize)]
pub(super) struct Lock {
    #[serde(default)]
    package: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    version: String,
    /// `name`, or `name version` if there are several.
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Lock {
    /// Reads a lock file; what cannot be read is an empty one.
    pub(super) fn parse(text: &str) -> Lock {
        toml::from_str(text).unwrap_or(Lock { package: Vec::new() })
    }

    /// The packages under the runtime, without itself, that `other` has in no such version: name, and this version.
    pub(super) fn runtime_packages_missing_in(&self, other: &Lock) -> Vec<(String, String)> {
        let mut reached: BTreeSet<(&str, &str)> = BTreeSet::new();
        let mut open: Vec<&Locked> = self.package.iter().filter(|package| package.name == "asyncio").collect();
        while let Some(package) = open.pop() {
            if reached.insert((&package.name, &package.version)) {
                open.extend(package.dependencies.iter().filter_map(|dependency| self.find(dependency)));
            }
        }
        let theirs = other.versions();
        let missing = |(name, version): &(&str, &str)| !theirs.get(name).is_some_and(|there| there.contains(version));
        let missing = reached.into_iter().filter(missing);
        missing.map(|(name, version)| (name.to_owned(), version.to_owned())).collect()
    }

    /// The versions of a package.
    pub(super) fn versions_of(&self, name: &str) -> Vec<&str> {
        self.versions().remove(name).unwrap_or_default().into_iter().collect()
    }

    fn find(&self, dependency: &str) -> Option<&Locked> {
        let mut words = dependency.split(' ');
        let (name, version) = (words.next()?, words.next());
        self.package.iter().find(|package| package.name == name && version.is_none_or(|it| it == package.version))
    }

    fn versions(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for package in &self.package {
            versions.entry(&package.name).or_default().insert(&package.version);
        }
        versions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNTIME: &str = "
        [[package]]\nname = 'asyncio'\nversion = '0.1.0'\ndependencies = ['tokio', 'syn 3.0.1']
        [[package]]\nname = 'tokio'\nversion = '1.54.1'
        [[package]]\nname = 'syn'\nversion = '2.0.1'
        [[package]]\nname = 'syn'\nversion = '3.0.1'
        [[package]]\nname = 'serde'\nversion = '1.0.1'";

    #[test]
    fn only_what_is_under_the_runtime_has_to_stay() {
        let missing = |other: &str| Lock::parse(RUNTIME).runtime_packages_missing_in(&Lock::parse(other));
        assert_eq!(missing(RUNTIME), []);
        assert_eq!(missing(&RUNTIME.replace("1.0.1", "1.0.2").replace("2.0.1", "2.0.2")), []);
        let changed = RUNTIME.replace("1.54.1", "1.40.0").replace("3.0.1", "3.0.2");
        let expected = [("syn", "3.0.1"), ("tokio", "1.54.1")].map(|(name, version)| (name.into(), version.into()));
        assert_eq!(missing(&changed), expected);
        assert_eq!(Lock::parse(&changed).versions_of("tokio"), ["1.40.0"]);
    }
}
