//! Draws a timeline as an SVG figure. Front ends show it as an image, which knows nothing of the page around it; so it is
//! static, brings its styles along, and uses colors that can be read on white and on black.

mod frame;
mod rows;
mod words;

use std::fmt::Write;

use self::words::{escaped, shortened};
use super::timeline::{Point, Row, Timeline};
use crate::state::record::{MarkKind, Time};

/// All lengths are in pixels of a figure that is shown in full size.
const WIDTH: f64 = 720.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 10.0;
/// The height of a row without messages.
const ROW: f64 = 32.0;
/// What each line of messages adds.
const LANE: f64 = 15.0;
/// More lines of messages in a row nobody can read.
const MOST_LANES: usize = 4;
const BAR: f64 = 12.0;
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
}
