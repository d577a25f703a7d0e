//! Cells as seen through the protocol: counts, statuses, errors, aborts, interrupts.
//! What cells compute is tested elsewhere.

use serde_json::{Value, json};

use crate::client::{Client, Sent};
use crate::process::{Connection, ended_well, signal, start};
use crate::run;

const FAILS: &str = r#"panic!("on purpose")"#;
const LOOPS: &str = "loop {}";

async fn execute(client: &mut Client, code: &str) -> Sent {
    client.shell.request("execute_request", json!({"code": code})).await
}

/// The types of what was published between busy and idle.
async fn output_types(client: &mut Client, sent: &Sent) -> Vec<String> {
    client.outputs(sent).await.into_iter().map(|(msg_type, _)| msg_type).collect()
}

#[test]
fn cells_are_counted_and_shown_to_all() {
    run(async {
        let connection = Connection::ipc();
        let _kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        for count in 1..=2 {
            let sent = execute(&mut client, "1+1").await;
            let reply = client.shell.reply_to(&sent).await;
            let expected = json!({
                "status": "ok", "execution_count": count, "user_expressions": {}, "payload": [],
            });
            assert_eq!(reply, expected);
            let outputs = client.outputs(&sent).await;
            let input = json!({"code": "1+1", "execution_count": count});
            assert_eq!(outputs[0], ("execute_input".to_owned(), input));
            assert_eq!(outputs[1].0, "execute_result");
            assert_eq!(outputs[1].1["execution_count"], count);
        }
    });
}

#[test]
fn silent_cells_leave_no_trace() {
    run(async {
        let connection = Connection::ipc();
        let _kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        for code in ["1+1", FAILS] {
            let content = json!({"code": code, "silent": true});
            let sent = client.shell.request("execute_request", content).await;
            assert_eq!(client.shell.reply_to(&sent).await["execution_count"], 0);
            assert_eq!(client.outputs(&sent).await, []);
        }
        let content = json!({"code": "1+1", "store_history": false});
        let reply = client.shell.ask("execute_request", content).await;
        assert_eq!(reply["execution_count"], 0);
    });
}

#[test]
fn a_failure_aborts_the_cells_that_were_sent_already() {
    run(async {
        let connection = Connection::ipc();
        let _kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        let failing = execute(&mut client, FAILS).await;
        let second = execute(&mut client, "1").await;
        let third = execute(&mut client, "1").await;

        let reply = client.shell.reply_to(&failing).await;
        assert_eq!((&reply["status"], &reply["execution_count"]), (&json!("error"), &json!(1)));
        assert!(reply["ename"].is_string() && reply["evalue"].is_string());
        assert!(reply["traceback"].is_array());
        assert_eq!(client.shell.reply_to(&second).await["status"], "aborted");
        let reply = client.shell.reply_to(&third).await;
        assert_eq!((&reply["status"], &reply["execution_count"]), (&json!("aborted"), &json!(1)));

        assert_eq!(output_types(&mut client, &failing).await, ["execute_input", "error"]);
        for aborted in [second, third] {
            assert_eq!(client.outputs(&aborted).await, []);
        }
        let later = client.shell.ask("execute_request", json!({"code": "1"})).await;
        assert_eq!((&later["status"], &later["execution_count"]), (&json!("ok"), &json!(2)));
    });
}

#[test]
fn without_stop_on_error_the_next_cells_run() {
    run(async {
        let connection = Connection::ipc();
        let _kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        let content = json!({"code": FAILS, "stop_on_error": false});
        let failing = client.shell.request("execute_request", content).await;
        let next = execute(&mut client, "1").await;
        assert_eq!(client.shell.reply_to(&failing).await["status"], "error");
        assert_eq!(client.shell.reply_to(&next).await["status"], "ok");
    });
}

async fn check_interrupted(client: &mut Client, sent: &Sent) {
    let reply: Value = client.shell.reply_to(sent).await;
    assert_eq!(reply["ename"], "KeyboardInterrupt");
    let next = client.shell.ask("execute_request", json!({"code": "1"})).await;
    assert_eq!(next["status"], "ok");
}

#[test]
fn a_running_cell_can_be_interrupted_on_control() {
    run(async {
        let connection = Connection::ipc();
        let _kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        let sent = execute(&mut client, LOOPS).await;
        client.begun(&sent).await;
        // Control is served meanwhile.
        client.control.ask("kernel_info_request", json!({})).await;
        let reply = client.control.ask("interrupt_request", json!({})).await;
        assert_eq!(reply, json!({"status": "ok"}));
        check_interrupted(&mut client, &sent).await;
    });
}

#[test]
fn sigint_interrupts_a_running_cell() {
    run(async {
        let connection = Connection::ipc();
        let kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        let sent = execute(&mut client, LOOPS).await;
        client.begun(&sent).await;
        signal(&kernel, "INT");
        check_interrupted(&mut client, &sent).await;
    });
}

#[test]
fn a_running_cell_does_not_delay_the_shutdown() {
    run(async {
        let connection = Connection::ipc();
        let kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        let sent = execute(&mut client, LOOPS).await;
        client.begun(&sent).await;
        client.control.ask("shutdown_request", json!({"restart": false})).await;
        assert_eq!(client.shell.reply_to(&sent).await["status"], "aborted");
        ended_well(kernel).await;
    });
}

#[test]
fn cells_run_on_shell_only() {
    run(async {
        let connection = Connection::ipc();
        let _kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        let reply = client.control.ask("execute_request", json!({"code": "1"})).await;
        assert_eq!(reply["ename"], "NotSupported");
    });
}
