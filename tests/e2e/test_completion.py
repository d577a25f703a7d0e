"""Completion and help: what is offered at a place of a cell, and what is said of it, as front ends ask for it.

The `|` in a text is the cursor. The analyzer is a process of its own that needs some seconds; what it knows is asked for until it does.
"""

import pathlib
import signal

import psutil
import pytest

import processes

# In it each completion goes through the analyzer: it starts once, and is waited for once in each test.
pytestmark = pytest.mark.timeout(180)

NOTEBOOK = '''\
/// A place in the plane.
struct Point { x: f64, y: f64 }
impl Point {
    /// How far it is from the origin.
    fn norm(&self) -> f64 { self.x.hypot(self.y) }
}
/// Fetches a page, and again if it has to.
async fn fetch(url: &str, tries: u32) -> String { format!("{url} {tries}") }
let p = Point { x: 3.0, y: 4.0 };
let words = vec!["one".to_string()];
'''
LESSON = '''\
enum Shape { Circle { radius: f64 }, Square(f64), Empty }
#[derive(Clone)]
struct Account { owner: String, balance: f64, history: Vec<f64> }
impl Account {
    fn new(owner: &str) -> Self { Account { owner: owner.to_string(), balance: 0.0, history: vec![] } }
    fn deposit(&mut self, amount: f64) -> &mut Self { self.balance += amount; self }
}
trait Area { const SIDES: u32; fn area(&self) -> f64; fn name(&self) -> String { "shape".into() } }
let mut account = Account::new("Ada");
let ages: std::collections::HashMap<String, u32> = Default::default();
let shape = Shape::Circle { radius: 1.0 };
'''
WARM = 60.0  # seconds that the analyzer may take to get ready on a busy machine


def place(marked):
    """The code, and where the cursor is in it, as the protocol counts. In code with closures the cursor is a `¦`."""
    cursor = "¦" if "¦" in marked else "|"
    return {"code": marked.replace(cursor, "", 1), "cursor_pos": marked.index(cursor)}


def complete(kernel, marked):
    """The reply, once it has been checked against the protocol."""
    reply = kernel.ask("complete_request", place(marked)).reply
    assert reply["status"] == "ok"
    types = reply["metadata"]["_jupyter_types_experimental"]
    assert [one["text"] for one in types] == reply["matches"]
    assert all((one["start"], one["end"]) == (reply["cursor_start"], reply["cursor_end"]) for one in types)
    assert all(one["type"] and isinstance(one["signature"], str) for one in types)
    assert len(set(reply["matches"])) == len(reply["matches"]), "something is offered twice"
    assert not any("boucle_" in match or "${" in match or "$0" in match for match in reply["matches"])
    return reply


def matches(kernel, marked):
    return complete(kernel, marked)["matches"]


def inspect(kernel, marked, detail_level=0):
    """What is said, as Markdown, or None."""
    reply = kernel.ask("inspect_request", place(marked) | {"detail_level": detail_level}).reply
    assert reply["status"] == "ok" and reply["metadata"] == {}
    assert reply["found"] == bool(reply["data"])
    if reply["found"]:
        assert set(reply["data"]) == {"text/markdown", "text/plain"} and "```" not in reply["data"]["text/plain"]
    return reply["data"].get("text/markdown")


def warm_up(kernel):
    """Waits until the analyzer answers: it alone knows the methods of a string."""
    return kernel.wait_for(lambda: "len()" in matches(kernel, '"a".le|'), WARM)


def analyzer(kernel):
    (process,) = processes.named(kernel.pid, "boucle-assist")
    return process


def is_at_rest(process):
    """Whether no thread of a process runs or wants to."""
    states = [(task / "stat").read_text().rpartition(")")[2].split()[0] for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir()]
    return set(states) == {"S"}


@pytest.fixture(autouse=True)
def needs_the_analyzer(installation):
    assert installation.analyzer.exists(), "cargo build --release -p boucle --bin boucle-assist"


@pytest.fixture
def notebook(kernel):
    kernel.ok(NOTEBOOK)
    warm_up(kernel)
    return kernel


