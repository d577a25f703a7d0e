//! `timeline()`: what has been recorded of this thread's loops, as a picture. For lessons, and for whoever wonders where the
//! time goes.

use std::fmt;

use super::axis::Axis;
use super::{figure, text};
use crate::coroutine::function_of;
use crate::current;
use crate::display::{MimeBundle, Rich};
use crate::state::cell::next_number;
use crate::state::clock::Moment;
use crate::state::loops;
use crate::state::record::{End, MarkKind, Record, StepRecord, TaskRecord, Time};
use crate::state::sampler::Tape;

/// So many tasks have a row.
const MOST_ROWS: usize = 40;

/// Begins to record what the tasks of this thread do, for [`timeline`], with the present moment as zero. What was recorded
/// before is forgotten. In a notebook, recording is on by itself, and [`start_timer`](crate::start_timer) sets its zero.
///
/// Recording costs some 3 % of the time, and up to about 2 MB: 1,000 tasks are recorded, and steps lose detail as
/// they become many.
///
/// ```
/// asyncio::start_timeline();
/// asyncio::run(asyncio::sleep(0.001));
/// asyncio::stop_timeline();
/// println!("{}", asyncio::timeline());
/// ```
pub fn start_timeline() {
    start(true);
}

/// Records from now on, with a zero that nobody has asked for: what a notebook begins with.
#[doc(hidden)]
pub fn record_timeline() {
    start(false);
}

fn start(zero_was_set: bool) {
    let now = current::clock_loop().map_or_else(Moment::real, |core| core.clock.now());
    Tape::of_thread().begin(now.nanoseconds(), next_number(), zero_was_set);
    for core in loops::of_thread() {
        core.sampler.look_again();
        if core.running.get() {
            core.sampler.tape.resume(core.number, now.nanoseconds());
        }
    }
}

/// Ends the recording that [`start_timeline`] has begun. What was recorded can still be shown.
pub fn stop_timeline() {
    Tape::of_thread().end();
}

/// What the tasks of this thread have done since [`start_timeline`] or [`start_timer`](crate::start_timer).
///
/// As the value of a notebook cell it is a figure: a row for each task, with the time it ran, the time it was ready to
/// run but others did, and the time it waited; arrows from the tasks that have started others, and from those that have
/// ended to those that awaited them; the messages of [`show_timer`](crate::show_timer); stops and interrupts.
/// Elsewhere, its `Display` form is text.
///
/// The first 40 tasks have a row; where nobody has set a zero, the last 40.
///
/// ```
/// # asyncio::start_timeline();
/// let event_loop = asyncio::EventLoop::with_virtual_time();
/// let task = event_loop.create_task(asyncio::sleep(2));
/// task.set_name("sleeper");
/// event_loop.run_until_complete(task);
/// let shown: asyncio::Timeline = asyncio::timeline();
/// assert!(shown.to_string().contains("sleeper"));
/// assert!(shown.svg().starts_with("<svg"));
/// ```
#[must_use]
pub fn timeline() -> Timeline {
    let now = current::clock_loop().map_or_else(Moment::real, |core| core.clock.now()).nanoseconds();
    let tape = Tape::of_thread();
    Timeline::of(tape.copy(next_number()), now, tape.is_on())
}

/// What [`timeline`] returns: a snapshot.
pub struct Timeline {
    pub(super) axis: Axis,
    pub(super) rows: Vec<Row>,
    /// How many tasks have no row.
    pub(super) left_out: u64,
    /// When which loop ran, by its number.
    pub(super) runs: Vec<(u16, Time, Time)>,
    /// The loops, in the order of their appearance.
    pub(super) homes: Vec<u16>,
    pub(super) marks: Vec<Point>,
    /// Marks that are not here.
    pub(super) marks_left_out: u64,
    pub(super) end: Time,
    pub(super) resolution: Time,
    /// Why there is nothing.
    pub(super) is_off: bool,
}

/// One task's row.
pub(super) struct Row {
    pub(super) number: u64,
    pub(super) home: u16,
    /// What its coroutine is called.
    pub(super) coroutine: String,
    /// What it is called itself.
    pub(super) name: String,
    /// When it was made; `None` for one that was there before zero.
    pub(super) born: Option<Time>,
    /// The row of the task that made it.
    pub(super) parent: Option<usize>,
    pub(super) steps: Vec<StepRecord>,
    pub(super) end: Option<(Time, End)>,
    /// The row of the task that awaited it to its end.
    pub(super) awaiter: Option<usize>,
}

/// A mark, and the row it is in.
pub(super) struct Point {
    pub(super) at: Time,
    pub(super) row: Option<usize>,
    pub(super) kind: MarkKind,
}

