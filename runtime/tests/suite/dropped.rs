//! Futures that are dropped at their n-th poll, for every n: what `select!` and time limits do to them. Nothing is lost, and
//! nobody else waits in vain.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use asyncio::{
    AsyncIterator, Barrier, Condition, Event, Lock, Queue, Semaphore, TaskGroup, all_tasks, as_completed,
    ensure_future, generator, open_connection, sleep, start_server, timeout, wait, wait_for,
};

use crate::harness::{fresh_loop, limited};

/// Polls `future` in each turn, up to `polls` times, and drops it then; its value, if it came to one.
async fn up_to<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut left = polls;
    let mut future = pin!(future);
    poll_fn(move |cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if left <= 1 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

/// Runs `test` for 1, 2, 3 … polls, each on a loop of its own.
fn for_every_poll<F: AsyncFn(usize) + 'static>(test: F) {
    for polls in 1..8 {
        let event_loop = fresh_loop();
        event_loop.block_on(async {
            let done = timeout(20, test(polls)).await;
            assert!(done.is_ok(), "somebody waits in vain after {polls} polls");
        });
    }
}

#[test]
fn of_a_queue_loses_no_item() {
    limited(|| {
        for_every_poll(async |polls| {
            let queue = Queue::new(1);
            let source = queue.clone();
            let putting = ensure_future(async move {
                for n in 0..20 {
                    source.put(n).await;
                }
                source.shutdown(false);
            });
            let mut seen = vec![];
            while seen.len() < 20 {
                seen.extend(up_to(polls, queue.get()).await);
                sleep(0).await;
            }
            assert_eq!(seen, (0..20).collect::<Vec<_>>());
            putting.await;
        });
        for_every_poll(async |polls| {
            let queue = Queue::new(1);
            let mut put = vec![];
            let mut got = vec![];
            for n in 0..20 {
                if up_to(polls, queue.put(n)).await.is_some() {
                    put.push(n);
                }
                if n % 2 == 0 {
                    got.extend(queue.get_nowait());
                }
            }
            got.extend(queue.get_nowait());
            assert_eq!(got, put, "what was put is there, what was dropped is not");
        });
    });
}

#[test]
fn of_locks_and_semaphores_passes_the_place_on() {
    limited(|| {
        for_every_poll(async |polls| {
            let (lock, semaphore) = (Lock::new(), Semaphore::new(1));
            for _ in 0..3 {
                let (guard, permit) = (lock.acquire().await, semaphore.acquire().await);
                let (lock2, semaphore2) = (lock.clone(), semaphore.clone());
                let impatient = ensure_future(async move {
                    drop(up_to(polls, lock2.acquire()).await);
                    drop(up_to(polls, semaphore2.acquire()).await);
                });
                let (lock3, semaphore3) = (lock.clone(), semaphore.clone());
                let patient = ensure_future(async move {
                    drop(lock3.acquire().await);
                    drop(semaphore3.acquire().await);
                });
                sleep(0).await;
                drop((guard, permit));
                impatient.await;
                patient.await;
                assert!(!lock.locked() && !semaphore.locked());
            }
        });
    });
}

#[test]
fn of_events_conditions_and_barriers_leaves_them_usable() {
    limited(|| {
        for_every_poll(async |polls| {
            let event = Event::new();
            assert!(up_to(polls, event.wait()).await.is_none());
            event.set();
            event.wait().await;

            let news = Condition::new();
            {
                let _guard = news.acquire().await;
                assert!(up_to(polls, news.wait()).await.is_none());
            }
            assert!(!news.locked(), "the lock stays released");
            let reader = news.clone();
            let reading = ensure_future(async move {
                let _guard = reader.acquire().await;
                reader.wait().await;
            });
            sleep(0).await;
            news.acquire().await.forget();
            news.notify_all();
            news.release();
            reading.await;

            let barrier = Barrier::new(2);
            assert!(up_to(polls, barrier.wait()).await.is_none());
            assert_eq!(barrier.n_waiting(), 0);
            let other = barrier.clone();
            let other = ensure_future(async move { other.wait().await });
            assert_eq!((barrier.wait().await, other.await), (Ok(0), Ok(1)));
        });
    });
}

#[test]
fn of_what_runs_tasks_leaves_none_behind_or_all() {
    limited(|| {
        for_every_poll(async |polls| {
            let before = all_tasks().len();
            let late = up_to(polls, wait_for(sleep(100), 100)).await;
            assert!(late.is_none());
            let group = TaskGroup::run(async |group| {
                drop(group.create_task(sleep(100)));
                sleep(100).await;
            });
            drop(up_to(polls, group).await);
            sleep(0).await;
            sleep(0).await;
            assert_eq!(all_tasks().len(), before, "what was dropped has been cancelled");

            let tasks = [0.001, 0.002].map(|seconds| ensure_future(sleep(seconds)));
            drop(up_to(polls, wait(&tasks)).await);
            let mut results = as_completed(tasks);
            let mut count = 0;
            while count < 2 {
                count += usize::from(up_to(polls, results.next()).await.flatten().is_some());
                sleep(0.001).await;
            }
            assert!(results.next().await.is_none());
        });
    });
}

#[test]
fn of_generators_and_readers_loses_nothing() {
    limited(|| {
        for_every_poll(async |polls| {
            let mut numbers = generator(async |out| {
                for n in 0..5 {
                    sleep(0.001).await;
                    out.yield_(n).await;
                }
            });
            let mut seen = vec![];
            while seen.len() < 5 {
                seen.extend(up_to(polls, AsyncIterator::next(&mut numbers)).await.flatten());
                sleep(0.002).await;
            }
            assert_eq!(seen, [0, 1, 2, 3, 4]);

            let serve = async |_, mut writer: asyncio::StreamWriter| {
                for part in ["on", "e\nt", "wo\n", "thr", "ee\n"] {
                    writer.write(part.as_bytes());
                    sleep(0.001).await;
                }
            };
            let server = start_server(serve, "127.0.0.1", 0).await.expect("a port is free");
            let port = server.local_addr().expect("an address").port();
            let (mut reader, _writer) = open_connection("127.0.0.1", port).await.expect("connected");
            let mut lines = vec![];
            while lines.len() < 3 {
                lines.extend(up_to(polls, reader.readline()).await.map(|line| line.expect("read")));
                sleep(0.001).await;
            }
            assert_eq!(lines, [&b"one\n"[..], b"two\n", b"three\n"]);
            server.close();
        });
    });
}
