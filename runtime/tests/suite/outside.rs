//! What has to do with the world outside: connections, processes, readers, signals, threads.

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use asyncio::subprocess::{DEVNULL, PIPE, STDOUT, create_subprocess_exec, create_subprocess_shell};
use asyncio::{
    ReadError, StreamReader, StreamWriter, ensure_future, gather, get_running_loop, open_connection,
    open_unix_connection, run_coroutine_threadsafe, sleep, start_server, start_unix_server, timeout, to_thread,
    wait_for,
};

use crate::harness::{fresh_loop, limited, raised};

/// A server of `handler`, and a client's two ends.
async fn connected<H>(handler: H) -> (StreamReader, StreamWriter)
where
    H: AsyncFn(StreamReader, StreamWriter) + 'static,
{
    let server = start_server(handler, "127.0.0.1", 0).await.expect("a port is free");
    let port = server.local_addr().expect("an address").port();
    let ends = open_connection("127.0.0.1", port).await.expect("connected");
    server.close();
    ends
}

#[test]
fn a_reader_reads_by_lines_lengths_and_marks() {
    limited(|| {
        fresh_loop().run_until_complete(async {
            let (mut reader, writer) = connected(async |_, mut writer| {
                for part in ["one\ntw", "o\r\nabcdef", "--x-", "-", "-rest\n", "no end"] {
                    writer.write(part.as_bytes());
                    sleep(0.002).await;
                }
            })
            .await;
            assert_eq!(reader.readline().await.expect("a line"), b"one\n");
            assert_eq!(reader.next().await.expect("a line").expect("text"), "two");
            assert_eq!(reader.readexactly(4).await.expect("four"), b"abcd");
            assert_eq!(reader.readuntil(b"---").await.expect("a mark"), b"ef--x---");
            assert_eq!(reader.read(100).await.expect("some"), b"rest\n");
            assert_eq!(reader.next().await.expect("a line").expect("text"), "no end");
            assert!(reader.next().await.is_none());
            drop(writer);
        });
    });
}

#[test]
fn what_a_failed_read_has_seen_is_given_back() {
    limited(|| {
        fresh_loop().run_until_complete(async {
            let (mut reader, _writer) = connected(async |_, mut writer| writer.write(b"a--b-")).await;
            assert_eq!(reader.readuntil(b"--").await.expect("there"), b"a--");
            match reader.readexactly(5).await {
                Err(ReadError::Incomplete(error)) => {
                    assert_eq!((error.partial.as_slice(), error.expected), (&b"b-"[..], Some(5)));
                }
                other => panic!("{other:?}"),
            }
            assert!(reader.at_eof());
            assert_eq!(reader.readline().await.expect("nothing"), b"");
            assert_eq!(reader.read(10).await.expect("nothing"), b"");
        });
    });
}

#[test]
fn a_line_without_end_is_refused_and_stays() {
    limited(|| {
        fresh_loop().run_until_complete(async {
            let (mut reader, _writer) = connected(async |_, mut writer| {
                writer.write(&[b'x'; 100_000]);
                writer.drain().await.expect("sent");
            })
            .await;
            assert_eq!(reader.readline().await.expect_err("too long").kind(), ErrorKind::InvalidData);
            assert_eq!(reader.read_to_end().await.expect("all of it").len(), 100_000);
        });
    });
}

#[test]
fn much_is_written_without_waiting_and_arrives_after_close() {
    limited(|| {
        fresh_loop().run_until_complete(async {
            let (mut reader, mut writer) = connected(async |mut reader, mut writer| {
                let all = reader.read_to_end().await.expect("all of it");
                writer.write(format!("{}", all.len()).as_bytes());
            })
            .await;
            for _ in 0..100 {
                writer.write(&[7; 100_000]);
            }
            writer.write_eof();
            assert_eq!(reader.read_to_end().await.expect("the count"), b"10000000");
            writer.close();
            assert!(writer.is_closing());
            writer.wait_closed().await.expect("it went well");
            writer.write(b"too late");
            assert_eq!(writer.drain().await.expect_err("closed").kind(), ErrorKind::BrokenPipe);
        });
    });
}

#[test]
fn drain_waits_for_a_slow_reader() {
    limited(|| {
        fresh_loop().run_until_complete(async {
            let go = asyncio::Event::new();
            let gate = go.clone();
            let (_reader, mut writer) = connected(async move |mut reader, _writer| {
                gate.wait().await;
                reader.read_to_end().await.expect("all of it");
            })
            .await;
            let mut written = 0;
            while timeout(0.05, writer.drain()).await.is_ok() {
                writer.write(&[7; 100_000]);
                written += 1;
                assert!(written < 1000, "nothing stops the writer");
            }
            go.set();
            writer.drain().await.expect("it flows again");
        });
    });
}

