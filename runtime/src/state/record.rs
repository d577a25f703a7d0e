//! Who did what when: the record from which `trace` draws a timeline. Whoever runs loops and tasks writes it, through a
//! [`Sampler`](super::sampler::Sampler); it calls nobody.
//!
//! It is bounded. After [`MOST_TASKS`] tasks, further ones are only counted. When there are too many steps, those of a task
//! that lie closer together than a resolution become one, and the resolution doubles for as long as that does not help: the
//! longer a recording lasts, the coarser it is, as its picture has to be anyway.

use std::collections::HashMap;

use super::what::What;

/// So many tasks are recorded.
pub(crate) const MOST_TASKS: usize = 1000;
/// So many steps, of all tasks.
const MOST_STEPS: usize = 20_000;
/// So many marks.
const MOST_MARKS: usize = 500;
/// The first resolution, in nanoseconds.
const FIRST_RESOLUTION: u64 = 100_000;

/// Nanoseconds on a loop's clock.
pub(crate) type Time = u64;

/// What happened on one thread since a point in time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// When it begins.
    pub(crate) zero: Time,
    /// Somebody has asked for that zero.
    pub(crate) zero_was_set: bool,
    /// The tasks, as they appeared.
    pub(crate) tasks: Vec<TaskRecord>,
    /// How many tasks came too late.
    pub(crate) left_out: u64,
    pub(crate) marks: Vec<Mark>,
    pub(crate) marks_left_out: u64,
    /// When loops ran, as they began.
    pub(crate) runs: Vec<Run>,
    /// Steps of a task that are closer together than this, in nanoseconds, are one; 0 when all are recorded.
    pub(crate) resolution: Time,
    /// The places of tasks made since zero, by number from `base` on.
    slots: Vec<Option<u32>>,
    base: u64,
    /// The places of earlier tasks.
    earlier: HashMap<u64, u32>,
    /// How many steps there are.
    steps: usize,
    /// The task whose step has begun.
    open: Option<u32>,
}

/// One task.
#[derive(Debug, Clone)]
pub(crate) struct TaskRecord {
    pub(crate) number: u64,
    /// The name it was given.
    pub(crate) name: Option<Box<str>>,
    /// The type of its coroutine.
    pub(crate) type_name: &'static str,
    /// Its loop's number.
    pub(crate) home: u16,
    /// When it was made, unless that was before zero.
    pub(crate) born: Option<Time>,
    /// The number of the task that made it, 0 when plain code did.
    pub(crate) parent: u64,
    pub(crate) steps: Vec<StepRecord>,
    pub(crate) ended: Option<(Time, End)>,
    /// Until when it sleeps.
    pub(crate) until: Option<Time>,
}

/// One step of a task, or several that lie close together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepRecord {
    /// When it began to wait for its turn.
    pub(crate) ready: Time,
    pub(crate) begin: Time,
    pub(crate) end: Time,
    /// What was awaited after it.
    pub(crate) what: What,
    /// The number of the task that was awaited, 0 when it was none.
    pub(crate) awaited: u64,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Finished,
    Failed,
    Cancelled,
}

/// A moment that somebody wanted to see.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) at: Time,
    /// The number of the task that ran, 0 when none did.
    pub(crate) task: u64,
    pub(crate) kind: MarkKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MarkKind {
    /// A message of `show_timer`.
    Message(Box<str>),
    /// Somebody asked a loop to stop.
    Stop,
    /// The user interrupted a loop.
    Interrupt,
}

/// One run of a loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) home: u16,
    pub(crate) begin: Time,
    /// `None` while it goes on.
    pub(crate) end: Option<Time>,
}

/// A task, as far as a record needs to know it.
pub(crate) struct Subject {
    pub(crate) number: u64,
    pub(crate) home: u16,
    pub(crate) type_name: &'static str,
    pub(crate) name: Option<Box<str>>,
}

impl Record {
    /// A record that begins at `zero`; `next` is the number of the next task.
    pub(crate) fn new(zero: Time, next: u64, zero_was_set: bool) -> Self {
        Self { zero, zero_was_set, base: next, ..Self::default() }
    }

