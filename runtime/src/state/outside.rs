//! Whether a thread's reactor has anything registered: sockets, pipes, processes. The engine asks before virtual time
//! jumps over what they might still say.
//!
//! tokio counts its registrations, but does not tell in its stable interface. Linux does: a reactor's epoll descriptor
//! lists what it watches in `/proc`. Registered is more than awaited: an open connection holds time to the real pace
//! even when nobody reads from it. That errs on the side that loses nothing.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileExt;

use tokio::net::UnixStream;
use tokio::runtime::Runtime;

/// tokio's own two registrations (its alarm clock and its signal pipe) have these numbers; resources have addresses.
const OWN: u64 = 1;

/// What the system lists of one reactor.
pub(crate) struct Reactor {
    list: Option<File>,
}

impl Reactor {
    /// Finds the runtime's reactor: the one in which a new socket appears.
    pub(crate) fn find(runtime: &Runtime) -> Self {
        let _context = runtime.enter();
        let probe = UnixStream::pair();
        Self { list: probe.ok().and_then(|(probe, _)| list_with(probe.as_raw_fd())) }
    }

    /// Whether anything is registered. What cannot be known counts as nothing.
    pub(crate) fn is_used(&self) -> bool {
        let text = self.list.as_ref().and_then(|list| read(list).ok());
        text.is_some_and(|text| watched(&text).any(|(_, token)| token > OWN))
    }
}

/// The list of the reactor that watches `fd`.
fn list_with(fd: RawFd) -> Option<File> {
    let descriptors = std::fs::read_dir("/proc/self/fd").ok()?.flatten();
    descriptors
        .filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| to.as_os_str() == "anon_inode:[eventpoll]"))
        .filter_map(|entry| File::open(format!("/proc/self/fdinfo/{}", entry.file_name().display())).ok())
        .find(|list| read(list).is_ok_and(|text| watched(&text).any(|(watched, _)| watched == fd)))
}

/// The list as it is now.
fn read(list: &File) -> io::Result<String> {
    let mut text = Vec::new();
    let mut part = [0; 4096];
    loop {
        match list.read_at(&mut part, text.len() as u64)? {
            0 => return Ok(String::from_utf8_lossy(&text).into_owned()),
            length => text.extend_from_slice(&part[..length]),
        }
    }
}

/// Each watched descriptor and the number it was registered with, from lines such as
/// `tfd:        9 events:       1f data:     5581e0a3b0c0  pos:0 ino:2 sdev:8`.
fn watched(list: &str) -> impl Iterator<Item = (RawFd, u64)> {
    list.lines().filter_map(|line| {
        let (fd, rest) = line.strip_prefix("tfd:")?.split_once("events:")?;
        let token = rest.split_once("data:")?.1.split_whitespace().next()?;
        Some((fd.trim().parse().ok()?, u64::from_str_radix(token, 16).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::{Reactor, watched};

    #[test]
    fn the_list_of_an_epoll_descriptor_is_read() {
        let list = "pos:\t0\nflags:\t02\ntfd:        9 events: 80000019 data:                1  pos:0 ino:2 sdev:8\n\
                    tfd:       12 events:       1f data:     5581e0a3b0c0  pos:0 ino:2 sdev:8\n";
        assert_eq!(watched(list).collect::<Vec<_>>(), [(9, 1), (12, 0x5581_e0a3_b0c0)]);
    }

    #[test]
    fn a_reactor_is_used_as_long_as_a_socket_is_open() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let reactor = Reactor::find(&runtime);
        assert!(reactor.list.is_some() && !reactor.is_used());
        let socket = runtime.block_on(tokio::net::UdpSocket::bind("127.0.0.1:0")).expect("a socket");
        assert!(reactor.is_used());
        drop(socket);
        assert!(!reactor.is_used());
    }
}
