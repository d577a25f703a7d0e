//! Crates that a notebook adds with `:dep` or `extern crate`. Called by `commands`, and before each cell is compiled, since
//! crates of the user's own may have changed.

use std::env;
use std::path::PathBuf;

use tokio::sync::watch;

use super::build_progress::BuildProgress;
use super::commands::say;
use super::{Engine, Ready, report};
use crate::compile::deps::{self, Bundle, Dependencies, DependencyError};
use crate::compile::{Progress, Runtime};
use crate::doctor::GET_CC;
use crate::error::ErrorReport;
use crate::magics::{Cell, Table};
use crate::nearest::nearest;
use crate::publish::{MimeBundle, Publisher};
use crate::worker::Worker;

/// Crates that are in every cell, which `extern crate` may name all the same.
const BUILT_IN: &[&str] = &["self", "std", "core", "alloc", "proc_macro", "test", "asyncio"];

/// What people look for most; cargo does not tell which name may have been meant.
pub(crate) const POPULAR: &str = "\
    aho-corasick anyhow arrow async-trait axum base64 bincode bitflags bytes chrono clap crossbeam csv dashmap \
    either fake flate2 futures glob hashbrown hex hyper image indexmap indicatif itertools lazy_static libc log \
    memchr nalgebra ndarray nom num num-bigint num-complex num-traits once_cell ordered-float parking_lot petgraph \
    plotters polars proptest rand rand_distr rayon regex reqwest rusqlite rust_decimal semver serde serde_json \
    serde_yaml sha2 smallvec sqlx statrs strum tempfile thiserror time tokio tokio-stream tokio-util toml tonic \
    tower tracing tracing-subscriber unicode-segmentation url uuid walkdir zip";

impl Engine {
    /// Makes crates usable in all later cells. Each specification is what stands behind one `:dep`; those of `:dep`s that
    /// follow one another come together.
    ///
    /// # Errors
    /// If one of them cannot be had; then everything is as it was before.
    pub(super) async fn add_dependencies(
        &mut self,
        specifications: &[String],
        publisher: &Publisher,
    ) -> Result<(), ErrorReport> {
        let folder = env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        let wanted = self.session.dependencies().with(specifications, &folder).map_err(|problem| refused(&problem))?;
        self.use_crates(wanted, publisher).await
    }

    /// Adds those of the crates that the notebook does not have, in any version.
    ///
    /// # Errors
    /// As for [`Engine::add_dependencies`].
    pub(super) async fn add_extern_crates(
        &mut self,
        names: &[String],
        publisher: &Publisher,
    ) -> Result<(), ErrorReport> {
        let is_known = |name: &str| BUILT_IN.contains(&name) || self.session.dependencies().contains(name);
        let missing: Vec<String> = names.iter().filter(|name| !is_known(name)).cloned().collect();
        if missing.is_empty() { Ok(()) } else { self.add_dependencies(&missing, publisher).await }
    }

    /// Makes sure that cells are compiled with the crates that the notebook has added, in their present state.
    ///
    /// # Errors
    /// If one of them cannot be built any more.
    pub(super) async fn refresh_dependencies(&mut self, publisher: &Publisher) -> Result<(), ErrorReport> {
        let wanted = self.session.dependencies().clone();
        if !wanted.is_empty() {
            return self.use_crates(wanted, publisher).await;
        }
        if let Some(ready) = &mut self.ready {
            ready.compiler.use_crates(None);
        }
        Ok(())
    }

    pub(super) fn show_dependencies(&self, publisher: &Publisher) {
        let bundle = self.ready.as_ref().and_then(|ready| ready.compiler.crates());
        let mut table = Table::new(["Crate", "Asked for", "Version"]);
        for (name, asked) in self.session.dependencies().iter() {
            let version = bundle.and_then(|bundle| bundle.versions.get(&name.replace('-', "_")));
            let asked = asked.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ");
            table.row([Cell::code(name), Cell::code(asked), Cell::code(version.map_or("", String::as_str))]);
        }
        match table.is_empty() {
            true => say("no crates have been added", publisher),
            false => publisher.display_data(table.bundle(), MimeBundle::new(), None),
        }
    }