    /// Task numbers from this on are not recorded any more.
    pub(crate) fn limit(&self) -> u64 {
        let full = self.tasks.len() >= MOST_TASKS;
        self.base + if full { self.slots.len() } else { 8 * MOST_TASKS } as u64
    }

    fn find(&self, number: u64) -> Option<u32> {
        match number.checked_sub(self.base) {
            Some(slot) => self.slots.get(usize::try_from(slot).ok()?).copied().flatten(),
            None => self.earlier.get(&number).copied(),
        }
    }

    fn task(&mut self, number: u64) -> Option<&mut TaskRecord> {
        let index = self.find(number)?;
        self.tasks.get_mut(index as usize)
    }

    /// The place of a task, which is new to the record.
    fn add(&mut self, subject: Subject, born: Option<Time>, parent: u64) -> Option<u32> {
        if self.tasks.len() >= MOST_TASKS {
            self.left_out += 1;
            return None;
        }
        let index = self.tasks.len() as u32;
        let Subject { number, home, type_name, name } = subject;
        match number.checked_sub(self.base).map(|slot| slot as usize) {
            Some(slot) => {
                if slot >= self.slots.len() {
                    self.slots.resize(slot + 1, None);
                }
                self.slots[slot] = Some(index);
            }
            None => drop(self.earlier.insert(number, index)),
        }
        let (steps, ended, until) = (Vec::new(), None, None);
        self.tasks.push(TaskRecord { number, name, type_name, home, born, parent, steps, ended, until });
        Some(index)
    }

    /// A task was made.
    pub(crate) fn born(&mut self, subject: Subject, parent: u64, now: Time) {
        self.add(subject, Some(now), parent);
    }

    /// A task got another name.
    pub(crate) fn renamed(&mut self, number: u64, name: &str) {
        if let Some(task) = self.task(number) {
            task.name = Some(name.into());
        }
    }

    /// The step of a task begins; it has waited for its turn since `ready`.
    pub(crate) fn step(&mut self, number: u64, ready: Time, now: Time, subject: impl FnOnce() -> Subject) {
        let known = self.find(number);
        let Some(index) = known.or_else(|| self.add(subject(), None, 0)) else { return };
        let (resolution, task) = (self.resolution, &mut self.tasks[index as usize]);
        let ready = task.until.take().map_or(ready, |until| ready.min(until)).clamp(self.zero.min(now), now);
        self.open = Some(index);
        match task.steps.last_mut() {
            Some(last) if now.saturating_sub(last.end) < resolution => {}
            last => {
                let ready = last.map_or(ready, |last| ready.max(last.end));
                task.steps.push(StepRecord { ready, begin: now, end: now, what: What::Unknown, awaited: 0 });
                self.steps += 1;
            }
        }
        if self.steps > MOST_STEPS {
            self.coarsen();
        }
    }

    /// What the step that has begun ends with.
    pub(crate) fn waits(&mut self, what: What, awaited: u64) {
        if let Some(last) = self.open.and_then(|index| self.tasks[index as usize].steps.last_mut()) {
            (last.what, last.awaited) = (what, awaited);
        }
    }

    /// The task sleeps until then.
    pub(crate) fn sleeps(&mut self, number: u64, until: Time) {
        if let Some(task) = self.task(number) {
            task.until = Some(until);
        }
    }

    /// Whatever ran has ended.
    pub(crate) fn pause(&mut self, now: Time) {
        if let Some(last) = self.open.take().and_then(|index| self.tasks[index as usize].steps.last_mut()) {
            last.end = now;
        }
    }

    /// A task has ended.
    pub(crate) fn ended(&mut self, number: u64, end: End, now: Time) {
        if let Some(task) = self.task(number) {
            task.ended = Some((now, end));
        }
    }

