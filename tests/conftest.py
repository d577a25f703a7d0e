"""Fixtures of the end-to-end tests: a fresh installation for the whole run, and a kernel of its own for each test.

The installation is made by `./install.sh --prefix` into a temporary folder with an empty cache, as a newcomer would; its output is what
e2e/test_install.py looks at. While developing, `BOUCLE_TEST_PROGRAM=path/to/boucle pytest tests -k …` skips that and tests
the given program with your own cache.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
from dataclasses import dataclass

import pytest

import environments
import processes
from client import open_kernel

pytest_plugins = ["windows"]

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclass
class Installation:
    """What `./install.sh --prefix` has made."""

    folder: pathlib.Path
    environment: dict
    output: str | None

    @property
    def prefix(self):
        return self.folder / "prefix"

    @property
    def home(self):
        return self.folder / "home"

    @property
    def cache(self):
        return pathlib.Path(self.environment["BOUCLE_CACHE_DIR"])

    @property
    def program(self):
        return self.prefix / "share/boucle/bin/boucle"

    @property
    def analyzer(self):
        return self.program.with_name("boucle-assist")

    @property
    def private_jupyter(self):
        """What `./install.sh` brings where there is no JupyterLab; there need not be one."""
        return self.prefix / "share/boucle/venv/bin/jupyter"

    @property
    def build(self):
        """cargo's options and environment with which nothing is compiled that this installation was built from."""
        if self.output is None:
            return ["--profile", "dev", "--no-default-features"], {"CARGO_TARGET_DIR": str(ROOT / "target")}
        return ["--profile", "release"], {"CARGO_TARGET_DIR": self.environment["BOUCLE_TARGET_DIR"]}

    @property
    def kernelspec(self):
        return self.prefix / "share/jupyter/kernels/boucle"


def newcomers_environment(folder):
    """The environment of somebody who has Rust and Python, but has never seen Boucle."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BOUCLE_", "JUPYTER", "XDG_", "VIRTUAL_ENV"))}
    home = pathlib.Path.home()
    environment["CARGO_HOME"] = os.environ.get("CARGO_HOME", str(home / ".cargo"))
    environment["RUSTUP_HOME"] = os.environ.get("RUSTUP_HOME", str(home / ".rustup"))
    environment["HOME"] = str(folder / "home")
    environment["BOUCLE_CACHE_DIR"] = str(folder / "cache")
    environment["BOUCLE_TARGET_DIR"] = os.environ.get("CARGO_TARGET_DIR", str(folder / "target"))
    environment.pop("CARGO_TARGET_DIR", None)
    return environment


def install(folder):
    """Runs `./install.sh --prefix` and returns everything it printed."""
    environment = newcomers_environment(folder)
    (folder / "home").mkdir()
    done = subprocess.run(
        [ROOT / "install.sh", "--prefix", folder / "prefix"],
        env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=1500,
    )
    if done.returncode != 0:
        pytest.exit(f"./install.sh failed with exit code {done.returncode}:\n{done.stdout}", returncode=3)
    return Installation(folder, environment, done.stdout)


def borrow(program, folder):
    """Registers a program that somebody has built by hand, instead of installing."""
    environment = dict(os.environ)
    environment["BOUCLE_CACHE_DIR"] = os.environ.get("BOUCLE_CACHE_DIR", str(pathlib.Path.home() / ".cache/boucle"))
    borrowed = Installation(folder, environment, None)
    borrowed.program.parent.mkdir(parents=True)
    shutil.copy(program, borrowed.program)
    # It takes so long to build that it is not built again for each profile.
    profile = pathlib.Path(program).parent
    analyzers = [profile / "boucle-assist", profile.parent / "release/boucle-assist"]
    for analyzer in filter(pathlib.Path.exists, analyzers):
        borrowed.analyzer.symlink_to(analyzer.resolve())
        break
    for command in (["runtime"], ["install", "--prefix", borrowed.prefix]):
        subprocess.run([borrowed.program, *command], env=environment, check=True, timeout=1500)
    return borrowed


@pytest.fixture(scope="session")
def installation(tmp_path_factory):
    """A fresh installation, which Jupyter in this process finds and nothing else."""
    folder = tmp_path_factory.mktemp("installation")
    program = os.environ.get("BOUCLE_TEST_PROGRAM")
    made = borrow(program, folder) if program else install(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(made.prefix / "share/jupyter"))
        for name in ("DATA", "RUNTIME", "CONFIG"):
            patch.setenv(f"JUPYTER_{name}_DIR", str(folder / f"jupyter-{name.lower()}"))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv("BOUCLE_CACHE_DIR", str(made.cache))
        patch.setenv("BOUCLE_HISTORY", ":memory:")  # no test sees what another one has typed
        yield made


@pytest.fixture(scope="session")
def wheel(installation, tmp_path_factory):
    """The Python package, built from what the installation was built from."""
    return environments.build_wheel(installation, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def environment(wheel, tmp_path_factory):
    """A fresh virtual environment into which the wheel has been installed; its folder."""
    return environments.install_wheel(wheel, tmp_path_factory.mktemp("environment"))


@pytest.fixture(scope="session")
def session_mark():
    """Marks every process of this run; at its end none of them may be left."""
    mark = processes.new_mark()
    yield mark
    processes.assert_gone(mark)


@pytest.fixture
def start(installation, session_mark, tmp_path):
    """Starts kernels for tests that end them in their own way."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(open_kernel(session_mark, tmp_path, **options))


@pytest.fixture
def kernel(start):
    """A fresh kernel. Afterwards nothing is unread, and it ends when asked to."""
    kernel = start()
    yield kernel
    kernel.settle()
    kernel.shutdown()


@pytest.fixture
def tools(tmp_path):
    """A PATH with the named tools and nothing else; a text is a shell script."""

    def make(**programs):
        folder = tmp_path / "bin"
        folder.mkdir()
        for name, target in programs.items():
            if target.startswith("/"):
                (folder / name).symlink_to(target)
            else:
                (folder / name).write_text(f"#!/bin/sh\n{target}\n")
                (folder / name).chmod(0o755)
        return str(folder)

    return make
