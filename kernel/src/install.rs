//! Makes the kernel known to Jupyter: writes and removes its kernelspec, a folder with
//! `kernel.json` and logos. Called by `main`.

mod places;
pub(crate) mod spec;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use thiserror::Error;

use crate::args::Target;
use spec::{Owner, owner_of};

/// The logos that front ends look for; Jupyter prefers the vector one.
const LOGOS: [(&str, &[u8]); 3] = [
    ("logo-svg.svg", include_bytes!("../python/boucle.data/data/share/jupyter/kernels/boucle/logo-svg.svg")),
    ("logo-64x64.png", include_bytes!("../python/boucle.data/data/share/jupyter/kernels/boucle/logo-64x64.png")),
    ("logo-32x32.png", include_bytes!("../python/boucle.data/data/share/jupyter/kernels/boucle/logo-32x32.png")),
];

const KERNEL_JSON: &str = "kernel.json";

/// Why the kernelspec could not be written or removed.
#[derive(Debug, Error)]
pub(crate) enum InstallError {
    #[error("`{0}` cannot name a kernel: use ASCII letters, digits, `-`, `.` and `_` only")]
    Name(String),
    #[error("cannot tell where Jupyter looks for kernels: {0}")]
    Place(#[from] places::PlaceError),
    #[error("cannot tell where this program is: {0}")]
    Program(#[source] io::Error),
    #[error(
        "`{}` belongs to another program (`{program}`); use another `--name`, or `--replace` to \
         install Boucle in its place", folder.display()
    )]
    Taken { folder: PathBuf, program: String },
    #[error("`{}` belongs to another program (`{program}`), so it was not removed", folder.display())]
    NotOurs { folder: PathBuf, program: String },
    #[error("there is no kernel `{name}` in `{}`", kernels.display())]
    Missing { name: String, kernels: PathBuf },
    #[error("cannot write `{}`: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot remove `{}`: {source}", path.display())]
    Remove { path: PathBuf, source: io::Error },
    #[error("cannot say what was done: {0}")]
    Report(#[source] io::Error),
}

/// Writes the kernelspec. Doing it again changes nothing but what differs.
pub(crate) fn install(
    target: &Target,
    display_name: Option<&str>,
    replace: bool,
    out: &mut dyn Write,
) -> Result<(), InstallError> {
    let name = kernel_name(&target.name)?;
    let folder = places::kernels_folder(&target.place)?.join(&name);
    let program = spec::program().map_err(InstallError::Program)?;
    let display_name = display_name.map_or_else(|| spec::display_name(&name), str::to_owned);
    if let Owner::Other(program) = owner_of(&folder) {
        if !replace {
            return Err(InstallError::Taken { folder, program });
        }
        // What the other program has put there (a `kernel.js`, say) would apply to Boucle too.
        remove(&folder)?;
    }
    fs::create_dir_all(&folder).map_err(|source| InstallError::Write { path: folder.clone(), source })?;
    let json = spec::kernel_json(&program, &display_name);
    let mut changed = false;
    // `kernel.json` comes last: Jupyter ignores a folder without one, so it never sees a part.
    for (file, content) in LOGOS.into_iter().chain([(KERNEL_JSON, json.as_bytes())]) {
        changed |= write_if_different(&folder.join(file), content)?;
    }
    let done = if changed { "installed" } else { "up to date:" };
    writeln!(out, "{done} kernel `{name}` (\"{display_name}\") in {}\nit runs {}", folder.display(), program.display())
        .map_err(InstallError::Report)
}

/// Removes the kernelspec that `install` has written with the same options.
pub(crate) fn uninstall(target: &Target, out: &mut dyn Write) -> Result<(), InstallError> {
    let name = kernel_name(&target.name)?;
    let kernels = places::kernels_folder(&target.place)?;
    let folder = kernels.join(&name);
    match owner_of(&folder) {
        Owner::Nobody => return Err(InstallError::Missing { name, kernels }),
        Owner::Other(program) => return Err(InstallError::NotOurs { folder, program }),
        Owner::Boucle => remove(&folder)?,
    }
    writeln!(out, "removed kernel `{name}` from {}", kernels.display()).map_err(InstallError::Report)
}

/// Jupyter compares names without regard to case, and writes them in lower case.
fn kernel_name(name: &str) -> Result<String, InstallError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    // `.` and `..` would pass Jupyter's own check, but are folders already.
    if name.chars().all(allowed) && name.contains(|c: char| c != '.') {
        Ok(name.to_ascii_lowercase())
    } else {
        Err(InstallError::Name(name.to_owned()))
    }
}

/// Replaces the file in one step, so that a front end never reads half of it. Says whether it
/// had to be written.
fn write_if_different(path: &Path, content: &[u8]) -> Result<bool, InstallError> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(false);
    }
    replace_file(path, content).map_err(|source| InstallError::Write { path: path.to_owned(), source })?;
    Ok(true)
}

fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    // Temporary files are private, but other users of a `--prefix` must be able to read it.
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}

fn remove(folder: &Path) -> Result<(), InstallError> {
    fs::remove_dir_all(folder).map_err(|source| InstallError::Remove { path: folder.to_owned(), source })
}

#[cfg(test)]
mod tests;