def test_names_are_offered_at_once(kernel):
    kernel.ok(NOTEBOOK)
    request = kernel.ask("complete_request", place("wor|"))
    assert request.reply["matches"][0] == "words"
    assert matches(kernel, "fet|") == ["fetch(url, tries)"]


def test_what_is_offered(notebook):
    cases = {
        # fields and methods of variables, whose types the notebook knows
        "p.|": ["x", "y", "norm()"],
        "words.pu|": ["push(value)"],
        "words[0].to_upper|": ["to_uppercase()"],
        "words.iter().ma|": ["map(f)"],
        "let q = p;\nq.no|": ["norm()"],
        "🦀;\np.no|": ["norm()"],
        # items
        "Poi|": ["Point"],
        "fetc|": ["fetch(url, tries)"],
        "fetch(\"a\", 1).await.le|": ["len()"],
        "fetch(\"a\", 1).|": ["await"],
        "Point { x: 1.0, |": ["y"],
        # modules and crates
        "std::collections::HashM|": ["HashMap"],
        "use std::f|": ["fs", "fmt"],
        "std::time::Duration::from_mi|": ["from_millis(millis)"],
        # our own names
        "sleep(1|": [],
        "slee|": ["sleep(delay)"],
        "ensure_fut|": ["ensure_future(coroutine)"],
        "get_event_loop().run_f|": ["run_forever()"],
        "asyncio::Semaph|": ["Semaphore"],
        "displa|": ["display(value)"],
        "gathe|": ["gather!()"],
        # inside of what is not finished
        "async {\n    let a = 5;\n    if a > 3 {\n        p.no|": ["norm()"],
        "async fn f(q: Point) {\n    q.no|": ["norm()"],
        "for w in &words { w.to_lower|": ["to_lowercase()"],
        "println!(\"{}\", p.no|": ["norm()"],
        # commands
        ":va|": [":vars"],
        ":type p.no|": ["norm()"],
        "%timeit p.no|": ["norm()"],
        ":dep itertoo|": ["itertools"],
        # nothing
        "\"wor|\"": [],
        "// wor|": [],
    }
    wrong = {}
    for marked, expected in cases.items():
        found = matches(notebook, marked)
        if (expected and not set(expected) <= set(found)) or (not expected and found):
            wrong[marked] = (expected, found[:20])
    assert not wrong, wrong


