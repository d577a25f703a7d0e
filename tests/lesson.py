"""The event-loop lesson as a program reads it: its cells by scenario, and how a run of it is compared with CPython's.

data/event-loop.json holds what CPython prints, line by line, with the second at which each line appears. e2e/test_lesson.py runs
the lesson's own cells and compares; e2e/test_notebook.py checks that the notebook fits the data.
"""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "notebooks/event-loop.ipynb"
TOLERANCE = 0.150  # seconds between the reference and the arrival of a line
ZERO = "---------- zero"
SHOWN = re.compile(r"(\d+)s \+ (\d{3})ms (.*)")


def cells():
    """[(scenario or None, source, metadata)] of the code cells, in order."""
    notebook = json.loads(NOTEBOOK.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [(c["metadata"].get("boucle", {}).get("scenario"), "".join(c["source"]), c["metadata"].get("boucle", {})) for c in code]


def source(scenario):
    """The one cell of a scenario."""
    (found,) = [text for name, text, _ in cells() if name == scenario]
    return found


def reference():
    """{scenario id: the scenario}"""
    data = json.loads((ROOT / "tests/data/event-loop.json").read_text())
    return {scenario["id"]: scenario for scenario in data["scenarios"]}


def since_zero(lines):
    """Times counted from the line that says zero; a cell without one counts from its start."""
    zero = next((at for at, text in lines if text == ZERO), 0.0)
    return [(at - zero, text) for at, text in lines]


def differences(expected, lines):
    """What is wrong with these lines: [(t, text)] against [[t, text]]. An empty list means that the run is as in CPython."""
    lines = since_zero(lines)
    found = []
    for number in range(max(len(expected), len(lines))):
        if number >= len(lines):
            found.append(f"line {number + 1}: missing: {expected[number][1]!r}")
        elif number >= len(expected):
            found.append(f"line {number + 1}: too many: {lines[number][1]!r}")
        else:
            (due, wanted), (at, got) = expected[number], lines[number]
            if without_clock(wanted) != without_clock(got):
                found.append(f"line {number + 1}: {got!r} instead of {wanted!r}")
            elif abs(at - due) > TOLERANCE:
                found.append(f"line {number + 1}: {got!r} at {at:.3f} s instead of {due:.3f} s")
    return found


def without_clock(text):
    """The message alone. The reference says that the moment of arrival counts, never the printed digits."""
    shown = re.fullmatch(r"\d+s \+ (\d{3}|…)ms (.*)", text)
    return ("…", shown[2]) if shown else text


def clock_errors(lines):
    """Lines whose printed time is not the time since zero at which they arrived."""
    wrong = []
    for at, text in since_zero(lines):
        shown = SHOWN.fullmatch(text)
        if shown and abs(int(shown[1]) + int(shown[2]) / 1000 - at) > TOLERANCE:
            wrong.append(f"{text!r} arrived at {at:.3f} s")
    return wrong
