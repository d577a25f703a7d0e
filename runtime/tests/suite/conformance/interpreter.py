"""Runs the scripts of the conformance suite on CPython's asyncio, in virtual time.

Reads {name: script} as JSON on stdin and writes {name: transcript}. The twin of interpreter.rs.
"""
import asyncio, collections, itertools, json, selectors, sys
from asyncio import *


class VirtualLoop(SelectorEventLoop):
    """A loop whose clock jumps to the next deadline when nothing is ready."""

    def __init__(self):
        self.now = 0.0
        real = selectors.DefaultSelector()
        super().__init__(real)
        select = real.select

        def jump(timeout=None):
            if timeout:
                self.now = round(self.now + timeout, 9)
            elif timeout is None:
                raise RuntimeError("deadlock")
            return select(0)

        real.select = jump

    def time(self):
        return self.now

    def call_at(self, when, callback, *args, context=None):
        return super().call_at(round(when, 9), callback, *args, context=context)


class Timer(TimerHandle):
    """Of two equal times the one asked for first is earlier, as with a real clock, which moves in between."""

    numbers = itertools.count()
    __slots__ = ("number",)

    def __init__(self, *args):
        super().__init__(*args)
        self.number = next(self.numbers)

    def __lt__(self, other):
        return (self._when, self.number) < (other._when, other.number)


asyncio.events.TimerHandle = Timer


class Ordered(dict):
    """A set that keeps its order, so that a group cancels its tasks in the order of their coming."""

    def add(self, item):
        self[item] = None

    def discard(self, item):
        self.pop(item, None)


class panic(Exception):
    pass


def describe(error):
    if isinstance(error, BaseExceptionGroup):
        return "ExceptionGroup(" + ", ".join(map(describe, error.exceptions)) + ")"
    silent = isinstance(error, BrokenBarrierError) or not str(error)
    return type(error).__name__ if silent else f"{type(error).__name__}({error})"


def show(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, BaseException):
        return describe(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(show, value)) + "]"
    return str(value)


