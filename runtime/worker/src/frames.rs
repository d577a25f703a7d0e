//! What is on the stack when something panics. `places` takes the addresses down at each panic, which may happen often
//! and concern nobody; `run` locates those of the one that has ended a cell. What stands there, the kernel finds out.

use std::ffi::{CStr, OsStr, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

use boucle_wire::Frame;

/// How far up the stack is looked. Who recurses deeper learns where it ended, but not where it began.
const DEPTH: usize = 256;

/// The addresses to which the functions on this thread's stack will return, innermost first.
pub(crate) fn on_the_stack() -> Vec<usize> {
    let mut addresses: Vec<*mut c_void> = vec![ptr::null_mut(); DEPTH];
    // SAFETY: the buffer has room for as many addresses as are asked for, and lives during the call.
    let count = unsafe { libc::backtrace(addresses.as_mut_ptr(), DEPTH as c_int) };
    addresses.truncate(usize::try_from(count).unwrap_or(0));
    addresses.into_iter().map(|address| address as usize).collect()
}

/// The libraries in which the addresses lie, and where. Takes some 20 microseconds for each.
pub(crate) fn located(addresses: &[usize]) -> Vec<Frame> {
    addresses.iter().filter_map(|address| locate(*address)).collect()
}

/// The library that holds an address, and where in it.
fn locate(address: usize) -> Option<Frame> {
    let mut found = libc::Dl_info {
        dli_fname: ptr::null(),
        dli_fbase: ptr::null_mut(),
        dli_sname: ptr::null(),
        dli_saddr: ptr::null_mut(),
    };
    // SAFETY: the struct lives during the call; the address is only compared, never followed.
    if unsafe { libc::dladdr(address as *const c_void, &raw mut found) } == 0 || found.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the loader owns this string, which ends with a zero and stays as long as the library: no cell's is closed, and
    // others are not while their code is on the stack.
    let name = unsafe { CStr::from_ptr(found.dli_fname) };
    let library = PathBuf::from(Path::new(OsStr::from_bytes(name.to_bytes())));
    Some(Frame { library, offset: (address - found.dli_fbase as usize) as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_program_is_on_the_stack() {
        let program = std::env::current_exe().unwrap();
        let frames = located(&on_the_stack());
        let own = frames.iter().filter(|frame| frame.library.file_name() == program.file_name()).count();
        assert!(own >= 2, "{own}");
    }
}
