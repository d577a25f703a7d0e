"""Shows a notebook running, cell by cell, in a terminal.

Who calls it: `./install.sh`, whose last act is to play the lesson through the kernel it has just installed, and anybody who
wants to see a notebook run without a browser:

    python notebooks/play.py notebooks/event-loop.ipynb [--kernel NAME] [--timeout SECONDS]

It needs `jupyter_client` only. Each cell is printed, then its output as it arrives. Where a cell's metadata says
`"boucle": {"interrupt_after": 4.0}`, the interrupt button is pressed for you that many seconds after the cell started. The exit code is 1 when a cell
ends in an error (unless it is tagged `raises-exception`), and 2 when there is no such notebook or kernel.
"""

import argparse
import json
import os
import queue
import re
import sys
import time

try:
    from jupyter_client.kernelspec import NoSuchKernel
    from jupyter_client.manager import KernelManager
except ImportError:
    sys.exit(f"play.py: {sys.executable} has no jupyter_client; run ./install.sh, or: pip install jupyter_client")

ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Screen:
    """Writes to the terminal: colors only where somebody can see them, and at once."""

    def __init__(self, stream=sys.stdout):
        self.stream = stream
        self.color = stream.isatty() and "NO_COLOR" not in os.environ
        self.at_line_start = True

    def paint(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text

    def line(self, text=""):
        if not self.at_line_start:
            self.stream.write("\n")
        self.stream.write(text + "\n")
        self.stream.flush()
        self.at_line_start = True

    def output(self, text):
        """Text from the kernel, behind a bar that says so; a line may arrive in pieces."""
        text = text if self.color else ANSI.sub("", text)
        bar = self.paint("2", "  │ ")
        for piece in text.splitlines(keepends=True):
            self.stream.write((bar if self.at_line_start else "") + piece)
            self.at_line_start = piece.endswith("\n")
        self.stream.flush()

    def block(self, text):
        """The same, on lines of its own."""
        self.output(("" if self.at_line_start else "\n") + text + "\n")


class CellFailed(Exception):
    """A cell ended in an error that nobody expected."""


class Player:
    """Runs cells one after the other in one kernel and shows what they print."""

    def __init__(self, screen, kernel_name, timeout):
        self.screen, self.timeout = screen, timeout
        self.manager = KernelManager(kernel_name=kernel_name)
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=timeout)

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel()

    def run(self, cell):
        """Executes one code cell; raises CellFailed unless it ends as its metadata says."""
        source, metadata = "".join(cell["source"]), cell["metadata"]
        may_fail = "raises-exception" in metadata.get("tags", [])
        press_after = metadata.get("boucle", {}).get("interrupt_after")
        started = time.monotonic()
        press_at = None if press_after is None else started + press_after
        give_up_at = started + self.timeout + (press_after or 0)
        request = self.client.execute(source, stop_on_error=not may_fail)
        failed = None
        while True:
            now = time.monotonic()
            if press_at is not None and now >= press_at:
                self.screen.line(self.screen.paint("33", f"  ■ interrupt, {now - started:.1f} s after the cell started"))
                self.manager.interrupt_kernel()
                press_at = None
            if now >= give_up_at:
                raise CellFailed(f"the cell did not end within {give_up_at - started:.0f} s")
            try:
                message = self.client.get_iopub_msg(timeout=min(give_up_at, press_at or give_up_at) - now)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "execute_input":
                self.show_source(content["execution_count"], source)
                if press_after is not None:
                    press_at = time.monotonic() + press_after
            elif kind == "stream":
                self.screen.output(content["text"])
            elif kind in ("execute_result", "display_data"):
                self.screen.block(content["data"].get("text/plain", ""))
            elif kind == "error":
                self.screen.block("\n".join(content["traceback"]))
                failed = f"{content['ename']}: {content['evalue']}"
            elif kind == "status" and content["execution_state"] == "idle":
                break
        reply = self.client.get_shell_msg(timeout=self.timeout)
        while reply["parent_header"].get("msg_id") != request:
            reply = self.client.get_shell_msg(timeout=self.timeout)
        self.screen.line(self.screen.paint("2", f"    {time.monotonic() - started:.2f} s"))
        if reply["content"]["status"] != "ok" and not may_fail:
            raise CellFailed(failed or f"the kernel answered {reply['content']['status']!r}")

    def show_source(self, count, source):
        label = f"In [{count}]: "
        for number, text in enumerate(source.splitlines()):
            prompt = self.screen.paint("34", label) if number == 0 else " " * len(label)
            self.screen.line((prompt + text).rstrip())


def headings(cell):
    """The headings of a text cell: enough to know where in the lesson we are."""
    return [line.lstrip("#").strip() for line in "".join(cell["source"]).splitlines() if re.match(r"#+ ", line)]


def play(path, kernel_name, timeout, screen):
    """Plays the whole notebook; returns the exit code."""
    with open(path, encoding="utf-8") as file:
        notebook = json.load(file)
    kernel_name = kernel_name or notebook["metadata"]["kernelspec"]["name"]
    started = time.monotonic()
    player = Player(screen, kernel_name, timeout)
    screen.line(screen.paint("2", f"kernel {kernel_name} ready after {time.monotonic() - started:.2f} s"))
    count = 0
    try:
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                for heading in headings(cell):
                    screen.line()
                    screen.line(screen.paint("1", heading))
            elif cell["cell_type"] == "code":
                screen.line()
                player.run(cell)
                count += 1
    except CellFailed as error:
        screen.line(f"play.py: cell {count + 1} failed: {error}")
        return 1
    finally:
        player.close()
    screen.line()
    screen.line(f"{count} cells, no errors, {time.monotonic() - started:.0f} s")
    return 0


def main():
    parser = argparse.ArgumentParser(prog="play.py", description="Runs a notebook cell by cell and shows it in the terminal.")
    parser.add_argument("notebook")
    parser.add_argument("--kernel", help="kernelspec to use instead of the notebook's own")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds a cell may take (default 60)")
    args = parser.parse_args()
    try:
        return play(args.notebook, args.kernel, args.timeout, Screen())
    except FileNotFoundError as error:
        print(f"play.py: no such notebook: {error.filename}", file=sys.stderr)
    except NoSuchKernel as error:
        print(f"play.py: no kernel named {error.name!r}; `jupyter kernelspec list` shows what there is", file=sys.stderr)
    except RuntimeError as error:
        print(f"play.py: the kernel did not start: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
