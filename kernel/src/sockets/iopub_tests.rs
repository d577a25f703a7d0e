//! Tests of who gets what on iopub, without connections. Included by `sockets::iopub`.

use super::*;

fn subscribers() -> Subscribers {
    Subscribers { wire: Rc::new(Wire::new("")), unsent: InFlight::default(), all: BTreeMap::new() }
}

/// Adds a subscriber to `topic`, and gives its backlog.
fn join(subscribers: &mut Subscribers, id: Id, topic: &'static str) -> Rc<Backlog> {
    let backlog = Rc::<Backlog>::default();
    subscribers.apply(Event::Joined(id, Rc::clone(&backlog)));
    subscribers.apply(Event::Changed(id, Change::Subscribe(Bytes::from(topic))));
    backlog
}

fn message(msg_type: &'static str, content: Value) -> Message {
    Message { parent: EMPTY_OBJECT, msg_type, metadata: json!({}), content, buffers: Vec::new() }
}

fn stream(length: usize) -> Message {
    message("stream", json!({ "name": "stdout", "text": "x".repeat(length) }))
}

/// The text of all messages that are to be written next.
async fn next(backlog: &Backlog) -> String {
    String::from_utf8_lossy(&backlog.next_batch().await.concat()).into_owned()
}

#[test]
fn topics_name_the_stream_or_the_type() {
    let wire = Wire::new("");
    assert_eq!(topic(&wire, &stream(0)), "stream.stdout");
    let status = message("status", json!({ "execution_state": "idle" }));
    assert_eq!(topic(&wire, &status), format!("kernel.{}.status", wire.session()));
}

#[tokio::test]
async fn every_subscriber_is_welcomed_and_gets_its_topics_only() {
    let mut subscribers = subscribers();
    let everything = join(&mut subscribers, 1, "");
    let streams = join(&mut subscribers, 2, "stream.");
    assert!(next(&everything).await.contains(r#"{"subscription":""}"#));
    assert!(next(&streams).await.contains(r#"{"subscription":"stream."}"#));
    subscribers.publish(&message("clear_output", json!({ "wait": true })));
    subscribers.publish(&stream(3));
    let seen = next(&everything).await;
    assert!(seen.contains("clear_output") && seen.contains("xxx"));
    let seen = next(&streams).await;
    assert!(!seen.contains("clear_output") && seen.contains("xxx"));

    subscribers.apply(Event::Changed(2, Change::Cancel(Bytes::from("stream."))));
    subscribers.apply(Event::Left(1));
    let before = streams.bytes();
    subscribers.publish(&stream(3));
    assert_eq!(streams.bytes(), before);
}

#[tokio::test]
async fn a_subscriber_far_behind_loses_stream_text_only_and_is_told() {
    let mut subscribers = subscribers();
    let backlog = join(&mut subscribers, 1, "");
    // As if as much had been published.
    backlog.push(Bytes::from(vec![0; FAR_BEHIND]));
    let full = backlog.bytes();
    subscribers.publish(&stream(3));
    subscribers.publish(&stream(3));
    assert_eq!(backlog.bytes(), full);
    subscribers.publish(&message("status", json!({ "execution_state": "idle" })));
    assert!(next(&backlog).await.contains("iopub_welcome"));
    backlog.next_batch().await;
    let rest = next(&backlog).await;
    let notice = rest.find("[2 pieces of output are missing here").expect("a notice");
    assert!(notice < rest.find("idle").expect("the status"));
}

#[tokio::test]
async fn a_subscriber_hopelessly_behind_is_disconnected() {
    let mut subscribers = subscribers();
    let backlog = join(&mut subscribers, 1, "");
    let huge = Bytes::from(vec![0; HOPELESS / 4]);
    (0..4).for_each(|_| backlog.push(huge.clone()));
    subscribers.publish(&message("status", json!({ "execution_state": "idle" })));
    backlog.closed().await;
    assert_eq!(backlog.bytes(), 0);
}