#[test]
fn a_refused_connection_is_an_error() {
    limited(|| {
        fresh_loop().run_until_complete(async {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            let port = listener.local_addr().expect("an address").port();
            drop(listener);
            let refused = open_connection("127.0.0.1", port).await.expect_err("refused");
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            assert!(refused.to_string().starts_with(&format!("cannot connect to 127.0.0.1:{port}: ")), "{refused}");
            let elsewhere = start_server(async |_, _| (), "192.0.2.1", port).await.expect_err("not ours");
            assert!(elsewhere.to_string().starts_with("cannot listen at 192.0.2.1:"), "{elsewhere}");
        });
    });
}

#[test]
fn unix_sockets_serve_until_closed() {
    limited(|| {
        let path = std::env::temp_dir().join(format!("asyncio-suite-{}", std::process::id()));
        let at = path.clone();
        fresh_loop().run_until_complete(async move {
            let server = start_unix_server(
                async |mut reader, mut writer| {
                    while let Some(Ok(line)) = reader.next().await {
                        writer.write(line.to_uppercase().as_bytes());
                    }
                },
                &at,
            )
            .await
            .expect("listening");
            let (mut reader, mut writer) = open_unix_connection(&at).await.expect("connected");
            writer.write(b"quiet\n");
            writer.write_eof();
            assert_eq!(reader.read_to_end().await.expect("loud"), b"QUIET");
            assert!(wait_for(async move { server.serve_forever().await }, 0.01).await.is_err());
            assert_eq!(open_unix_connection(&at).await.expect_err("closed").kind(), ErrorKind::ConnectionRefused);
        });
        std::fs::remove_file(path).expect("it was there");
    });
}

#[test]
fn processes_talk_and_end() {
    limited(|| {
        fresh_loop().run_until_complete(async {
            let mut cat = create_subprocess_exec("cat", [""; 0]).stdin(PIPE).stdout(PIPE).await.expect("started");
            let input = vec![b'x'; 1_000_000];
            let (output, errors) = cat.communicate(&input).await.expect("read");
            assert!(output == input && errors.is_empty());
            assert_eq!(cat.returncode(), Some(0));

            let script = "echo out; echo err >&2; printf last; exit 7";
            let mut shell = create_subprocess_shell(script).stdout(PIPE).stderr(STDOUT).await.expect("started");
            let mut lines = vec![];
            while let Some(line) = shell.stdout.as_mut().expect("a pipe").next().await {
                lines.push(line.expect("text"));
            }
            assert_eq!(lines, ["out", "err", "last"]);
            assert_eq!(shell.wait().await.expect("ended"), 7);
            assert_eq!(shell.kill().expect_err("it has ended").kind(), ErrorKind::NotFound);

            let mut sleeper = create_subprocess_exec("sleep", ["100"]).stdout(DEVNULL).await.expect("started");
            assert_eq!(sleeper.returncode(), None);
            sleeper.kill().expect("it runs");
            assert_eq!(sleeper.wait().await.expect("ended"), -9);
            let mut sleeper = create_subprocess_exec("sleep", ["100"]).await.expect("started");
            sleeper.terminate().expect("it runs");
            assert_eq!(sleeper.wait().await.expect("ended"), -15);

            let missing = create_subprocess_exec("no-such-program", [""; 0]).await.expect_err("there is none");
            assert_eq!(missing.kind(), ErrorKind::NotFound);
            assert!(missing.to_string().starts_with("cannot start `no-such-program`: "), "{missing}");
            let nowhere = create_subprocess_exec("true", [""; 0]).cwd("/no-such-folder").await.expect_err("no folder");
            assert!(nowhere.to_string().starts_with("cannot start `true` in `/no-such-folder`: "), "{nowhere}");
            let wrong = create_subprocess_exec("cat", [""; 0]).stdout(STDOUT).await;
            assert_eq!(wrong.expect_err("makes no sense").kind(), ErrorKind::InvalidInput);
        });
    });
}

#[test]
fn a_dropped_process_is_killed() {
    limited(|| {
        fresh_loop().run_until_complete(async {
            let (mut alive, there) = UnixStream::pair().expect("a pair");
            let mut process = create_subprocess_exec("cat", [""; 0]).stdin(PIPE).stdout(PIPE).await.expect("started");
            let pid = i32::try_from(process.pid()).expect("a number");
            process.stdin.as_mut().expect("a pipe").write(b"x\n");
            assert_eq!(process.stdout.as_mut().expect("a pipe").readline().await.expect("it runs"), b"x\n");
            drop((process, there));
            assert_eq!(alive.read(&mut [0]).expect("closed"), 0);
            // tokio reaps it, after which the number is nobody's.
            // SAFETY: plain integers; signal 0 only asks.
            while unsafe { libc::kill(pid, 0) } == 0 {
                sleep(0.005).await;
            }
        });
    });
}

