"""A student in JupyterLab and in Notebook: opens notebooks, runs cells, presses buttons, and sees what there is to see."""

import contextlib
import re
import shutil
import struct
import zlib

import pytest
from playwright.sync_api import TimeoutError, expect

import browser
import lesson

pytestmark = pytest.mark.timeout(180)

BOTH = pytest.mark.parametrize("front_end", ["lab", "notebook"])


# ---- the lesson ----


@pytest.fixture
def the_lesson(servers, tab):
    address, folder = servers()
    shutil.copy(lesson.NOTEBOOK, folder)
    return browser.Notebook(tab, address, lesson.NOTEBOOK.name)


def shown(cell):
    """The lines under a cell, without the printed times."""
    text = cell.locator(".jp-OutputArea-output").all_inner_texts()
    return [lesson.without_clock(line) for line in "\n".join(text).splitlines() if line.strip()]


def test_the_lesson_in_jupyterlab(the_lesson):
    reference = lesson.reference()
    cells = lesson.cells()
    for number, scenario, cell in browser.play_lesson(the_lesson, cells):
        if scenario in reference and reference[scenario]["events"]:
            assert shown(cell) == [lesson.without_clock(text) for _, text in reference[scenario]["events"]], scenario
        elif cells[number][1] == "timeline()":
            image = the_lesson.output(cell).locator("img")
            expect(image).to_be_visible()
            assert image.evaluate("image => image.naturalWidth") > 600, "the figure cannot be drawn"
        elif scenario in ("fork-schedule", "stop-schedule", "long-schedule"):
            assert "<Task pending" in the_lesson.output(cell).inner_text()
    the_lesson.kernel_is("idle")


# ---- running cells ----


@BOTH
def test_run_all_and_restart(open_notebook, front_end):
    """Run All from the menu, then what ⏩ does: the variables go, and everything runs again."""
    notebook = open_notebook("static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);",
                             'let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);\nprintln!("run {n}");', "n * 10 + 5", front_end=front_end)
    notebook.choose("Run", "Run All Cells")
    notebook.prompt(notebook.cell(2), "[3]:")
    notebook.prompt(notebook.run(1), "[4]:")
    expect(notebook.output(notebook.cell(1))).to_have_text("run 1\n")
    notebook.restart_and_run_all()
    notebook.prompt(notebook.cell(2), "[3]:")
    expect(notebook.output(notebook.cell(1))).to_have_text("run 0\n")
    expect(notebook.output(notebook.cell(2))).to_have_text("5")


@BOTH
def test_output_arrives_while_a_cell_runs_and_the_button_ends_it(open_notebook, front_end):
    notebook = open_notebook('let kept = 7;\nprintln!("before");\nsleep(0.2).await;\nprint!("now");\nlet _ = get_event_loop().run_forever();\nprintln!("after");', "kept", front_end=front_end)
    cell = notebook.run(0)
    expect(notebook.output(cell)).to_have_text("before\nnow")
    notebook.prompt(cell, "[*]:")
    notebook.kernel_is("busy")
    notebook.interrupt()
    notebook.prompt(cell, "[1]:")
    expect(notebook.output(cell).first).to_contain_text("after")
    notebook.prompt(notebook.run(1), "[2]:")
    expect(notebook.output(notebook.cell(1))).to_have_text("7")


def test_the_button_ends_a_loop(open_notebook):
    notebook = open_notebook('println!("begins");\nloop {}', "1 + 1")
    cell = notebook.run(0)
    expect(notebook.output(cell)).to_have_text("begins\n")
    notebook.interrupt()
    expect(cell.locator(".jp-RenderedText[data-mime-type*=stderr], .jp-OutputArea-output").last).to_contain_text("KeyboardInterrupt")
    notebook.prompt(notebook.run(1), "[2]:")


