//! A long `Debug` form in several lines, as a person would write it. Called by `debug`: the form on one line says what is
//! in what, so that no value is formatted twice, and no cell compiles code for it.
//!
//! A list, a struct or a map that does not fit has each of its parts on a line of its own, like `{:#?}`; what fits stays
//! together, which `{:#?}` does not do, and many short items share lines. What does not look like a derived form stays as
//! it is.

use std::fmt::{self, Write};

use super::marks::{Mark, Place, SEPARATOR, marks};

/// How long a line may be, as in terminals.
const WIDTH: usize = 80;

/// The longest item of which several share a line.
const SHORT: usize = 20;

/// Writes a `Debug` form, or its beginning if it is not `complete`.
///
/// # Errors
/// Those of the target.
pub(super) fn write(target: &mut dyn Write, form: &str, complete: bool) -> fmt::Result {
    let may_break = form.chars().nth(WIDTH).is_some() && !form.contains('\n');
    match may_break.then(|| groups(form, complete)).flatten() {
        Some(breaks) => Page { target, form, column: 0, written: 0 }.fill(&breaks),
        None => target.write_str(form),
    }
}

/// A place where the form can be broken.
struct Break {
    place: Place,
    mark: Mark,
    /// Of what is opened: the index of what closes it.
    end: usize,
    /// How many characters come after this one that belong together: all that is inside of what is opened, or the item that a
    /// comma separates from the one before.
    width: usize,
    style: Style,
}

/// How what is opened is broken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Each item has its line.
    Lines,
    /// As many items as fit share a line.
    Shared,
    /// The only item stays with its parentheses, as in `Some([…])`.
    Around,
}

/// What is open while the form is read.
struct Open {
    index: usize,
    /// Where the current item begins: the index of what comes before it, and the column.
    item: (usize, usize),
    commas: usize,
    short: bool,
}

impl Open {
    fn style(&self, form: &str, opened: &Break) -> Style {
        let inside = &form[opened.place.byte + 1..];
        if self.commas == 0 && opened.mark == Mark::Open('(') {
            Style::Around
        } else if self.short && !inside.starts_with(' ') {
            Style::Shared
        } else {
            // The fields of a struct, in any case.
            Style::Lines
        }
    }
}

/// The breaks of a form; `None` if it is not one value that looks derived.
fn groups(form: &str, complete: bool) -> Option<Vec<Break>> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '#' | ' ');
    let body = form.trim_start_matches(is_name);
    let mut breaks: Vec<Break> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for (place, mark) in marks(form) {
        let index = breaks.len();
        let at_top = open.is_empty();
        if at_top && (index > 0 || place.byte != form.len() - body.len() || !matches!(mark, Mark::Open(_))) {
            return None;
        }
        match mark {
            Mark::Colon => continue,
            Mark::Unclosed => break,
            Mark::Open(_) => open.push(Open { index, item: (index, place.column + 1), commas: 0, short: true }),
            Mark::Comma => {
                let group = open.last_mut()?;
                end_item(&mut breaks, group, place);
                group.item = (index, place.column + SEPARATOR);
                group.commas += 1;
            }
            Mark::Close(delimiter) => {
                let mut group = open.pop().filter(|group| breaks[group.index].mark == Mark::Open(delimiter))?;
                end_item(&mut breaks, &mut group, place);
                if let Some(around) = open.last_mut() {
                    around.short &= group.short && delimiter == '(';
                }
                let opened = &mut breaks[group.index];
                opened.end = index;
                opened.width = place.column - opened.place.column;
                opened.style = group.style(form, opened);
            }
        }
        breaks.push(Break { place, mark, end: usize::MAX, width: usize::MAX, style: Style::Lines });
    }
    let end = Place { byte: form.len(), column: form.chars().count() };
    for group in &mut open {
        end_item(&mut breaks, group, end);
        breaks[group.index].style = group.style(form, &breaks[group.index]);
    }
    let whole = open.is_empty() && breaks.last().is_some_and(|last| last.place.byte + 1 == form.len());
    (whole || !complete).then_some(breaks)
}

fn end_item(breaks: &mut [Break], group: &mut Open, end: Place) {
    let (before, begin) = group.item;
    let width = end.column - begin;
    group.short &= width <= SHORT;
    if breaks[before].mark == Mark::Comma {
        breaks[before].width = width;
    }
}

/// What has been written of a form.
struct Page<'a> {
    target: &'a mut dyn Write,
    form: &'a str,
    /// Where the next character will stand.
    column: usize,
    /// How much of the form has been written, in bytes.
    written: usize,
}

impl Page<'_> {
    fn fill(mut self, breaks: &[Break]) -> fmt::Result {
        let mut styles = Vec::new();
        let mut indent = 0;
        let mut index = 0;
        while let Some(Break { place, mark, end, width, style }) = breaks.get(index) {
            match mark {
                Mark::Open(_) => {
                    self.up_to(place.byte + 1)?;
                    let is_empty = *end == index + 1 && *width == 1;
                    if is_empty || self.has_room_for(*width) {
                        self.up_to(breaks[*end].place.byte + 1)?;
                        index = *end;
                    } else {
                        styles.push(*style);
                        if *style != Style::Around {
                            indent += 1;
                            self.new_line(indent)?;
                        }
                    }
                }
                Mark::Comma => {
                    self.up_to(place.byte + 1)?;
                    if styles.last() == Some(&Style::Shared) && self.has_room_for(width.saturating_add(1)) {
                        self.up_to(place.byte + SEPARATOR)?;
                    } else {
                        self.new_line(indent)?;
                    }
                }
                _ => {
                    let body = self.form[..place.byte].trim_end_matches(' ');
                    self.up_to(body.len())?;
                    if styles.pop() != Some(Style::Around) {
                        indent -= 1;
                        // Fields that are not shown are no field.
                        if !body.ends_with(" ..") {
                            self.target.write_char(',')?;
                        }
                        self.new_line(indent)?;
                    }
                    self.up_to(place.byte + 1)?;
                }
            }
            index += 1;
        }
        self.up_to(self.form.len())
    }

    /// Whether so many characters fit on the line, and a comma.
    fn has_room_for(&self, width: usize) -> bool {
        width < WIDTH.saturating_sub(self.column)
    }

    fn up_to(&mut self, byte: usize) -> fmt::Result {
        let piece = &self.form[self.written..byte];
        self.column += piece.chars().count();
        self.written = byte;
        self.target.write_str(piece)
    }

    /// Begins a line, where the form has a space or nothing.
    fn new_line(&mut self, indent: usize) -> fmt::Result {
        if self.form[self.written..].starts_with(' ') {
            self.written += 1;
        }
        self.column = 4 * indent;
        write!(self.target, "\n{:1$}", "", self.column)
    }
}

#[cfg(test)]
mod tests;
