//! Other threads: wakes from afar, `call_soon_threadsafe`, tokio's own types inside tasks.

use std::sync::mpsc;
use std::thread;

use asyncio::{ensure_future, get_event_loop, new_event_loop, set_event_loop, sleep};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use crate::harness::{fresh_loop, limited, raised};

#[test]
fn call_soon_threadsafe_wakes_an_idle_loop() {
    limited(|| {
        let event_loop = fresh_loop();
        let handle = event_loop.handle();
        let (started, wait) = mpsc::channel();
        let helper = thread::spawn(move || {
            wait.recv().expect("the loop runs");
            handle.call_soon_threadsafe(|| get_event_loop().stop());
        });
        event_loop.call_soon(move || started.send(()).expect("the helper waits"));
        assert_eq!(event_loop.run_forever(), Ok(()));
        helper.join().expect("the helper is fine");
    });
}

#[test]
fn a_function_sent_while_the_loop_stands_still_runs_in_the_next_run() {
    limited(|| {
        let event_loop = fresh_loop();
        let handle = event_loop.handle();
        let (ran, result) = mpsc::channel();
        thread::spawn(move || handle.call_soon_threadsafe(move || ran.send(1).expect("somebody looks")))
            .join()
            .expect("the helper is fine");
        assert!(result.try_recv().is_err());
        event_loop.block_on(sleep(0));
        assert_eq!(result.try_recv(), Ok(1));
        let handle = event_loop.handle();
        event_loop.close();
        assert_eq!(raised(|| handle.call_soon_threadsafe(|| ())), "RuntimeError: Event loop is closed");
        assert!(handle.try_call_soon(|| ()).is_err());
    });
}

#[test]
fn a_task_is_woken_from_another_thread() {
    limited(|| {
        let event_loop = fresh_loop();
        for round in 0..200 {
            let (send, receive) = oneshot::channel();
            let helper = thread::spawn(move || send.send(round));
            assert_eq!(event_loop.block_on(receive), Ok(round));
            assert_eq!(helper.join().expect("the helper is fine"), Ok(()));
        }
    });
}

#[test]
fn wakers_may_outlive_their_loop_on_other_threads() {
    limited(|| {
        let event_loop = fresh_loop();
        let (send, receive) = oneshot::channel::<u32>();
        let (go, wait) = mpsc::channel::<()>();
        let helper = thread::spawn(move || {
            wait.recv().expect("told to go");
            send.send(1)
        });
        drop(ensure_future(receive));
        event_loop.block_on(sleep(0));
        set_event_loop(None);
        drop(event_loop);
        go.send(()).expect("the helper waits");
        assert_eq!(helper.join().expect("the helper is fine"), Err(1));
    });
}

#[test]
fn a_socket_survives_a_change_of_loops() {
    limited(|| {
        let (mut near, mut far) = fresh_loop().block_on(async { tokio::io::duplex(64) });
        let listener =
            fresh_loop().block_on(async { tokio::net::TcpListener::bind("127.0.0.1:0").await }).expect("bound");
        let address = listener.local_addr().expect("an address");
        let event_loop = new_event_loop();
        set_event_loop(&event_loop);
        let text = event_loop.block_on(async {
            let client = ensure_future(async move {
                let mut client = tokio::net::TcpStream::connect(address).await.expect("connected");
                client.write_all(b"over the wire").await.expect("written");
            });
            let (mut server, _) = listener.accept().await.expect("accepted");
            let mut text = String::new();
            server.read_to_string(&mut text).await.expect("read");
            client.await;
            near.write_all(text.as_bytes()).await.expect("written");
            let mut echo = vec![0; text.len()];
            far.read_exact(&mut echo).await.expect("read");
            echo
        });
        assert_eq!(text, b"over the wire");
    });
}

#[test]
fn tokio_tasks_and_timers_run_beside_ours() {
    limited(|| {
        let event_loop = fresh_loop();
        let context = event_loop.enter();
        tokio::time::pause();
        let spawned = tokio::spawn(async {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            7
        });
        drop(context);
        assert_eq!(event_loop.block_on(spawned).expect("it ends"), 7);
    });
}