    /// Somebody wants to see this moment.
    pub(crate) fn mark(&mut self, at: Time, task: u64, kind: MarkKind) {
        if self.marks.len() >= MOST_MARKS {
            self.marks_left_out += 1;
            return;
        }
        self.marks.push(Mark { at, task, kind });
    }

    /// A loop begins to run.
    pub(crate) fn run_begins(&mut self, home: u16, now: Time) {
        if self.runs.len() >= MOST_MARKS {
            // The oldest two become one.
            let first = self.runs.remove(0);
            self.runs[0].begin = first.begin;
        }
        self.runs.push(Run { home, begin: now, end: None });
    }

    /// A loop has run.
    pub(crate) fn run_ends(&mut self, home: u16, now: Time) {
        self.pause(now);
        if let Some(run) = self.runs.iter_mut().rev().find(|run| run.home == home) {
            run.end = Some(now);
        }
    }

    /// Makes one step of those that lie close together, until half of the room is free.
    fn coarsen(&mut self) {
        while self.steps > MOST_STEPS / 2 {
            self.resolution = FIRST_RESOLUTION.max(self.resolution * 2);
            let resolution = self.resolution;
            for task in &mut self.tasks {
                task.steps.dedup_by(|next, last| {
                    let close = next.begin.saturating_sub(last.end) < resolution;
                    if close {
                        (last.end, last.what, last.awaited) = (next.end, next.what, next.awaited);
                    }
                    close
                });
                task.steps.shrink_to_fit();
            }
            self.steps = self.tasks.iter().map(|task| task.steps.len()).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{End, MOST_MARKS, MOST_STEPS, MOST_TASKS, MarkKind, Record, Subject};

    fn subject(number: u64) -> Subject {
        Subject { number, home: 0, type_name: "job", name: None }
    }

    #[test]
    fn a_step_lasts_until_something_else_happens_and_counts_from_when_it_was_ready() {
        let mut record = Record::new(1000, 5, true);
        record.born(subject(5), 0, 1000);
        record.step(5, 1000, 1500, || subject(5));
        record.pause(1700);
        record.sleeps(5, 2000);
        record.step(5, 2600, 2600, || subject(5));
        record.ended(5, End::Finished, 2650);
        record.pause(2700);
        let task = &record.tasks[0];
        let steps: Vec<_> = task.steps.iter().map(|step| (step.ready, step.begin, step.end)).collect();
        assert_eq!(steps, [(1000, 1500, 1700), (2000, 2600, 2700)], "it was due at 2000");
        assert_eq!((task.born, task.ended), (Some(1000), Some((2650, End::Finished))));
    }

    #[test]
    fn a_task_made_before_zero_is_recorded_from_its_first_step_on() {
        let mut record = Record::new(1000, 5, true);
        record.step(3, 0, 1500, || subject(3));
        assert_eq!((record.tasks[0].born, record.tasks[0].steps[0].ready), (None, 1000));
    }

    #[test]
    fn the_more_steps_the_coarser() {
        let mut record = Record::new(0, 1, true);
        for n in 0..10 * MOST_STEPS as u64 {
            record.step(1, n * 1000, n * 1000, || subject(1));
            record.pause(n * 1000 + 500);
        }
        assert!(record.steps <= MOST_STEPS && record.resolution > 0);
        assert_eq!(record.tasks[0].steps.last().map(|step| step.end), Some((10 * MOST_STEPS as u64 - 1) * 1000 + 500));
        assert_eq!(record.steps, record.tasks[0].steps.len());
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let mut record = Record::new(0, 1, true);
        for number in 1..=MOST_TASKS as u64 + 7 {
            record.born(subject(number), 0, 0);
        }
        assert_eq!((record.tasks.len(), record.left_out, record.limit()), (MOST_TASKS, 7, 1 + MOST_TASKS as u64));
        for _ in 0..MOST_MARKS + 3 {
            record.mark(0, 0, MarkKind::Stop);
            record.run_begins(0, 0);
        }
        assert_eq!((record.marks.len(), record.marks_left_out, record.runs.len()), (MOST_MARKS, 3, MOST_MARKS));
    }
}
