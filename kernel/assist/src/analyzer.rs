//! A package in memory, as rust-analyzer knows it: its one source file changes with each question. Used by `serve`.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use ra_ap_hir::ChangeWithProcMacros;
use ra_ap_ide::{Analysis, AnalysisHost, FileId, FilePosition, TextSize};
use ra_ap_ide_db::FxHashMap;
use ra_ap_load_cargo::{LoadCargoConfig, ProcMacroServerChoice, load_workspace};
use ra_ap_paths::{AbsPathBuf, Utf8PathBuf};
use ra_ap_project_model::{CargoConfig, ProjectManifest, ProjectWorkspace, RustLibSource};
use ra_ap_vfs::VfsPath;

use crate::library;
use crate::message::{Library, Project};

/// A project that has been loaded.
pub(crate) struct Analyzer {
    host: AnalysisHost,
    file: FileId,
}

impl Analyzer {
    /// Loads what a project's crates are made of, which takes some seconds.
    ///
    /// # Errors
    /// If cargo does not know the crates, or has not got them: it is not to ask the network.
    pub(crate) fn load(project: &Project) -> anyhow::Result<(Analyzer, Library)> {
        let (origin, source) =
            library::find(&project.sysroot, &project.library).context("cannot restore the sources of std")?;
        // Only cargo has to find it there.
        let folder = tempfile::tempdir().context("cannot make a folder for the package")?;
        let root = fs::canonicalize(folder.path())?;
        fs::create_dir(root.join("src"))?;
        fs::write(root.join("src/lib.rs"), "")?;
        fs::write(root.join("Cargo.toml"), &project.manifest)?;
        if let Some(lock) = &project.lock {
            fs::copy(lock, root.join("Cargo.lock")).with_context(|| format!("cannot copy `{}`", lock.display()))?;
        }
        let config = CargoConfig {
            sysroot: Some(RustLibSource::Path(absolute(&project.sysroot)?)),
            sysroot_src: source.as_deref().map(absolute).transpose()?,
            extra_env: FxHashMap::from_iter([("CARGO_NET_OFFLINE".to_owned(), Some("true".to_owned()))]),
            // All has been built already; nothing is run here but macros.
            run_build_script_command: project
                .built
                .as_ref()
                .map(|said| vec!["cat".to_owned(), said.display().to_string()]),
            ..CargoConfig::default()
        };
        let manifest = ProjectManifest::from_manifest_file(absolute(&root.join("Cargo.toml"))?)?;
        let mut workspace = ProjectWorkspace::load(manifest, &config, &|_| {})?;
        if project.built.is_some() {
            let built = workspace.run_build_scripts(&config, &|_| {})?;
            workspace.set_build_scripts(built);
        }
        let load = LoadCargoConfig {
            load_out_dirs_from_check: false,
            // A program of the toolchain's, which loads them, so that one that crashes takes nothing along.
            with_proc_macro_server: match project.built {
                Some(_) => ProcMacroServerChoice::Sysroot,
                None => ProcMacroServerChoice::None,
            },
            prefill_caches: false,
            num_worker_threads: 1,
            proc_macro_processes: 1,
        };
        let (database, files, _) = load_workspace(workspace, &config.extra_env, &load)?;
        let path = VfsPath::from(absolute(&root.join("src/lib.rs"))?);
        let (file, _) = files.file_id(&path).ok_or_else(|| anyhow!("the package has no source"))?;
        Ok((Analyzer { host: AnalysisHost::with_database(database), file }, origin))
    }

    /// What is known once the source is this text. Whatever is still asked about an earlier text ends with
    /// `Cancelled`, and this waits until it has.
    pub(crate) fn with_text(&mut self, text: String) -> Analysis {
        let mut change = ChangeWithProcMacros::default();
        change.change_file(self.file, Some(text));
        self.host.apply_change(change);
        self.host.analysis()
    }

    /// Lets go of what can be found out again. What is still asked ends with `Cancelled`.
    pub(crate) fn tidy(&mut self) {
        self.host.trigger_garbage_collection();
    }

    /// A place in the text.
    pub(crate) fn position(&self, offset: usize) -> FilePosition {
        let offset = TextSize::new(u32::try_from(offset).unwrap_or(u32::MAX));
        FilePosition { file_id: self.file, offset }
    }
}

fn absolute(path: &Path) -> anyhow::Result<AbsPathBuf> {
    let utf8 = Utf8PathBuf::from_path_buf(path.to_owned());
    let utf8 = utf8.map_err(|path| anyhow!("the path `{}` is not UTF-8", path.display()))?;
    AbsPathBuf::try_from(utf8).map_err(|path| anyhow!("the path `{path}` is not absolute"))
}
