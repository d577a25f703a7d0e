//! A server's share of CurveZMQ: encrypts a connection, and admits only who knows the server's public key, which stands in the
//! connection file. Used by `sockets::connection`.
//!
//! Four commands make a connection: HELLO, WELCOME, INITIATE, READY. Each side shows that it has its long-term key and makes
//! one that lasts as long as the connection. Then each frame travels in a box of its own, with a number that only grows.
//!
//! The names are those of the specification (CurveZMQ, RFC 26): a capital is a public key, a small letter the secret one, and
//! a prime marks those of the connection.

use std::fmt;
use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use crypto_box::aead::rand_core::RngCore;
use crypto_box::aead::{Aead, AeadInPlace, OsRng};
use crypto_box::{PublicKey, SalsaBox, SecretKey};

use super::zmtp::{self, Frame, invalid};

/// What a box adds to what is in it.
const TAG: usize = 16;
const KEY: usize = 32;
const COOKIE: usize = 96;
const LONG_NONCE: usize = 16;

/// What is in front of the body in a frame that is encrypted: the name, its number, the tag and the flags.
const MESSAGE: &[u8] = b"\x07MESSAGE";
/// How much longer a frame is when it is encrypted.
pub(super) const OVERHEAD: u64 = (8 + 8 + TAG + 1) as u64;
const MORE_INSIDE: u8 = 1;
const COMMAND_INSIDE: u8 = 2;

/// The key of the server.
#[derive(Clone)]
pub(crate) struct ServerKey(SecretKey);

impl fmt::Debug for ServerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ServerKey(…)")
    }
}

impl ServerKey {
    /// Reads a key as connection files have it: 40 characters of Z85. `None` if it is none.
    pub(crate) fn from_z85(text: &str) -> Option<Self> {
        const DIGITS: &[u8; 85] =
            b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
        let mut key = Vec::with_capacity(KEY);
        for group in text.as_bytes().chunks(5) {
            let digit = |of: &u8| DIGITS.iter().position(|digit| digit == of);
            let value = group.iter().try_fold(0_u64, |value, of| Some(value * 85 + digit(of)? as u64))?;
            key.extend_from_slice(&u32::try_from(value).ok()?.to_be_bytes());
        }
        let key: [u8; KEY] = key.try_into().ok().filter(|_| text.len() == 40)?;
        Some(Self(SecretKey::from(key)))
    }
}

/// The server in the middle of a handshake: it has said WELCOME.
pub(super) struct Welcomed {
    client: PublicKey,
    ours: SecretKey,
    server: PublicKey,
    cookie: [u8; COOKIE],
}

/// Opens the frames of a peer.
pub(super) struct Opener {
    key: SalsaBox,
    last: u64,
}

/// Encrypts frames for a peer.
pub(super) struct Sealer {
    key: SalsaBox,
    next: u64,
}

impl Welcomed {
    /// Answers a HELLO: the WELCOME, as the body of a command.
    pub(super) fn new(server: &ServerKey, hello: &Frame) -> io::Result<(Self, Bytes)> {
        let mut rest = command(hello, b"\x05HELLO")?;
        if rest.len() != 2 + 72 + KEY + 8 + 64 + TAG || rest[..2] != [1, 0] {
            return Err(invalid("the HELLO is not that of CurveZMQ 1.0"));
        }
        rest.advance(2 + 72);
        let client = take_key(&mut rest)?;
        let nonce = short_nonce(b"CurveZMQHELLO---", rest.get_u64());
        let proof = open(&SalsaBox::new(&client, &server.0), &nonce, &rest)?;
        if proof.iter().any(|byte| *byte != 0) {
            return Err(invalid("the HELLO holds something else than zeros"));
        }
        let ours = SecretKey::generate(&mut OsRng);
        // The connection remembers what other servers put into the cookie, so any will do.
        let mut cookie = [0; COOKIE];
        OsRng.fill_bytes(&mut cookie);
        let mut long = [0; LONG_NONCE];
        OsRng.fill_bytes(&mut long);
        let inside = [ours.public_key().as_bytes().as_slice(), &cookie].concat();
        let sealed = seal(&SalsaBox::new(&client, &server.0), &long_nonce(b"WELCOME-", &long), &inside)?;
        let welcome = [b"\x07WELCOME".as_slice(), &long, &sealed].concat();
        Ok((Self { client, ours, server: server.0.public_key(), cookie }, welcome.into()))
    }

