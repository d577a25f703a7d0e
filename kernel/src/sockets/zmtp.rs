//! A server's share of ZMTP 3.0, ZeroMQ's wire protocol: greeting, READY and frames.
//! Called by `sockets::connection`, `router`, `subscriber` and `iopub`.
//!
//! Peers with a later version (libzmq speaks 3.1) use 3.0 with a peer that greets with it.

use std::io::{self, ErrorKind};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// More frames of the same message follow.
const MORE: u8 = 1;
/// The length has eight bytes rather than one.
const LONG: u8 = 2;
/// The frame is a command rather than a part of a message.
const COMMAND: u8 = 4;

/// The longest command that a peer may begin with: its properties are short.
pub(super) const LONGEST_COMMAND: u64 = 1 << 16;

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mechanism {
    /// Not at all.
    Null,
    /// By `sockets::curve`.
    Curve,
}

impl Mechanism {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Null => b"NULL",
            Self::Curve => b"CURVE",
        }
    }
}

/// What we say first: our version, and how the connection is protected.
pub(super) fn greeting(mechanism: Mechanism) -> [u8; 64] {
    let mut greeting = [0; 64];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    greeting[12..12 + mechanism.name().len()].copy_from_slice(mechanism.name());
    greeting[32] = u8::from(mechanism == Mechanism::Curve);
    greeting
}

/// What a socket of ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SocketType {
    Router,
    Xpub,
}

impl SocketType {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Router => "ROUTER",
            Self::Xpub => "XPUB",
        }
    }

    /// Whether a peer of this type may connect to it.
    fn accepts(self, peer: &[u8]) -> bool {
        match self {
            Self::Router => matches!(peer, b"DEALER" | b"REQ" | b"ROUTER"),
            Self::Xpub => matches!(peer, b"SUB" | b"XSUB"),
        }
    }
}

/// A frame that came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) is_command: bool,
    /// Whether more frames of the same message follow.
    pub(super) more: bool,
    pub(super) body: Bytes,
}

/// A change of what a subscriber wants to get.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Subscribe(Bytes),
    Cancel(Bytes),
}

/// Checks the greeting of a peer, which has to want the same protection.
pub(super) fn check_greeting(mechanism: Mechanism, greeting: &[u8; 64]) -> io::Result<()> {
    let is_zmtp = greeting[0] == 0xff && greeting[9] & 1 == 1 && greeting[10] >= 3;
    let name = greeting[12..32].split(|byte| *byte == 0).next();
    match (is_zmtp, name == Some(mechanism.name())) {
        (true, true) => Ok(()),
        (true, false) => Err(invalid("the peer wants another encryption, or none")),
        (false, _) => Err(invalid("the greeting is not that of ZMTP 3")),
    }
}

/// Our metadata.
pub(super) fn properties(socket: SocketType) -> Bytes {
    let name = socket.name().as_bytes();
    let mut properties = BytesMut::new();
    properties.put_slice(b"\x0bSocket-Type\0\0\0");
    properties.put_slice(&[name.len() as u8]);
    properties.put_slice(name);
    properties.freeze()
}

/// A command as bytes on the wire.
pub(super) fn command(body: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    put_frame(&mut frame, COMMAND, body);
    frame.freeze()
}

/// Our READY command, as bytes on the wire.
pub(super) fn ready(socket: SocketType) -> Bytes {
    command(&[b"\x05READY", &properties(socket)[..]].concat())
}

/// Checks that `frame` is the READY command of a peer that may connect, and gives its identity, which may be empty.
pub(super) fn check_ready(socket: SocketType, frame: &Frame) -> io::Result<Bytes> {
    let metadata = frame.body.strip_prefix(b"\x05READY").filter(|_| frame.is_command);
    check_properties(socket, metadata.ok_or_else(|| invalid("the peer did not send READY"))?)
}

/// Checks the metadata of a peer, and gives its identity, which may be empty.
pub(super) fn check_properties(socket: SocketType, metadata: &[u8]) -> io::Result<Bytes> {
    let (mut rest, mut fits, mut identity) = (metadata, false, Bytes::new());
    while let Some((name, value, after)) = property(rest) {
        if name.eq_ignore_ascii_case(b"Socket-Type") {
            fits = socket.accepts(value);
        } else if name.eq_ignore_ascii_case(b"Identity") {
            identity = Bytes::copy_from_slice(value);
        }
        rest = after;
    }
    if fits { Ok(identity) } else { Err(invalid("the peer is not of a type that can connect to this socket")) }
}

/// Takes the first property off the metadata of a READY command.
fn property(metadata: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (&length, rest) = metadata.split_first()?;
    let (name, rest) = rest.split_at_checked(length.into())?;
    let (length, rest) = rest.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(u32::from_be_bytes(*length).try_into().ok()?)?;
    Some((name, value, rest))
}

/// What `frame` changes; `None` when it is something else, which a publisher ignores.
pub(super) fn change(frame: &Frame) -> Option<Change> {
    let body = &frame.body;
    let (subscribe, cancel): (&[u8], &[u8]) =
        if frame.is_command { (b"\x09SUBSCRIBE", b"\x06CANCEL") } else { (&[1], &[0]) };
    if body.starts_with(subscribe) {
        Some(Change::Subscribe(body.slice(subscribe.len()..)))
    } else if body.starts_with(cancel) {
        Some(Change::Cancel(body.slice(cancel.len()..)))
    } else {
        None
    }
}

