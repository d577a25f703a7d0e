//! Draws a timeline as an SVG figure. Front ends show it as an image, which knows nothing of the page around it; so it is
//! static, brings its styles along, and uses colors that can be read on white and on black.

use std::fmt::Write;

use super::timeline::{Point, Row, Timeline, duration};
use crate::state::record::{End, MarkKind, Time};
use crate::state::what::What;

/// All lengths are in pixels of a figure that is shown in full size.
const WIDTH: f64 = 780.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 10.0;
/// The height of a row without messages.
const ROW: f64 = 32.0;
/// What each line of messages adds.
const LANE: f64 = 15.0;
/// More lines of messages in a row nobody can read.
const MOST_LANES: usize = 4;
const BAR: f64 = 12.0;
/// Narrower than this no step is drawn.
const LEAST: f64 = 3.0;
/// The mean width of a letter in the small font.
const LETTER: f64 = 6.1;

const STYLE: &str = "\
text{font:11px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#78849a}\
.name{font-size:13px;font-weight:600}.task,.axis,.what{font-size:10.5px}.what{font-style:italic}\
.message{fill:#8a7a3f}.stop{fill:#d1495b;font-weight:600}\
.grid{stroke:#8090a8;stroke-opacity:.22}.wait{stroke:#8fa0b8;stroke-width:2}.row{fill:#8090a8;fill-opacity:.07}\
.run{fill:#3f83d9}.often{fill:#3f83d9;fill-opacity:.45}.ready{fill:#e39a2d;fill-opacity:.85}.loop{fill:#3fa677}.cut{fill:#8090a8;fill-opacity:.18}\
.fork{stroke:#9a6bd1;stroke-width:1.6;fill:none}.join{stroke:#9a6bd1;stroke-width:1.2;stroke-dasharray:2 3;fill:none}\
.head{fill:#9a6bd1}.dot{fill:#c9a227}.break{stroke:#d1495b;stroke-width:1.5;stroke-dasharray:5 3}\
.done{fill:#3f83d9}.failed{stroke:#d1495b;stroke-width:2.4;fill:none}.cancelled{stroke:#78849a;stroke-width:2.4;fill:none}";

/// The figure of a timeline.
pub(super) fn draw(timeline: &Timeline) -> String {
    let mut figure = Figure { timeline, left: left(timeline), places: Vec::new(), svg: String::new(), unplaced: 0 };
    let height = figure.place_rows();
    figure.draw_grid(height);
    figure.draw_cuts(height);
    figure.draw_loops();
    figure.draw_rows();
    figure.draw_arrows();
    figure.draw_messages();
    figure.draw_breaks(height);
    let height = figure.draw_axis(height);
    let height = figure.draw_legend(height);
    let height = figure.draw_notes(height);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height:.0}\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         role=\"img\" aria-label=\"Timeline of tasks\"><style>{STYLE}</style>{}</svg>",
        figure.svg
    )
}

/// Where the axis begins: right of the longest label.
fn left(timeline: &Timeline) -> f64 {
    let letters = |row: &Row| row.coroutine.chars().count() as f64 * 7.6 + 16.0;
    let names = |row: &Row| subtitle(timeline, row).chars().count() as f64 * LETTER;
    timeline.rows.iter().map(|row| letters(row).max(names(row)) + 22.0).fold(84.0, f64::max).min(230.0)
}

/// What stands below a row's name.
fn subtitle(timeline: &Timeline, row: &Row) -> String {
    let home = timeline.homes.iter().position(|home| *home == row.home);
    match home {
        Some(number) if timeline.homes.len() > 1 => format!("{} · loop {}", shortened(&row.name, 28), number + 1),
        _ => shortened(&row.name, 28),
    }
}

struct Figure<'a> {
    timeline: &'a Timeline,
    left: f64,
    /// The upper edge of each row, its line, and its messages with their places and lanes.
    places: Vec<Place>,
    svg: String,
    /// Messages for which there was no room.
    unplaced: usize,
}

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

/// Where a row is.
struct Place {
    top: f64,
    line: f64,
    bottom: f64,
    messages: Vec<Message>,
}

/// A message above a row's line.
struct Message {
    at: f64,
    lane: usize,
    text: String,
    /// It stands left of its place.
    leans_left: bool,
}

