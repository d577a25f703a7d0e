"""Crates in notebooks: `:dep`, `extern crate`, crates of the user's own, and what the ecosystem does on Boucle's event loop.

The crates of the registry come in two sets that all tests share, since compiling them is what takes time.
"""

import os
import signal
import textwrap

import pytest

import processes

BUILD = 60.0  # seconds that a small crate of our own may take
REGISTRY = 1200.0  # seconds that the large sets may take on a slow machine, with an empty cache

# The first set, for plain cells.
PLAIN = """
:dep serde = { version = "1", features = ["derive"] }
:dep serde_json = "1"
:dep regex = "1"
:dep rand = "*"
:dep chrono = "0.4"
:dep itertools = "*"
:dep anyhow = "1"
:dep thiserror = "2"
:dep rayon = "1"
:dep ndarray = "*"
:dep csv = "1"
:dep clap = { version = "4", features = ["derive"] }
:dep tracing = "0.1"
:dep log = "0.4"
:dep once_cell = "1"
"""

# What is added to it in a session that is alive.
ASYNCHRONOUS = """
:dep futures = "0.3"
:dep tokio = { version = "1", features = ["full"] }
:dep reqwest = { version = "*", default-features = false }
:dep axum = "*"
:dep image = { version = "0.25", default-features = false, features = ["png"] }
:dep plotters = { version = "^0.3.0", default_features = false, features = ["evcxr", "all_series", "all_elements"] }
"""

# Crate → cells, and what the last of them shows.
USES = {
    "serde": (["#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]\nstruct P { x: i32, tags: Vec<String> }", 'let p = P { x: 1, tags: vec!["a".into()] };', "p"], 'P { x: 1, tags: ["a"] }'),
    "serde_json": (["let text = serde_json::to_string(&p)?;", "serde_json::from_str::<P>(&text)? == p"], "true"),
    "regex": (['let number = regex::Regex::new(r"(\\d+)")?;', 'number.captures("a 42").map(|found| found[1].to_string())'], 'Some("42")'),
    "rand": (["use rand::prelude::*;", "let n: u8 = rand::random_range(1..7);\n(1..7).contains(&n)"], "true"),
    "chrono": (["use chrono::{NaiveDate, Days};", "NaiveDate::from_ymd_opt(2024, 2, 28).and_then(|day| day.checked_add_days(Days::new(2)))"], "Some(2024-03-01)"),
    "itertools": (["use itertools::Itertools;", '(1..4).permutations(2).map(|pair| pair.iter().join("")).join(" ")'], '"12 13 21 23 31 32"'),
    "anyhow": (["use anyhow::Context;\nfn half(n: i32) -> anyhow::Result<i32> { anyhow::ensure!(n % 2 == 0, \"{n} is odd\"); Ok(n / 2) }", 'format!("{:#}", half(3).context("halving").unwrap_err())'], '"halving: 3 is odd"'),
    "thiserror": (['#[derive(Debug, thiserror::Error)]\nenum Trouble { #[error("no {0}")] Missing(&\'static str) }', 'Trouble::Missing("luck").to_string()'], '"no luck"'),
    "rayon": (["use rayon::prelude::*;", "(0..1000u64).into_par_iter().map(|n| n * n).sum::<u64>()"], "332833500"),
    "ndarray": (["let matrix = ndarray::array![[1., 2.], [3., 4.]];", "matrix.dot(&matrix)[[1, 0]]"], "15.0"),
    "csv": (['let mut reader = csv::Reader::from_reader("a,b\\n1,x\\n2,y\\n".as_bytes());', "reader.deserialize::<(u8, char)>().collect::<Result<Vec<_>, _>>()?"], "[(1, 'x'), (2, 'y')]"),
    "clap": (["#[derive(Debug, clap::Parser)]\nstruct Args { #[arg(long)] n: u8 }", 'use clap::Parser;\nArgs::try_parse_from(["x", "--n", "7"])?'], "Args { n: 7 }"),
    "tracing": (["tracing::info_span!(\"cell\").in_scope(|| tracing::info!(n = 1, \"hello\"));", "tracing::enabled!(tracing::Level::INFO)"], "false"),
    "log": (["struct Counter;\nstatic SEEN: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);\nimpl log::Log for Counter {\n    fn enabled(&self, _: &log::Metadata) -> bool { true }\n    fn log(&self, _: &log::Record) { SEEN.fetch_add(1, std::sync::atomic::Ordering::Relaxed); }\n    fn flush(&self) {}\n}", "log::set_logger(&Counter).map(|()| log::set_max_level(log::LevelFilter::Info))?;", 'log::info!("one");', "SEEN.load(std::sync::atomic::Ordering::Relaxed)"], "1"),
    "once_cell": (["static TABLE: once_cell::sync::Lazy<Vec<u8>> = once_cell::sync::Lazy::new(|| vec![1, 2]);", "TABLE.len()"], "2"),
}