def test_run_all_stops_at_an_error(open_notebook):
    notebook = open_notebook("let a: i32 = missing;", 'println!("never");')
    notebook.choose("Run", "Run All Cells")
    expect(notebook.output(notebook.cell(0))).to_contain_text("cannot find value `missing`")
    notebook.kernel_is("idle")
    expect(notebook.output(notebook.cell(1))).to_have_count(0)


# ---- what is shown ----


def png(width, height):
    """A picture of one color."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x30\x80\xd0" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@BOTH
def test_rich_output(open_notebook, tmp_path, front_end):
    (tmp_path / "picture.png").write_bytes(png(40, 20))
    notebook = open_notebook(
        'Html("<b>bold</b> and <i>italic</i>")',
        'Svg("<svg xmlns=\'http://www.w3.org/2000/svg\' width=\'90\' height=\'30\'><circle cx=\'15\' cy=\'15\' r=\'12\' fill=\'orange\'/></svg>")',
        f'Png(std::fs::read("{tmp_path}/picture.png")?)',
        '#[derive(Debug)]\nstruct City { name: &\'static str, people: u32 }\nvec![City { name: "Lyon", people: 520_000 }, City { name: "Nice", people: 350_000 }]',
        'Markdown("**strong**, $x^2$")',
        front_end=front_end,
    )
    cells = []
    for number in range(5):
        cells.append(notebook.run(number))
        notebook.prompt(cells[number], f"[{number + 1}]:")
    expect(cells[0].locator(".jp-RenderedHTML b")).to_have_text("bold")
    size = "image => [image.naturalWidth, image.naturalHeight]"
    assert cells[1].locator(".jp-RenderedSVG img").evaluate(size) == [90, 30]
    assert cells[2].locator(".jp-RenderedImage img").evaluate(size) == [40, 20]
    assert cells[3].locator("th").all_inner_texts() == ["", "name", "people", "0", "1"]
    align = "cell => getComputedStyle(cell).textAlign"
    assert [cell.evaluate(align) for cell in cells[3].locator("tbody tr").first.locator("td").all()] == ["left", "right"]
    expect(cells[4].locator(".jp-RenderedMarkdown strong")).to_have_text("strong")
    expect(cells[4].locator("mjx-container")).to_have_count(1)


def test_code_is_highlighted_as_rust(open_notebook):
    cell = open_notebook("async fn f() {}\nplain").cell(0)
    keyword = cell.locator(".cm-line span", has_text="async").first
    plain = cell.locator(".cm-line", has_text="plain")
    color = "element => getComputedStyle(element).color"
    assert keyword.evaluate(color) != plain.evaluate(color)


# The contrast, as WCAG defines it, of each colored piece of an error with what is behind it.
CONTRASTS = """output => {
    const numbers = text => text.match(/[\\d.]+/g).map(Number);
    const over = ([r, g, b, a = 1], under) => [r, g, b].map((c, i) => c * a + under[i] * (1 - a));
    const behind = e => e === null ? [255, 255, 255] : over(numbers(getComputedStyle(e).backgroundColor), behind(e.parentElement));
    const light = rgb => rgb.map(c => (c / 255) <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return [...output.querySelectorAll('span')].filter(e => e.textContent.trim())
        .map(e => [e.textContent, contrast(light(numbers(getComputedStyle(e).color).slice(0, 3)), light(behind(e)))]);
}"""
MISTAKE = 'fn half(x: i32) -> i32 { x / 2 }\nlet unused = 1;\nlet word = half("a");\nlet other = hal(3);'


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_errors_can_be_read(open_notebook, theme):
    """Colors of their own, and each of them clear in front of the theme's red."""
    notebook = open_notebook(MISTAKE, "let v = vec![1, 2, 3];\nv[7]", "let x = 5;\nx == 6;", theme=theme)
    for number in range(3):
        cell = notebook.run(number)
        notebook.prompt(cell, f"[{number + 1}]:")
        output = notebook.output(cell).first
        expect(output).to_contain_text(["mismatched types", "index out of bounds: the len is 3 but the index is 7", "unused"][number])
        contrasts = output.evaluate(CONTRASTS)
        assert len(contrasts) > 3
        assert [(text, contrast) for text, contrast in contrasts if contrast < 3] == []
    expect(notebook.output(notebook.cell(0)).locator("a", has_text="E0308")).to_be_visible()
    assert "In[1]:3:17" in notebook.output(notebook.cell(0)).inner_text()


# ---- beside a cell that runs ----


def test_a_console_beside_a_cell_that_drives_the_loop(open_notebook, tab):
    """It answers meanwhile, and the kernel is shown as busy until it stops the loop."""
    notebook = open_notebook('println!("running");\nlet _ = get_event_loop().run_forever();')
    cell = notebook.run(0)
    expect(notebook.output(cell)).to_have_text("running\n")
    cell.click(button="right")
    tab.locator(".lm-Menu-itemLabel:visible", has_text="New Subshell Console for Notebook").click()
    console = tab.locator(".jp-CodeConsole")

    def enter(code):
        console.locator(".jp-CodeConsole-promptCell .cm-content").click()
        tab.keyboard.type(code)
        tab.keyboard.press("Shift+Enter")

    expect(console.locator(".jp-CodeConsole-banner")).to_contain_text("Boucle")
    enter("6 * 7")
    expect(console.locator(".jp-OutputArea-output").last).to_have_text("42")
    notebook.kernel_is("busy")
    notebook.prompt(cell, "[*]:")
    enter("get_event_loop().stop()")
    notebook.prompt(cell, "[1]:")
    notebook.kernel_is("idle")
    expect(console.locator(".jp-InputPrompt")).to_have_text(["", "[2]:", "[3]:", "[ ]:"])


def test_a_page_that_is_reloaded_while_a_cell_runs(open_notebook, tab):
    """The kernel is shown as busy, ■ ends the cell, and the next one runs. What the cell prints meanwhile JupyterLab does not show."""
    notebook = open_notebook('let kept = 7;\nlet _ = get_event_loop().run_forever();', "kept")
    notebook.run(0)
    notebook.prompt(notebook.cell(0), "[*]:")
    with tab.expect_response(lambda response: "/api/contents/" in response.url and response.request.method == "PUT"):
        tab.keyboard.press("Control+s")
    tab.reload()
    notebook.kernel_is("busy")
    notebook.interrupt()
    notebook.kernel_is("idle")
    cell = notebook.run(1)
    notebook.prompt(cell, "[2]:")
    expect(notebook.output(cell)).to_have_text("7")


# ---- the kernel in the front end ----


def test_the_launcher_shows_the_kernel_with_its_logo(servers, tab):
    address, _ = servers()
    tab.goto(f"{address}/lab?reset&token=test")
    card = tab.locator('.jp-LauncherCard[title^="Rust (Boucle)"]').first
    expect(card).to_be_visible(timeout=60 * browser.SECONDS)
    logo = card.locator("img.jp-Launcher-kernelIcon")
    expect(logo).to_be_visible()
    assert logo.get_attribute("src").endswith("/kernelspecs/boucle/logo-svg.svg")
    assert logo.evaluate("image => image.complete && image.naturalWidth > 0")


def test_a_new_notebook_from_the_launcher(servers, tab):
    address, _ = servers()
    tab.goto(f"{address}/lab?reset&token=test")
    tab.locator('.jp-LauncherCard[title^="Rust (Boucle)"]').first.click(timeout=60 * browser.SECONDS)
    expect(tab.locator(".jp-NotebookPanel:visible")).to_be_visible()
    expect(tab.locator(".jp-KernelName:visible").first).to_contain_text("Rust (Boucle)")
    # What was typed while JupyterLab was still busy with starting has been seen to get lost.
    indicator = tab.locator(".jp-NotebookPanel:visible .jp-Notebook-ExecutionIndicator")
    expect(indicator).to_have_attribute("data-status", "idle", timeout=60 * browser.SECONDS)
    editor = tab.locator(".jp-NotebookPanel:visible .cm-content").first
    editor.click()
    tab.keyboard.type("6 * 7")
    expect(editor).to_have_text("6 * 7")
    tab.keyboard.press("Shift+Enter")
    expect(tab.locator(".jp-OutputArea-output").first).to_have_text("42")


@BOTH
def test_completion(open_notebook, tab, front_end):
    """Tab offers the names of the session, and Enter takes one."""
    notebook = open_notebook("let important_words = 2;\nlet important_numbers = 3;", "", front_end=front_end)
    notebook.prompt(notebook.run(0), "[1]:")
    cell = notebook.type(1, "impor")
    tab.keyboard.press("Tab")
    offered = tab.locator(".jp-Completer:visible")
    expect(offered).to_contain_text("important_numbers")
    expect(offered).to_contain_text("important_words")
    tab.keyboard.press("Enter")
    expect(cell.locator(".cm-content")).to_contain_text("important_")


def test_completion_of_fields_and_methods(open_notebook, tab):
    """What only an analyzer knows, once it is ready; the first answers come without it."""
    notebook = open_notebook("struct Point { height: f64 }\nimpl Point { fn half_height(&self) -> f64 { self.height / 2.0 } }\nlet p = Point { height: 3.0 };", "")
    notebook.prompt(notebook.run(0), "[1]:")
    notebook.type(1, "p.h")
    offered = tab.locator(".jp-Completer:visible")
    for _ in range(60):
        tab.keyboard.press("Tab")
        with contextlib.suppress(TimeoutError):
            offered.wait_for(timeout=browser.SECONDS)
            break
    expect(offered).to_contain_text("height")
    expect(offered).to_contain_text("half_height()")


def test_help_beside_the_code(open_notebook, tab):
    """Shift-Tab shows what a name is, and its documentation."""
    notebook = open_notebook("/// Twice as much, in meters.\nfn twice(x: f64) -> f64 { 2.0 * x }", "")
    notebook.prompt(notebook.run(0), "[1]:")
    notebook.type(1, "twice")
    tab.keyboard.press("Shift+Tab")
    tooltip = tab.locator(".jp-Tooltip:visible")
    expect(tooltip).to_contain_text("fn twice(x: f64) -> f64")
    expect(tooltip).to_contain_text("Twice as much, in meters.")


@BOTH
def test_a_cell_asks_for_a_line(open_notebook, tab, front_end):
    notebook = open_notebook('let name = input("Your name? ");\nprintln!("Hello, {name}!");', 'password("Secret? ").len()', front_end=front_end)
    cell = notebook.run(0)
    expect(cell.locator(".jp-Stdin-prompt")).to_contain_text("Your name?")
    cell.locator(".jp-Stdin-input").fill("Ada")
    tab.keyboard.press("Enter")
    notebook.prompt(cell, "[1]:")
    expect(notebook.output(cell).last).to_contain_text("Hello, Ada!")
    cell = notebook.run(1)
    box = cell.locator(".jp-Stdin-input")
    assert box.get_attribute("type") == "password"
    box.fill("1234")
    tab.keyboard.press("Enter")
    notebook.prompt(cell, "[2]:")
    expect(notebook.output(cell).last).to_have_text("4")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_the_timeline_is_drawn(open_notebook, theme):
    notebook = open_notebook(
        'async fn fetch(n: u64) -> u64 { sleep(n as f64 / 10.0).await; n }\nstart_timer();\nlet all = gather((1..=3).map(fetch)).await;', "timeline()", theme=theme)
    notebook.prompt(notebook.run(0), "[1]:")
    cell = notebook.run(1)
    notebook.prompt(cell, "[2]:")
    image = notebook.output(cell).locator("img")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") > 600
