//! A Jupyter front end for the tests. Written apart from the kernel's own message layer, so that
//! a mistake in that is not made twice.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;
use zeromq::{DealerSocket, Socket, SocketRecv, SocketSend, SubSocket, ZmqMessage};

use crate::process::{Connection, KEY};

pub(crate) struct Client {
    pub(crate) shell: Channel,
    pub(crate) control: Channel,
    iopub: SubSocket,
}

pub(crate) struct Channel {
    pub(crate) socket: DealerSocket,
}

/// A message from the kernel, its signature checked.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) msg_type: String,
    /// The bytes of the parent header.
    pub(crate) parent: Bytes,
    pub(crate) content: Value,
}

/// A request that was sent: the bytes of its header.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sent(pub(crate) Bytes);

impl Client {
    /// Connects, and waits for the welcome on iopub: from then on no message is missed.
    pub(crate) async fn connect(connection: &Connection) -> Self {
        let mut iopub = SubSocket::new();
        iopub.connect(&connection.endpoint("iopub_port")).await.expect("iopub is bound");
        iopub.subscribe("").await.expect("subscribed");
        let mut client = Self {
            shell: Channel::connect(connection, "shell_port").await,
            control: Channel::connect(connection, "control_port").await,
            iopub,
        };
        let welcome = client.iopub().await;
        assert_eq!(welcome.msg_type, "iopub_welcome");
        assert_eq!((&welcome.parent[..], welcome.content), (b"{}".as_slice(), json!({"subscription": ""})));
        client
    }

    pub(crate) async fn iopub(&mut self) -> Message {
        let frames = self.iopub.recv().await.expect("iopub is open").into_vec();
        assert!(!frames[0].starts_with(b"<IDS"), "there is a topic");
        Message::read(&frames)
    }

    /// What is published for a request: checks that it begins with busy and ends with idle, and
    /// gives what is between.
    pub(crate) async fn outputs(&mut self, sent: &Sent) -> Vec<(String, Value)> {
        let mut outputs = Vec::new();
        loop {
            let message = self.iopub().await;
            if message.parent == sent.0 {
                let idle = message.is_status("idle");
                outputs.push(message);
                if idle {
                    break;
                }
            }
        }
        assert!(outputs.remove(0).is_status("busy"));
        outputs.pop();
        outputs.into_iter().map(|message| (message.msg_type, message.content)).collect()
    }

    /// Waits until a cell has begun.
    pub(crate) async fn begun(&mut self, sent: &Sent) {
        loop {
            let message = self.iopub().await;
            if message.parent == sent.0 && message.msg_type == "execute_input" {
                return;
            }
        }
    }
}

impl Channel {
    pub(crate) async fn connect(connection: &Connection, port: &str) -> Self {
        let mut socket = DealerSocket::new();
        socket.connect(&connection.endpoint(port)).await.expect("the socket is bound");
        Self { socket }
    }

    pub(crate) async fn request(&mut self, msg_type: &str, content: Value) -> Sent {
        let (sent, frames) = frames(msg_type, &content);
        self.send(frames).await;
        sent
    }

    pub(crate) async fn send(&mut self, frames: Vec<Bytes>) {
        let message = ZmqMessage::try_from(frames).expect("there are frames");
        self.socket.send(message).await.expect("sent");
    }

    /// The next reply, which must be to `sent`.
    pub(crate) async fn reply_to(&mut self, sent: &Sent) -> Value {
        let frames = self.socket.recv().await.expect("the socket is open").into_vec();
        let message = Message::read(&frames);
        assert_eq!(message.parent, sent.0, "{message:?}");
        message.content
    }

    /// Sends a request and gives its reply.
    pub(crate) async fn ask(&mut self, msg_type: &str, content: Value) -> Value {
        let sent = self.request(msg_type, content).await;
        self.reply_to(&sent).await
    }
}

impl Message {
    fn read(frames: &[Bytes]) -> Self {
        let start = frames.iter().position(|frame| frame == "<IDS|MSG>").expect("a delimiter");
        let [signature, header, parent, metadata, content] = &frames[start + 1..] else {
            panic!("a message of ours has five frames: {frames:?}");
        };
        assert_eq!(signature, &sign([header, parent, metadata, content]));
        let json = |part: &Bytes| -> Value { serde_json::from_slice(part).expect("JSON") };
        let header = json(header);
        for field in ["msg_id", "session", "username", "date", "version"] {
            assert!(header[field].is_string(), "{header}");
        }
        assert!(json(metadata).is_object());
        Self {
            msg_type: header["msg_type"].as_str().expect("text").to_owned(),
            parent: parent.clone(),
            content: json(content),
        }
    }

    pub(crate) fn is_status(&self, state: &str) -> bool {
        self.msg_type == "status" && self.content["execution_state"] == state
    }
}

/// The frames of a valid request. Its header has a field that the kernel cannot know and odd
/// spaces, both of which must come back.
pub(crate) fn frames(msg_type: &str, content: &Value) -> (Sent, Vec<Bytes>) {
    let header = Bytes::from(format!(
        r#"{{ "msg_id" : "{}", "msg_type":"{msg_type}", "session":"s","username":"u",
            "date":"2026-11-22T18:00:00Z","version":"5.4", "novelty": [null] }}"#,
        Uuid::new_v4()
    ));
    let parts = [header.clone(), Bytes::from("{}"), Bytes::from("{}"), Bytes::from(content.to_string())];
    let signature = sign([&parts[0], &parts[1], &parts[2], &parts[3]]);
    let mut frames = vec![Bytes::from("<IDS|MSG>"), signature];
    frames.extend(parts);
    (Sent(header), frames)
}

fn sign(parts: [&Bytes; 4]) -> Bytes {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("any key will do");
    parts.iter().for_each(|part| mac.update(part));
    let digits = mac.finalize().into_bytes();
    Bytes::from(digits.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}
