use asyncio::*;
async fn c1() {
    show_timer(">>> c1");
    sleep(1).await;
    show_timer("forking");
    drop(ensure_future(c2()));
    sleep(1).await;
    show_timer("<<< c1");
}
async fn c2() {
    show_timer(">>> c2");
    sleep(2).await;
    show_timer("<<< c2");
    get_event_loop().stop();
}
async fn work(name: &'static str, n: u32) {
    for i in 0..n {
        get_event_loop().advance_time(0.1);
        show_timer(format!("{name} {i}"));
        sleep(0.05).await;
    }
}
async fn fetch(q: Queue<i32>, n: i32) -> i32 {
    for i in 0..n {
        let v = q.get().await;
        sleep(0.3).await;
        if v == 3 {
            panic!("no {i}")
        }
    }
    1
}
async fn main_() {
    let q = Queue::new(0);
    let t = ensure_future(fetch(q.clone(), 2));
    let u = ensure_future(fetch(q.clone(), 5));
    u.set_name("second <&> \"reader\"");
    let w = ensure_future(work("w", 4));
    for i in 0..4 {
        q.put(i).await;
        sleep(0.2).await;
    }
    t.await;
    let _ = wait([&u]).await;
    w.await;
    let l = ensure_future(sleep(10));
    sleep(0.2).await;
    l.cancel();
    sleep(0.1).await;
}
fn save(n: &str) {
    let t = timeline();
    println!("{t}");
    std::fs::write(format!("/tmp/tl/{n}.svg"), t.svg()).unwrap();
}
fn main() {
    set_virtual_time(true);
    start_timeline();
    let l = new_event_loop();
    set_event_loop(&l);
    drop(ensure_future(c1()));
    start_timer();
    l.run_forever().unwrap();
    save("lesson");
    start_timer();
    l.run_until_complete(main_());
    save("mixed");
    start_timer();
    for i in 0..10000 {
        drop(ensure_future(async move {
            sleep(0.001 * i as f64).await;
        }));
    }
    l.run_until_complete(sleep(11));
    save("many");
    start_timer();
    l.run_until_complete(async {
        for i in 0..3600 {
            sleep(1).await;
            if i % 600 == 0 {
                show_timer(format!("minute {}", i / 60));
            }
        }
    });
    save("hour");
    start_timer();
    drop(ensure_future(c1()));
    l.run_until_complete(sleep(0.5));
    l.advance_time(100);
    let m = new_event_loop();
    set_event_loop(&m);
    m.run_until_complete(work("other", 3));
    l.run_until_complete(sleep(3));
    save("two");
}
