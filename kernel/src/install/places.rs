//! Where Jupyter looks for kernels, as `jupyter_core` works it out. Used by `install`.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

use crate::args::Place;

/// Why a folder is not known.
#[derive(Debug, Error)]
pub(crate) enum PlaceError {
    #[error("`HOME` is not set; set it, or use `--prefix DIR`")]
    NoHome,
    #[error("`python3` could not be asked for its prefix ({0}); use `--prefix DIR`")]
    Python(#[source] io::Error),
    #[error("`python3` did not say its prefix but failed with {0}; use `--prefix DIR`")]
    PythonFailed(String),
}

/// The folder in which each kernel has a folder of its own.
pub(super) fn kernels_folder(place: &Place) -> Result<PathBuf, PlaceError> {
    let data = if let Some(prefix) = &place.prefix {
        in_prefix(prefix)
    } else if place.sys_prefix {
        in_prefix(&python_prefix()?)
    } else {
        user_data_folder(|name| env::var_os(name), cfg!(target_os = "macos"))?
    };
    Ok(data.join("kernels"))
}

fn in_prefix(prefix: &Path) -> PathBuf {
    prefix.join("share").join("jupyter")
}

/// `jupyter_core.paths.jupyter_data_dir()`. `JUPYTER_PATH` has no part in it: that is a list of
/// folders to search, not one to install to.
fn user_data_folder(variable: impl Fn(&str) -> Option<OsString>, macos: bool) -> Result<PathBuf, PlaceError> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(folder) = set("JUPYTER_DATA_DIR") {
        return Ok(folder.into());
    }
    let home = || set("HOME").map(PathBuf::from).ok_or(PlaceError::NoHome);
    if macos {
        let platform_folders = set("JUPYTER_PLATFORM_DIRS").is_some_and(|value| is_true(&value));
        return Ok(if platform_folders {
            home()?.join("Library/Application Support/Jupyter")
        } else {
            home()?.join("Library/Jupyter")
        });
    }
    let data = match set("XDG_DATA_HOME") {
        Some(folder) => folder.into(),
        None => home()?.join(".local/share"),
    };
    Ok(data.join("jupyter"))
}

/// What `jupyter_core` takes for a yes in an environment variable.
fn is_true(value: &OsString) -> bool {
    let value = value.to_string_lossy().to_ascii_lowercase();
    !["no", "n", "false", "off", "0", "0.0"].contains(&value.as_str())
}

/// Only Python itself knows: virtual environments, conda and pyenv each do it in their own way.
fn python_prefix() -> Result<PathBuf, PlaceError> {
    let output =
        Command::new("python3").args(["-c", "import sys; print(sys.prefix)"]).output().map_err(PlaceError::Python)?;
    let prefix = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && !prefix.is_empty() {
        Ok(prefix.into())
    } else {
        Err(PlaceError::PythonFailed(output.status.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINUX: bool = false;
    const MACOS: bool = true;

    #[track_caller]
    fn check(variables: &[(&str, &str)], macos: bool, expected: &str) {
        let variable = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let folder = user_data_folder(variable, macos).expect("a folder");
        assert_eq!(folder, Path::new(expected));
    }

    #[test]
    fn the_users_folder_is_that_of_jupyter_core() {
        check(&[("HOME", "/h")], LINUX, "/h/.local/share/jupyter");
        check(&[("HOME", "/h"), ("XDG_DATA_HOME", "/x")], LINUX, "/x/jupyter");
        check(&[("HOME", "/h"), ("XDG_DATA_HOME", "")], LINUX, "/h/.local/share/jupyter");
        check(&[("JUPYTER_DATA_DIR", "/d"), ("XDG_DATA_HOME", "/x")], LINUX, "/d");
        check(&[("HOME", "/h"), ("XDG_DATA_HOME", "/x")], MACOS, "/h/Library/Jupyter");
        let platform = [("HOME", "/h"), ("JUPYTER_PLATFORM_DIRS", "1")];
        check(&platform, MACOS, "/h/Library/Application Support/Jupyter");
        check(&platform, LINUX, "/h/.local/share/jupyter");
        let off = [("HOME", "/h"), ("JUPYTER_PLATFORM_DIRS", "off")];
        check(&off, MACOS, "/h/Library/Jupyter");
    }

    #[test]
    fn without_a_home_there_is_a_way_out() {
        let error = user_data_folder(|_| None, LINUX).expect_err("nothing is set");
        assert!(error.to_string().contains("--prefix DIR"));
    }

    #[test]
    fn a_prefix_has_its_kernels_in_share() {
        let place = Place { prefix: Some("/opt".into()), ..Place::default() };
        let folder = kernels_folder(&place).expect("a folder");
        assert_eq!(folder, Path::new("/opt/share/jupyter/kernels"));
    }
}