    /// From here on, cells use exactly these crates. If they cannot, nothing changes.
    async fn use_crates(&mut self, wanted: Dependencies, publisher: &Publisher) -> Result<(), ErrorReport> {
        self.prepare(publisher).await?;
        let earlier = self.ready()?.compiler.crates().cloned();
        let same = wanted == *self.session.dependencies();
        if same && earlier.as_ref().is_some_and(Bundle::is_current) {
            return Ok(());
        }
        let bundle = match self.build_crates(&wanted, earlier.as_ref(), same, publisher).await? {
            Provided::Bundle(bundle) => bundle,
            Provided::Runtime(runtime, bundle) => {
                self.change_runtime(runtime).await?;
                bundle
            }
        };
        let change = match &earlier {
            Some(earlier) => self.session.change_of_crates(&bundle.changed_since(earlier)),
            None => Default::default(),
        };
        if let Some(note) = report::outdated(&change) {
            say(note, publisher);
        }
        self.session.commit_dependencies(wanted, change);
        if let Some(ready) = &mut self.ready {
            ready.compiler.use_crates(Some(bundle));
        }
        Ok(())
    }

    /// Builds the crates, or finds them built, with the progress in the cell that waits for them.
    async fn build_crates(
        &self,
        wanted: &Dependencies,
        earlier: Option<&Bundle>,
        same: bool,
        publisher: &Publisher,
    ) -> Result<Provided, ErrorReport> {
        let Ready { runtime, worker, .. } = self.ready()?;
        let is_unused = worker.as_deref().is_none_or(Worker::is_unused);
        let (news, latest) = watch::channel(Progress::default());
        let building = async {
            let provided = match earlier {
                Some(bundle) if same => deps::refresh(runtime, wanted, bundle, &news).await,
                _ => deps::provide(runtime, wanted, earlier, &news).await,
            };
            match provided {
                // Nothing is lost with a process in which nothing has run yet.
                Err(DependencyError::OtherRuntime(_)) if is_unused => {
                    let own = deps::own_runtime(runtime, wanted, &news).await?;
                    let bundle = deps::provide(&own, wanted, None, &news).await?;
                    Ok(Provided::Runtime(own, bundle))
                }
                provided => provided.map(Provided::Bundle),
            }
        };
        let versions = |(Provided::Bundle(bundle) | Provided::Runtime(_, bundle)): &Provided| {
            let crates: Vec<String> =
                bundle.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
            crates.join(", ")
        };
        let progress = BuildProgress::new(publisher, "crates");
        match progress.follow(building, latest, self.interrupts.clone(), versions).await {
            Some(built) => built.map_err(|error| self.explain(&error)),
            None => Err(report::keyboard_interrupt()),
        }
    }

    /// Goes on with another runtime, in a new process.
    async fn change_runtime(&mut self, runtime: Runtime) -> Result<(), ErrorReport> {
        if let Some(worker) = self.ready.take().and_then(|ready| ready.worker) {
            worker.shutdown().await;
        }
        self.get_ready(runtime).await
    }

    /// Why the crates cannot be had, and what may help.
    fn explain(&self, error: &DependencyError) -> ErrorReport {
        let mut problem = error.to_string();
        let unknown = problem.split_once("no matching package named `").and_then(|(_, rest)| rest.split('`').next());
        if let Some(near) = unknown.and_then(|name| nearest(name, POPULAR.split_whitespace())) {
            problem.push_str(&format!("\nhelp: did you mean `{near}`?"));
        }
        if problem.contains("error: linker `cc` not found") {
            problem.push_str(&format!("\nhelp: {GET_CC}"));
        }
        if let DependencyError::OtherRuntime(_) = error {
            let variables: Vec<String> = self.session.variables().keys().map(|name| format!("`{name}`")).collect();
            let lost = if variables.is_empty() { String::new() } else { format!(", with {}", variables.join(", ")) };
            problem.push_str(&format!(
                "\nhelp: `:restart`, then add them before anything else runs. All tasks and variables are lost then{lost}."
            ));
        }
        refused(&problem)
    }
}

/// What a set of crates needs.
enum Provided {
    Bundle(Bundle),
    /// A runtime of its own, too.
    Runtime(Runtime, Bundle),
}

/// Crates that cannot be had.
fn refused(problem: &str) -> ErrorReport {
    let first = problem.lines().next().unwrap_or_default();
    ErrorReport {
        ename: "DependencyError".into(),
        evalue: first.to_owned(),
        traceback: vec![format!("DependencyError: {problem}")],
    }
}
