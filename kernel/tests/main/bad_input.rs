//! Messages that a kernel should never get: each is dropped or answered, and none ends anything.

use std::io::Write;
use std::net::TcpStream;

use bytes::Bytes;
use serde_json::json;

use crate::client::{Client, frames};
use crate::process::{Connection, ended_well, signal, start};
use crate::run;

#[test]
fn unknown_types_are_ignored() {
    run(async {
        let connection = Connection::ipc();
        let kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        for msg_type in ["novel_request", "novelty", ""] {
            let sent = client.shell.request(msg_type, json!({})).await;
            assert_eq!(client.outputs(&sent).await, []);
        }
        // The next reply is to this request, so there was none to the others.
        client.shell.ask("kernel_info_request", json!({})).await;
        signal(&kernel, "TERM");
        let log = ended_well(kernel).await;
        assert!(log.contains("ignored a message of a type that means nothing here: `novel_request`"), "{log}");
    });
}

#[test]
fn invalid_messages_are_dropped_and_valid_ones_still_answered() {
    run(async {
        let connection = Connection::ipc();
        let kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        let info = || frames("kernel_info_request", &json!({}));
        for channel in [&mut client.shell, &mut client.control] {
            let (_, mut forged) = info();
            forged[1] = Bytes::from("0".repeat(64));
            channel.send(forged).await;
            let (_, mut unsigned) = info();
            unsigned[1] = Bytes::new();
            channel.send(unsigned).await;
            let (_, whole) = info();
            for length in 1..whole.len() {
                channel.send(whole[..length].to_vec()).await;
            }
            channel.send(vec![Bytes::from_static(b"\xff\x00junk")]).await;
            channel.ask("kernel_info_request", json!({})).await;
        }
        signal(&kernel, "TERM");
        let log = ended_well(kernel).await;
        for cause in ["its signature is not valid", "no `<IDS|MSG>` frame", "only 4 of the 5 frames"] {
            assert!(log.contains(cause), "{cause}: {log}");
        }
        assert!(log.contains("dropped a message on control"), "{log}");
    });
}

#[test]
fn a_recorded_message_cannot_be_sent_again() {
    run(async {
        let connection = Connection::ipc();
        let _kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        let (sent, recorded) = frames("kernel_info_request", &json!({}));
        client.shell.send(recorded.clone()).await;
        client.shell.reply_to(&sent).await;
        client.shell.send(recorded.clone()).await;
        client.control.send(recorded).await;
        client.shell.ask("kernel_info_request", json!({})).await;
        client.control.ask("kernel_info_request", json!({})).await;
    });
}

#[test]
fn buffers_do_no_harm() {
    run(async {
        let connection = Connection::ipc();
        let _kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        let (sent, mut with_buffers) = frames("comm_info_request", &json!({}));
        with_buffers.extend([Bytes::from_static(b"\xff"), Bytes::new()]);
        client.shell.send(with_buffers).await;
        client.shell.reply_to(&sent).await;
    });
}

#[test]
fn a_subscriber_that_never_reads_holds_nobody_up() {
    run(async {
        let connection = Connection::tcp();
        let kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        let _stuck = Client::connect(&connection).await;
        // 16 MB: more than any buffer of the operating system takes.
        let comm_id = "x".repeat(1 << 20);
        for _ in 0..16 {
            let content = json!({"comm_id": comm_id, "target_name": "none"});
            let sent = client.shell.request("comm_open", content).await;
            assert_eq!(client.outputs(&sent).await.len(), 1);
        }
        let sent = client.control.request("kernel_info_request", json!({})).await;
        client.control.reply_to(&sent).await;
        client.outputs(&sent).await;
        // What the other client has not read does not keep the kernel alive either.
        signal(&kernel, "TERM");
        assert!(ended_well(kernel).await.contains("messages were not sent in time"));
    });
}

#[test]
fn strangers_on_the_ports_do_no_harm() {
    run(async {
        let connection = Connection::tcp();
        let _kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        for port in ["shell_port", "control_port", "iopub_port", "hb_port", "stdin_port"] {
            let address = connection.endpoint(port).replace("tcp://", "");
            let mut stranger = TcpStream::connect(&address).expect("it is bound");
            stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("sent");
            // A greeting, and then a frame that says that it is longer than any memory.
            let mut greeting = [0; 64];
            (greeting[0], greeting[9], greeting[10]) = (0xff, 0x7f, 3);
            greeting[12..16].copy_from_slice(b"NULL");
            let mut stranger = TcpStream::connect(&address).expect("it is bound");
            stranger.write_all(&greeting).expect("sent");
            stranger.write_all(b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER").expect("sent");
            stranger.write_all(&[2, 0x70, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]).expect("sent");
        }
        client.shell.ask("kernel_info_request", json!({})).await;
        let sent = client.control.request("kernel_info_request", json!({})).await;
        client.control.reply_to(&sent).await;
        client.outputs(&sent).await;
    });
}
