//! How a kernel ends, and what does not end it.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::client::Client;
use crate::process::{Connection, boucle, ended_well, signal, start};
use crate::run;

#[test]
fn a_shutdown_request_is_answered_on_either_channel_and_told_to_all() {
    run(async {
        for (on_control, restart) in [(true, false), (false, true)] {
            let connection = Connection::ipc();
            let kernel = start(&connection);
            let mut client = Client::connect(&connection).await;
            let channel = if on_control { &mut client.control } else { &mut client.shell };
            let sent = channel.request("shutdown_request", json!({"restart": restart})).await;
            let reply = channel.reply_to(&sent).await;
            assert_eq!(reply, json!({"status": "ok", "restart": restart}));
            let told = ("shutdown_reply".to_owned(), reply);
            assert_eq!(client.outputs(&sent).await, [told]);
            assert_eq!(ended_well(kernel).await, "");
            let left: Vec<_> = fs::read_dir(connection.folder()).expect("the folder").collect();
            assert_eq!(left.len(), 1, "the socket files are gone: {left:?}");
        }
    });
}

#[test]
fn a_restarted_kernel_gets_the_same_ports_at_once() {
    run(async {
        let connection = Connection::tcp();
        for _ in 0..3 {
            let kernel = start(&connection);
            let mut client = Client::connect(&connection).await;
            client.control.ask("shutdown_request", json!({"restart": true})).await;
            ended_well(kernel).await;
        }
    });
}

#[test]
fn sigterm_and_sighup_end_it_cleanly() {
    run(async {
        for name in ["TERM", "HUP"] {
            let connection = Connection::ipc();
            let kernel = start(&connection);
            Client::connect(&connection).await;
            signal(&kernel, name);
            assert_eq!(ended_well(kernel).await, "");
        }
    });
}

#[test]
fn sigint_does_not_end_it() {
    run(async {
        let connection = Connection::ipc();
        let kernel = start(&connection);
        let mut client = Client::connect(&connection).await;
        signal(&kernel, "INT");
        client.shell.ask("kernel_info_request", json!({})).await;
        signal(&kernel, "TERM");
        ended_well(kernel).await;
    });
}

#[test]
fn it_ends_when_its_parent_is_killed() {
    run(async {
        let connection = Connection::ipc();
        // The shell is the parent, and stays it: `wait` keeps it from being replaced.
        let mut shell = tokio::process::Command::new("sh")
            .args(["-c", r#""$0" kernel "$1" & wait"#, env!("CARGO_BIN_EXE_boucle")])
            .arg(connection.file())
            .env("JPY_PARENT_PID", "1")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the shell starts");
        Client::connect(&connection).await;
        shell.start_kill().expect("it can be killed");
        // Its end closes the last copy of this pipe.
        let mut rest = String::new();
        let mut stderr = shell.stderr.take().expect("it was piped");
        stderr.read_to_string(&mut rest).await.expect("text");
        assert!(!connection.folder().join("kernel-1").exists(), "it ended cleanly: {rest}");
    });
}

async fn fails_with(file: &Path, expected: &str) {
    let kernel = boucle().arg("kernel").arg(file).spawn().expect("it starts");
    let output = kernel.wait_with_output().await.expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains(expected) && said.contains(&*file.to_string_lossy()), "{said}");
}

#[test]
fn a_bad_connection_file_is_named_in_one_line() {
    run(async {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("kernel.json");
        fails_with(&file, "No such file or directory").await;
        fs::write(&file, "{}").expect("a file");
        fails_with(&file, "missing field `ip`").await;
        fs::write(&file, "\u{0}").expect("a file");
        fails_with(&file, "is not valid").await;
    });
}

#[test]
fn a_port_that_is_taken_is_named() {
    run(async {
        let connection = Connection::tcp();
        let _kernel = start(&connection);
        Client::connect(&connection).await;
        let second = start(&connection).wait_with_output().await.expect("it ends");
        assert_eq!(second.status.code(), Some(1));
        let said = String::from_utf8(second.stderr).expect("text");
        assert!(said.contains("for the shell socket: Address already in use"), "{said}");
    });
}
