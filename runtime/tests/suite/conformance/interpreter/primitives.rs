//! The ops on futures, queues, locks and the like.

use std::any::Any;

use asyncio::{Barrier, BrokenBarrierError, Exception, QueueEmpty, QueueFull, TaskGroup};

use super::{Named, Script, number, raise};

impl Script {
    /// The ops on primitives, which may raise.
    pub(super) fn use_named(&self, who: &str, op: &[&str]) {
        let say = |text: String| self.log(who, &text);
        let what = if op[0] == "barrier" { None } else { Some(self.named(op[1])) };
        match (op, what) {
            (["set", _, value], Some(Named::Future(future))) => future.set_result(number(value)),
            (["fail", _, message], Some(Named::Future(future))) => {
                future.set_exception(Exception::panic(*message));
            }
            (["putn", _, value], Some(Named::Queue(queue))) => full(queue.put_nowait(number(value)).is_err()),
            (["putn", _, value], Some(Named::Priority(queue))) => full(queue.put_nowait(number(value)).is_err()),
            (["putn", _, value], Some(Named::Lifo(queue))) => full(queue.put_nowait(number(value)).is_err()),
            (["getn", q], Some(Named::Queue(queue))) => say(format!("getn {q} {}", empty(queue.get_nowait().ok()))),
            (["getn", q], Some(Named::Priority(queue))) => say(format!("getn {q} {}", empty(queue.get_nowait().ok()))),
            (["getn", q], Some(Named::Lifo(queue))) => say(format!("getn {q} {}", empty(queue.get_nowait().ok()))),
            (["done", _], Some(Named::Queue(queue))) => queue.task_done(),
            (["size", q], Some(Named::Queue(queue))) => {
                say(format!("size {q} {} {} {}", queue.qsize(), queue.empty(), queue.full()));
            }
            (["eset", _], Some(Named::Event(event))) => event.set(),
            (["eclear", _], Some(Named::Event(event))) => event.clear(),
            (["notify", _, count], Some(Named::Condition(condition))) => condition.notify(number(count)),
            (["notifyall", _], Some(Named::Condition(condition))) => condition.notify_all(),
            (["barrier", b, parties], None) => self.name(b, Named::Barrier(Barrier::new(number(parties)))),
            (["release", _], Some(Named::Lock(lock))) => lock.release(),
            (["release", _], Some(Named::Condition(condition))) => condition.release(),
            (["release", _], Some(Named::Semaphore(semaphore))) => semaphore.release(),
            (["release", _], Some(Named::Bounded(semaphore))) => semaphore.release(),
            (["locked", l], Some(Named::Lock(lock))) => say(format!("{l} locked {}", lock.locked())),
            (["locked", l], Some(Named::Condition(condition))) => say(format!("{l} locked {}", condition.locked())),
            (["locked", l], Some(Named::Semaphore(semaphore))) => say(format!("{l} locked {}", semaphore.locked())),
            _ => panic!("unknown: {op:?}"),
        }
    }

    /// The ops that wait at a primitive.
    pub(super) async fn wait_at(&self, who: &str, group: &Option<TaskGroup>, op: &[&str]) {
        let say = |text: String| self.log(who, &text);
        match (op, self.named(op[1])) {
            (["put", _, value], what) => {
                match what {
                    Named::Queue(queue) => queue.put(number(value)).await,
                    Named::Priority(queue) => queue.put(number(value)).await,
                    Named::Lifo(queue) => queue.put(number(value)).await,
                    _ => panic!("unknown: {op:?}"),
                }
                say(format!("put {value}"));
            }
            (["get", _], Named::Queue(queue)) => say(format!("got {}", queue.get().await)),
            (["get", _], Named::Priority(queue)) => say(format!("got {}", queue.get().await)),
            (["get", _], Named::Lifo(queue)) => say(format!("got {}", queue.get().await)),
            (["join", q], Named::Queue(queue)) => {
                queue.join().await;
                say(format!("joined {q}"));
            }
            (["acquire", l], what) => {
                match what {
                    Named::Lock(lock) => lock.acquire().await.forget(),
                    Named::Condition(condition) => condition.acquire().await.forget(),
                    Named::Semaphore(semaphore) => semaphore.acquire().await.forget(),
                    Named::Bounded(semaphore) => semaphore.acquire().await.forget(),
                    _ => panic!("unknown: {op:?}"),
                }
                say(format!("acquired {l}"));
            }
            (["with", l, c], what) => {
                let _guard: Box<dyn Any> = match what {
                    Named::Lock(lock) => Box::new(lock.acquire().await),
                    Named::Condition(condition) => Box::new(condition.acquire().await),
                    Named::Semaphore(semaphore) => Box::new(semaphore.acquire().await),
                    Named::Bounded(semaphore) => Box::new(semaphore.acquire().await),
                    _ => panic!("unknown: {op:?}"),
                };
                say(format!("with {l}"));
                self.run(c, who, group.clone()).await;
            }
            (["ewait", e], Named::Event(event)) => {
                event.wait().await;
                say(format!("{e} is set"));
            }
            (["cwait", c], Named::Condition(condition)) => {
                condition.wait().await;
                say(format!("notified {c}"));
            }
            (["bwait", b], Named::Barrier(barrier)) => match barrier.wait().await {
                Ok(index) => say(format!("passed {b} as {index}")),
                Err(_) => raise(BrokenBarrierError),
            },
            (["breset", _], Named::Barrier(barrier)) => barrier.reset().await,
            (["babort", _], Named::Barrier(barrier)) => barrier.abort().await,
            _ => panic!("unknown: {op:?}"),
        }
    }
}

fn full(refused: bool) {
    if refused {
        raise(QueueFull(()));
    }
}

fn empty(item: Option<i64>) -> i64 {
    item.unwrap_or_else(|| raise(QueueEmpty))
}
