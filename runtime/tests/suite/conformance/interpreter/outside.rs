//! The ops of plain code: running, stopping and changing loops, making handles, and looking at tasks. They do not wait, so
//! coroutines may use them, too, and see them refused.

use std::rc::Rc;

use asyncio::{KeyboardInterrupt, Report, Runner, Task, all_tasks, create_task, new_event_loop};

use super::{
    AssertUnwindSafe, Named, RefCell, Script, catch_unwind, current_task, ensure_future, gather, get_event_loop,
    number, raise, resume_unwind, seconds, set_event_loop, show_exception, show_payload,
};

impl Script {
    /// Performs such an op; false when it is none.
    pub(super) fn outside(&self, who: &str, op: &[&str]) -> bool {
        let say = |text: String| self.log(who, &text);
        match *op {
            ["attempt", ref inner @ ..] => self.guarded(who, inner, || assert!(self.plain(who, inner), "{inner:?}")),
            ["run" | "until" | "forever" | "turns" | "close" | "runner" | "result" | "exception", ..] => {
                self.guarded(who, op, || self.drive(who, op));
            }
            ["stop"] => get_event_loop().stop(),
            ["block", s] => get_event_loop().advance_time(seconds(s)),
            ["interrupt"] => resume_unwind(Box::new(KeyboardInterrupt)),
            ["loop", l] => self.name(l, Named::Loop(new_event_loop())),
            ["use", l] => set_event_loop(self.event_loop(l)),
            ["loopis", l] => say(format!("loop is {l} {}", get_event_loop() == self.event_loop(l))),
            ["listen"] => {
                let (script, who) = (self.clone(), who.to_owned());
                let handler = move |report: &Report| {
                    let words: Vec<&str> = report.message().split(' ').take(3).collect();
                    script.log(&who, &format!("reported {}", words.join(" ")));
                };
                get_event_loop().set_exception_handler(Some(Rc::new(handler)));
            }
            ["fork", c] => drop(ensure_future(self.run(c, c, None))),
            ["create", c] => drop(create_task(self.run(c, c, None))),
            ["drop", t] => {
                let gone = self.names.borrow_mut().remove(t);
                drop(gone);
            }
            ["together", g, ref cs @ ..] => {
                let gathering = gather(cs.iter().map(|c| self.run(c, c, None)));
                let task = std::future::IntoFuture::into_future(gathering);
                self.name(g, Named::Together(Rc::new(RefCell::new(task))));
            }
            ["as", h, "soon", ref inner @ ..] => {
                let call = self.call(who, inner);
                self.name(h, Named::Call(Rc::new(get_event_loop().call_soon(call))));
            }
            ["as", h, "later", delay, ref inner @ ..] => {
                let call = self.call(who, inner);
                self.name(h, Named::Timer(Rc::new(get_event_loop().call_later(seconds(delay), call))));
            }
            ["at", delay, ref inner @ ..] => {
                let call = self.call(who, inner);
                get_event_loop().call_at(get_event_loop().time() + seconds(delay), call);
            }
            ["uncall", h] => {
                let cancelled = match self.named(h) {
                    Named::Call(handle) => {
                        handle.cancel();
                        handle.cancelled()
                    }
                    Named::Timer(handle) => {
                        handle.cancel();
                        handle.cancelled()
                    }
                    _ => panic!("`{h}` is no handle"),
                };
                say(format!("uncalled {cancelled}"));
            }
            ["cancelme"] => drop(current_task().expect("a task").cancel()),
            ["whoami"] => say(format!("I am {}", current_task().map_or_else(|| "nobody".into(), |task| task.name()))),
            ["all"] => {
                let names: Vec<_> = all_tasks().iter().map(|task| task.name()).collect();
                say(format!("all are {}", names.join(" ")));
            }
            ["name", t, name] => self.with_task(t, |task| task.set_name(name)),
            ["repr", t] => {
                let text = self.with_task(t, |task| format!("{task:?}"));
                let (head, rest) = text.split_once(" coro=").expect("a coroutine");
                let end = [" result=", " exception="].iter().find_map(|mark| rest.find(mark));
                say(format!("{head}{}", end.map_or("", |at| &rest[at..rest.len() - 1])));
            }
            _ => return false,
        }
        true
    }

    fn guarded(&self, who: &str, op: &[&str], action: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(action)) {
            self.log(who, &format!("{} raised {}", op.join(" "), show_payload(&*payload)));
        }
    }

    fn drive(&self, who: &str, op: &[&str]) {
        let say = |text: String| self.log(who, &text);
        match *op {
            ["run", c] => {
                let value = get_event_loop().run_until_complete(self.run(c, c, None));
                say(format!("{c} = {value}"));
            }
            ["until", t] => {
                let value = match self.together(t) {
                    Some(task) => format!("{:?}", get_event_loop().run_until_complete(task)),
                    None => get_event_loop().run_until_complete(self.take_tasks(&[t]).remove(0)).to_string(),
                };
                say(format!("{t} = {value}"));
            }
            ["forever", ref l @ ..] => {
                match l.first().map_or_else(get_event_loop, |l| self.event_loop(l)).run_forever() {
                    Ok(()) => say("stopped".to_owned()),
                    Err(interrupt) => raise(interrupt),
                }
            }
            ["turns", count] => {
                for _ in 0..number::<usize>(count) {
                    get_event_loop().stop();
                    get_event_loop().run_forever().expect("stopped");
                }
            }
            ["close"] => {
                get_event_loop().close();
                say(format!("closed {}", get_event_loop().is_closed()));
            }
            ["runner", c] => {
                let before = get_event_loop();
                let outcome = catch_unwind(AssertUnwindSafe(|| Runner::new().run(self.run(c, c, None))));
                set_event_loop(before);
                say(format!("{c} = {}", outcome.unwrap_or_else(|payload| resume_unwind(payload))));
            }
            ["result", t] => {
                let value = self.with_task(t, |task| *task.result());
                say(format!("{t} has {value}"));
            }
            ["exception", t] => {
                let exception = self.with_task(t, Task::exception);
                say(format!("{t} has {}", exception.map_or_else(|| "none".to_owned(), |error| show_exception(&error))));
            }
            _ => panic!("unknown: {op:?}"),
        }
    }

    fn event_loop(&self, l: &str) -> asyncio::EventLoop {
        let Named::Loop(event_loop) = self.named(l) else { panic!("`{l}` is no loop") };
        event_loop
    }

    /// The gathering of this name, which stands for a watched one from now on.
    fn together(&self, t: &str) -> Option<Task<Vec<i64>>> {
        let Named::Together(together) = self.named(t) else { return None };
        let watched = together.borrow().as_any();
        self.name(t, Named::Watched(watched));
        Rc::try_unwrap(together).ok().map(RefCell::into_inner)
    }

    fn with_task<R>(&self, t: &str, work: impl FnOnce(&Task<i64>) -> R) -> R {
        let Named::Task(task) = self.named(t) else { panic!("`{t}` is no task") };
        work(&task.task.borrow())
    }
}
