//! Finished bundles, kept by what was asked for, so that cargo need not be run for them again, today or tomorrow.
//! Called by `build`. Several kernels may share the folder: bundles appear whole, by renaming, or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs, io};

use serde::{Deserialize, Serialize};

use super::artifacts::{Artifact, Direct, externs};
use super::build::Built;
use super::local;
use super::request::Dependencies;
use crate::compile::cache::Cache;
use crate::compile::runtime::Runtime;

/// How long a bundle is kept that nobody asks for.
const UNUSED: Duration = Duration::from_secs(60 * 24 * 3600);

/// The crates of a notebook as one library, and what a cell needs to be compiled against them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bundle {
    /// What it is found by.
    pub(super) key: String,
    /// Identifies the crates in the very build that it holds.
    pub(crate) id: String,
    pub(super) folder: PathBuf,
    /// The length of the library in bytes, by which a damaged one is told.
    length: u64,
    /// What code calls a crate → its file, for `--extern`.
    pub(crate) externs: BTreeMap<String, PathBuf>,
    /// What code calls a crate → its version.
    pub(crate) versions: BTreeMap<String, String>,
    /// Each crate in it → which builds of it. A type of a crate is another type in another build.
    builds: BTreeMap<String, BTreeSet<String>>,
    /// The folders of the user's own packages, and the state of their files.
    packages: Vec<PathBuf>,
    state: String,
}

impl Bundle {
    /// The library, which the worker has to load.
    pub(crate) fn library(&self) -> PathBuf {
        self.folder.join(library_name())
    }

    /// The folder with the metadata of everything that it was built from.
    pub(crate) fn dependencies(&self) -> PathBuf {
        self.folder.join("deps")
    }

    /// The versions of everything that it was built from.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.folder.join("Cargo.lock")
    }

    /// What cargo has said about its procedural macros and build scripts.
    pub(crate) fn macros(&self) -> PathBuf {
        self.folder.join("macros.jsonl")
    }

    /// The crates of an earlier bundle of which this one has another build, so that values of their types are of no use
    /// to it.
    pub(crate) fn changed_since(&self, earlier: &Bundle) -> BTreeSet<String> {
        let stays = |name: &String, builds: &BTreeSet<String>| {
            self.builds.get(name).is_some_and(|here| here.is_superset(builds))
        };
        earlier.builds.iter().filter(|(name, builds)| !stays(name, builds)).map(|(name, _)| name.clone()).collect()
    }

    /// Whether the user's own crates in it are as they were when it was built.
    pub(crate) fn is_current(&self) -> bool {
        self.packages.is_empty() || local::state_of(&self.packages) == self.state
    }

    fn is_whole(&self) -> bool {
        fs::metadata(self.library()).is_ok_and(|metadata| metadata.len() == self.length)
            && self.externs.values().all(|file| file.exists())
            && self.macros().exists()
    }
}

