//! Where the code of a library comes from, told by its twin that has a table of lines. Called by `rustc`; knows nothing of
//! cells.

use std::error::Error;
use std::fs;
use std::path::Path;

use addr2line::Loader;
use object::{Object, ObjectSection};

/// A line of a source, and a byte in it, both from 1.
pub(super) type Place = (u32, u32);

/// The places in the source `file` that lie at these offsets of a library: for each offset the innermost function's first,
/// as others may be compiled into them. `twin` must hold the same code, and have a
/// table of lines.
///
/// # Errors
/// If one of the libraries cannot be read, or their code differs.
pub(super) fn places(
    library: &Path,
    twin: &Path,
    file: &str,
    offsets: &[u64],
) -> Result<Vec<Vec<Place>>, Box<dyn Error>> {
    if code(library)? != code(twin)? {
        return Err("it was not made of the same code".into());
    }
    let table = Loader::new(twin).map_err(|error| error.to_string())?;
    let places = |offset: &u64| {
        let mut places = Vec::new();
        // What is on the stack is where the call ends, which may be where the next line begins.
        let mut frames = table.find_frames(offset.saturating_sub(1)).map_err(|error| error.to_string())?;
        while let Some(frame) = frames.next().map_err(|error| error.to_string())? {
            let Some(place) = frame.location else { continue };
            let is_ours = place.file.is_some_and(|path| Path::new(path).file_name() == Path::new(file).file_name());
            places.extend(place.line.zip(place.column).filter(|_| is_ours));
        }
        Ok(places)
    };
    offsets.iter().map(places).collect()
}

/// The instructions of a library, and where they are loaded.
fn code(library: &Path) -> Result<(u64, Vec<u8>), Box<dyn Error>> {
    let bytes = fs::read(library)?;
    let file = object::File::parse(&*bytes)?;
    let section = file.section_by_name(".text").ok_or("it holds no code")?;
    Ok((section.address(), section.data()?.to_vec()))
}
