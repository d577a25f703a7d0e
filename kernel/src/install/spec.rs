//! The content of `kernel.json`, and whose an existing one is. Used by `install`.

use std::env;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{self, Path, PathBuf};

use serde_json::{Value, json};

use super::KERNEL_JSON;

/// Marks a kernelspec as ours: the argument before `{connection_file}`.
const SUBCOMMAND: &str = "kernel";

/// What Jupyter puts the kernelspec's own folder in the place of.
const RESOURCES: &str = "{resource_dir}";

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
        // The key comes in the connection file, if the front end wants it.
        "metadata": { "supported_encryption": ["curve"] },
    });
    format!("{spec:#}\n")
}

/// What front ends call a kernel of this name, unless the user says otherwise. Several may stand side by side in a
/// launcher. Notebooks that were made with the usual kernel for Rust say `rust` and "Rust".
pub(super) fn display_name(name: &str) -> String {
    match name {
        "boucle" => "Rust (Boucle)".to_owned(),
        "rust" => "Rust".to_owned(),
        other => format!("Rust ({other})"),
    }
}

/// What a kernelspec starts.
#[derive(Debug)]
pub(crate) struct Kernelspec {
    /// As it stands there: a path, a name, or with `{resource_dir}` for the kernelspec's own folder.
    pub(crate) program: String,
    subcommand: String,
}

impl Kernelspec {
    /// Reads the kernelspec in `folder`. One that is not understood starts a program without name.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub(crate) fn read(folder: &Path) -> io::Result<Kernelspec> {
        let spec: Value = serde_json::from_slice(&fs::read(folder.join(KERNEL_JSON))?).unwrap_or_default();
        let argument = |index: usize| spec["argv"][index].as_str().unwrap_or_default().to_owned();
        Ok(Kernelspec { program: argument(0), subcommand: argument(1) })
    }

    /// Whether it starts a Boucle. Not compared with our own path: the program may have moved since.
    pub(crate) fn is_ours(&self) -> bool {
        let name = Path::new(&self.program).file_stem();
        let ours = name.is_some_and(|name| name.to_string_lossy().starts_with("boucle"));
        ours && self.subcommand == SUBCOMMAND
    }

    /// The program that Jupyter starts, for a kernelspec in this folder.
    pub(crate) fn starts(&self, folder: &Path) -> PathBuf {
        self.program.replace(RESOURCES, &folder.to_string_lossy()).into()
    }
}

/// Looks at the kernelspec in `folder`. One that cannot be read counts as another program's, so
/// that it is not removed by mistake.
pub(super) fn owner_of(folder: &Path) -> Owner {
    match Kernelspec::read(folder) {
        Ok(spec) if spec.is_ours() => Owner::Boucle,
        Ok(spec) => Owner::Other(spec.program),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Owner::Nobody,
        Err(error) => Owner::Other(error.to_string()),
    }
}

/// The absolute path of this program, as the user has called it where possible: the path behind
/// a symbolic link may have a version in it and be gone after an update.
pub(crate) fn program() -> io::Result<PathBuf> {
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
              "metadata": {
                "supported_encryption": [
                  "curve"
                ]
              }
            }
        "#]]
        .assert_eq(&kernel_json(Path::new("/opt/bin/boucle"), "Rust (Boucle)"));
    }

    /// A wheel does not know where it will be installed, but what lies where in an environment.
    #[test]
    fn the_wheels_spec_is_the_same_but_for_the_path() {
        let of_the_wheel = include_str!("../../python/boucle.data/data/share/jupyter/kernels/boucle/kernel.json");
        let program = Path::new(RESOURCES).join("../../../../bin/boucle");
        assert_eq!(of_the_wheel, kernel_json(&program, &display_name("boucle")));
    }

    #[test]
    fn the_program_is_an_absolute_path() {
        assert!(program().expect("this program").is_absolute());
    }
}
