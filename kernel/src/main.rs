//! `boucle`: a Jupyter kernel for Rust whose event loop lives across cells.
//! Jupyter calls `boucle kernel FILE`; users call `boucle install`, `boucle doctor` and `boucle uninstall`.

mod args;
mod assist;
mod cell;
mod comms;
mod compile;
mod dispatch;
mod doctor;
mod engine;
mod error;
mod handlers;
mod history;
mod install;
mod kernel;
mod lifecycle;
mod magics;
mod nearest;
mod protocol;
mod publish;
mod session;
mod sockets;
mod stdin;
mod subshells;
mod worker;

use std::env;
use std::io::{self, Write};
use std::pin::pin;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Parser;
use tokio::sync::watch;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use args::{Arguments, Command};
use compile::runtime::{self, RuntimeError};
use compile::{Progress, Runtime};

fn main() -> ExitCode {
    if let Some(code) = compile::cargo::wrapper::become_rustc() {
        return code;
    }
    log_to_stderr();
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            // Nothing can be done for a user who has closed stderr.
            let _ = writeln!(io::stderr(), "boucle: error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    match command {
        Command::Kernel { connection_file, .. } => {
            drop(out);
            kernel::run(&connection_file)?;
        }
        Command::Install { target, display_name, replace } => {
            install::install(&target, display_name.as_deref(), replace, &mut out)?
        }
        Command::Uninstall { target } => install::uninstall(&target, &mut out)?,
        Command::Doctor => {
            let can_run = doctor::run(&mut out).context("cannot say what was found")?;
            return Ok(if can_run { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Runtime => {
            let runtime = build_runtime(&mut out)?.map_err(|error| anyhow!(doctor::explain(error.to_string())))?;
            writeln!(out, "cells run on {}", runtime.folder.display())?;
        }
        Command::Shell { command } => return Ok(worker::shell::guard(&command)?.into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds what cells run on, and says how far it is.
fn build_runtime(out: &mut dyn Write) -> io::Result<Result<Runtime, RuntimeError>> {
    let (news, mut latest) = watch::channel(Progress::default());
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut building = pin!(runtime::ensure(&news));
        loop {
            tokio::select! {
                biased;
                built = &mut building => return Ok(built),
                Ok(()) = latest.changed() => writeln!(out, "{}", latest.borrow_and_update().text("what cells run on"))?,
            }
        }
    })
}

/// Jupyter shows a kernel's stderr in its log. `BOUCLE_LOG=debug` says more than warnings.
fn log_to_stderr() {
    let chosen = env::var("BOUCLE_LOG").ok().and_then(|chosen| chosen.parse::<Targets>().ok());
    let targets = chosen.unwrap_or_else(|| Targets::new().with_target("boucle", LevelFilter::WARN));
    let log = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(io::stderr).with_ansi(false);
    log.finish().with(targets).init();
}
