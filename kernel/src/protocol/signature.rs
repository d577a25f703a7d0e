//! Signs messages and checks signatures: HMAC-SHA256 over the four JSON frames.
//! Called by `protocol::wire` for each message in either direction.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The bytes of a signature, as opposed to the hexadecimal text on the wire.
pub(crate) type Digest = [u8; 32];

/// Holds the connection's key.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    /// `None` when the connection file has an empty key, which means that nothing is signed.
    keyed: Option<Hmac<Sha256>>,
}

impl Signer {
    pub(crate) fn new(key: &str) -> Self {
        // HMAC takes keys of any length, so the only error of `new_from_slice` cannot occur.
        let keyed = Hmac::new_from_slice(key.as_bytes()).ok().filter(|_| !key.is_empty());
        Self { keyed }
    }

    /// The signature frame for `parts` (header, parent header, metadata, content).
    pub(crate) fn sign(&self, parts: [&[u8]; 4]) -> Bytes {
        match self.mac_of(parts) {
            Some(mac) => Bytes::from(to_hex(&mac.finalize().into_bytes())),
            None => Bytes::new(),
        }
    }

    /// Checks `signature` against `parts` in constant time. `Ok(None)` means that this
    /// connection does not sign.
    pub(crate) fn verify(&self, signature: &[u8], parts: [&[u8]; 4]) -> Result<Option<Digest>, BadSignature> {
        let Some(mac) = self.mac_of(parts) else {
            return Ok(None);
        };
        let digest = from_hex(signature).ok_or(BadSignature)?;
        mac.verify_slice(&digest).map_err(|_| BadSignature)?;
        Ok(Some(digest))
    }

    fn mac_of(&self, parts: [&[u8]; 4]) -> Option<Hmac<Sha256>> {
        let mut mac = self.keyed.clone()?;
        for part in parts {
            mac.update(part);
        }
        Some(mac)
    }
}

/// The signature is not that of the message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadSignature;

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn from_hex(text: &[u8]) -> Option<Digest> {
    let mut digest = Digest::default();
    if text.len() != 2 * digest.len() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(text.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(digest)
}

fn nibble(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python's `hmac.new(b"key", b"abcd", "sha256")`.
    const OF_ABCD: &[u8] = b"2a31ec0ee8d878c9eece9fb0df79b3b90b2256240163aa5ee50d176d3d1121f8";
    const ABCD: [&[u8]; 4] = [b"a", b"b", b"c", b"d"];

    #[test]
    fn a_signature_is_that_of_the_joined_parts() {
        let signer = Signer::new("key");
        let signature = signer.sign(ABCD);
        assert_eq!(signature, signer.sign([b"ab", b"", b"cd", b""]));
        assert_eq!(signature, OF_ABCD);
    }

    #[test]
    fn only_the_right_signature_passes() {
        let signer = Signer::new("key");
        assert!(signer.verify(OF_ABCD, ABCD).is_ok());
        assert_eq!(signer.verify(&OF_ABCD[..62], ABCD), Err(BadSignature));
        assert_eq!(signer.verify(b"", ABCD), Err(BadSignature));
        assert_eq!(signer.verify(&[b'z'; 64], ABCD), Err(BadSignature));
        assert_eq!(signer.verify(&[0xff; 64], ABCD), Err(BadSignature));
        assert_eq!(signer.verify(OF_ABCD, [b"a", b"b", b"c", b"e"]), Err(BadSignature));
        assert_eq!(Signer::new("other").verify(OF_ABCD, ABCD), Err(BadSignature));
    }

    #[test]
    fn an_empty_key_means_no_signing() {
        let signer = Signer::new("");
        assert_eq!(signer.sign(ABCD), "");
        assert_eq!(signer.verify(b"anything", ABCD), Ok(None));
    }
}
