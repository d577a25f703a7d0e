//! Eight threads at once: wakers that are cloned, called and dropped anywhere, functions handed in, loops that go away
//! meanwhile. What is checked is that nothing is lost; that nothing is broken, valgrind and Miri check.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

use asyncio::{ensure_future, gather, get_event_loop, new_event_loop, set_event_loop, sleep};

use crate::harness::{fresh_loop, limited, log, transcript};

const THREADS: usize = 8;

/// A mailbox: how often somebody has knocked, and who waits for it.
#[derive(Default)]
struct Knocks {
    count: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

impl Knocks {
    /// Knocks, in one of the ways in which a waker can be used up.
    fn knock(&self, way: usize) {
        self.count.fetch_add(1, Ordering::SeqCst);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match (waker, way % 3) {
            (Some(waker), 0) => waker.wake(),
            (Some(waker), 1) => waker.wake_by_ref(),
            (Some(waker), _) => {
                let other = waker.clone();
                drop(waker);
                other.wake();
            }
            (None, _) => {}
        }
    }

    /// Waits until there were so many knocks.
    async fn expect(&self, knocks: usize) {
        poll_fn(|cx| {
            *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
            if self.count.load(Ordering::SeqCst) >= knocks { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[test]
fn no_wake_from_eight_threads_is_lost() {
    limited(|| {
        let event_loop = fresh_loop();
        let doors: Arc<Vec<Knocks>> = Arc::new((0..20).map(|_| Knocks::default()).collect());
        let helpers: Vec<_> = (0..THREADS)
            .map(|helper| {
                let doors = Arc::clone(&doors);
                thread::spawn(move || {
                    for round in 0..100 {
                        for door in 0..doors.len() {
                            doors[(door + helper) % doors.len()].knock(round + helper);
                        }
                        thread::yield_now();
                    }
                })
            })
            .collect();
        let all = Arc::clone(&doors);
        let count = doors.len();
        event_loop.block_on(gather((0..count).map(move |door| {
            let doors = Arc::clone(&all);
            // In steps, so that each task suspends many times.
            async move {
                for knocks in (0..=THREADS * 100).step_by(50) {
                    doors[door].expect(knocks).await;
                }
            }
        })));
        helpers.into_iter().for_each(|helper| helper.join().expect("it knocks"));
    });
}

#[test]
fn functions_from_eight_threads_all_run_each_threads_in_its_order() {
    limited(|| {
        thread_local! {
            static SEEN: Cell<[usize; THREADS]> = const { Cell::new([0; THREADS]) };
        }
        const EACH: usize = 500;
        let event_loop = fresh_loop();
        let left = Arc::new(AtomicUsize::new(THREADS * EACH));
        for helper in 0..THREADS {
            let (handle, left) = (event_loop.handle(), Arc::clone(&left));
            thread::spawn(move || {
                for number in 0..EACH {
                    let left = Arc::clone(&left);
                    handle.clone().call_soon_threadsafe(move || {
                        let mut seen = SEEN.get();
                        assert_eq!(seen[helper], number);
                        seen[helper] += 1;
                        SEEN.set(seen);
                        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
                            get_event_loop().stop();
                        }
                    });
                }
            });
        }
        assert_eq!(event_loop.run_forever(), Ok(()));
        assert_eq!(SEEN.get(), [EACH; THREADS]);
    });
}

#[test]
fn loops_go_away_while_eight_threads_wake_their_tasks() {
    limited(|| {
        let doors: Arc<Vec<Knocks>> = Arc::new((0..THREADS).map(|_| Knocks::default()).collect());
        let stop = Arc::new(AtomicUsize::new(0));
        let helpers: Vec<_> = (0..THREADS)
            .map(|door| {
                let (doors, stop) = (Arc::clone(&doors), Arc::clone(&stop));
                thread::spawn(move || {
                    while stop.load(Ordering::SeqCst) == 0 {
                        doors[door].knock(door);
                        thread::yield_now();
                    }
                })
            })
            .collect();
        let dropped = Rc::new(());
        for _ in 0..50 {
            let event_loop = new_event_loop();
            event_loop.set_exception_handler(Some(Rc::new(|_| ())));
            set_event_loop(&event_loop);
            for door in 0..THREADS {
                let (doors, guard) = (Arc::clone(&doors), Rc::clone(&dropped));
                drop(ensure_future(async move {
                    let _guard = guard;
                    doors[door].expect(usize::MAX).await;
                }));
            }
            event_loop.block_on(sleep(0));
            event_loop.block_on(sleep(0.0001));
        }
        set_event_loop(None);
        assert_eq!(Rc::strong_count(&dropped), 1, "each coroutine was dropped with its loop, on this thread");
        stop.store(1, Ordering::SeqCst);
        helpers.into_iter().for_each(|helper| helper.join().expect("it knocks"));
    });
}

#[test]
fn many_busy_tasks_take_turns_fairly() {
    limited(|| {
        let event_loop = fresh_loop();
        let turns = Rc::new(Cell::new([0_usize; 50]));
        for task in 0..50 {
            let turns = Rc::clone(&turns);
            drop(ensure_future(async move {
                for turn in 0.. {
                    let mut all = turns.get();
                    all[task] += 1;
                    turns.set(all);
                    let (least, most) = (all.iter().min(), all.iter().max());
                    assert!(most <= least.map(|least| least + 1).as_ref(), "nobody is a turn ahead of the others");
                    // A task that wakes itself twice, or spawns, gets no more than the others.
                    if turn % 3 == task % 3 {
                        poll_fn(|cx| {
                            cx.waker().wake_by_ref();
                            cx.waker().clone().wake_by_ref();
                            Poll::Ready(())
                        })
                        .await;
                        drop(ensure_future(async {}));
                    }
                    sleep(0).await;
                }
            }));
        }
        event_loop.set_exception_handler(Some(Rc::new(|report| log(report))));
        event_loop.block_on(async {
            for _ in 0..1000 {
                sleep(0).await;
            }
        });
        assert_eq!(transcript(), "");
        assert!(turns.get().iter().all(|count| (1000..=1002).contains(count)), "{:?}", turns.get());
    });
}
