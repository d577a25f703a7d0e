"""What people read when they make mistakes: each mistake's cells and what the kernel says to them, as text files.

`tests/data/mistakes/*.txt` hold them; each file is one notebook. `== title` begins a mistake, `> ` stands before each line of its cells, and
behind a cell stands what is shown, without colors. Cells count from `In[1]` in each mistake. `UPDATE_MISTAKES=1 pytest -k mistakes`
writes what is shown now into the files, to be read before it is committed.
"""

import os
import pathlib
import re
from dataclasses import dataclass, field

import pytest

from client import plain

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "data/mistakes"

# What only the engine's own code has.
INTERNAL = ["__boucle", "boucle_cell", "asyncio::cell", "Scope", "boucle-worker", "/worker/", "/rustc/", "session-"]


@dataclass
class Mistake:
    """A title, and cells with what was shown to each."""

    title: str
    cells: list = field(default_factory=list)
    shown: list = field(default_factory=list)

    def text(self):
        lines = [f"== {self.title}"]
        for cell, shown in zip(self.cells, self.shown, strict=True):
            lines += [f"> {line}".rstrip() for line in cell.split("\n")]
            lines += [shown] if shown else [""]
        return "\n".join(lines).rstrip("\n") + "\n"


def read(path):
    """The mistakes of a file. Lines of code belong to one cell until a line of another kind, if only an empty one, comes between."""
    mistakes = []
    in_cell = False
    for line in path.read_text().splitlines():
        if line.startswith("== "):
            mistakes.append(Mistake(line[3:]))
            in_cell = False
        elif line == ">" or line.startswith("> "):
            mistake = mistakes[-1]
            if in_cell:
                mistake.cells[-1] += "\n" + line[2:]
            else:
                mistake.cells.append(line[2:])
                mistake.shown.append("")
            in_cell = True
        else:
            if mistakes[-1].shown:
                mistakes[-1].shown[-1] += line + "\n"
            in_cell = False
    for mistake in mistakes:
        mistake.shown = [shown.strip("\n") for shown in mistake.shown]
    return mistakes


def shown(request, first):
    """What a person sees of a cell, when its mistake began with the cell of number `first`."""
    value = [request.value] if request.value is not None else []
    parts = [plain(request.text()), plain(request.text("stderr")), *request.shown, *value, request.traceback]
    text = "\n".join(part.rstrip("\n") for part in parts if part.strip())
    text = re.sub(r"thread 'main' \(\d+\)", "thread 'main' (…)", text)  # the system's number of the thread
    text = re.sub(r"In\[(\d+)\]", lambda number: f"In[{int(number[1]) - first + 1}]", text)
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")


def run(kernel, mistake):
    """The mistake, made again."""
    made = Mistake(mistake.title, mistake.cells)
    first = None
    for cell in mistake.cells:
        request = kernel.run(cell)
        first = first or request.reply["execution_count"]
        made.shown.append(shown(request, first))
    return made


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_mistakes_are_explained(kernel, path):
    expected = read(path)
    made = [run(kernel, mistake) for mistake in expected]
    text = "\n".join(mistake.text() for mistake in made)
    if os.environ.get("UPDATE_MISTAKES"):
        path.write_text(text)
    for mistake, was in zip(made, expected, strict=True):
        assert not [name for name in INTERNAL if name in "\n".join(mistake.shown)], mistake.text()
        if not os.environ.get("UPDATE_MISTAKES"):
            assert mistake.text() == was.text()


def test_there_are_enough_mistakes():
    assert sum(len(read(path)) for path in FOLDER.glob("*.txt")) >= 60
