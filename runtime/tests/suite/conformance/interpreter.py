"""Runs the scripts of the conformance suite on CPython's asyncio, in virtual time.

Reads {name: script} as JSON on stdin and writes {name: transcript}. The twin of interpreter.rs.
"""
import asyncio, collections, itertools, json, selectors, sys
from asyncio import *


class VirtualLoop(SelectorEventLoop):
    """A loop whose clock jumps to the next deadline when nothing is ready."""

    def __init__(self, now=0.0):
        self.now = now
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


def in_order(loop=None, all_tasks=all_tasks):
    """The tasks that have not ended, oldest first, where Python has a set."""
    made = kept[-1].order
    return sorted(all_tasks(loop), key=lambda task: made.index(task) if task in made else -1)


asyncio.tasks.all_tasks = in_order


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
        self.lines, self.names, self.order = [], {"loop": self.loop}, []
        self.coroutines = collections.OrderedDict()
        for line in text.splitlines():
            if line.strip():
                name, ops = line.split(":", 1)
                self.coroutines[name.strip()] = [op.split() for op in ops.split(";") if op.strip()]

    def log(self, who, text):
        self.lines.append(f"{round(get_event_loop().time() * 1000)} {who}: {text}")

    def transcript(self):
        if "main" in self.coroutines:
            try:
                value = self.loop.run_until_complete(self.run("main", "main", None))
                self.log("end", f"= {show(value)}")
            except BaseException as error:
                self.log("end", f"raised {describe(error)}")
        if "after" in self.coroutines:
            self.loop.run_until_complete(self.run("after", "after", None))
        for op in self.coroutines.get("top", []):
            self.plain("top", op)
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
        notify notifyall sem bsem barrier release locked soon later callback spawn uncancel reschedule attempt run until
        forever turns close runner result exception stop block interrupt loop use loopis listen fork create drop together as at
        uncall cancelme whoami all name repr""".split())

    def plain(self, who, op):
        n, loop = self.names, get_event_loop()
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
            case _: self.outside(who, op)

    def outside(self, who, op):
        n, loop = self.names, get_event_loop()
        say = lambda text: self.log(who, text)
        guarded = lambda action: self.guarded(say, op, action, BaseException)
        run = lambda c: self.run(c, c, None)
        match op:
            case ["attempt", *inner]: self.guarded(say, inner, lambda: self.plain(who, inner))
            case ["run", c]: guarded(lambda: say(f"{c} = {show(loop.run_until_complete(run(c)))}"))
            case ["until", t]: guarded(lambda: say(f"{t} = {show(loop.run_until_complete(n[t]))}"))
            case ["forever", *l]: guarded(lambda: ((n[l[0]] if l else loop).run_forever(), say("stopped")))
            case ["turns", count]: guarded(lambda: [(loop.stop(), loop.run_forever()) for _ in range(int(count))])
            case ["close"]: guarded(lambda: (loop.close(), say(f"closed {show(loop.is_closed())}")))
            case ["runner", c]:
                def with_runner():
                    with Runner(loop_factory=lambda: VirtualLoop(loop.time())) as runner:
                        value = runner.run(run(c))
                    set_event_loop(n["loop"])
                    say(f"{c} = {show(value)}")
                guarded(with_runner)
            case ["result", t]: guarded(lambda: say(f"{t} has {show(n[t].result())}"))
            case ["exception", t]: guarded(lambda: say(f"{t} has {show(n[t].exception() or 'none')}"))
            case ["stop"]: loop.stop()
            case ["block", s]: loop.now = round(loop.now + float(s), 9)
            case ["interrupt"]: raise KeyboardInterrupt
            case ["loop", l]: n[l] = VirtualLoop(loop.time())
            case ["use", l]: set_event_loop(n[l])
            case ["loopis", l]: say(f"loop is {l} {show(loop is n[l])}")
            case ["listen"]:
                loop.set_exception_handler(
                    lambda loop, context: say("reported " + " ".join(context["message"].split(" ")[:3])))
            case ["fork", c]: ensure_future(run(c))
            case ["create", c]: create_task(run(c))
            case ["drop", t]:
                gone = n.pop(t)
                self.order = [task for task in self.order if task is not gone]
            case ["together", g, *cs]: n[g] = gather(*map(run, cs))
            case ["as", h, "soon", *inner]: n[h] = loop.call_soon(self.plain, who, inner)
            case ["as", h, "later", delay, *inner]: n[h] = loop.call_later(float(delay), self.plain, who, inner)
            case ["at", delay, *inner]: loop.call_at(loop.time() + float(delay), self.plain, who, inner)
            case ["uncall", h]: n[h].cancel(); say(f"uncalled {show(n[h].cancelled())}")
            case ["cancelme"]: current_task().cancel()
            case ["whoami"]: say("I am " + (current_task().get_name() if current_task() else "nobody"))
            case ["all"]: say("all are " + " ".join(task.get_name() for task in in_order()))
            case ["name", t, name]: n[t].set_name(name)
            case ["repr", t]:
                head, rest = repr(n[t]).split(" coro=")
                end = max(rest.find(" result="), rest.find(" exception="))
                say(head + (rest[end:-1] if end >= 0 else ""))
            case _: raise SystemExit(f"unknown: {op}")

    def guarded(self, say, op, action, kinds=Exception):
        """Misuse is logged, not raised."""
        try:
            action()
        except kinds as error:
            say(f"{' '.join(op)} raised {describe(error)}")

    def start(self, c, t, group=None):
        make = group.create_task if group else ensure_future
        task = make(self.run(c, t, None))
        task.set_name(t)
        self.names[t] = task
        self.order.append(task)
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
    kept.append(Script(text))
    return kept[-1].transcript()


kept = []
scripts = json.load(sys.stdin)
json.dump({name: transcript(text) for name, text in scripts.items()}, sys.stdout)
