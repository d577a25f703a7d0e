//! The `Debug` form of a value, as much of it as a person may want to see. Called by `choice`.
//!
//! Formatting stops at the limit, so that a value of gigabytes costs no more than what is shown of it, and wherever an
//! interrupt is pending.

use std::fmt::{self, Debug, Write};

use super::{MimeBundle, format, layout, table};
use crate::interrupt::checkpoint;

/// How many lines are shown.
const LINES: usize = 2_000;

/// How many bytes are shown, for front ends break long lines: as many as 2,000 lines of 100 characters have.
const BYTES: usize = 200_000;

/// The representations of a value that has a `Debug` form: that, and a table if it is one. `None` for `()`.
pub(super) fn bundle(value: &dyn Debug, type_name: &str) -> Option<MimeBundle> {
    // A statement's value, like Python's `None`, is not worth a line.
    if type_name == "()" {
        return None;
    }
    let mut limited = Limited::default();
    let failed = format::write(&mut limited, value).is_err();
    let table = if format::is_set() { None } else { table::html(&limited.text, type_name, limited.cut.is_none()) };
    let Limited { mut text, cut, .. } = if format::is_set() { limited } else { limited.laid_out(failed) };
    match cut {
        Some(limit) => text.push_str(&format!("\n… cut after {limit}; `println!(\"{{:?}}\", …)` prints all of it")),
        None if failed => text.push_str(" … (its `Debug` implementation returned an error here)"),
        None => {}
    }
    let bundle = MimeBundle::new().text(format::prefix(type_name) + &text);
    Some(match table {
        Some(html) => bundle.html(html),
        None => bundle,
    })
}

/// Text up to the limits.
#[derive(Default)]
struct Limited {
    text: String,
    lines: usize,
    /// The limit that has been reached.
    cut: Option<&'static str>,
}

impl Limited {
    /// The same in lines that are not too long, as far as the limits allow; `broken` if the text has no end.
    fn laid_out(self, broken: bool) -> Limited {
        let mut page = Limited::default();
        let _ = layout::write(&mut page, &self.text, self.cut.is_none() && !broken);
        page.cut = page.cut.or(self.cut);
        page
    }
}

impl Write for Limited {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        checkpoint();
        if self.cut.is_some() {
            return Err(fmt::Error);
        }
        let room = BYTES - self.text.len();
        let fits = piece.floor_char_boundary(room);
        let mut breaks = piece[..fits].match_indices('\n');
        if let Some((end, _)) = breaks.clone().nth(LINES - 1 - self.lines) {
            self.cut = Some("2,000 lines");
            self.text.push_str(&piece[..end]);
            return Err(fmt::Error);
        }
        self.lines += breaks.by_ref().count();
        self.text.push_str(&piece[..fits]);
        if fits < piece.len() {
            self.cut = Some("200,000 bytes");
            return Err(fmt::Error);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Endless(&'static str);

    impl Debug for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str(self.0)?;
            }
        }
    }

    fn text_of(value: &dyn Debug) -> String {
        bundle(value, "T").and_then(|bundle| bundle.get("text/plain").map(str::to_owned)).unwrap_or_default()
    }

    #[test]
    fn a_text_without_end_is_cut() {
        let shown = text_of(&Endless("a\nb\n"));
        assert_eq!(shown.lines().count(), 2_001);
        assert!(shown.ends_with("b\n… cut after 2,000 lines; `println!(\"{:?}\", …)` prints all of it"), "{shown}");
        let shown = text_of(&Endless("é"));
        assert_eq!(shown.lines().next().map(str::len), Some(BYTES));
        assert!(shown.contains("\n… cut after 200,000 bytes;"));
        assert!(text_of(&"x".repeat(3 << 20)).contains("cut after 200,000 bytes"));
    }

    #[test]
    fn exactly_as_much_as_is_allowed_is_not_cut() {
        struct Lines(usize);
        impl Debug for Lines {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&vec!["x"; self.0].join("\n"))
            }
        }
        assert_eq!(text_of(&Lines(2_000)).lines().count(), 2_000);
        assert!(text_of(&Lines(2_001)).contains("x\n… cut after 2,000 lines"));
    }

    #[test]
    fn long_values_have_lines_and_limits() {
        let shown = text_of(&vec!["a string longer than twenty"; 1_500]);
        assert_eq!(shown.lines().count(), 1_502);
        assert!(shown.starts_with("[\n    \"a string") && shown.ends_with("twenty\",\n]"), "{shown}");
        let shown = text_of(&vec!["a string longer than twenty"; 5_000]);
        assert!(
            shown.ends_with("twenty\",\n… cut after 2,000 lines; `println!(\"{:?}\", …)` prints all of it"),
            "{shown}"
        );
        let shown = text_of(&(0..100_000).collect::<Vec<_>>());
        assert!(shown.contains(" 99, 100, ") && shown.contains("… cut after 2"), "{shown}");
    }

    #[test]
    fn an_error_of_the_implementation_is_told() {
        struct Broken;
        impl Debug for Broken {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half")?;
                Err(fmt::Error)
            }
        }
        assert_eq!(text_of(&Broken), "half … (its `Debug` implementation returned an error here)");
    }
}