def test_what_is_meant_comes_first(notebook, tmp_path):
    """Each place, and what must be among the first so many offers there; behind `not`, what must not be offered at all."""
    notebook.ok(LESSON)
    cases = {
        # members
        "impl Account { fn show(&self) { self.|": (3, ["owner", "balance", "history"]),
        "account.|": (4, ["owner", "balance", "history", "deposit(amount)"]),
        "account.deposit(1.0).dep|": (1, ["deposit(amount)"]),
        "Account::|": (1, ["new(owner)"]),
        "Account { owner: String::new(), |": (2, ["balance", "history"], "not", ["owner"]),
        "vec![1].|": (8, ["len()", "iter()", "push(value)"]),
        "let n: usize = words.|": (2, ["len()"]),
        "words.iter().|": (4, ["map(f)", "filter(predicate)", "collect()"]),
        "words.iter().map(|w| w.le¦)": (1, ["len()"]),
        "words.iter().enumerate().map(|(i, w)| w.to_up¦": (1, ["to_uppercase()"]),
        "words.iter().map(String::le|": (1, ["len"]),
        "ages.entry(String::new()).or_|": (3, ["or_default()", "or_insert(default)"]),
        "for (name, age) in &ages { name.|": (3, ["len()"]),
        "Some(5).|": (3, ["map(f)", "unwrap()"]),
        "std::fs::read_to_string(\"a\")?.lin|": (1, ["lines()"], "not", ["lines_any()"]),
        "let x = 5;\nlet x = \"text\";\nx.tri|": (1, ["trim()"]),
        "async move { sleep(1).await; acc¦ }": (1, ["account"]),
        "sleep(1).|": (2, ["await"]),
        # functions of types
        "String::|": (3, ["new()", "from(value)"]),
        "Event::|": (1, ["new()"]),
        # patterns
        "match shape { Shape::| }": (3, ["Circle { radius }", "Square(_)", "Empty"]),
        "match shape {\n    Sha|": (3, ["Shape::Circle { radius }", "Shape::Square(_)", "Shape::Empty"]),
        "match Some(3) { |": (2, ["Some(_)", "None"]),
        "if let So|": (1, ["Some(_)"]),
        # what an impl lacks
        "impl Area for Account { |": (3, ["fn area(&self) -> f64 { todo!() }", "fn name(&self) -> String { todo!() }", "const SIDES: u32 = "]),
        "impl Area for Account {\n    fn ar|": (1, ["area(&self) -> f64 { todo!() }"]),
        "impl Iterator for Account {\n    |\n}": (2, ["type Item = ", "fn next(&mut self) -> Option<Self::Item> { todo!() }"]),
        # types
        "fn f() -> St|": (1, ["String"]),
        "let x: Vec<f|": (1, ["f64"], "not", ["f16", "f128"]),
        "fn f<T>(x: T|": (1, ["T"]),
        "fn f(x: impl Fn(i32) -> i|": (1, ["i32"]),
        "impl Are|": (1, ["Area"]),
        "fn f<T: std::fmt::Dis|": (1, ["Display"]),
        # attributes
        "#[der|": (1, ["derive"]),
        "#[derive(De|": (2, ["Debug", "Default"]),
        "#[derive(Debug, Cl|)]": (1, ["Clone"]),
        "#[derive(Debug, Cl|\nstruct S;": (1, ["Clone"]),
        "#[allow(un|": (1, ["unused"]),
        # what is not imported, by its path; not what nobody knows
        "HashM|": (1, ["std::collections::HashMap"]),
        "let x: HashS|": (1, ["std::collections::HashSet"]),
        "fn f<T: Displa|": (1, ["std::fmt::Display"]),
        "handl|": (1, [], "not", ["std::alloc::handle_alloc_error(layout)"]),
        # paths
        "use std::coll|": (1, ["collections"]),
        "use std::collections::|": (1, ["HashMap"]),
        "use std::sync::{Arc, Mut|};": (1, ["Mutex"]),
        # lifetimes and labels, without the quote that is there
        "fn f<'abc>(x: &'a|": (1, ["abc"]),
        "'outer: loop { break 'o|": (1, ["outer"]),
        # strings
        "println!(\"{acc|": (1, ["account"]),
        "println!(\"{} {acc|}\", 1)": (1, ["account"]),
        # words of the language
        "pri|": (2, ["println!()", "print!()"]),
        "fo|": (2, ["for", "format!()"]),
        "le|": (1, ["let"], "not", ["letm"]),
        # beside what is broken
        "let broken = = 5;\naccount.dep|": (1, ["deposit(amount)"]),
        "fn g( {\n}\naccount.dep|": (1, ["deposit(amount)"]),
        "let é = \"🦀\"; é.tri|": (1, ["trim()"]),
        # commands
        ":clock v|": (1, ["virtual"]),
        ":opt |": (5, ["0", "auto"]),
        f"!ls -l {tmp_path}/da|": (1, ["data.csv"]),
        f"std::fs::read_to_string(\"{tmp_path}/|\")": (1, ["data.csv"]),
    }
    (tmp_path / "data.csv").write_text("")
    wrong = {}
    for marked, (count, expected, *rest) in cases.items():
        found = matches(notebook, marked)
        if not set(expected) <= set(found[:count]) or any(unwanted in found for unwanted in (rest[1] if rest else [])):
            wrong[marked] = (expected, found[:8])
    assert not wrong, wrong


def test_what_is_near_comes_first(notebook):
    found = matches(notebook, "let width = 5;\nlet w = width;\nw|")
    assert set(found[:3]) == {"w", "width", "words"}
    assert found.index(next(match for match in found if match.startswith("wait("))) < found.index("while")
    assert matches(notebook, "p.|")[:3] == ["x", "y", "norm()"], "what the user has made, before what every type has"


def test_positions_count_code_points(notebook):
    reply = complete(notebook, "let crab = \"🦀é\"; words.pus|")
    assert (reply["cursor_start"], reply["cursor_end"]) == (23, 26)
    assert "push(value)" in reply["matches"]