impl Timeline {
    fn of(mut record: Record, now: Time, is_on: bool) -> Self {
        let is_running = record.runs.iter().any(|run| run.end.is_none());
        let end = if is_running { now } else { last_event(&record) };
        let left_out = record.tasks.len().saturating_sub(MOST_ROWS);
        let first = if record.zero_was_set { 0 } else { left_out };
        if !record.zero_was_set {
            record.zero =
                record.tasks[first..].iter().filter_map(beginning).min().unwrap_or(record.zero).max(record.zero);
            let zero = record.zero;
            record.marks.retain(|mark| mark.at >= zero);
            record.runs.retain(|run| run.end.is_none_or(|end| end >= zero));
        }
        let last = record.tasks.len().min(first + MOST_ROWS);
        let shown = &mut record.tasks[first..last];
        // Those that were there before zero appear only when they run.
        shown.sort_by_key(|task| task.number);
        let rows = rows(shown);
        let row_of = |number: u64| rows.iter().position(|row| row.number == number && number != 0);
        let points =
            record.marks.iter().map(|mark| Point { at: mark.at, row: row_of(mark.task), kind: mark.kind.clone() });
        let mut homes = Vec::new();
        for home in record.runs.iter().map(|run| run.home).chain(rows.iter().map(|row| row.home)) {
            if !homes.contains(&home) {
                homes.push(home);
            }
        }
        Self {
            axis: Axis::of(&record, end),
            left_out: left_out as u64 + record.left_out,
            runs: record
                .runs
                .iter()
                .map(|run| (run.home, run.begin.max(record.zero), run.end.unwrap_or(end)))
                .collect(),
            homes,
            marks: points.collect(),
            marks_left_out: record.marks_left_out,
            end,
            resolution: record.resolution,
            is_off: !is_on,
            rows,
        }
    }

    /// Whether nothing has happened.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.marks.is_empty()
    }

    /// What is to be said below the picture.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.is_empty() {
            notes.push(match self.is_off {
                true => "Nothing is recorded: `start_timeline()` begins a recording.".to_owned(),
                false => "No task has run yet.".to_owned(),
            });
        }
        if self.left_out > 0 {
            notes.push(format!("{} more tasks are not shown.", grouped(self.left_out)));
        }
        if self.marks_left_out > 0 {
            notes.push(format!("{} more messages are not shown.", grouped(self.marks_left_out)));
        }
        if self.resolution > 0 {
            notes.push(format!("What lies within {} is drawn as one.", duration(self.resolution)));
        }
        notes
    }

    /// The figure, as a file: static, without scripts and fonts of its own, in colors for light and dark pages.
    #[must_use]
    pub fn svg(&self) -> String {
        figure::draw(self)
    }
}

impl Rich for Timeline {
    fn mime_bundle(&self) -> MimeBundle {
        let bundle = MimeBundle::new().text(self.to_string());
        if self.is_empty() { bundle } else { bundle.svg(self.svg()) }
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::draw(self))
    }
}

/// As its `Display` form.
impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// When anything happened last.
fn last_event(record: &Record) -> Time {
    let runs = record.runs.iter().filter_map(|run| run.end);
    let marks = record.marks.iter().map(|mark| mark.at);
    runs.chain(marks).max().unwrap_or(record.zero)
}

/// When a task is seen first.
fn beginning(task: &TaskRecord) -> Option<Time> {
    task.born.or(task.steps.first().map(|step| step.ready))
}

fn rows(tasks: &[TaskRecord]) -> Vec<Row> {
    let position = |number: u64| tasks.iter().position(|task| task.number == number && number != 0);
    let row = |task: &TaskRecord| {
        // The one whose wait for it ended with it.
        let awaiter = task.ended.and_then(|(end, _)| {
            tasks.iter().position(|other| {
                other
                    .steps
                    .windows(2)
                    .any(|pair| pair[0].awaited == task.number && pair[1].begin >= end && pair[0].end <= end)
            })
        });
        Row {
            number: task.number,
            home: task.home,
            coroutine: function_of(task.type_name).to_owned(),
            name: task.name.as_deref().map_or_else(|| format!("Task-{}", task.number), str::to_owned),
            born: task.born,
            parent: position(task.parent),
            steps: task.steps.clone(),
            end: task.ended,
            awaiter,
        }
    };
    tasks.iter().map(row).collect()
}

/// A length of time, in three digits at most.
pub(super) fn duration(nanoseconds: Time) -> String {
    let value = nanoseconds as f64;
    match nanoseconds {
        0..1_000 => format!("{value} ns"),
        1_000..1_000_000 => format!("{:.0} µs", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.0} ms", value / 1e6),
        1_000_000_000..120_000_000_000 => format!("{:.1} s", value / 1e9),
        _ => format!("{:.0} min", value / 60e9),
    }
}

/// `10,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
