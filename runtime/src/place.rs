//! Names places in the source as their reader knows them: `In[3]:4:5` rather than a place in a generated file.
//! The worker says how; everything that shows a place to people asks here.

use std::panic::Location;
use std::sync::OnceLock;

/// Names a place, as `file:line:column`.
type NamePlace = fn(&Location<'_>) -> String;

static NAME_PLACE: OnceLock<NamePlace> = OnceLock::new();

/// Has places named by this function from now on; only the first call counts.
pub fn set_names(name: NamePlace) {
    let _ = NAME_PLACE.set(name);
}

/// The place as `file:line:column`.
pub(crate) fn name(place: &Location<'_>) -> String {
    NAME_PLACE.get().map_or_else(|| place.to_string(), |name| name(place))
}

/// Whether a place lies in this library, or in Rust's own: nothing that its user has written.
pub(crate) fn is_internal(place: &Location<'_>) -> bool {
    let own = file!().trim_end_matches("place.rs");
    place.file().starts_with(own) || place.file().starts_with("/rustc/")
}

/// The place's file, and its line.
pub(crate) fn file_and_line(place: &Location<'_>) -> (String, u32) {
    let name = name(place);
    let mut parts = name.rsplitn(3, ':').skip(1);
    match (parts.next().and_then(|line| line.parse().ok()), parts.next()) {
        (Some(line), Some(file)) => (file.to_owned(), line),
        _ => (place.file().to_owned(), place.line()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Location, file_and_line, is_internal};

    #[test]
    fn a_place_has_a_file_and_a_line() {
        let here = Location::caller();
        assert_eq!(file_and_line(here), (file!().to_owned(), here.line()));
        assert!(is_internal(here));
    }
}