def test_kinds_and_signatures(notebook):
    offered = {one["text"]: (one["type"], one["signature"]) for one in complete(notebook, "p.|")["metadata"]["_jupyter_types_experimental"]}
    assert offered["x"] == ("field", "f64")
    assert offered["norm()"] == ("method", "fn norm(&self) -> f64")
    (variable,) = [one for one in complete(notebook, "word|")["metadata"]["_jupyter_types_experimental"] if one["text"] == "words"]
    assert (variable["type"], variable["signature"]) == ("variable", "Vec<String>")


def test_what_is_said(notebook):
    cases = {
        "p|": ["let p: Point"],
        "words|": ["Vec<String>"],
        "p.nor|m()": ["fn norm(&self) -> f64", "How far it is from the origin."],
        "fet|ch(\"a\", 1)": ["async fn fetch(url: &str, tries: u32) -> String", "Fetches a page"],
        "fetch(|": ["fetch(url: &str, tries: u32)", "`url: &str`"],
        "fetch(\"a\", |)": ["`tries: u32`"],
        "words.pu|sh": ["pub fn push(&mut self, value: T)", "Appends an element to the back"],
        "slee|p(1)": ["sleep"],
        "sleep(|)": ["sleep"],
        "Poi|nt": ["struct Point", "A place in the plane."],
        ":va|rs": [":vars", "the variables and their types"],
        # a method whose brackets are not there yet, not the private field
        "words.le|n": ["pub const fn len(&self) -> usize"],
        "p.|x": ["x: f64"],
        # macros, also around the place
        "printl|n!(\"x\")": ["macro_rules! println\n", "Prints to the standard output"],
        "println!(|": ["macro_rules! println\n"],
        "assert_eq!(1, |": ["macro_rules! assert_eq\n"],
        "displa|y(5)": ["display", "any value"],
        # calls
        "words.iter().fold(0, |": ["fold", "Here: `f: F`"],
        "Some(|": ["Some(T)"],
        "p.norm(|": ["How far it is"],
        # documentation as rustdoc shows it: no lines that are only for the compiler
        "ensure_fu|ture(x)": ["Schedules", "```rust"],
        ":opt 3|": [":opt"],
    }
    wrong = {}
    for marked, expected in cases.items():
        found = inspect(notebook, marked) or ""
        if not all(part in found for part in expected) or "```rust\ncell\n```" in found or "\n# let " in found or "matched arm" in found:
            wrong[marked] = (expected, found[:400])
    assert not wrong, wrong
    assert inspect(notebook, "nonsense_name|") is None and inspect(notebook, "f(g(|") is None
    assert "self.x.hypot(self.y)" in inspect(notebook, "p.nor|m()", detail_level=1)
    assert "hypot" not in inspect(notebook, "p.nor|m()")


def test_crates_of_the_notebook(kernel, tmp_path):
    crate = tmp_path / "shapes"
    (crate / "src").mkdir(parents=True)
    (crate / "Cargo.toml").write_text('[package]\nname = "shapes"\nversion = "0.1.0"\nedition = "2021"\n')
    (crate / "src/lib.rs").write_text("/// Round.\npub struct Circle { pub radius: f64 }\nimpl Circle {\n    pub fn area(&self) -> f64 { 3.0 * self.radius * self.radius }\n}\n")
    warm_up(kernel)
    kernel.ok(f':dep shapes = {{ path = "{crate}" }}\nlet circle = shapes::Circle {{ radius: 2.0 }};', limit=120)
    kernel.wait_for(lambda: "area()" in matches(kernel, "circle.ar|"), WARM)
    assert "Circle" in matches(kernel, "shapes::Ci|")
    assert "shapes" in matches(kernel, "shap|")
    assert "Round." in inspect(kernel, "shapes::Circl|e")


