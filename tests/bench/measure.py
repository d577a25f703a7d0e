"""Takes the measurements for one kernel, each many times. Called by __main__.py."""

import itertools
import pathlib
import random
import statistics
import subprocess
import tempfile
import time

import psutil

import client
from cells import KERNELS, LINES

PATIENCE = 60.0  # seconds one row may take before it is content with three runs


class Wrong(Exception):
    """A kernel that was timed did not do what it was asked to."""


# Kinds of cell, and what the table calls them.
PLAIN = (("expression", "1 + 1"), ("print", "print a line"))
AWAITING = (("await", "await"),)
AFTER = ", after 200 functions"


class Bench:
    """All rows for one kernel: {row: [values]}, in seconds or megabytes."""

    def __init__(self, name, runs, report):
        self.name, self.runs, self.report = name, runs, report
        self.cells = KERNELS[name]
        self.fresh = itertools.count(random.randrange(10**6, 10**8))
        self.rows = {}
        self.folder = tempfile.TemporaryDirectory()

    def code(self, template):
        return template.format(n=next(self.fresh))

    def repeat(self, row, measure):
        """Fills a row; runs that are very slow are repeated less often."""
        values, began = [], time.monotonic()
        while len(values) < self.runs and (len(values) < 3 or time.monotonic() - began < PATIENCE):
            try:
                values.append(measure())
            except (TimeoutError, Wrong) as error:
                self.rows[row] = str(error).splitlines()[0]
                self.report(self.name, row, self.rows[row])
                return
        self.rows[row] = values
        self.report(self.name, row, values)

    def all(self):
        """Takes every measurement, in the order of the table."""
        self.starts()
        kernel = self.start()
        kernel.run(self.code(self.cells["expression"]), limit=120)
        self.memory(kernel)
        self.cells_of(kernel, PLAIN, "")
        self.again(kernel)
        self.lines(kernel)
        self.display(kernel)
        self.queue(kernel)
        kernel = self.interrupts(kernel)
        self.define_functions(kernel)
        self.cells_of(kernel, PLAIN, AFTER)
        kernel.close()
        # A session of its own: the first await of an evcxr session adds a dependency that slows down all its other cells.
        kernel = self.start()
        kernel.run(self.code(self.cells["await"]), limit=300)
        self.cells_of(kernel, AWAITING, "")
        self.define_functions(kernel)
        self.cells_of(kernel, AWAITING, AFTER)
        kernel.close()
        self.completion(**self.cells["complete"])
        if "crates" in self.cells:
            self.crates(**self.cells["crates"])
        return self.rows

    def define_functions(self, kernel):
        for _ in range(200):
            kernel.run(self.code(self.cells["function"]), limit=120)

    def start(self):
        # What is typed here is not worth remembering, but that it is remembered is measured too.
        env = {"BOUCLE_HISTORY": str(pathlib.Path(self.folder.name) / "history.sqlite")}
        return client.Kernel(self.name, env=env, log=subprocess.DEVNULL, lenient=self.name != "boucle")

    def starts(self):
        """From the start of the process until it answers, and until the first result is there."""
        first = []

        def once():
            kernel = self.start()
            request = kernel.run(self.code(self.cells["expression"]), limit=120)
            self.check(request)
            first.append(max(request.replied, request.idle) - kernel.began)
            ready = kernel.ready - kernel.began
            kernel.close()
            return ready

        self.repeat("start → kernel_info reply", once)
        self.rows["start → first result"] = first
        self.report(self.name, "start → first result", first)

    def crates(self, add, cells):
        """Crates that an earlier session has used too: until a fresh one has a first result with them, and cells with them."""
        state = {"kernel": self.start()}
        self.check(state["kernel"].run(self.code(add), limit=900))

        def once():
            state["kernel"].close()
            state["kernel"] = self.start()
            state["kernel"].run(self.code(self.cells["expression"]), limit=120)
            return self.timed(state["kernel"], self.code(add))

        self.repeat(":dep regex, serde_json, rand → first result", once)
        for row, template in cells:
            self.repeat(row, lambda: self.timed(state["kernel"], self.code(template)))
        state["kernel"].close()

    def completion(self, code, offers):
        """Until something is offered in a fresh session, until it is what was wanted, and how long that takes from then on."""
        kernel = self.start()
        kernel.run(self.code(self.cells["expression"]), limit=120)
        began = time.monotonic()
        first, text = self.offered(kernel, code)
        while not any(match.startswith(offers) for match in text):
            if time.monotonic() - began > PATIENCE:
                self.rows["completion, first with methods"] = f"not within {PATIENCE:.0f} s"
                return
            _, text = self.offered(kernel, code)
        for row, seconds in (("completion, first answer", first), ("completion, first with methods", time.monotonic() - began)):
            self.rows[row] = [seconds]
            self.report(self.name, row, [seconds])

        def once():
            took, text = self.offered(kernel, code)
            if not any(match.startswith(offers) for match in text):
                raise Wrong(f"`{offers}` is not offered")
            return took

        self.repeat("completion, warm", once)
        self.memory(kernel, "memory, with completion")
        kernel.close()

    def offered(self, kernel, template):
        code = self.code(template)
        request = kernel.ask("complete_request", {"code": code, "cursor_pos": len(code)}, limit=120)
        return request.replied - request.sent, request.reply["matches"]

    def cells_of(self, kernel, kinds, suffix):
        for kind, row in kinds:
            self.repeat(row + suffix, lambda: self.timed(kernel, self.code(self.cells[kind])))

    def again(self, kernel):
        """A cell that has not changed since it was last run."""
        code = self.code(self.cells["expression"])
        self.timed(kernel, code)
        self.repeat("1 + 1, run again unchanged", lambda: self.timed(kernel, code))

    def timed(self, kernel, code):
        request = kernel.run(code, limit=120)
        self.check(request)
        return request.took

    @staticmethod
    def check(request):
        if request.status != "ok":
            raise Wrong(f"failed: {request.error}")

    def lines(self, kernel):
        def once():
            request = kernel.run(self.code(self.cells["lines"]), limit=120)
            lost = len(LINES) - len(request.text())
            if request.text() != LINES:
                raise Wrong(f"{lost} of {len(LINES)} bytes lost" if lost else "bytes changed")
            return request.took

        self.repeat("200,000 printed lines", once)

    def display(self, kernel):
        """One big value on its way to the front end."""
        def once():
            request = kernel.run(self.code(self.cells["display"]), limit=120)
            self.check(request)
            (shown,) = request.shown
            if len(shown) != 50_000_000:
                raise Wrong(f"{50_000_000 - len(shown)} bytes lost")
            return request.took

        if "display" in self.cells:
            self.repeat("50 MB in one display", once)

    def queue(self, kernel):
        """Run All over cells that have not changed: until the last of 200 is done."""
        code = self.code(self.cells["expression"])
        self.timed(kernel, code)

        def once():
            requests = [kernel.submit(code) for _ in range(200)]
            kernel.done(*requests, limit=120)
            self.check(requests[-1])
            if [request.replied for request in requests] != sorted(request.replied for request in requests):
                raise Wrong("not answered in order")
            return max(requests[-1].replied, requests[-1].idle) - requests[0].sent

        self.repeat("200 cells queued at once", once)

    def interrupts(self, kernel):
        """From the press of the button to the reply. A kernel that does not obey is replaced."""
        for situation, template in self.cells["interrupt"].items():
            state = {"kernel": kernel}
            self.repeat(f"interrupt → reply: {situation}", lambda: self.interrupted(state, self.code(template)))
            kernel = state["kernel"]
        return kernel

    def interrupted(self, state, code):
        kernel = state["kernel"]
        kernel.managers_own.add("interrupt_request")
        request = kernel.submit(code)
        kernel.printed(request, "go\n", limit=120)
        pressed = time.monotonic()
        kernel.manager.interrupt_kernel()
        try:
            kernel.done(request, limit=20)
        except TimeoutError:
            kernel.close()
            state["kernel"] = self.start()
            raise Wrong("not within 20 s") from None
        return request.replied - pressed

    def memory(self, kernel, row="memory, idle"):
        """Resident memory of the kernel and everything it has started, in megabytes, after it has run cells."""
        def once():
            main = psutil.Process(kernel.pid)
            return sum(process.memory_info().rss for process in [main, *main.children(recursive=True)]) / 1e6

        self.repeat(row, once)


def median(values):
    return statistics.median(values)
