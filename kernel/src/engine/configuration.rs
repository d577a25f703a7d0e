//! The files that a user has for all notebooks, `init.evcxr` and `prelude.rs`: in evcxr's folder, so that they need not
//! be written again, and in Boucle's own. Run before the first cell, and by `:load_config`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::{env, fs, io};

use super::commands::say;
use super::{Text, Turn, report::INTERRUPT};
use crate::error::ErrorReport;
use crate::publish::{Publisher, StreamName};

/// The files, in the order in which they are run: the prelude may use the crates that the first adds.
const FILES: [&str; 2] = ["init.evcxr", "prelude.rs"];

impl Turn {
    /// Runs the files before the first cell. What is wrong with them is told and does not keep the cell from running.
    ///
    /// # Errors
    /// If the user interrupts it.
    pub(super) async fn configure(&mut self, publisher: &Publisher) -> Result<(), ErrorReport> {
        if std::mem::replace(&mut self.is_configured, true) {
            return Ok(());
        }
        match self.load_configuration(true, publisher).await {
            Err(report) if report.ename == INTERRUPT => Err(report),
            Err(report) => {
                publisher.stream(StreamName::Stderr, report.traceback.join("\n") + "\n");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Runs the files that there are, each like a cell that shows nothing.
    ///
    /// # Errors
    /// That of the first file that fails or cannot be read; those behind it are not run.
    pub(super) async fn load_configuration(&mut self, quiet: bool, publisher: &Publisher) -> Result<(), ErrorReport> {
        let mut found = false;
        for path in folders().into_iter().flat_map(|folder| FILES.map(|file| folder.join(file))) {
            let code = match fs::read_to_string(&path) {
                Ok(code) => code,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(unreadable(&path, &error)),
            };
            found = true;
            if !quiet {
                say(format!("running {}", path.display()), publisher);
            }
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let text = Text { label: self.session.free_label(&name, &code), code: &code, count: None, asker: None };
            self.run_text(&text, publisher).await?;
        }
        if !found && !quiet {
            let folders = folders().iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(" or ");
            say(format!("there is neither {} in {folders}", FILES.join(" nor ")), publisher);
        }
        Ok(())
    }
}

fn unreadable(path: &std::path::Path, error: &io::Error) -> ErrorReport {
    ErrorReport::plain("ConfigError", format!("cannot read `{}`: {error}", path.display()))
}

/// evcxr's folder, and Boucle's.
fn folders() -> Vec<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from);
    let general = set("XDG_CONFIG_HOME").or_else(|| env::home_dir().map(|home| home.join(".config")));
    let evcxr = set("EVCXR_CONFIG_DIR").or_else(|| general.as_ref().map(|general| general.join("evcxr")));
    evcxr.into_iter().chain(general.map(|general| general.join("boucle"))).collect()
}