LATER_USES = {
    "futures": (["use futures::stream::{self, StreamExt};", "stream::iter(1..4).map(|n| async move { sleep(0.001).await; n * n }).buffered(2).collect::<Vec<i32>>().await"], "[1, 4, 9]"),
    "tokio": (["let (sender, mut receiver) = tokio::sync::mpsc::channel::<u8>(4);", "ensure_future(async move { tokio::time::sleep(std::time::Duration::from_millis(5)).await; let _ = sender.send(3).await; });", "receiver.recv().await"], "Some(3)"),
    "axum": (['use axum::{Router, routing::get};\nlet listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;\nlet address = listener.local_addr()?;\nlet app: Router = Router::new().route("/", get(|| async { "hello from the loop" }));', "let server = ensure_future(async move { let _ = axum::serve(listener, app).await; });", "server.done()"], "false"),
    "reqwest": (['let body = reqwest::get(format!("http://{address}/")).await?.text().await?;', "body"], '"hello from the loop"'),
    "image": (["let picture = image::RgbImage::from_pixel(3, 2, image::Rgb([1, 2, 3]));", "let mut png = std::io::Cursor::new(Vec::new());\npicture.write_to(&mut png, image::ImageFormat::Png)?;\nimage::load_from_memory(png.get_ref())?.to_rgb8() == picture"], "true"),
}