    /// Takes an INITIATE: the metadata of the peer, and what the connection goes on with.
    pub(super) fn initiate(self, initiate: &Frame) -> io::Result<(Bytes, Opener, Sealer)> {
        let mut rest = command(initiate, b"\x08INITIATE")?;
        if rest.len() < COOKIE + 8 || rest[..COOKIE] != self.cookie {
            return Err(invalid("the INITIATE does not follow from the WELCOME"));
        }
        rest.advance(COOKIE);
        let number = rest.get_u64();
        let key = || SalsaBox::new(&self.client, &self.ours);
        let mut inside: Bytes = open(&key(), &short_nonce(b"CurveZMQINITIATE", number), &rest)?.into();
        if inside.len() < KEY + LONG_NONCE + 2 * KEY + TAG {
            return Err(invalid("the INITIATE lacks its vouch"));
        }
        let long_term = take_key(&mut inside)?;
        let nonce = long_nonce(b"VOUCH---", &inside.split_to(LONG_NONCE));
        let vouch = open(&SalsaBox::new(&long_term, &self.ours), &nonce, &inside.split_to(2 * KEY + TAG))?;
        if vouch != [self.client.as_bytes().as_slice(), self.server.as_bytes()].concat() {
            return Err(invalid("the INITIATE vouches for another connection"));
        }
        Ok((inside, Opener { key: key(), last: number }, Sealer { key: key(), next: 1 }))
    }
}

impl Opener {
    /// What is in an encrypted frame.
    pub(super) fn open(&mut self, frame: &Frame) -> io::Result<Frame> {
        let mut rest = frame.body.strip_prefix(MESSAGE).ok_or_else(|| invalid("a frame is not encrypted"))?;
        if rest.len() < 8 {
            return Err(invalid("an encrypted frame has no number"));
        }
        let number = rest.get_u64();
        if number <= self.last {
            return Err(invalid("an encrypted frame came twice, or in the wrong order"));
        }
        self.last = number;
        let mut inside: Bytes = open(&self.key, &short_nonce(b"CurveZMQMESSAGEC", number), rest)?.into();
        if inside.is_empty() {
            return Err(invalid("an encrypted frame has no flags"));
        }
        let flags = inside.get_u8();
        Ok(Frame { is_command: flags & COMMAND_INSIDE != 0, more: flags & MORE_INSIDE != 0, body: inside })
    }
}

impl Sealer {
    /// The READY with our metadata, as the body of a command.
    pub(super) fn ready(&mut self, metadata: &[u8]) -> io::Result<Bytes> {
        let number = self.number();
        let sealed = seal(&self.key, &short_nonce(b"CurveZMQREADY---", number), metadata)?;
        Ok([b"\x05READY".as_slice(), &number.to_be_bytes(), &sealed].concat().into())
    }

    /// Encrypts whole messages as they would be on the wire.
    pub(super) fn seal(&mut self, mut messages: &[u8]) -> io::Result<Bytes> {
        let mut sealed = BytesMut::with_capacity(messages.len() + messages.len() / 8);
        while let Some((more, body, rest)) = zmtp::split_frame(messages) {
            let number = self.number();
            zmtp::put_head(&mut sealed, 0, body.len() + OVERHEAD as usize);
            sealed.put_slice(MESSAGE);
            sealed.put_u64(number);
            // Encrypted where it is to be: a value that is displayed may be large.
            let tag = sealed.len();
            sealed.put_bytes(0, TAG);
            sealed.put_u8(if more { MORE_INSIDE } else { 0 });
            sealed.put_slice(body);
            let nonce = short_nonce(b"CurveZMQMESSAGES", number);
            let (space, inside) = sealed[tag..].split_at_mut(TAG);
            let tag = self.key.encrypt_in_place_detached(&nonce.into(), b"", inside).map_err(|_| cannot_close())?;
            space.copy_from_slice(&tag);
            messages = rest;
        }
        Ok(sealed.freeze())
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

fn command(frame: &Frame, name: &'static [u8]) -> io::Result<Bytes> {
    let is_it = frame.is_command && frame.body.starts_with(name);
    if is_it { Ok(frame.body.slice(name.len()..)) } else { Err(invalid("the handshake is not that of CurveZMQ")) }
}

fn take_key(from: &mut Bytes) -> io::Result<PublicKey> {
    let key: [u8; KEY] = from.split_to(KEY)[..].try_into().map_err(|_| invalid("a key is too short"))?;
    Ok(PublicKey::from(key))
}

fn short_nonce(prefix: &[u8; 16], number: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..16].copy_from_slice(prefix);
    nonce[16..].copy_from_slice(&number.to_be_bytes());
    nonce
}

fn long_nonce(prefix: &[u8; 8], rest: &[u8]) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..8].copy_from_slice(prefix);
    nonce[8..].copy_from_slice(rest);
    nonce
}