#[test]
fn a_reader_is_called_as_long_as_there_is_something_to_read() {
    limited(|| {
        let event_loop = fresh_loop();
        let (here, mut there) = UnixStream::pair().expect("a pair");
        let seen = Rc::new(RefCell::new(Vec::new()));
        let here = Rc::new(here);
        let (log, source) = (Rc::clone(&seen), Rc::clone(&here));
        let read = move || {
            let mut byte = [0];
            let count = (&*source).read(&mut byte).expect("readable");
            log.borrow_mut().push((count, byte[0]));
            if count == 0 {
                get_running_loop().remove_reader(&source);
                get_running_loop().stop();
            }
        };
        event_loop.add_reader(&here, read).expect("a socket can be watched");
        there.write_all(b"ab").expect("room");
        event_loop.call_later(0.01, move || drop(there));
        event_loop.run_forever().expect("stopped");
        assert_eq!(*seen.borrow(), [(1, b'a'), (1, b'b'), (0, 0)]);
        assert!(!event_loop.remove_reader(&here));
        let file = std::fs::File::open("/dev/null").expect("it is there");
        assert_eq!(
            event_loop.add_reader(&file, || {}).expect_err("always readable").kind(),
            ErrorKind::PermissionDenied
        );
    });
}

#[test]
fn a_writer_is_called_while_there_is_room_also_after_a_panic() {
    limited(|| {
        let event_loop = fresh_loop();
        event_loop.set_exception_handler(Some(Rc::new(|_| {})));
        let (here, _there) = UnixStream::pair().expect("a pair");
        let calls = Rc::new(Cell::new(0));
        let count = Rc::clone(&calls);
        let write = move || {
            count.set(count.get() + 1);
            match count.get() {
                1 => panic!("once"),
                2 => {}
                _ => get_running_loop().stop(),
            }
        };
        event_loop.add_writer(&here, write).expect("a socket can be watched");
        event_loop.run_forever().expect("stopped");
        assert!(calls.get() >= 3);
        assert!(event_loop.remove_writer(&here));
    });
}

#[test]
fn signals_are_handled_in_the_loop() {
    limited(|| {
        let event_loop = fresh_loop();
        event_loop
            .add_signal_handler(asyncio::signal::SIGUSR2, || get_running_loop().stop())
            .expect("it can be handled");
        event_loop.call_later(0.005, || {
            // SAFETY: plain integers; the signal has a handler.
            unsafe { libc::kill(libc::getpid(), libc::SIGUSR2) };
        });
        event_loop.run_forever().expect("stopped");
        assert!(event_loop.remove_signal_handler(asyncio::signal::SIGUSR2));
        assert!(!event_loop.remove_signal_handler(asyncio::signal::SIGUSR2));
        let refused = event_loop.add_signal_handler(asyncio::signal::SIGKILL, || {});
        assert_eq!(refused.expect_err("not this one").kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn threads_work_while_the_loop_goes_on() {
    limited(|| {
        let event_loop = fresh_loop();
        // Each thread ends only once the loop has gone on beside it.
        let ticks = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&ticks);
        let ticking = ensure_future(async move {
            loop {
                sleep(0.001).await;
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        let work = |ticks: Arc<AtomicU32>| {
            move || {
                while ticks.load(Ordering::SeqCst) < 3 {
                    std::thread::yield_now();
                }
                42
            }
        };
        let (one, two) = (to_thread(work(Arc::clone(&ticks))), to_thread(work(ticks)));
        assert_eq!(event_loop.run_until_complete(gather([one, two])), [42, 42]);
        ticking.cancel();
        let fails = || -> i32 { panic!("far away") };
        assert_eq!(raised(|| event_loop.run_until_complete(to_thread(fails))), "panic: far away");
    });
}

#[test]
fn other_threads_run_coroutines_here() {
    limited(|| {
        let event_loop = fresh_loop();
        let handle = event_loop.handle();
        let other = std::thread::spawn(move || {
            let good = run_coroutine_threadsafe(|| async { 1 }, &handle).result();
            let bad = run_coroutine_threadsafe(|| async { panic!("no") }, &handle);
            let bad = raised(|| bad.result());
            let long = run_coroutine_threadsafe(|| sleep(100), &handle);
            let (_, long) = long.result_within(0.001).expect_err("it takes longer");
            assert!(long.cancel());
            let long = raised(|| long.result());
            let left = run_coroutine_threadsafe(|| sleep(100), &handle);
            handle.call_soon_threadsafe(|| get_running_loop().stop());
            (good, bad, long, raised(|| left.result()))
        });
        event_loop.run_forever().expect("stopped");
        event_loop.close();
        let (good, bad, long, left) = other.join().expect("it is fine");
        assert_eq!(
            (good, bad.as_str(), long.as_str(), left.as_str()),
            (1, "panic: no", "CancelledError: ", "CancelledError: ")
        );
    });
}