def write_crate(folder, name, source, extra="", build=None):
    """A package of the user's own."""
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "Cargo.toml").write_text(f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2024"\n{extra}')
    (folder / "src/lib.rs").write_text(source)
    if build:
        (folder / "build.rs").write_text(build)
    return folder


@pytest.fixture
def greeter(tmp_path):
    return write_crate(tmp_path / "greeter", "greeter", 'pub fn hello() -> String { "one".into() }\n#[derive(Debug)] pub struct Thing(pub u8);')


# ---- crates of the user's own ----


@pytest.mark.timeout(180)
def test_a_crate_of_ones_own_is_built_again_when_its_files_change(kernel, greeter):
    kernel.ok("let kept = vec![1, 2];\nlet task = ensure_future(async { sleep(0).await; 5 });")
    kernel.ok(f':dep greeter = {{ path = "{greeter}" }}', limit=BUILD)
    assert kernel.ok("greeter::hello()").value == '"one"'
    kernel.ok("let thing = greeter::Thing(3);")
    write_crate(greeter, "greeter", 'pub fn hello() -> String { "two".into() }\n#[derive(Debug)] pub struct Thing(pub u8, pub u8);')
    changed = kernel.ok("greeter::hello()", limit=BUILD)
    assert changed.value == '"two"'
    assert "`thing`" in "".join(changed.shown), changed.describe()
    assert "greeter" in kernel.fails("thing").traceback
    assert kernel.ok("(kept.len(), task.await)").value == "(2, 5)"


@pytest.mark.timeout(180)
def test_a_crate_that_came_with_another_one_can_be_named_once_it_is_added(kernel, greeter, tmp_path):
    outer = write_crate(tmp_path / "outer", "outer", "pub use greeter::hello;", f'[dependencies]\ngreeter = {{ path = "{greeter}" }}\n')
    kernel.ok(f':dep outer = {{ path = "{outer}" }}', limit=BUILD)
    assert "`:dep greeter`" in kernel.fails("greeter::hello()").traceback
    kernel.ok(f':dep greeter = {{ path = "{greeter}" }}', limit=BUILD)
    assert kernel.ok("greeter::hello()").value == '"one"'


@pytest.mark.timeout(180)
def test_a_mere_path_is_enough_and_a_worker_that_died_is_no_obstacle(kernel, greeter):
    kernel.ok(f":dep {{ path = \"{greeter}\" }}", limit=BUILD)
    assert kernel.ok("greeter::hello()").value == '"one"'
    kernel.fails("std::process::abort()")
    assert kernel.ok("greeter::hello() + \"!\"").value == '"one!"'


@pytest.mark.timeout(180)
def test_a_procedural_macro(kernel, tmp_path):
    source = "use proc_macro::TokenStream;\n#[proc_macro] pub fn answer(_: TokenStream) -> TokenStream { \"42\".parse().unwrap() }"
    folder = write_crate(tmp_path / "mac", "my-macros", source, "[lib]\nproc-macro = true\n")
    kernel.ok(f":dep {folder}", limit=BUILD)
    assert kernel.ok("my_macros::answer!()").value == "42"


@pytest.mark.timeout(180)
def test_all_cells_share_the_statics_of_a_crate(kernel, tmp_path):
    source = "use std::sync::atomic::{AtomicU32, Ordering};\nstatic N: AtomicU32 = AtomicU32::new(0);\n#[inline] pub fn next() -> u32 { N.fetch_add(1, Ordering::Relaxed) }"
    kernel.ok(f":dep {write_crate(tmp_path / 'counter', 'counter', source)}", limit=BUILD)
    kernel.ok("static OWN: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(true);")
    assert kernel.ok("counter::next()").value == "0"
    # A cell that declares a static of the notebook, and one that asks for a foreign library, are linked in other ways.
    assert kernel.ok("let own = OWN.load(std::sync::atomic::Ordering::Relaxed);\n(own, counter::next())").value == "(true, 1)"
    assert kernel.ok('#[link(name = "m")]\nunsafe extern "C" { safe fn cos(x: f64) -> f64; }\n(cos(0.0), counter::next())').value == "(1.0, 2)"


@pytest.mark.timeout(180)
def test_extern_crate_names_a_crate_for_all_later_cells(kernel, greeter):
    kernel.ok(f":dep {greeter}", limit=BUILD)
    kernel.ok("extern crate greeter as g;")
    assert kernel.ok("g::hello()").value == '"one"'


@pytest.mark.timeout(180)
def test_a_crate_that_others_were_built_from_already(kernel, greeter):
    kernel.ok(f":dep {greeter}\ngreeter::hello()", limit=BUILD)
    kernel.ok(':dep itoa = "1"', limit=BUILD)
    assert kernel.ok("itoa::Buffer::new().format(42u32).to_owned() + &greeter::hello()").value == '"42one"'


# ---- nothing is built twice ----


@pytest.mark.timeout(180)
def test_another_session_finds_the_crates_without_cargo(start, greeter, tmp_path):
    request = f':dep greeter = {{ path = "{greeter}" }}'
    first = start()
    first.ok(request, limit=BUILD)
    # Here cargo could not even find what the event loop is built from.
    second = start(env={"CARGO_HOME": str(tmp_path / "empty"), "CARGO_NET_OFFLINE": "true"})
    again = second.ok(request)
    assert not again.of("display_data"), again.describe()
    assert second.ok("greeter::hello()").value == '"one"'


@pytest.mark.timeout(180)
def test_two_notebooks_ask_at_once(start, greeter):
    kernels = [start(), start()]
    requests = [kernel.submit(f":dep {greeter}\ngreeter::hello()") for kernel in kernels]
    for kernel, request in zip(kernels, requests):
        kernel.done(request, limit=BUILD)
        assert request.value == '"one"', request.describe()


# ---- what goes wrong ----


@pytest.mark.timeout(180)
def test_a_crate_that_cannot_be_had_changes_nothing(kernel, greeter, tmp_path):
    kernel.ok("let kept = 7;")
    kernel.ok(f":dep {greeter}", limit=BUILD)
    broken = write_crate(tmp_path / "broken", "broken", "pub fn f() -> u8 { \"text\" }")
    mistakes = {
        ":dep greeter = 1": "in quotes",
        ":dep greeter = { version = \"1\", feature = [] }": "`feature`",
        f":dep nowhere = {{ path = \"{tmp_path / 'nowhere'}\" }}": "no crate in",
        f":dep greeter = {{ path = \"{greeter}\", features = [\"fast\"] }}": "`fast`",
        f":dep greeter = {{ path = \"{greeter}\", version = \"7\" }}": "7",
        f":dep {broken}": "mismatched types",
        ":dep asyncio": "already",
    }
    for request, reason in mistakes.items():
        failed = kernel.fails(request, limit=BUILD)
        assert failed.reply["ename"] == "DependencyError", failed.describe()
        assert reason in failed.traceback, failed.describe()
        assert len(failed.traceback.splitlines()) <= 30 and "boucle" not in failed.traceback, failed.describe()
        assert kernel.ok("(kept, greeter::hello())").value == '(7, "one")'


@pytest.mark.timeout(180)
def test_an_edit_that_does_not_compile_is_reported_and_can_be_mended(kernel, greeter):
    kernel.ok(f":dep {greeter}", limit=BUILD)
    kernel.ok("let kept = 7;")
    good = (greeter / "src/lib.rs").read_text()
    (greeter / "src/lib.rs").write_text("pub fn hello() -> String { 5 }")
    assert "mismatched types" in kernel.fails("greeter::hello()", limit=BUILD).traceback
    (greeter / "src/lib.rs").write_text(good.replace("one", "three"))
    assert kernel.ok("(kept, greeter::hello())", limit=BUILD).value == '(7, "three")'


def test_an_unknown_crate_is_told_how_to_be_added(kernel):
    for code in ("use no_such_crate::Thing;", "no_such_crate::f()"):
        assert ":dep no_such_crate" in kernel.fails(code).traceback


@pytest.mark.timeout(180)
def test_an_interrupt_ends_the_build_and_nothing_else(kernel, tmp_path, greeter):
    kernel.ok("let kept = 7;")
    waits = 'fn main() { std::thread::sleep(std::time::Duration::from_secs(120)); }'
    slow = write_crate(tmp_path / "slow", "slow", "", 'build = "build.rs"\n', waits)
    request = kernel.submit(f":dep {slow}")
    kernel.wait_for(lambda: processes.named(kernel.pid, "build-script-bu"), limit=BUILD)
    kernel.interrupt()
    kernel.done(request, limit=10)
    assert request.error == "KeyboardInterrupt: ", request.describe()
    kernel.wait_for(lambda: not processes.named(kernel.pid, "build-script-bu") and not processes.named(kernel.pid, "cargo"), limit=5)
    kernel.ok(f":dep {greeter}", limit=BUILD)
    assert kernel.ok("(kept, greeter::hello())").value == '(7, "one")'


@pytest.mark.timeout(180)
def test_a_kernel_that_is_killed_takes_the_build_with_it(start, tmp_path):
    kernel = start()
    kernel.ok("1")
    endless = "#![allow(long_running_const_eval)]\npub const N: u64 = { let mut n = 0; while n < u64::MAX { n += 1; } n };"
    kernel.submit(f":dep {write_crate(tmp_path / 'endless', 'endless', endless)}")
    kernel.wait_for(lambda: processes.named(kernel.pid, "cargo") and processes.named(kernel.pid, "rustc"), limit=BUILD)
    os.kill(kernel.pid, signal.SIGKILL)
    # The fixture finds what is left behind.


# ---- the ecosystem ----


def check_uses(kernel, uses):
    for name, (cells, shown) in uses.items():
        for cell in cells[:-1]:
            kernel.ok(cell)
        last = kernel.ok(cells[-1], limit=60)
        assert last.value == shown, f"{name}: {last.describe()}"


@pytest.mark.timeout(2 * REGISTRY)
def test_the_ecosystem(kernel):
    kernel.ok("let mut kept = vec![1, 2];\nlet task = ensure_future(async { sleep(0.01).await; 5 });")
    added = kernel.ok(textwrap.dedent(PLAIN), limit=REGISTRY)
    displays = added.of("display_data", "update_display_data")
    assert len({output.content["transient"]["display_id"] for output in displays}) <= 1, added.describe()
    check_uses(kernel, USES)
    kernel.ok("kept.push(3);")
    kernel.ok(textwrap.dedent(ASYNCHRONOUS), limit=REGISTRY)
    # What the first set has made is still there, and of the same types; a logger that was set once is still set.
    assert kernel.ok("(kept.len(), p.x, number.is_match(\"1\"), matrix[[0, 1]])").value == "(3, 1, true, 2.0)"
    kernel.ok('log::info!("two");')
    assert kernel.ok("SEEN.load(std::sync::atomic::Ordering::Relaxed)").value == "2"
    check_uses(kernel, LATER_USES)
    assert kernel.ok("task.await").value == "5"
    drawing = kernel.ok(
        "use plotters::prelude::*;\n"
        "evcxr_figure((200, 100), |root| { root.fill(&WHITE)?; root.draw(&Circle::new((50, 50), 10, RED.filled()))?; Ok(()) })"
    )
    assert "<svg" in str([output.content for output in drawing.outputs]), drawing.describe()
    table = kernel.ok(":show_deps").shown[0]
    assert "reqwest" in table and "serde" in table


@pytest.mark.timeout(900)
def test_crates_that_need_another_tokio_get_it_where_nothing_is_lost(start):
    another = ':dep tokio = { version = "1", features = ["tracing"] }'
    used = start()
    used.ok("let kept = 7;")
    refused = used.fails(another, limit=600)
    assert "`tokio`" in refused.traceback and "`kept`" in refused.traceback and ":restart" in refused.traceback, refused.describe()
    assert used.ok("kept").value == "7"
    used.ok(':dep itoa = "1"', limit=BUILD)
    assert used.ok("itoa::Buffer::new().format(kept).to_owned()").value == '"7"'
    fresh = start()
    fresh.ok(another, limit=600)
    assert fresh.ok("tokio::time::sleep(std::time::Duration::from_millis(1)).await;\nensure_future(async { 3 }).await").value == "3"
    assert "tracing" in fresh.ok(":show_deps").shown[0]
