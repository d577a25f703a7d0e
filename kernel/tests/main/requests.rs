//! Requests that need no cell to be run.

use expect_test::expect;
use serde_json::{Value, json};
use zeromq::{ReqSocket, Socket, SocketRecv, SocketSend};

use crate::client::{Channel, Client};
use crate::process::{Connection, start};
use crate::run;

#[test]
fn kernel_info_is_answered_on_shell_and_control_over_tcp() {
    run(async {
        let connection = Connection::tcp();
        let _kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        let on_shell = client.shell.ask("kernel_info_request", json!({})).await;
        let sent = client.control.request("kernel_info_request", json!({})).await;
        let on_control = client.control.reply_to(&sent).await;
        assert_eq!(client.outputs(&sent).await, []);
        assert_eq!(on_shell, on_control);
        assert_eq!(on_shell["protocol_version"], "5.5");
        assert_eq!(on_shell["language_info"]["mimetype"], "text/x-rustsrc");
        assert!(on_shell["help_links"].is_array());
        assert_eq!(on_shell["supported_features"], json!(["kernel subshells"]));
    });
}

/// The contents of what is asked one after the other, as a client sees them.
async fn ask_all(shell: &mut Channel, requests: &[(&str, Value)]) -> String {
    let mut shown = String::new();
    for (msg_type, content) in requests {
        let reply = shell.ask(msg_type, content.clone()).await;
        shown += &format!("{msg_type} -> {reply}\n");
    }
    shown
}

#[test]
fn each_request_gets_a_complete_reply() {
    run(async {
        let connection = Connection::ipc();
        let _kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        let requests = [
            ("complete_request", json!({"code": "é.", "cursor_pos": 2})),
            ("inspect_request", json!({"code": "x"})),
            ("history_request", json!({"hist_access_type": "tail", "n": 3})),
            ("comm_info_request", json!({})),
            ("connect_request", json!({})),
            ("interrupt_request", json!({})),
            ("debug_request", json!({"seq": 7, "type": "request", "command": "initialize", "arguments": {}})),
            ("is_complete_request", json!({"code": "1"})),
            ("is_complete_request", json!({"code": 1})),
        ];
        let shown = ask_all(&mut client.shell, &requests).await;
        expect![[r#"
            complete_request -> {"cursor_end":2,"cursor_start":2,"matches":[],"metadata":{"_jupyter_types_experimental":[]},"status":"ok"}
            inspect_request -> {"data":{},"found":false,"metadata":{},"status":"ok"}
            history_request -> {"history":[],"status":"ok"}
            comm_info_request -> {"comms":{},"status":"ok"}
            connect_request -> {"control_port":4,"hb_port":5,"iopub_port":2,"shell_port":1,"status":"ok","stdin_port":3}
            interrupt_request -> {"status":"ok"}
            debug_request -> {"command":"initialize","ename":"NotSupported","evalue":"this kernel has no debugger, so it cannot do `initialize`","message":"this kernel has no debugger, so it cannot do `initialize`","request_seq":7,"seq":0,"status":"error","success":false,"traceback":["NotSupported: this kernel has no debugger, so it cannot do `initialize`"],"type":"response"}
            is_complete_request -> {"status":"complete"}
            is_complete_request -> {"ename":"InvalidRequest","evalue":"the content of this `is_complete_request` is not valid: invalid type: integer `1`, expected a string at line 1 column 9","status":"error","traceback":["InvalidRequest: the content of this `is_complete_request` is not valid: invalid type: integer `1`, expected a string at line 1 column 9"]}
        "#]]
        .assert_eq(&shown);
    });
}

#[test]
fn an_unknown_comm_is_closed_at_once() {
    run(async {
        let connection = Connection::ipc();
        let _kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        let sent = client.shell.request("comm_open", json!({"comm_id": "c", "target_name": "t", "data": {}})).await;
        let expected = ("comm_close".to_owned(), json!({"comm_id": "c", "data": {}}));
        assert_eq!(client.outputs(&sent).await, [expected]);
        let sent = client.shell.request("comm_msg", json!({"comm_id": "c", "data": {}})).await;
        assert_eq!(client.outputs(&sent).await, []);
    });
}

#[test]
fn heartbeats_are_echoed() {
    run(async {
        for connection in [Connection::tcp(), Connection::ipc()] {
            let _kernel = start(&connection);
            let mut heart = ReqSocket::new();
            heart.connect(&connection.endpoint("hb_port")).await.expect("it is bound");
            for beat in ["ping", "\0 anything"] {
                heart.send(beat.into()).await.expect("sent");
                let echo = heart.recv().await.expect("an answer");
                assert_eq!(echo.get(0).expect("a frame"), beat.as_bytes());
            }
        }
    });
}
