//! The command line of `boucle`. Parsed by `main`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A Jupyter kernel for Rust whose event loop lives across cells
#[derive(Debug, Parser)]
#[command(name = "boucle", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a kernel; Jupyter calls this
    Kernel {
        /// The file in which Jupyter says where to listen
        connection_file: PathBuf,
        /// What the command lines of `jupyter run` and `jupyter console` hold besides, which they pass on to every kernel
        #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
        others: Vec<OsString>,
    },
    /// Make the kernel known to Jupyter
    Install {
        #[command(flatten)]
        target: Target,
        /// What front ends call the kernel: "Rust (Boucle)", or another one for another --name
        #[arg(long, value_name = "TEXT")]
        display_name: Option<String>,
        /// Take the place of another program's kernel of the same name
        #[arg(long)]
        replace: bool,
    },
    /// Undo `install` with the same options
    Uninstall {
        #[command(flatten)]
        target: Target,
    },
    /// Check what notebooks need on this machine, and say what to do
    Doctor,
    /// Build what cells run on, so that the first notebook need not wait for it
    Runtime,
    /// Run a shell command until standard input ends; kernels call this
    #[command(hide = true)]
    Shell {
        /// What `sh -c` is given
        command: String,
    },
}

/// Which kernelspec, and in which of the folders that Jupyter searches.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The name under which notebooks refer to the kernel
    #[arg(long, default_value = "boucle")]
    pub(crate) name: String,
}

/// At most one of the folders.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(crate) struct Place {
    /// For the current user (the default)
    #[arg(long)]
    pub(crate) user: bool,
    /// For the Python environment that `python3` belongs to
    #[arg(long)]
    pub(crate) sys_prefix: bool,
    /// For the installation in DIR, in DIR/share/jupyter
    #[arg(long, value_name = "DIR")]
    pub(crate) prefix: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn only_one_place_can_be_given() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        assert!(parse("boucle install --user --name rust").is_ok());
        assert!(parse("boucle uninstall --prefix /opt").is_ok());
        assert!(parse("boucle install --user --sys-prefix").is_err());
    }

    #[test]
    fn a_kernel_takes_no_notice_of_what_was_meant_for_its_front_end() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        assert!(parse("boucle kernel file.json program.rs --help -x").is_ok());
        assert!(parse("boucle kernel").is_err());
    }
}
