//! The names of files that a path may go on with. Used by `mod`, for shell commands and for strings.

use std::env;
use std::fs;
use std::path::Path;

use super::offer::{Offer, Rank};

/// Where the last part of a path begins, and what it could be. Paths are relative to the notebook's folder.
pub(super) fn files(typed: &str) -> (usize, Vec<Offer>) {
    let (folder, name) = typed.rsplit_once('/').map_or(("", typed), |(folder, name)| (folder, name));
    let home = env::var("HOME").unwrap_or_default();
    let folder = match typed.strip_prefix("~/") {
        Some(_) => format!("{home}{}", &folder[1..]),
        None if typed.starts_with('/') => format!("{folder}/"),
        None => format!("./{folder}"),
    };
    (typed.len() - name.len(), beginning_with(Path::new(&folder), name))
}

/// What lies in a folder and begins with that; what is hidden only if it is asked for.
fn beginning_with(folder: &Path, name: &str) -> Vec<Offer> {
    let mut found: Vec<Offer> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let is_folder = entry.path().is_dir();
            let is_meant = file.starts_with(name) && (name.starts_with('.') || !file.starts_with('.'));
            is_meant.then(|| Offer {
                text: if is_folder { file + "/" } else { file },
                kind: if is_folder { "folder" } else { "file" }.to_owned(),
                signature: String::new(),
                rank: Rank::Notebook,
            })
        })
        .collect();
    found.sort_by(|a, b| a.text.cmp(&b.text));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_on_with_what_lies_in_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["plan.txt", "pläne/a.csv", "other", ".profile"] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let root = folder.path().to_str().unwrap();
        let check = |typed: &str, expected: &[&str]| {
            let typed = format!("{root}/{typed}");
            let (start, offers) = files(&typed);
            assert_eq!(offers.iter().map(|offer| offer.text.as_str()).collect::<Vec<_>>(), expected);
            assert_eq!(&typed[start..], typed.rsplit('/').next().unwrap());
        };
        check("pl", &["plan.txt", "pläne/"]);
        check("pläne/", &["a.csv"]);
        check(".p", &[".profile"]);
        check("", &["other", "plan.txt", "pläne/"]);
        check("nowhere/x", &[]);
        assert_eq!(files("Cargo.to").1[0].text, "Cargo.toml", "relative to the folder of the process");
    }
}
