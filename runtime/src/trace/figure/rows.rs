//! Draws the rows of a figure: what each task did along its line, arrows between the lines, messages above them.

use super::words::shortened;
use super::{BAR, Figure, LANE, Message, WIDTH, subtitle};
use crate::state::record::End;
use crate::state::what::What;
use crate::trace::timeline::Row;

/// Narrower than this no step is drawn.
const LEAST: f64 = 3.0;

/// Steps that are drawn as one.
struct Bar {
    from: f64,
    to: f64,
    /// How much of it the task ran.
    busy: f64,
    steps: usize,
}

impl Bar {
    fn class(&self) -> &'static str {
        if self.steps > 2 && self.busy < (self.to - self.from) / 2.0 { "often" } else { "run" }
    }
}

impl Figure<'_> {
    pub(super) fn draw_rows(&mut self) {
        let timeline = self.timeline;
        for (index, row) in timeline.rows.iter().enumerate() {
            let y = self.row(index).line;
            self.draw_label(row, y);
            let begin = row.born.map_or(self.left, |born| self.x(born));
            let end = self.x(row.end.map_or(timeline.end, |(at, _)| at));
            self.add(format_args!("<path class=\"wait\" d=\"M{begin:.1} {y:.1}H{end:.1}\"/>"));
            self.draw_waits(row, y, end);
            self.draw_steps(row, y);
            self.draw_end(row, y, end);
        }
    }

    fn draw_label(&mut self, row: &Row, y: f64) {
        let x = self.left - 12.0;
        let room = ((self.left - 22.0) / 7.6) as usize;
        let mut coroutine = shortened(&row.coroutine, room);
        if coroutine == row.coroutine {
            coroutine.push_str("()");
        }
        self.text(x, y - 1.0, "name", "end", &coroutine);
        self.text(x, y + 11.0, "task", "end", &subtitle(self.timeline, row));
    }

    /// Bars for the steps of a task, and for the time before them in which it could have run. Steps that touch each other in
    /// the figure have one bar, a pale one when the task did not run for most of it.
    fn draw_steps(&mut self, row: &Row, y: f64) {
        let mut bar: Option<Bar> = None;
        for step in &row.steps {
            let (ready, begin, end) = (self.x(step.ready), self.x(step.begin), self.x(step.end));
            if begin - ready > 2.0 {
                self.bar("ready", ready, begin, y, 7.0);
            }
            let (to, busy) = (end.max(begin + LEAST), end - begin);
            match &mut bar {
                Some(bar) if begin <= bar.to + 0.5 => {
                    (bar.to, bar.busy, bar.steps) = (bar.to.max(to), bar.busy + busy, bar.steps + 1);
                }
                _ => {
                    let full = bar.replace(Bar { from: begin, to, busy, steps: 1 });
                    full.into_iter().for_each(|bar| self.bar(bar.class(), bar.from, bar.to, y, BAR));
                }
            }
        }
        bar.into_iter().for_each(|bar| self.bar(bar.class(), bar.from, bar.to, y, BAR));
        // Made, and never run.
        if let (Some(born), [], None) = (row.born, &row.steps[..], row.end) {
            let end = self.x(self.timeline.end);
            self.bar("ready", self.x(born), end, y, 7.0);
        }
    }

    fn bar(&mut self, class: &str, from: f64, to: f64, y: f64, height: f64) {
        self.add(format_args!(
            "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height}\" rx=\"1.5\"/>",
            y - height / 2.0,
            to - from
        ));
    }

    /// What a task awaits, written below its line where there is room.
    fn draw_waits(&mut self, row: &Row, y: f64, end: f64) {
        let mut drawn = 0.0;
        for (index, step) in row.steps.iter().enumerate() {
            let from = self.x(step.end).max(self.x(step.begin) + LEAST);
            let to = row.steps.get(index + 1).map_or(end, |next| self.x(next.ready));
            let Some(text) = self.what(step.what, step.awaited) else { continue };
            let width = text.chars().count() as f64 * 5.6;
            if to - from > width + 10.0 && from > drawn {
                self.text((from + to) / 2.0, y + 13.0, "what", "middle", &text);
                drawn = to;
            }
        }
    }

    fn what(&self, what: What, awaited: u64) -> Option<String> {
        match what {
            What::Unknown => None,
            What::Future if awaited != 0 => {
                let row = self.timeline.rows.iter().find(|row| row.number == awaited);
                Some(row.map_or_else(|| format!("Task-{awaited}"), |row| shortened(&row.name, 24)))
            }
            What::Future => None,
            what => Some(what.to_string()),
        }
    }

    fn draw_end(&mut self, row: &Row, y: f64, x: f64) {
        match row.end {
            Some((_, End::Finished)) => {
                self.add(format_args!("<circle class=\"done\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>"))
            }
            Some((_, End::Failed)) => self.cross("failed", x, y),
            Some((_, End::Cancelled)) => self.cross("cancelled", x, y),
            // It goes on.
            None => self.add(format_args!(
                "<path class=\"wait\" stroke-dasharray=\"2 3\" d=\"M{x:.1} {y:.1}H{:.1}\"/>",
                WIDTH - 6.0
            )),
        }
    }

    fn cross(&mut self, class: &str, x: f64, y: f64) {
        self.add(format_args!("<path class=\"{class}\" d=\"M{:.1} {:.1}l10 10m0-10l-10 10\"/>", x - 5.0, y - 5.0));
    }

    /// From who has made a task to its beginning; from its end to who has awaited it.
    pub(super) fn draw_arrows(&mut self) {
        let timeline = self.timeline;
        for (index, row) in timeline.rows.iter().enumerate() {
            let y = self.row(index).line;
            match (row.born, row.parent) {
                (Some(born), Some(parent)) => self.arrow("fork", self.x(born), self.row(parent).line, y),
                (Some(born), None) => {
                    let x = self.x(born);
                    self.add(format_args!("<circle class=\"fork\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>"));
                }
                (None, _) => {}
            }
            if let (Some((end, _)), Some(awaiter)) = (row.end, row.awaiter) {
                self.arrow("join", self.x(end), y, self.row(awaiter).line);
            }
        }
    }

    fn arrow(&mut self, class: &str, x: f64, from: f64, to: f64) {
        let down = if to > from { 1.0 } else { -1.0 };
        let (from, tip) = (from + down * BAR / 2.0, to - down * (BAR / 2.0 + 1.0));
        let neck = tip - down * 7.0;
        self.add(format_args!("<path class=\"{class}\" d=\"M{x:.1} {from:.1}V{neck:.1}\"/>"));
        self.add(format_args!(
            "<path class=\"head\" d=\"M{x:.1} {tip:.1}L{:.1} {neck:.1}H{:.1}Z\"/>",
            x - 4.0,
            x + 4.0
        ));
    }

    pub(super) fn draw_messages(&mut self) {
        for place in std::mem::take(&mut self.places) {
            for Message { at, lane, text, leans_left } in &place.messages {
                let y = place.line - BAR / 2.0 - 5.0 - LANE * *lane as f64;
                self.add(format_args!(
                    "<path class=\"grid\" d=\"M{at:.1} {:.1}V{y:.1}\"/><circle class=\"dot\" cx=\"{at:.1}\" cy=\"{:.1}\" r=\"2.5\"/>",
                    place.line - BAR / 2.0,
                    y - 3.5
                ));
                let (x, anchor) = if *leans_left { (at - 5.0, "end") } else { (at + 5.0, "start") };
                self.text(x, y, "message", anchor, text);
            }
        }
    }
}
