//! How fast the primitives and the streams are: a queue of one, and an echo server beside the same one written on tokio.
//! How late a sleep ends, beside tokio's and the thread's own.
//! Run by hand: `cargo bench -p asyncio --bench api`; each line is the best of several rounds.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use asyncio::{EventLoop, Lock, Queue, ensure_future, gather, new_event_loop, set_event_loop, start_server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The best time of some rounds, in seconds.
fn best(rounds: u32, mut round: impl FnMut()) -> f64 {
    let seconds = (0..rounds).map(|_| {
        let start = Instant::now();
        round();
        start.elapsed().as_secs_f64()
    });
    seconds.fold(f64::INFINITY, f64::min)
}

fn show(name: &str, count: u32, seconds: f64) {
    println!("{name}: {:.2} M/s ({:.1} ns)", f64::from(count) / seconds / 1e6, seconds * 1e9 / f64::from(count));
}

fn main() {
    let event_loop = new_event_loop();
    set_event_loop(&event_loop);
    primitives(&event_loop);
    lateness(&event_loop);

    let messages = 20_000;
    for clients in [1, 16] {
        let ours = Echo::start(serve_ours);
        let tokio = Echo::start(serve_tokio);
        // By turns, so that both meet the same machine.
        let mut seconds = [f64::INFINITY; 2];
        for _ in 0..7 {
            for (echo, seconds) in [&ours, &tokio].into_iter().zip(&mut seconds) {
                *seconds = seconds.min(best(1, || talk(echo.address, clients, messages / clients)));
            }
        }
        show(&format!("echo, {clients} clients: on our streams"), messages, seconds[0]);
        show(&format!("echo, {clients} clients: on tokio"), messages, seconds[1]);
    }
}

fn primitives(event_loop: &EventLoop) {
    let n = 1_000_000;
    let seconds = best(7, || {
        let (to, from) = (Queue::new(1), Queue::new(1));
        let (inbox, outbox) = (to.clone(), from.clone());
        drop(ensure_future(async move {
            for _ in 0..n / 2 {
                outbox.put(inbox.get().await).await;
            }
        }));
        event_loop.block_on(async move {
            for i in 0..n / 2 {
                to.put(i).await;
                assert_eq!(from.get().await, i);
            }
        });
    });
    show("Queue(1), there and back, an item", n, seconds);
    let seconds = best(7, || {
        let queue = Queue::new(1);
        let source = queue.clone();
        drop(ensure_future(async move {
            for i in 0..n {
                source.put(i).await;
            }
        }));
        event_loop.block_on(async move {
            for i in 0..n {
                assert_eq!(queue.get().await, i);
            }
        });
    });
    show("Queue(1), one way, an item", n, seconds);
    let seconds = best(7, || {
        let lock = Lock::new();
        event_loop.block_on(gather((0..10).map(|_| {
            let lock = lock.clone();
            async move {
                for _ in 0..n / 10 {
                    drop(lock.acquire().await);
                }
            }
        })));
    });
    show("a free lock, taken and released", n, seconds);
}

/// How much later than asked short sleeps end, by turns.
fn lateness(event_loop: &EventLoop) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut late = [const { Vec::new() }; 3];
    for round in 0..300 {
        let time = Duration::from_micros(500 + round % 7 * 700);
        let sleeps: [&dyn Fn(); 3] = [
            &|| event_loop.block_on(asyncio::sleep(time)),
            &|| runtime.block_on(async { tokio::time::sleep(time).await }),
            &|| thread::sleep(time),
        ];
        for (sleep, late) in sleeps.into_iter().zip(&mut late) {
            let start = Instant::now();
            sleep();
            late.push(start.elapsed().saturating_sub(time));
        }
    }
    for (name, mut late) in ["ours", "tokio's", "the thread's"].into_iter().zip(late) {
        late.sort();
        let [median, most] = [late.len() / 2, late.len() * 9 / 10].map(|at| late[at].as_micros());
        println!("a sleep of {name} ends {median} µs late by median, {most} µs in one of ten");
    }
}

/// A server on a thread of its own.
struct Echo {
    address: SocketAddr,
}

impl Echo {
    fn start(serve: fn(Sender<SocketAddr>)) -> Self {
        let (tell, told) = channel();
        thread::spawn(move || serve(tell));
        Self { address: told.recv().expect("the server listens") }
    }
}

fn serve_ours(tell: Sender<SocketAddr>) {
    let event_loop = new_event_loop();
    set_event_loop(&event_loop);
    event_loop.block_on(async move {
        let echo = async |mut reader: asyncio::StreamReader, mut writer: asyncio::StreamWriter| loop {
            let data = reader.read(4096).await.expect("readable");
            if data.is_empty() {
                return;
            }
            writer.write(&data);
            writer.drain().await.expect("writable");
        };
        let server = start_server(echo, "127.0.0.1", 0).await.expect("a port is free");
        tell.send(server.local_addr().expect("an address")).expect("somebody listens");
        server.serve_forever().await;
    });
}

fn serve_tokio(tell: Sender<SocketAddr>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let serve = async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        tell.send(listener.local_addr().expect("an address")).expect("somebody listens");
        loop {
            let (mut stream, _) = listener.accept().await.expect("a client");
            tokio::task::spawn_local(async move {
                let mut buffer = [0; 4096];
                loop {
                    let count = stream.read(&mut buffer).await.expect("readable");
                    if count == 0 {
                        return;
                    }
                    stream.write_all(&buffer[..count]).await.expect("writable");
                }
            });
        }
    };
    tokio::task::LocalSet::new().block_on(&runtime, serve);
}

/// Sends messages from so many clients on one thread, and waits for each answer.
fn talk(address: SocketAddr, clients: u32, messages: u32) {
    let connect = |_| {
        let stream = TcpStream::connect(address).expect("connected");
        stream.set_nodelay(true).expect("a socket");
        stream
    };
    let mut streams: Vec<_> = (0..clients).map(connect).collect();
    let mut answer = [0; 64];
    for _ in 0..messages {
        for stream in &mut streams {
            stream.write_all(&[7; 64]).expect("sent");
        }
        for stream in &mut streams {
            stream.read_exact(&mut answer).expect("an answer");
        }
    }
}
