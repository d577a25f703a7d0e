//! Draws a timeline as text, for terminals: a row for each task, an axis, and the messages below.

use std::fmt::Write;

use super::timeline::{Row, Timeline};
use crate::state::record::{End, MarkKind, Time};

/// The letters of the axis.
const WIDTH: usize = 64;

/// The text of a timeline.
pub(super) fn draw(timeline: &Timeline) -> String {
    let mut text = String::new();
    if !timeline.is_empty() {
        let names: Vec<_> = timeline.rows.iter().map(|row| format!("{}()", row.coroutine)).collect();
        let names_width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let tasks_width = timeline.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        for (row, name) in timeline.rows.iter().zip(&names) {
            let task = &row.name;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<names_width$}  {task:<tasks_width$}  {}", line(timeline, row).trim_end());
        }
        let _ = writeln!(text, "{:1$}{2}", "", names_width + tasks_width + 4, axis(timeline).trim_end());
        if !timeline.rows.is_empty() {
            text.push_str("█ running  ▒ ready  ─ waiting  ● finished  ✗ failed  ○ cancelled\n");
        }
        for mark in &timeline.marks {
            let seconds = mark.at.saturating_sub(timeline.axis.zero) as f64 / 1e9;
            let who = mark.row.map(|row| timeline.rows[row].name.clone()).unwrap_or_default();
            let what = match &mark.kind {
                MarkKind::Message(message) => message,
                MarkKind::Stop => "stop()",
                MarkKind::Interrupt => "interrupt",
            };
            let _ = writeln!(text, "{seconds:>9.3} s  {who:<tasks_width$}  {what}");
        }
    }
    for note in timeline.notes() {
        let _ = writeln!(text, "{note}");
    }
    text.truncate(text.trim_end().len());
    text
}

fn column(timeline: &Timeline, at: Time) -> usize {
    ((timeline.axis.place(at) * WIDTH as f64) as usize).min(WIDTH)
}

fn line(timeline: &Timeline, row: &Row) -> String {
    let mut cells = [' '; WIDTH + 1];
    let mut fill = |from: usize, to: usize, sign| cells[from..=to.max(from)].fill(sign);
    let begin = row.born.map_or(0, |born| column(timeline, born));
    let end = column(timeline, row.end.map_or(timeline.end, |(at, _)| at));
    fill(begin, end, if row.steps.is_empty() && row.end.is_none() { '▒' } else { '─' });
    for step in &row.steps {
        let (ready, begin, end) = (step.ready, step.begin, step.end);
        let (ready, begin, end) = (column(timeline, ready), column(timeline, begin), column(timeline, end));
        if begin > ready {
            fill(ready, begin, '▒');
        }
        fill(begin, end, '█');
    }
    match row.end {
        Some((_, End::Finished)) => fill(end, end, '●'),
        Some((_, End::Failed)) => fill(end, end, '✗'),
        Some((_, End::Cancelled)) => fill(end, end, '○'),
        None => {}
    }
    cells.iter().collect()
}

fn axis(timeline: &Timeline) -> String {
    let (labels, unit) = timeline.axis.labels(WIDTH / 10);
    let mut line = String::new();
    for (place, label) in labels {
        let at = (place * WIDTH as f64) as usize;
        let length = line.chars().count();
        if length == 0 || at > length {
            let _ = write!(line, "{:1$}{label}", "", at - length);
        }
    }
    format!("{line} {unit}")
}
