//! Tests of who gets which reply, over real connections. Included by `sockets::router`.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::LocalSet;

use super::*;

/// A socket, and where it is.
fn bound() -> (Router, PathBuf, InFlight, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let unsent = InFlight::default();
    let listener = Listener::Ipc(UnixListener::bind(&path).expect("bound"));
    (Router::new("test", listener, None, unsent.clone()), path, unsent, folder)
}

/// A peer that has greeted under this name.
async fn connect(path: &PathBuf, identity: &str) -> UnixStream {
    let mut stream = UnixStream::connect(path).await.expect("it is bound");
    let properties =
        format!("\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0{}{identity}", identity.len() as u8 as char);
    stream.write_all(&zmtp::greeting(zmtp::Mechanism::Null)).await.expect("sent");
    stream.write_all(&[4, properties.len() as u8]).await.expect("sent");
    stream.write_all(properties.as_bytes()).await.expect("sent");
    let mut greeting = [0; 64];
    stream.read_exact(&mut greeting).await.expect("a greeting");
    zmtp::read_frame(&mut stream, 100).await.expect("READY");
    stream
}

async fn send(stream: &mut UnixStream, frames: &[&str]) {
    let frames: Vec<Bytes> = frames.iter().map(|frame| Bytes::copy_from_slice(frame.as_bytes())).collect();
    stream.write_all(&zmtp::encode(&frames)).await.expect("sent");
}

async fn receive(stream: &mut UnixStream) -> Bytes {
    zmtp::read_frame(stream, 1 << 20).await.expect("a frame").body
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let limit = std::time::Duration::from_secs(20);
    let ended = LocalSet::new().block_on(&runtime, async { tokio::time::timeout(limit, test).await });
    ended.expect("it takes no time");
}

#[test]
fn replies_go_to_who_has_asked() {
    run(async {
        let (mut router, path, unsent, _folder) = bound();
        let mut peers = [connect(&path, "a").await, connect(&path, "").await, connect(&path, "\0\0\0\0\0").await];
        for (number, peer) in peers.iter_mut().enumerate() {
            send(peer, &["", &format!("question {number}")]).await;
        }
        for _ in 0..peers.len() {
            let frames = router.receiver.next().await.expect("a message");
            assert_eq!(frames.len(), 3);
            router.sender.send(&[frames[0].clone(), frames[2].clone()]);
        }
        for (number, peer) in peers.iter_mut().enumerate() {
            assert_eq!(receive(peer).await, format!("question {number}"));
        }
        router.sender.send(&[Bytes::from("nobody"), Bytes::from("lost")]);
        unsent.drained(std::time::Duration::from_secs(10)).await;
    });
}

#[test]
fn who_comes_back_gets_what_was_asked_before() {
    run(async {
        let (mut router, path, _unsent, _folder) = bound();
        let mut first = connect(&path, "client").await;
        send(&mut first, &["question"]).await;
        let question = router.receiver.next().await.expect("a message");
        // Without the first having left: its connection may be dead without anybody knowing.
        let mut second = connect(&path, "client").await;
        send(&mut second, &["here"]).await;
        router.receiver.next().await.expect("a message");
        router.sender.send(&[question[0].clone(), Bytes::from("answer")]);
        assert_eq!(receive(&mut second).await, "answer");
        // Its end is not that of the second.
        drop(first);
        send(&mut second, &["another"]).await;
        let another = router.receiver.next().await.expect("a message");
        router.sender.send(&another);
        assert_eq!(receive(&mut second).await, "another");
    });
}

#[test]
fn who_has_been_replaced_is_left_alone() {
    run(async {
        let (mut router, path, _unsent, _folder) = bound();
        let mut earlier = connect(&path, "a").await;
        send(&mut earlier, &["first"]).await;
        router.receiver.next().await.expect("a message");
        let mut newest = connect(&path, "a").await;
        send(&mut newest, &["second"]).await;
        router.receiver.next().await.expect("a message");
        router.sender.send(&["a".into(), "reply".into()]);
        assert_eq!(receive(&mut newest).await, "reply");
        // It was not disconnected, which would have made it come back as the newest: what it asks is answered.
        send(&mut earlier, &["third"]).await;
        assert_eq!(router.receiver.next().await.expect("a message"), ["a", "third"]);
        router.sender.send(&["a".into(), "to the third".into()]);
        assert_eq!(receive(&mut earlier).await, "to the third");
        send(&mut newest, &["fourth"]).await;
        router.receiver.next().await.expect("a message");
        router.sender.send(&["a".into(), "to the fourth".into()]);
        assert_eq!(receive(&mut newest).await, "to the fourth");
    });
}

#[test]
fn nothing_that_is_sent_takes_more_memory_than_it_has_bytes_or_ends_the_socket() {
    run(async {
        let (mut router, path, _unsent, _folder) = bound();
        let lengths = [u64::MAX, 1 << 62, LONGEST_MESSAGE + 1];
        let mut bad: Vec<Vec<u8>> = lengths.iter().map(|length| [&[2], &length.to_be_bytes()[..]].concat()).collect();
        bad.push([&[3], &(LONGEST_MESSAGE - 1).to_be_bytes()[..], b"and no more"].concat());
        bad.push(b"\x01".to_vec());
        for bytes in bad {
            let mut peer = connect(&path, "bad").await;
            peer.write_all(&bytes).await.expect("sent");
        }
        UnixStream::connect(&path).await.expect("bound").write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("sent");
        let mut good = connect(&path, "good").await;
        good.write_all(&[4, 6, 4, b'P', b'I', b'N', b'G', 0]).await.expect("sent");
        send(&mut good, &["still", "", "here"]).await;
        assert_eq!(router.receiver.next().await.expect("a message"), ["good", "still", "", "here"]);
    });
}
