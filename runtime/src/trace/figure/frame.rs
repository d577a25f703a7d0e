//! Draws what is around the rows of a figure: grid and axis, when the loops ran, stops and interrupts, the legend and notes.

use super::{Figure, RIGHT, TOP, WIDTH};
use crate::state::record::{End, MarkKind};
use crate::trace::timeline::duration;

impl Figure<'_> {
    fn labels(&self) -> (Vec<(f64, String)>, &'static str) {
        self.timeline.axis.labels(((WIDTH - RIGHT - self.left) / 70.0) as usize)
    }

    pub(super) fn draw_grid(&mut self, height: f64) {
        for index in 0..self.timeline.rows.len() {
            let (top, bottom) = (self.row(index).top, self.row(index).bottom);
            if index % 2 == 0 {
                let height = bottom - top;
                self.add(format_args!(
                    "<rect class=\"row\" x=\"0\" y=\"{top:.1}\" width=\"{WIDTH}\" height=\"{height:.1}\"/>"
                ));
            }
        }
        for (place, _) in self.labels().0 {
            let x = self.left + place * (WIDTH - RIGHT - self.left);
            self.add(format_args!("<path class=\"grid\" d=\"M{x:.1} {TOP}V{height:.1}\"/>"));
        }
    }

    /// Where the axis is cut, and for how long.
    pub(super) fn draw_cuts(&mut self, height: f64) {
        let timeline = self.timeline;
        for piece in timeline.axis.pieces.iter().filter(|piece| piece.is_cut) {
            let (from, to) = (self.x(piece.from), self.x(piece.to));
            self.add(format_args!(
                "<rect class=\"cut\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                to - from,
                height - TOP
            ));
            let y = TOP + 16.0 * timeline.homes.len() as f64 + 10.0;
            self.text((from + to) / 2.0, y, "what", "middle", &format!("{} pause", duration(piece.to - piece.from)));
        }
    }

    pub(super) fn draw_loops(&mut self) {
        let timeline = self.timeline;
        for (index, home) in timeline.homes.iter().enumerate() {
            let y = TOP + 16.0 * index as f64 + 4.0;
            let name = if timeline.homes.len() == 1 { "loop".to_owned() } else { format!("loop {}", index + 1) };
            self.text(self.left - 10.0, y + 6.5, "task", "end", &name);
            for (_, from, to) in timeline.runs.iter().filter(|(of, ..)| of == home) {
                let (x, end) = (self.x(*from), self.x(*to));
                let width = (end - x).max(2.0);
                self.add(format_args!(
                    "<rect class=\"loop\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"5\" rx=\"2.5\"/>"
                ));
            }
        }
    }

    /// Stops and interrupts, through all rows.
    pub(super) fn draw_breaks(&mut self, height: f64) {
        let timeline = self.timeline;
        let top = TOP + 16.0 * timeline.homes.len() as f64;
        let mut free = 0.0;
        for mark in &timeline.marks {
            let text = match mark.kind {
                MarkKind::Stop => "stop()",
                MarkKind::Interrupt => "■ interrupt",
                MarkKind::Message(_) => continue,
            };
            let x = self.x(mark.at);
            self.add(format_args!("<path class=\"break\" d=\"M{x:.1} {TOP}V{height:.1}\"/>"));
            let width = text.chars().count() as f64 * 6.6;
            let from = if x + width > WIDTH - 4.0 { x - width - 5.0 } else { x + 5.0 };
            if from > free {
                self.text(from, top + 10.0, "stop", "start", text);
                free = from + width;
            }
        }
    }

    pub(super) fn draw_axis(&mut self, height: f64) -> f64 {
        let (labels, unit) = self.labels();
        let last = labels.len().saturating_sub(1);
        for (index, (place, label)) in labels.into_iter().enumerate() {
            let x = self.left + place * (WIDTH - RIGHT - self.left);
            let label = if index == last { format!("{label} {unit}") } else { label };
            self.text(x, height + 12.0, "axis", "middle", &label);
        }
        height + 20.0
    }

    /// What the colors mean that occur.
    pub(super) fn draw_legend(&mut self, height: f64) -> f64 {
        let rows = &self.timeline.rows;
        let has_ready = rows.iter().any(|row| {
            row.steps.iter().any(|step| self.x(step.begin) - self.x(step.ready) > 2.0) || row.steps.is_empty()
        });
        let often = self.svg.contains("class=\"often\"");
        let ended = |end| rows.iter().any(|row| row.end.is_some_and(|(_, how)| how == end));
        let (forks, joins) =
            (rows.iter().any(|row| row.parent.is_some()), rows.iter().any(|row| row.awaiter.is_some()));
        let entries = [
            (true, "running", "<rect class=\"run\" y=\"-6\" width=\"14\" height=\"12\" rx=\"1.5\"/>"),
            (often, "running now and then", "<rect class=\"often\" y=\"-6\" width=\"14\" height=\"12\" rx=\"1.5\"/>"),
            (has_ready, "ready to run", "<rect class=\"ready\" y=\"-3.5\" width=\"14\" height=\"7\" rx=\"1.5\"/>"),
            (true, "waiting", "<path class=\"wait\" d=\"M0 0H14\"/>"),
            (forks, "starts a task", "<path class=\"fork\" d=\"M7 -7V0\"/><path class=\"head\" d=\"M7 7L3 0H11Z\"/>"),
            (joins, "ends a wait", "<path class=\"join\" d=\"M7 7V0\"/><path class=\"head\" d=\"M7 -7L3 0H11Z\"/>"),
            (ended(End::Finished), "finished", "<circle class=\"done\" cx=\"7\" r=\"4.5\"/>"),
            (ended(End::Failed), "failed", "<path class=\"failed\" d=\"M2 -5l10 10m0-10l-10 10\"/>"),
            (ended(End::Cancelled), "cancelled", "<path class=\"cancelled\" d=\"M2 -5l10 10m0-10l-10 10\"/>"),
            (
                !self.timeline.runs.is_empty(),
                "loop runs",
                "<rect class=\"loop\" y=\"-2.5\" width=\"14\" height=\"5\" rx=\"2.5\"/>",
            ),
        ];
        let (mut x, mut y) = (12.0, height + 16.0);
        for (_, text, sign) in entries.into_iter().filter(|(occurs, ..)| *occurs) {
            let width = 20.0 + text.chars().count() as f64 * 5.8 + 14.0;
            if x + width > WIDTH {
                (x, y) = (12.0, y + 18.0);
            }
            self.add(format_args!("<g transform=\"translate({x:.1} {y:.1})\">{sign}</g>"));
            self.text(x + 20.0, y + 4.0, "task", "start", text);
            x += width;
        }
        y + 14.0
    }

    pub(super) fn draw_notes(&mut self, height: f64) -> f64 {
        let mut notes = self.timeline.notes();
        if self.unplaced > 0 {
            notes.push(format!("For {} messages there is no room.", self.unplaced));
        }
        let mut y = height;
        for note in notes {
            self.text(12.0, y + 10.0, "what", "start", &note);
            y += 15.0;
        }
        y + 2.0
    }
}