impl Figure<'_> {
    fn x(&self, at: Time) -> f64 {
        self.left + self.timeline.axis.place(at) * (WIDTH - RIGHT - self.left)
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.svg.write_fmt(element);
    }

    fn text(&mut self, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
        let text = escaped(text);
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    /// The rows below the bands of the loops, each as high as its messages need. The lower edge of all.
    fn place_rows(&mut self) -> f64 {
        let timeline = self.timeline;
        let mut top = TOP + 16.0 * timeline.homes.len() as f64 + 8.0;
        let has_breaks = timeline.marks.iter().any(|mark| !matches!(mark.kind, MarkKind::Message(_)));
        if has_breaks || timeline.axis.pieces.iter().any(|piece| piece.is_cut) {
            top += LANE;
        }
        let outside = timeline.marks.iter().filter(|mark| mark.row.is_none());
        let (messages, lanes) = self.place_messages(outside);
        if lanes > 0 {
            let line = top + LANE * lanes as f64 + 6.0;
            self.places.push(Place { top, line, bottom: line + 12.0, messages });
            top = line + 12.0;
        } else {
            self.places.push(Place { top, line: top, bottom: top, messages });
        }
        for index in 0..timeline.rows.len() {
            let own = timeline.marks.iter().filter(|mark| mark.row == Some(index));
            let (messages, lanes) = self.place_messages(own);
            let line = top + ROW / 2.0 + LANE * lanes as f64;
            self.places.push(Place { top, line, bottom: line + ROW / 2.0, messages });
            top = line + ROW / 2.0;
        }
        top + 4.0
    }

    /// Puts messages into as few lanes as there is room in, earliest first.
    fn place_messages<'p>(&mut self, points: impl Iterator<Item = &'p Point>) -> (Vec<Message>, usize) {
        let mut messages = Vec::new();
        let mut lanes: Vec<f64> = Vec::new();
        for point in points {
            let MarkKind::Message(text) = &point.kind else { continue };
            let text = shortened(text.lines().next().unwrap_or_default(), 28);
            let (at, width) = (self.x(point.at), text.chars().count() as f64 * LETTER + 8.0);
            let leans_left = at + width > WIDTH;
            let from = if leans_left { at - width } else { at - 2.0 };
            let free = lanes.iter().position(|end| *end <= from);
            let lane = match free {
                Some(lane) => lane,
                None if lanes.len() < MOST_LANES => {
                    lanes.push(0.0);
                    lanes.len() - 1
                }
                None => {
                    self.unplaced += 1;
                    continue;
                }
            };
            lanes[lane] = from + width;
            messages.push(Message { at, lane, text, leans_left });
        }
        (messages, lanes.len())
    }

    fn row(&self, index: usize) -> &Place {
        &self.places[index + 1]
    }

    fn labels(&self) -> (Vec<(f64, String)>, &'static str) {
        self.timeline.axis.labels(((WIDTH - RIGHT - self.left) / 70.0) as usize)
    }

    fn draw_grid(&mut self, height: f64) {
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
    fn draw_cuts(&mut self, height: f64) {
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

    fn draw_loops(&mut self) {
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

    fn draw_rows(&mut self) {
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
    fn draw_arrows(&mut self) {
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

    fn draw_messages(&mut self) {
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

    /// Stops and interrupts, through all rows.
    fn draw_breaks(&mut self, height: f64) {
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

    fn draw_axis(&mut self, height: f64) -> f64 {
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
    fn draw_legend(&mut self, height: f64) -> f64 {
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
            (
                has_ready,
                "ready, but others run",
                "<rect class=\"ready\" y=\"-3.5\" width=\"14\" height=\"7\" rx=\"1.5\"/>",
            ),
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

    fn draw_notes(&mut self, height: f64) -> f64 {
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

/// The text, or its beginning.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most.max(2) {
        return text.to_owned();
    }
    text.chars().take(most.max(2) - 1).chain(['…']).collect()
}

/// The text as it may stand in XML; characters that XML has no form for are left out.
fn escaped(text: &str) -> String {
    let mut xml = String::new();
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '\t' | '\n' | '\r' => xml.push(' '),
            '\0'..' ' | '\u{7f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => xml.push(c),
        }
    }
    xml
}
