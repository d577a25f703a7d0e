//! The time axis of a timeline: which place belongs to which moment, and where it is labeled. Times in which no loop ran,
//! between the cells of a notebook, are cut short, since nothing happens in them.

use crate::state::record::{Record, Time};

/// How wide a cut is, as a part of the whole axis.
const CUT: f64 = 0.03;
/// What lasts longer than this part of all the time in which something ran is cut.
const LONG: f64 = 0.3;
/// So many nanoseconds are never cut.
const SHORT: Time = 100_000_000;

const SECOND: f64 = 1e9;

/// A stretch of the axis. Places go from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    pub(super) from: Time,
    pub(super) to: Time,
    pub(super) begin: f64,
    pub(super) end: f64,
    /// No loop ran, and it is drawn shorter than it was.
    pub(super) is_cut: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Axis {
    pub(super) zero: Time,
    pub(super) pieces: Vec<Piece>,
}

impl Axis {
    /// The axis of a record from its zero to `end`.
    pub(super) fn of(record: &Record, end: Time) -> Self {
        let begin = record.zero;
        let end = end.max(begin + 1);
        let mut busy: Vec<(Time, Time)> =
            record.runs.iter().map(|run| (run.begin.max(begin), run.end.unwrap_or(end).min(end))).collect();
        // Something happened there, so that the time until then is of interest.
        busy.extend(record.marks.iter().map(|mark| (mark.at.max(begin), mark.at.max(begin))));
        busy.sort_unstable();
        let all: Time = busy.iter().map(|(from, to)| to.saturating_sub(*from)).sum();
        let long = SHORT.max((all as f64 * LONG) as Time);
        let mut cuts = Vec::new();
        let mut reached = begin;
        for (from, to) in busy {
            let is_idle = from > reached + long && all > 0;
            let shows_more = record.marks.iter().any(|mark| mark.at > reached && mark.at <= from);
            if is_idle && !shows_more {
                cuts.push((reached, from));
            }
            reached = reached.max(to);
        }
        Self { zero: begin, pieces: pieces(begin, end, &cuts) }
    }

    /// Where a moment is, from 0 to 1.
    pub(super) fn place(&self, at: Time) -> f64 {
        let piece = self.pieces.iter().find(|piece| at <= piece.to).or(self.pieces.last());
        piece.map_or(0.0, |piece| {
            let share = at.saturating_sub(piece.from) as f64 / (piece.to - piece.from).max(1) as f64;
            piece.begin + share.min(1.0) * (piece.end - piece.begin)
        })
    }

    /// The labels, each with its place, of which there is room for about `count`. And the unit they are in.
    pub(super) fn labels(&self, count: usize) -> (Vec<(f64, String)>, &'static str) {
        let shown = |piece: &&Piece| !piece.is_cut;
        let length: f64 = self.pieces.iter().filter(shown).map(|piece| (piece.to - piece.from) as f64).sum();
        let (unit, name) = match length {
            ..2e3 => (1.0, "ns"),
            ..2e6 => (1e3, "µs"),
            ..0.2e9 => (1e6, "ms"),
            _ => (SECOND, "s"),
        };
        let step = round_step(length / unit / count.max(1) as f64);
        let digits = if step < 1.0 { (-step.log10()).ceil() as usize } else { 0 };
        let mut labels = Vec::new();
        for piece in self.pieces.iter().filter(shown) {
            let (from, to) = ((piece.from - self.zero) as f64 / unit, (piece.to - self.zero) as f64 / unit);
            // Not the negative zero.
            let mut number = (from / step - 1e-9).ceil() + 0.0;
            while number * step <= to + step * 1e-9 {
                let at = self.zero + (number * step * unit).round() as Time;
                labels.push((self.place(at), format!("{:.digits$}", number * step)));
                number += 1.0;
            }
        }
        (labels, name)
    }
}

/// The next of 1, 2, 5, 10, 20, 50 …, and their tenths, that is not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0].map(|digit| digit * power).into_iter().find(|step| *step >= least * 0.999).unwrap_or(10.0 * power)
}

fn pieces(begin: Time, end: Time, cuts: &[(Time, Time)]) -> Vec<Piece> {
    let cut: Time = cuts.iter().map(|(from, to)| to - from).sum();
    let width = CUT.min(0.3 / cuts.len().max(1) as f64);
    let scale = (1.0 - width * cuts.len() as f64) / (end - begin).saturating_sub(cut).max(1) as f64;
    let (mut pieces, mut from, mut place) = (Vec::new(), begin, 0.0);
    for &(cut, resumed) in cuts.iter().chain([&(end, end)]) {
        if cut > from || pieces.is_empty() {
            let next = place + (cut - from) as f64 * scale;
            pieces.push(Piece { from, to: cut, begin: place, end: next, is_cut: false });
            place = next;
        }
        if resumed > cut {
            pieces.push(Piece { from: cut, to: resumed, begin: place, end: place + width, is_cut: true });
            place += width;
        }
        from = resumed;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{Axis, Record, Time, round_step};
    use crate::state::record::Run;

    const SECOND: Time = 1_000_000_000;

    fn record(runs: &[(u64, u64)]) -> Record {
        let run = |&(begin, end): &(u64, u64)| Run { home: 0, begin: begin * SECOND, end: Some(end * SECOND) };
        let mut record = Record::new(5 * SECOND, 1, true);
        record.runs.extend(runs.iter().map(run));
        record
    }

    #[test]
    fn an_axis_of_one_run_is_even_and_labeled_in_seconds() {
        let axis = Axis::of(&record(&[(5, 9)]), 9 * SECOND);
        assert!((axis.place(6 * SECOND) - 0.25).abs() < 1e-9);
        let (labels, unit) = axis.labels(8);
        let texts: Vec<_> = labels.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!((texts, unit), (vec!["0.0", "0.5", "1.0", "1.5", "2.0", "2.5", "3.0", "3.5", "4.0"], "s"));
        assert_eq!((axis.place(0), axis.place(20 * SECOND)), (0.0, 1.0));
    }

    #[test]
    fn the_time_between_two_cells_is_cut() {
        let axis = Axis::of(&record(&[(5, 7), (100, 102)]), 102 * SECOND);
        let cuts: Vec<_> = axis.pieces.iter().map(|piece| piece.is_cut).collect();
        assert_eq!(cuts, [false, true, false]);
        assert!((axis.place(6 * SECOND) - (1.0 - axis.place(101 * SECOND))).abs() < 1e-9);
        let (labels, _) = axis.labels(4);
        assert_eq!(labels.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["0", "1", "2", "95", "96", "97"]);
    }

    #[test]
    fn steps_are_round() {
        assert_eq!([0.7, 1.0, 1.2, 3.0, 6.0, 43.0].map(round_step), [1.0, 1.0, 2.0, 5.0, 10.0, 50.0]);
        assert!((round_step(0.03) - 0.05).abs() < 1e-12);
    }
}
