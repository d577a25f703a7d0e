"""Virtual environments that cost nothing, and the wheel in one of them. Used by conftest.py and e2e/test_install.py."""

import os
import pathlib
import subprocess
import sys
import sysconfig

KERNEL = pathlib.Path(__file__).resolve().parent.parent / "kernel"
# What a user calls; each is a function of a package.
SCRIPTS = {
    "jupyter": "jupyter_core.command:main",
    "jupyter-lab": "jupyterlab.labapp:main",
    "jupyter-console": "jupyter_console.app:main",
    "papermill": "papermill.cli:papermill",
}


def make_environment(folder):
    """An environment that has the packages of this one, and a `python3` and scripts of its own; the folder of these."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for name, target in SCRIPTS.items():
        module, function = target.split(":")
        script = folder / "bin" / name
        script.write_text(f"#!{folder}/bin/python\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n")
        script.chmod(0o755)
    return folder / "bin"


def build_wheel(installation, folder):
    """Builds the wheel from what the installation was built from, so that nothing is compiled twice; its path."""
    profile, env = installation.build
    command = [sys.executable, "-m", "maturin", "build", *profile, "--compatibility", "linux", "--out", folder]
    subprocess.run(command, cwd=KERNEL, env=os.environ | env, check=True, timeout=600)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install_wheel(wheel, folder):
    """Installs the wheel into a new environment, as pip does it; the folder of the environment."""
    make_environment(folder)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "--no-index", "--no-deps", "--quiet", wheel]
    subprocess.run(pip, check=True, timeout=120)
    return folder