fn open(key: &SalsaBox, nonce: &[u8; 24], sealed: &[u8]) -> io::Result<Vec<u8>> {
    key.decrypt(nonce.into(), sealed).map_err(|_| invalid("a box cannot be opened: the peer has another key"))
}

fn seal(key: &SalsaBox, nonce: &[u8; 24], inside: &[u8]) -> io::Result<Vec<u8>> {
    key.encrypt(nonce.into(), inside).map_err(|_| cannot_close())
}

fn cannot_close() -> io::Error {
    invalid("a box cannot be closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_zeromq_writes_them() {
        // Of the specification of Z85.
        let key = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";
        let bytes = ServerKey::from_z85(key).expect("a key").0.to_bytes();
        assert_eq!(bytes[..4], [0x8e, 0x0b, 0xdd, 0x69]);
        for bad in
            ["", &key[1..], &format!("{key}0"), &key.replace('J', "\""), "####################.###################"]
        {
            assert!(ServerKey::from_z85(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_handshake_is_an_error() {
        let server = ServerKey::from_z85("JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6").expect("a key");
        let frame = |is_command, body: &[u8]| Frame { is_command, more: false, body: Bytes::copy_from_slice(body) };
        let hello = [b"\x05HELLO\x01\x00".as_slice(), &[7; 192]].concat();
        for length in (0..=hello.len()).step_by(7) {
            assert!(Welcomed::new(&server, &frame(true, &hello[..length])).is_err());
        }
        let client = SecretKey::generate(&mut OsRng);
        let proof = SalsaBox::new(&server.0.public_key(), &client);
        let sealed = seal(&proof, &short_nonce(b"CurveZMQHELLO---", 1), &[0; 64]).expect("a box");
        let number = 1_u64.to_be_bytes();
        let hello =
            [b"\x05HELLO\x01\x00".as_slice(), &[0; 72], client.public_key().as_bytes(), &number, &sealed].concat();
        assert!(Welcomed::new(&server, &frame(false, &hello)).is_err(), "no command");
        let initiate = [b"\x08INITIATE".as_slice(), &[7; 400]].concat();
        for length in (0..=initiate.len()).step_by(29) {
            let (mut welcomed, welcome) = Welcomed::new(&server, &frame(true, &hello)).expect("a HELLO");
            assert_eq!(welcome.len(), 168);
            assert!(welcomed.cookie != [7; COOKIE]);
            welcomed.cookie = [7; COOKIE];
            assert!(welcomed.initiate(&frame(true, &initiate[..length])).is_err());
        }
    }

    #[test]
    fn frames_are_opened_once_and_in_their_order() {
        let [ours, theirs] = [(); 2].map(|()| SecretKey::generate(&mut OsRng));
        let key = || SalsaBox::new(&theirs.public_key(), &ours);
        let sealed = |number: u64, inside: &[u8]| {
            let sealed = seal(&key(), &short_nonce(b"CurveZMQMESSAGEC", number), inside).expect("a box");
            let body = [MESSAGE, &number.to_be_bytes(), &sealed].concat().into();
            Frame { is_command: false, more: false, body }
        };
        let mut opener = Opener { key: key(), last: 1 };
        assert!(opener.open(&sealed(1, b"\x00a")).is_err());
        let opened = opener.open(&sealed(2, b"\x01a")).expect("it is the next");
        assert_eq!((opened.is_command, opened.more, &opened.body[..]), (false, true, b"a".as_slice()));
        assert!(opener.open(&sealed(2, b"\x00a")).is_err(), "a second time");
        assert!(opener.open(&sealed(3, b"")).is_err(), "no flags");
        let plain = Frame { is_command: false, more: false, body: Bytes::from_static(b"plain") };
        assert!(opener.open(&plain).is_err());
        let mut changed = sealed(9, b"\x00a").body.to_vec();
        *changed.last_mut().expect("bytes") ^= 1;
        assert!(opener.open(&Frame { is_command: false, more: false, body: changed.into() }).is_err());
    }
}