/// `libboucle_bundle.so`
pub(super) fn library_name() -> String {
    format!("{}boucle_bundle{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX)
}

/// The bundles on top of one runtime.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(super) fn open(runtime: &Runtime) -> io::Result<Store> {
        // When the runtime is removed, they go with it.
        let folder = runtime.folder.join("bundles");
        fs::create_dir_all(&folder)?;
        Ok(Store { folder })
    }

    /// The key of these crates, chosen on top of what the lock file holds.
    pub(super) fn key(dependencies: &Dependencies, lock: &str) -> String {
        Cache::key(&[include_str!("manifest.rs"), &dependencies.to_table().to_string(), lock])[..16].to_owned()
    }

    /// The bundle of this key, if it is there, whole and current.
    pub(super) fn find(&self, key: &str) -> Option<Bundle> {
        let description = self.description(key);
        let bundle: Bundle = serde_json::from_slice(&fs::read(&description).ok()?).ok()?;
        if !bundle.is_whole() || !bundle.is_current() {
            return None;
        }
        // What was used lately is kept longest.
        let _ =
            fs::File::options().append(true).open(description).and_then(|file| file.set_modified(SystemTime::now()));
        Some(bundle)
    }

    /// Keeps what cargo has built.
    ///
    /// # Errors
    /// If a file cannot be written, or cargo has made none of a crate.
    pub(super) fn keep(
        &self,
        key: &str,
        direct: &[Direct],
        Built { artifacts, macros }: &Built,
        (packages, state): (Vec<PathBuf>, String),
        workspace: &Path,
    ) -> io::Result<Bundle> {
        let external = externs(direct, artifacts)
            .map_err(|name| io::Error::other(format!("cargo has not made a library of `{name}`")))?;
        let builds = builds_of(artifacts);
        let content: Vec<&str> = builds.values().flatten().map(String::as_str).collect();
        // Sets may be built from the same crates and use different ones of them.
        let id = Cache::key(&[&[key], &content[..], &[&state]].concat())[..16].to_owned();
        let draft = tempfile::Builder::new().prefix("draft-").tempdir_in(&self.folder)?;
        fs::create_dir(draft.path().join("deps"))?;
        let (mut length, folder) = (0, self.folder.join(&id));
        for (artifact, file) in artifacts.iter().filter_map(|artifact| Some((artifact, artifact.library()?))) {
            if artifact.name() == "boucle_bundle" {
                length = fs::copy(file, draft.path().join(library_name()))?;
            } else if let Some(name) = file.file_name() {
                // cargo replaces files and never writes into them, so the content is shared safely.
                let target = draft.path().join("deps").join(name);
                if !target.exists() {
                    fs::hard_link(file, target)?;
                }
            }
        }
        fs::copy(workspace.join("Cargo.lock"), draft.path().join("Cargo.lock"))?;
        fs::write(draft.path().join("macros.jsonl"), macros)?;
        let in_deps = |file: PathBuf| folder.join("deps").join(file.file_name().unwrap_or_default());
        let externs = external.into_iter().map(|(name, file)| (name, in_deps(file))).collect();
        let versions = direct.iter().map(|it| (it.name.clone(), it.version.clone())).collect();
        let key = key.to_owned();
        let bundle = Bundle { key, id, folder: folder.clone(), length, externs, versions, builds, packages, state };
        if !bundle.is_whole() {
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            fs::rename(draft.keep(), &folder)?;
        }
        let description = tempfile::NamedTempFile::new_in(&self.folder)?;
        serde_json::to_writer(&description, &bundle)?;
        description.persist(self.description(&bundle.key))?;
        Ok(bundle)
    }

    /// Removes the bundles that nobody has asked for in a long time.
    pub(super) fn prune(&self) -> io::Result<()> {
        let (mut used, mut folders) = (BTreeSet::new(), Vec::new());
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let (path, modified) = (entry.path(), entry.metadata()?.modified()?);
            let recent = modified.elapsed().is_ok_and(|age| age < UNUSED);
            if path.is_dir() {
                folders.push(path);
            } else if !recent {
                fs::remove_file(&path)?;
            } else if let Ok(bundle) = serde_json::from_slice::<Bundle>(&fs::read(&path)?) {
                used.insert(bundle.folder);
            }
        }
        for folder in folders.into_iter().filter(|folder| !used.contains(folder)) {
            fs::remove_dir_all(folder)?;
        }
        Ok(())
    }

    fn description(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }
}

/// Crate name → its builds. cargo gives each build of a crate a file name of its own; the user's own crates are told by
/// their time as well, since they are built again under the same name.
fn builds_of(artifacts: &[Artifact]) -> BTreeMap<String, BTreeSet<String>> {
    let mut builds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for artifact in artifacts.iter().filter(|artifact| artifact.name() != "boucle_bundle") {
        let Some(file) = artifact.library() else { continue };
        let mut build = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if artifact.is_local() {
            let modified = fs::metadata(file).and_then(|metadata| metadata.modified()).ok();
            let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
            build.push_str(&format!(" {}", since.as_nanos()));
        }
        builds.entry(artifact.name()).or_default().insert(build);
    }
    builds
}