def test_what_procedural_macros_make_is_known(kernel, tmp_path):
    crate = tmp_path / "halves"
    (crate / "src").mkdir(parents=True)
    (crate / "Cargo.toml").write_text('[package]\nname = "halves"\nversion = "0.1.0"\nedition = "2021"\n[lib]\nproc-macro = true\n')
    (crate / "src/lib.rs").write_text('''\
use proc_macro::TokenStream;
#[proc_macro_derive(Halve)]
pub fn halve(item: TokenStream) -> TokenStream {
    let name = item.into_iter().skip_while(|token| token.to_string() != "struct").nth(1).unwrap();
    format!("impl {name} {{ pub fn half(&self) -> f64 {{ 0.5 }} }}").parse().unwrap()
}
''')
    kernel.ok(f':dep halves = {{ path = "{crate}" }}\n#[derive(halves::Halve)]\nstruct Pie;\nlet pie = Pie;', limit=120)
    kernel.wait_for(lambda: "half()" in matches(kernel, "pie.ha|"), WARM)
    assert "fn half(&self) -> f64" in inspect(kernel, "pie.hal|f()")
    # They run in a process of their own.
    (expander,) = psutil.Process(analyzer(kernel).pid).children()
    expander.kill()
    psutil.wait_procs([expander], 10)
    assert "len()" in matches(kernel, '"a".le|') and "Pie" in matches(kernel, "Pi|")


def test_it_answers_while_a_cell_runs(notebook):
    cell = notebook.submit("println!(\"on\"); sleep(60).await")
    notebook.printed(cell, "on\n")
    assert "norm()" in matches(notebook, "p.no|")
    assert "struct Point" in inspect(notebook, "Poi|nt")
    assert not cell.done
    notebook.interrupt()
    notebook.done(cell)


def test_a_redefinition_is_seen_at_once(notebook):
    notebook.ok("struct Point { east: i32 }\nlet p = Point { east: 1 };")
    assert "east" in matches(notebook, "p.|") and "x" not in matches(notebook, "p.|")


def test_keystrokes_do_not_queue(notebook):
    """Only the last of many questions that come at once is worth an answer of the analyzer; none waits for the others."""
    typed = "words.iter().enumerate().map"
    requests = [notebook.send("complete_request", place(typed[:length] + "|")) for length in range(1, len(typed) + 1)]
    notebook.done(*requests, limit=20)
    assert all(request.reply["status"] == "ok" for request in requests)
    assert "map(f)" in requests[-1].reply["matches"]


def test_it_is_ready_before_somebody_who_runs_cells_asks(kernel):
    kernel.ok("let word = String::new();", allow_stdin=True)
    process = kernel.wait_for(lambda: next(iter(processes.named(kernel.pid, "boucle-assist")), None), WARM)
    # It works without being asked, until it has nothing left to do.
    kernel.wait_for(lambda: sum(process.cpu_times()[:2]) > 1 and is_at_rest(process), WARM)
    assert "len()" in matches(kernel, "word.le|"), "the first answer knows methods"


def test_it_waits_for_the_first_question_where_memory_is_short(start):
    kernel = start(env={"BOUCLE_ANALYZER": "on-request"})
    for _ in range(2):
        kernel.ok("let word = String::new();", allow_stdin=True)
    assert not processes.named(kernel.pid, "boucle-assist")
    kernel.wait_for(lambda: "len()" in matches(kernel, "word.le|"), WARM)


def test_it_is_started_when_it_is_needed_and_again_after_a_crash(kernel):
    kernel.ok("1 + 1")
    assert not processes.named(kernel.pid, "boucle-assist")
    for _ in range(2):
        warm_up(kernel)
        process = analyzer(kernel)
        process.send_signal(signal.SIGKILL)
        psutil.wait_procs([process], 10)
    warm_up(kernel)
    assert kernel.ok("1 + 1").value == "2"


def test_it_ends_when_the_kernel_is_killed(start):
    kernel = start()
    kernel.ok("1 + 1")
    matches(kernel, "x|")
    process = analyzer(kernel)
    psutil.Process(kernel.pid).kill()
    _, alive = psutil.wait_procs([process], 10)
    assert not alive


def test_an_interrupt_does_not_reach_it(notebook):
    before = analyzer(notebook)
    cell = notebook.run("sleep(60).await", interrupt_after=0.2)
    assert cell.status == "error"
    assert "norm()" in matches(notebook, "p.no|")
    assert analyzer(notebook) == before
