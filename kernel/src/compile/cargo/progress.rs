//! How far cargo is. Made by `cargo` from what it prints, shown by the engine; pure.

/// The latest news of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// How many steps are done, and how many there are; a crate takes one, or more if it has a build script.
    pub(crate) steps: Option<(usize, usize)>,
    /// What is being done, such as `Updating registry index` or the crates that are compiled.
    pub(crate) doing: String,
}

impl Progress {
    /// In a sentence about what is built.
    pub(crate) fn text(&self, what: &str) -> String {
        let doing = if self.doing.is_empty() { "" } else { &format!(": {}", self.doing) };
        match self.steps {
            Some((done, total)) => format!("building {what}, {done} of {total} steps done{doing}"),
            None => format!("preparing {what}{doing}"),
        }
    }
}

/// Reads a line of cargo's stderr. `None` if it is not about progress.
pub(super) fn parse(line: &str) -> Option<Progress> {
    let line = line.trim();
    if let Some(bar) = line.strip_prefix("Building [") {
        let (_, rest) = bar.split_once("] ")?;
        let (steps, crates) = rest.split_once(": ").unwrap_or((rest.trim_end_matches(':'), ""));
        let (done, total) = steps.split_once('/')?;
        let steps = Some((done.parse().ok()?, total.parse().ok()?));
        return Some(Progress { steps, doing: crates.trim().to_owned() });
    }
    let verbs = ["Updating", "Downloading", "Downloaded", "Blocking", "Locking", "Fetch", "Compiling", "Adding"];
    let doing = match line.split_once(' ')? {
        (verb, _) if !verbs.contains(&verb) => return None,
        // The bar names those that are being compiled, and this only the latest.
        ("Compiling" | "Adding", _) => String::new(),
        _ => line.to_owned(),
    };
    Some(Progress { steps: None, doing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_cargo() {
        let bar = "    Building [=========>                 ] 22/57: getrandom(build.rs), rand_core                  ";
        let expected = Progress { steps: Some((22, 57)), doing: "getrandom(build.rs), rand_core".into() };
        assert_eq!(parse(bar), Some(expected));
        assert_eq!(parse("    Building [=> ] 0/57").unwrap().steps, Some((0, 57)));
        assert_eq!(parse("    Updating registry index").unwrap().doing, "Updating registry index");
        assert_eq!(parse("error: no matching package named `serd` found"), None);
        assert_eq!(parse(""), None);
    }
}
