"""The benchmark runs, measures everything it promises, and finds nothing lost. It judges no speed: this machine may be busy."""

import subprocess
import sys

import pytest

import lesson


@pytest.mark.timeout(900)
def test_the_benchmark_fills_every_row(installation, tmp_path):
    markdown = tmp_path / "table.md"
    done = subprocess.run(
        [sys.executable, lesson.ROOT / "tests/bench", "--runs", "1", "--kernels", "boucle", "--markdown", markdown], capture_output=True, text=True, timeout=880
    )
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.read_text().splitlines() if line.startswith("| ")]
    assert rows[0] == ["", "Boucle", "goal"]
    measured = {row: value for row, value, _ in rows[1:]}
    assert len(measured) == 27, measured
    for row, value in measured.items():
        assert value.endswith((" ms", " s", " MB")) and not value.startswith("not "), f"{row}: {value}"


def test_a_kernel_that_is_not_there_is_left_out(installation):
    done = subprocess.run([sys.executable, lesson.ROOT / "tests/bench", "--kernels", "nonsense"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "there is no kernel `nonsense` here" in done.stderr and "./install.sh" in done.stderr
