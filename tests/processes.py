"""Finds the processes a kernel has left behind, by a mark in their environment that children inherit.

Called by the fixtures of conftest.py after each test and after the whole run.
"""

import os
import uuid

import psutil

MARK = "BOUCLE_TEST_MARK"


def new_mark(session=""):
    """A mark of its own for one kernel; it begins with the mark of the run."""
    return f"{session}/{uuid.uuid4().hex}"


def marked(mark):
    """The processes, other than this one, whose environment carries this mark or one that begins with it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK, "").startswith(mark) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def assert_gone(mark, seconds=5.0):
    """Fails, and kills, what is still there after this time."""
    _, left = psutil.wait_procs(marked(mark), seconds)
    names = []
    for process in left:
        try:
            if is_alive(process):
                names.append(f"{process.pid} {' '.join(process.cmdline())}")
                process.kill()
        except psutil.NoSuchProcess:
            continue
    assert not names, f"left behind: {names}"


def is_alive(process):
    """Whether it has not ended. One whose parent was killed too is a zombie until the system's first process looks after it."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def named(pid, name):
    """The living descendants of a process whose executable has this name."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        try:
            if process.name().startswith(name[:15]) and is_alive(process):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found