class Script:
    def __init__(self, text):
        self.loop = VirtualLoop()
        set_event_loop(self.loop)
        self.loop.set_exception_handler(lambda loop, context: None)
        self.lines, self.names = [], {}
        self.coroutines = collections.OrderedDict()
        for line in text.splitlines():
            if line.strip():
                name, ops = line.split(":", 1)
                self.coroutines[name.strip()] = [op.split() for op in ops.split(";") if op.strip()]

    def log(self, who, text):
        self.lines.append(f"{round(self.loop.time() * 1000)} {who}: {text}")

    def transcript(self):
        try:
            value = self.loop.run_until_complete(self.run("main", "main", None))
            self.log("end", f"= {show(value)}")
        except BaseException as error:
            self.log("end", f"raised {describe(error)}")
        if "after" in self.coroutines:
            self.loop.run_until_complete(self.run("after", "after", None))
        self.keep = dict(self.names)
        return self.lines

    async def run(self, name, who, group):
        finals = []
        try:
            for op in self.coroutines[name]:
                if op[0] == "return":
                    return int(op[1])
                if op[0] == "finally":
                    finals.append(op[1])
                elif op[0] in self.PLAIN:
                    self.plain(who, op)
                else:
                    await self.perform(who, group, op)
            return 0
        finally:
            for text in reversed(finals):
                self.log(who, f"finally {text}")

    PLAIN = set("""log raise cancel state future set fail queue pqueue lqueue putn getn done size lock event eset eclear cond
        notify notifyall sem bsem barrier release locked soon later callback spawn uncancel reschedule""".split())

    def plain(self, who, op):
        n, loop = self.names, self.loop
        say = lambda text: self.log(who, text)
        match op:
            case ["log", *words]: say(" ".join(words))
            case ["raise", *words]: raise panic(" ".join(words))
            case ["spawn", c]: self.start(c, c)
            case ["spawn", c, "as", t]: self.start(c, t)
            case ["cancel", t]: say(f"cancel {t} {show(n[t].cancel())}")
            case ["uncancel"]: say(f"uncancel {current_task().uncancel()}")
            case ["state", t]:
                f = n[t]
                say(f"{t} is " + ("cancelled" if f.cancelled() else "pending" if not f.done()
                    else "failed" if f.exception() else "finished"))
            case ["future", f]: n[f] = loop.create_future()
            case ["set", f, v]: self.guarded(say, op, lambda: n[f].set_result(int(v)))
            case ["fail", f, m]: self.guarded(say, op, lambda: n[f].set_exception(panic(m)))
            case ["queue", q, size]: n[q] = Queue(int(size))
            case ["pqueue", q, size]: n[q] = PriorityQueue(int(size))
            case ["lqueue", q, size]: n[q] = LifoQueue(int(size))
            case ["putn", q, v]: self.guarded(say, op, lambda: n[q].put_nowait(int(v)))
            case ["getn", q]: self.guarded(say, op, lambda: say(f"getn {q} {n[q].get_nowait()}"))
            case ["done", q]: self.guarded(say, op, n[q].task_done)
            case ["size", q]: say(f"size {q} {n[q].qsize()} {show(n[q].empty())} {show(n[q].full())}")
            case ["lock", l]: n[l] = Lock()
            case ["event", e]: n[e] = Event()
            case ["eset", e]: n[e].set()
            case ["eclear", e]: n[e].clear()
            case ["cond", c]: n[c] = Condition()
            case ["cond", c, l]: n[c] = Condition(n[l])
            case ["notify", c, count]: self.guarded(say, op, lambda: n[c].notify(int(count)))
            case ["notifyall", c]: self.guarded(say, op, n[c].notify_all)
            case ["sem", s, value]: n[s] = Semaphore(int(value))
            case ["bsem", s, value]: n[s] = BoundedSemaphore(int(value))
            case ["barrier", b, parties]: self.guarded(say, op, lambda: n.__setitem__(b, Barrier(int(parties))))
            case ["release", l]: self.guarded(say, op, n[l].release)
            case ["locked", l]: say(f"{l} locked {show(n[l].locked())}")
            case ["soon", *inner]: loop.call_soon(self.plain, who, inner)
            case ["later", delay, *inner]: loop.call_later(float(delay), self.plain, who, inner)
            case ["callback", t, *words]: n[t].add_done_callback(lambda _: say(" ".join(words)))
            case ["reschedule", t, delay]: n[t].reschedule(loop.time() + float(delay))
            case _: raise SystemExit(f"unknown: {op}")

    def guarded(self, say, op, action):
        """Misuse is logged, not raised."""
        try:
            action()
        except Exception as error:
            say(f"{' '.join(op)} raised {describe(error)}")

    def start(self, c, t, group=None):
        make = group.create_task if group else ensure_future
        task = make(self.run(c, t, None))
        task.set_name(t)
        self.names[t] = task
        return task

    async def perform(self, who, group, op):
        n = self.names
        say = lambda text: self.log(who, text)
        match op:
            case ["sleep", s]: await sleep(float(s))
            case ["yield"]: await sleep(0)
            case ["await", t]: say(f"{t} = {show(await n[t])}")
            case ["call", c]: say(f"{c} = {show(await self.run(c, who, group))}")
            case ["repeat", count, c]:
                for _ in range(int(count)):
                    await self.run(c, who, group)
            case ["try", c]:
                try:
                    say(f"{c} = {show(await self.run(c, who, group))}")
                except Exception as error:
                    say(f"{c} raised {describe(error)}")
            case ["trycancel", c]:
                try:
                    say(f"{c} = {show(await self.run(c, who, group))}")
                except CancelledError as error:
                    say(f"{c} raised {describe(error)}")
            case ["cleanup", body, c]:
                try:
                    await self.run(body, who, group)
                finally:
                    await self.run(c, who, group)
            case ["gather", *cs]: say("gather = " + show(await gather(*[self.run(c, c, None) for c in cs])))
            case ["gatherx", *cs]:
                say("gather = " + show(await gather(*[self.run(c, c, None) for c in cs], return_exceptions=True)))
            case ["gathert", *ts]:
                say("gather = " + show(await gather(*[n[t] for t in ts], return_exceptions=True)))
            case ["wait", mode, timeout, *ts]:
                when = {"all": ALL_COMPLETED, "first": FIRST_COMPLETED, "exception": FIRST_EXCEPTION}[mode]
                limit = None if timeout == "-" else float(timeout)
                done, _ = await wait([n[t] for t in ts], timeout=limit, return_when=when)
                say("done " + " ".join(t for t in ts if n[t] in done) + " | " +
                    " ".join(t for t in ts if n[t] not in done))
            case ["ascompleted", timeout, *ts]:
                for one in as_completed([n[t] for t in ts], timeout=None if timeout == "-" else float(timeout)):
                    try:
                        say(f"completed {show(await one)}")
                    except Exception as error:
                        say(f"completed {describe(error)}")
            case ["waitfor", s, c]: say(f"{c} = {show(await wait_for(self.run(c, c, None), float(s)))}")
            case ["timeout", s, c]:
                async with asyncio.timeout(float(s)) as limit:
                    n["limit"] = limit
                    say(f"{c} = {show(await self.run(c, who, group))}")
            case ["shield", c, "as", t]: say(f"{c} = {show(await shield(self.start(c, t)))}")
            case ["group", c]:
                async with asyncio.TaskGroup() as tg:
                    tg._tasks = Ordered()
                    value = await self.run(c, who, tg)
                say(f"{c} = {show(value)}")
            case ["gspawn", c]: self.guarded(say, op, lambda: self.start(c, c, group))
            case ["gspawn", c, "as", t]: self.guarded(say, op, lambda: self.start(c, t, group))
            case ["put", q, v]:
                await n[q].put(int(v))
                say(f"put {v}")
            case ["get", q]: say(f"got {await n[q].get()}")
            case ["join", q]:
                await n[q].join()
                say(f"joined {q}")
            case ["acquire", l]:
                await n[l].acquire()
                say(f"acquired {l}")
            case ["with", l, c]:
                async with n[l]:
                    say(f"with {l}")
                    await self.run(c, who, group)
            case ["ewait", e]:
                await n[e].wait()
                say(f"{e} is set")
            case ["cwait", c]:
                await n[c].wait()
                say(f"notified {c}")
            case ["bwait", b]: say(f"passed {b} as {await n[b].wait()}")
            case ["breset", b]: await n[b].reset()
            case ["babort", b]: await n[b].abort()
            case _: raise SystemExit(f"unknown: {op}")


def transcript(text):
    script = Script(text)
    lines = script.transcript()
    kept.append(script)
    return lines


kept = []
scripts = json.load(sys.stdin)
json.dump({name: transcript(text) for name, text in scripts.items()}, sys.stdout)