/// Reads one frame of at most `longest` bytes. Memory is taken as bytes come. Not cancel safe.
pub(super) async fn read_frame(reader: &mut (impl AsyncRead + Unpin), longest: u64) -> io::Result<Frame> {
    let flags = reader.read_u8().await?;
    let length = if flags & LONG == 0 { reader.read_u8().await?.into() } else { reader.read_u64().await? };
    if length > longest {
        return Err(invalid("the frame is too long"));
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body).await?;
    if body.len() as u64 != length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Frame { is_command: flags & COMMAND != 0, more: flags & MORE != 0, body: body.into() })
}

/// A whole message as bytes on the wire.
pub(super) fn encode(frames: &[Bytes]) -> Bytes {
    let length: usize = frames.iter().map(|frame| frame.len() + 9).sum();
    let mut message = BytesMut::with_capacity(length);
    for (index, frame) in frames.iter().enumerate() {
        let more = if index + 1 < frames.len() { MORE } else { 0 };
        put_frame(&mut message, more, frame);
    }
    message.freeze()
}

/// Takes the first frame off messages of our own making: whether more follow it, its body, and the rest.
pub(super) fn split_frame(messages: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let (flags, rest) = messages.split_first()?;
    let (length, rest) = match flags & LONG {
        0 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        _ => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*length).try_into().ok()?, rest)
        }
    };
    let (body, rest) = rest.split_at_checked(length)?;
    Some((flags & MORE != 0, body, rest))
}

fn put_frame(out: &mut BytesMut, flags: u8, body: &[u8]) {
    put_head(out, flags, body.len());
    out.put_slice(body);
}

/// What is in front of a frame's body.
pub(super) fn put_head(out: &mut BytesMut, flags: u8, length: usize) {
    match u8::try_from(length) {
        Ok(length) => out.put_slice(&[flags, length]),
        Err(_) => {
            out.put_u8(flags | LONG);
            out.put_u64(length as u64);
        }
    }
}

pub(super) fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(mut wire: &[u8]) -> io::Result<Vec<Frame>> {
        let mut frames = Vec::new();
        while !wire.is_empty() {
            frames.push(read_frame(&mut wire, 1 << 20).await?);
        }
        Ok(frames)
    }

    #[tokio::test]
    async fn frames_of_all_lengths_are_read_as_they_were_written() {
        let bodies = [0, 1, 255, 256, 70_000].map(|length| Bytes::from(vec![7; length]));
        let wire = encode(&bodies);
        assert_eq!(wire[..2], [MORE, 0]);
        let read = read_all(&wire).await.expect("valid frames");
        assert!(read.iter().map(|frame| &frame.body).eq(&bodies));
        let mut rest = &wire[..];
        for (number, body) in bodies.iter().enumerate() {
            let (more, split, after) = split_frame(rest).expect("a frame");
            assert!(more == (number + 1 < bodies.len()) && split == body);
            rest = after;
        }
        assert!(rest.is_empty() && split_frame(&wire[..1]).is_none());
        assert!(read_all(&wire[..wire.len() - 1]).await.is_err(), "truncated");
        assert!(read_all(&[LONG, 255, 0, 0, 0, 0, 0, 0, 0]).await.is_err(), "absurdly long");
    }

    #[tokio::test]
    async fn only_fitting_peers_are_let_in() {
        for mechanism in [Mechanism::Null, Mechanism::Curve] {
            assert!(check_greeting(mechanism, &greeting(mechanism)).is_ok());
            assert!(check_greeting(mechanism, &[b'G'; 64]).is_err());
        }
        assert!(check_greeting(Mechanism::Curve, &greeting(Mechanism::Null)).is_err());
        assert!(check_greeting(Mechanism::Null, &greeting(Mechanism::Curve)).is_err());
        let check = |socket, rest: &'static [u8]| {
            let body = [b"\x05READY".as_slice(), rest].concat().into();
            check_ready(socket, &Frame { is_command: true, more: false, body }).ok()
        };
        let sub = b"\x0bSocket-Type\0\0\0\x03SUB";
        assert_eq!(check(SocketType::Xpub, sub), Some(Bytes::new()));
        assert_eq!(check(SocketType::Router, sub), None);
        let named = b"\x08Identity\0\0\0\x01a\x0bsocket-type\0\0\0\x06DEALER";
        assert_eq!(check(SocketType::Router, named), Some(Bytes::from("a")));
        assert_eq!(check(SocketType::Xpub, named), None);
        for other in [b"".as_slice(), b"\x0bSocket-Type\0\0\0\x03PUB", b"\x0bSocket-Type\0\0\0\x09SUB", b"\xff"] {
            assert_eq!(check(SocketType::Xpub, other), None, "{other:?}");
            assert_eq!(check(SocketType::Router, other), None, "{other:?}");
        }
        let ours = read_all(&ready(SocketType::Xpub)).await.expect("a frame");
        assert!(check_ready(SocketType::Xpub, &ours[0]).is_err(), "publishers do not subscribe to each other");
    }

    #[test]
    fn subscriptions_come_as_messages_or_commands() {
        let topic = || Bytes::from_static(b"t");
        let change = |is_command, body: &'static [u8]| {
            change(&Frame { is_command, more: false, body: Bytes::from_static(body) })
        };
        assert_eq!(change(false, b"\x01t"), Some(Change::Subscribe(topic())));
        assert_eq!(change(false, b"\x00t"), Some(Change::Cancel(topic())));
        assert_eq!(change(true, b"\x09SUBSCRIBEt"), Some(Change::Subscribe(topic())));
        assert_eq!(change(true, b"\x06CANCELt"), Some(Change::Cancel(topic())));
        assert_eq!(change(false, b""), None);
        assert_eq!(change(true, b"\x04PING\0\0"), None);
    }
}
