//! Tests of the wire layout: what is accepted, what is dropped, and that nothing panics.
//! Included by `protocol::wire`.

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;
use crate::protocol::request::Request;

const HEADER: &str = r#"{ "msg_id":"1", "msg_type" : "kernel_info_request", "subshell_id":null }"#;

/// The frames of a valid request, signed with `wire`'s key.
fn request(wire: &Wire, header: &str) -> Vec<Bytes> {
    let parts = [header, "{}", "{}", "{}"].map(|part| Bytes::from(part.to_owned()));
    let signature = wire.signer.sign([&parts[0], &parts[1], &parts[2], &parts[3]]);
    let mut frames = vec![Bytes::from_static(b"client"), Bytes::from_static(DELIMITER), signature];
    frames.extend(parts);
    frames
}

#[track_caller]
fn check_dropped(wire: &Wire, frames: Vec<Bytes>, expected: Expect) {
    let error = wire.decode(frames).expect_err("the message is dropped");
    expected.assert_eq(&error.to_string());
}

#[test]
fn a_valid_request_is_read_and_its_header_kept_byte_for_byte() {
    let wire = Wire::new("secret");
    let incoming = wire.decode(request(&wire, HEADER)).expect("valid");
    assert_eq!(incoming.identities, ["client"]);
    assert_eq!(incoming.parent, HEADER);
    assert!(matches!(incoming.request, Ok(Request::KernelInfo)));
}

#[test]
fn buffers_are_accepted_and_not_signed() {
    let wire = Wire::new("secret");
    let mut frames = request(&wire, HEADER);
    frames.push(Bytes::from_static(b"\xff\x00"));
    assert!(wire.decode(frames).is_ok());
}

#[test]
fn truncation_at_each_frame_is_an_error() {
    let wire = Wire::new("secret");
    let whole = request(&wire, HEADER);
    let shown: Vec<String> = (0..whole.len())
        .map(|length| wire.decode(whole[..length].to_vec()))
        .map(|result| result.expect_err("truncated").to_string())
        .collect();
    expect![[r#"
        there is no `<IDS|MSG>` frame among its 0 frames
        there is no `<IDS|MSG>` frame among its 1 frames
        only 0 of the 5 frames after `<IDS|MSG>` are there
        only 1 of the 5 frames after `<IDS|MSG>` are there
        only 2 of the 5 frames after `<IDS|MSG>` are there
        only 3 of the 5 frames after `<IDS|MSG>` are there
        only 4 of the 5 frames after `<IDS|MSG>` are there"#]]
    .assert_eq(&shown.join("\n"));
    assert!(wire.decode(whole).is_ok());
}

#[test]
fn a_change_in_any_signed_frame_is_noticed() {
    let wire = Wire::new("secret");
    for changed in 2..7 {
        let mut frames = request(&wire, HEADER);
        let mut bytes = frames[changed].to_vec();
        bytes[0] ^= 1;
        frames[changed] = Bytes::from(bytes);
        assert!(matches!(wire.decode(frames), Err(WireError::BadSignature)), "frame {changed}");
    }
}

#[test]
fn a_message_counts_once() {
    let wire = Wire::new("secret");
    let frames = request(&wire, HEADER);
    assert!(wire.decode(frames.clone()).is_ok());
    check_dropped(&wire, frames, expect!["its signature has been used before"]);
}

#[test]
fn without_a_key_anything_well_formed_passes_and_repeats() {
    let wire = Wire::new("");
    let frames = request(&wire, HEADER);
    assert!(wire.decode(frames.clone()).is_ok());
    assert!(wire.decode(frames).is_ok());
}

#[test]
fn a_header_must_be_an_object_with_a_type() {
    let wire = Wire::new("secret");
    check_dropped(
        &wire,
        request(&wire, "[]"),
        expect!["its header is not valid: invalid length 0, expected struct Header with 2 elements at line 1 column 2"],
    );
    check_dropped(
        &wire,
        request(&wire, "{}"),
        expect!["its header is not valid: missing field `msg_type` at line 1 column 2"],
    );
    let mut frames = request(&Wire::new(""), HEADER);
    frames[3] = Bytes::from_static(b"\xff");
    check_dropped(&Wire::new(""), frames, expect!["its header is not valid: expected value at line 1 column 1"]);
}

#[test]
fn what_we_encode_can_be_verified_and_carries_the_parent_unchanged() {
    let wire = Wire::new("secret");
    let parent = Bytes::from_static(HEADER.as_bytes());
    let frames = wire.encode(&Outgoing {
        prefix: &[Bytes::from_static(b"client")],
        msg_type: "kernel_info_reply",
        parent: &parent,
        metadata: &json!({}),
        content: &json!({"status": "ok"}),
        buffers: &[],
    });
    assert_eq!(frames[4], HEADER);
    assert_eq!(frames[6], r#"{"status":"ok"}"#);
    let header: Value = serde_json::from_slice(&frames[3]).expect("JSON");
    assert_eq!(header["version"], "5.5");
    assert_eq!(header["session"], wire.session());
    assert!(wire.decode(frames).is_ok());
}
