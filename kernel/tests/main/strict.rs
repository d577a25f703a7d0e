//! A client that forgives nothing: each message has to be one of those that `jupyter-protocol` knows, with all fields of the
//! right type. Zed reads kernels with it.

use jupyter_protocol::{ConnectionInfo, ExecutionState, JupyterMessage, JupyterMessageContent as Content, ReplyStatus};
use jupyter_zmq_client::{
    ClientControlConnection, ClientIoPubConnection, ClientShellConnection, create_client_control_connection,
    create_client_iopub_connection, create_client_shell_connection_with_identity, peer_identity_for_session,
};
use serde_json::{Value, json};

use crate::process::{Connection, start};
use crate::run;

struct Strict {
    shell: ClientShellConnection,
    control: ClientControlConnection,
    iopub: ClientIoPubConnection,
}

impl Strict {
    async fn connect(connection: &Connection) -> Self {
        let info: ConnectionInfo = serde_json::from_value(connection.json.clone()).expect("a connection file");
        let session = "strict";
        let identity = peer_identity_for_session(session).expect("an identity");
        let mut iopub = create_client_iopub_connection(&info, "", session).await.expect("iopub is bound");
        let welcome = iopub.read().await.expect("a message that can be read");
        assert!(matches!(welcome.content, Content::IoPubWelcome(_)), "{welcome:?}");
        Self {
            shell: create_client_shell_connection_with_identity(&info, session, identity)
                .await
                .expect("shell is bound"),
            control: create_client_control_connection(&info, session).await.expect("control is bound"),
            iopub,
        }
    }

    /// Sends a request; its reply, and what was published for it between busy and idle.
    async fn ask(&mut self, msg_type: &str, content: Value) -> (Content, Vec<Content>) {
        let content = Content::from_type_and_content(msg_type, content).expect("the client knows this request");
        let request = JupyterMessage::new(content, None);
        let id = request.header.msg_id.clone();
        let on_control = matches!(msg_type, "interrupt_request" | "shutdown_request");
        let reply = if on_control {
            self.control.send(request).await.expect("sent");
            self.control.read().await
        } else {
            self.shell.send(request).await.expect("sent");
            self.shell.read().await
        };
        let reply = known(reply.expect("a reply that can be read"), &id);
        let mut published = Vec::new();
        loop {
            let message = self.iopub.read().await.expect("a message that can be read");
            // What was published before this client came is over, so all is for this request.
            let content = known(message, &id);
            let idle = matches!(&content, Content::Status(status) if status.execution_state == ExecutionState::Idle);
            published.push(content);
            if idle {
                return (reply, published);
            }
        }
    }

    async fn execute(&mut self, code: &str, others: Value) -> (Content, Vec<Content>) {
        let mut content = json!({"code": code, "silent": false, "store_history": true, "user_expressions": {}});
        content.as_object_mut().expect("an object").extend(others.as_object().expect("an object").clone());
        self.ask("execute_request", content).await
    }
}

/// Checks that a message is of a known kind, and that its parent is the request.
fn known(message: JupyterMessage, request: &str) -> Content {
    assert!(!matches!(message.content, Content::UnknownMessage(_)), "{message:?}");
    assert_eq!(message.header.msg_type, message.content.message_type());
    let parent = message.parent_header.as_ref().expect("a parent");
    assert_eq!(parent.msg_id, request, "{message:?}");
    assert!(message.header.date >= parent.date, "a date that could be read");
    message.content
}

#[test]
fn every_reply_and_output_can_be_read_by_a_strict_client() {
    run(async {
        let connection = Connection::tcp();
        let _kernel = start(&connection);
        let mut client = Strict::connect(&connection).await;
        let requests = [
            ("kernel_info_request", json!({})),
            ("is_complete_request", json!({"code": "1 + 1"})),
            ("is_complete_request", json!({"code": "fn f() {"})),
            ("is_complete_request", json!({"code": "fn f() }"})),
            ("complete_request", json!({"code": "get_e", "cursor_pos": 5})),
            ("inspect_request", json!({"code": "ensure_future", "cursor_pos": 3, "detail_level": 0})),
            ("inspect_request", json!({"code": "no_such_name", "cursor_pos": 3, "detail_level": 1})),
            ("comm_info_request", json!({})),
            ("comm_info_request", json!({"target_name": "t"})),
            ("interrupt_request", json!({})),
        ];
        for (msg_type, content) in requests {
            let (reply, published) = client.ask(msg_type, content).await;
            assert_eq!(reply.message_type(), msg_type.replace("request", "reply"));
            assert_eq!(published.len(), 2, "{published:?}");
        }
        let cells = [
            ("1 + 1", "ok"),
            ("println!(\"a\"); eprintln!(\"b\");", "ok"),
            ("let shown = display(Html(\"<b>\")); shown.update(Html(\"<i>\")); clear_output(wait = true);", "ok"),
            ("?sleep\n:load /dev/null\n:quit", "ok"),
            ("panic!()", "error"),
            ("nonsense", "error"),
        ];
        for (code, expected) in cells {
            let (reply, published) = client.execute(code, json!({"user_expressions": {"a": "1", "b": "nobody"}})).await;
            let Content::ExecuteReply(reply) = reply else { panic!("{reply:?}") };
            assert_eq!(reply.status == ReplyStatus::Ok, expected == "ok", "{code}: {reply:?}");
            assert_eq!(reply.error.is_some(), expected == "error");
            let answers = reply.user_expressions.expect("an object").len();
            assert_eq!(answers, if expected == "ok" { 2 } else { 0 });
            assert_eq!(reply.payload.len(), if code.starts_with('?') { 3 } else { 0 });
            assert!(matches!(published[1], Content::ExecuteInput(_)));
        }
        for output in [false, true] {
            let tail = json!({"hist_access_type": "tail", "n": 9, "output": output, "raw": true});
            let (reply, _) = client.ask("history_request", tail).await;
            let Content::HistoryReply(reply) = reply else { panic!("{reply:?}") };
            assert_eq!(reply.history.len(), cells.len());
        }
        let (reply, published) = client.ask("shutdown_request", json!({"restart": false})).await;
        assert!(matches!(reply, Content::ShutdownReply(_)));
        assert!(matches!(published[1], Content::ShutdownReply(_)));
    });
}

#[test]
fn every_kind_of_output_comes_as_its_own_message() {
    run(async {
        let connection = Connection::ipc();
        let _kernel = start(&connection);
        let mut client = Strict::connect(&connection).await;
        let code = "println!(\"a\"); let shown = display(Html(\"<b>\")); shown.update(Html(\"<i>\")); \
                    clear_output(wait = false); 1";
        let (_, published) = client.execute(code, json!({})).await;
        let kinds: Vec<&str> = published.iter().map(Content::message_type).collect();
        let expected = [
            "status",
            "execute_input",
            "stream",
            "display_data",
            "update_display_data",
            "clear_output",
            "execute_result",
            "status",
        ];
        assert_eq!(kinds, expected);
        let (_, published) = client.execute("panic!(\"on purpose\")", json!({})).await;
        let Content::ErrorOutput(error) = &published[2] else { panic!("{published:?}") };
        assert_eq!(error.evalue, "on purpose");
    });
}
