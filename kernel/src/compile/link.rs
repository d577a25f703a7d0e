//! Links a cell's object file into a library, with the linker that comes with rustc. Called by `rustc`.
//!
//! rustc itself would start the C compiler, which starts its linker driver, which starts the linker: that takes longer
//! than linking. A cell needs none of what they add. Whatever it calls is loaded in the worker already, and the
//! compiler's own helpers lie beside std.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use tokio::process::Command;

use super::toolchain::Toolchain;
use crate::cell::STATIC_PREFIX;

/// The linker of a toolchain.
#[derive(Debug)]
pub(super) struct Linker {
    program: PathBuf,
    /// The functions that the compiler's code may call, for wide integers for example.
    builtins: PathBuf,
    /// Says what a cell shows to others. Everything else must stay its own: a function that a later cell redefines has
    /// the same symbol.
    exports: PathBuf,
}

impl Linker {
    /// The linker of the toolchain, if it has one for this system; then its list of exports is written to the folder.
    pub(super) fn of(toolchain: &Toolchain, folder: &Path) -> io::Result<Option<Linker>> {
        let program = toolchain.libraries.with_file_name("bin").join("rust-lld");
        let is_builtins = |path: &PathBuf| {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            name.starts_with("libcompiler_builtins-") && name.ends_with(".rlib")
        };
        let builtins = fs::read_dir(&toolchain.libraries)?.flatten().map(|entry| entry.path()).find(is_builtins);
        let Some(builtins) =
            builtins.filter(|_| cfg!(all(target_os = "linux", target_env = "gnu")) && program.exists())
        else {
            return Ok(None);
        };
        let exports = folder.join("exports");
        // The linker insists on a name that stands there, but not on a pattern: a cell may hold nothing but a static.
        fs::write(&exports, format!("{{ global: boucle_cell*; {STATIC_PREFIX}*; local: *; }};\n"))?;
        Ok(Some(Linker { program, builtins, exports }))
    }

    /// Whether this linker can do all that the source asks for: foreign libraries are left to rustc.
    pub(super) fn suits(source: &str) -> bool {
        let asks = |attribute: &str| {
            attribute.trim_start().strip_prefix("link").is_some_and(|rest| rest.trim_start().starts_with('('))
        };
        !source.split("#[").skip(1).any(asks)
    }

    /// The command that links `object` into `library`, both relative to the folder in which it will run.
    pub(super) fn command(&self, object: &str, library: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args([
            "-flavor",
            "gnu",
            "-shared",
            "--gc-sections",
            "--eh-frame-hdr",
            "-z",
            "noexecstack",
            "--version-script",
        ]);
        command.arg(&self.exports).arg(object).arg(&self.builtins).args(["-o", library]);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_foreign_libraries_are_left_to_rustc() {
        assert!(!Linker::suits("#[link(name = \"m\")] unsafe extern \"C\" {}"));
        assert!(Linker::suits("unsafe extern \"Rust\" { #[link_name = \"boucle_static_N_1\"] safe static N: u8; }"));
    }
}
