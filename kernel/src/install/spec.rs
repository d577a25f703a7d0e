//! The content of `kernel.json`, and whose an existing one is. Used by `install`.

use std::env;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{self, Path, PathBuf};

use serde_json::{Value, json};

use super::KERNEL_JSON;

/// Marks a kernelspec as ours: the argument before `{connection_file}`.
const SUBCOMMAND: &str = "kernel";

/// Whose kernelspec a folder holds.
pub(super) enum Owner {
    Nobody,
    Boucle,
    /// The program that it starts.
    Other(String),
}

/// The text of `kernel.json` for a kernel that `program` runs.
pub(super) fn kernel_json(program: &Path, display_name: &str) -> String {
    let spec = json!({
        "argv": [program, SUBCOMMAND, "{connection_file}"],
        "display_name": display_name,
        "language": "rust",
        // Jupyter sends signals to the whole process group, so a signal would hit rustc too.
        "interrupt_mode": "message",
        "metadata": {},
    });
    format!("{spec:#}\n")
}

/// Looks at the kernelspec in `folder`. One that cannot be read counts as another program's, so
/// that it is not removed by mistake.
pub(super) fn owner_of(folder: &Path) -> Owner {
    let text = match fs::read(folder.join(KERNEL_JSON)) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Owner::Nobody,
        Err(error) => return Owner::Other(error.to_string()),
    };
    let spec: Value = serde_json::from_slice(&text).unwrap_or_default();
    let argument = |index: usize| spec["argv"][index].as_str().unwrap_or_default();
    // Not compared with our own path: the program may have moved since.
    let name = Path::new(argument(0)).file_stem();
    let ours = name.is_some_and(|name| name.to_string_lossy().starts_with("boucle"));
    if ours && argument(1) == SUBCOMMAND { Owner::Boucle } else { Owner::Other(argument(0).to_owned()) }
}

/// The absolute path of this program, as the user has called it where possible: the path behind
/// a symbolic link may have a version in it and be gone after an update.
pub(super) fn program() -> io::Result<PathBuf> {
    let real = env::current_exe()?;
    Ok(as_called().filter(|called| is_same_file(called, &real)).unwrap_or(real))
}

fn as_called() -> Option<PathBuf> {
    let called = PathBuf::from(env::args_os().next()?);
    if called.components().count() > 1 {
        return path::absolute(called).ok();
    }
    let search = env::var_os("PATH")?;
    env::split_paths(&search)
        .map(|folder| folder.join(&called))
        .find(|candidate| candidate.is_absolute() && candidate.is_file())
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_spec_says_how_to_start_and_interrupt() {
        expect![[r#"
            {
              "argv": [
                "/opt/bin/boucle",
                "kernel",
                "{connection_file}"
              ],
              "display_name": "Rust (Boucle)",
              "interrupt_mode": "message",
              "language": "rust",
              "metadata": {}
            }
        "#]]
        .assert_eq(&kernel_json(Path::new("/opt/bin/boucle"), "Rust (Boucle)"));
    }

    #[test]
    fn the_program_is_an_absolute_path() {
        assert!(program().expect("this program").is_absolute());
    }
}
