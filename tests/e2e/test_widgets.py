"""notebooks/widgets.ipynb in a browser: widgets that are written in a notebook, on comms, for the front end of ipywidgets."""

import base64
import shutil

import nbformat
import pytest
from playwright.sync_api import expect

import browser
import lesson
import windows

pytestmark = pytest.mark.timeout(180)

NOTEBOOK = lesson.ROOT / "notebooks/widgets.ipynb"
SOURCES = [cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
DEP, MODEL, USE, SLIDER, GET, SET, CURVE, ANIMATION, LISTENER, FOREVER = range(len(SOURCES))
BOTH = pytest.mark.parametrize("front_end", ["lab", "notebook"])


@pytest.fixture
def open_widgets(servers, tab, request):
    """Opens the notebook; nothing has run."""

    def open_widgets(front_end="lab"):
        address, folder = servers("notebook" if front_end == "notebook" else "jupyterlab")
        name = f"{windows.file_name(request)}.ipynb"
        shutil.copy(NOTEBOOK, folder / name)
        return browser.Notebook(tab, address, name, front_end)

    return open_widgets


def run(notebook, *numbers, first=1):
    """Runs cells one after the other, the first of them as In[first]; returns the last."""
    for count, number in enumerate(numbers, first):
        cell = notebook.run(number)
        notebook.prompt(cell, f"[{count}]:")
    return cell


def move(cell, value):
    """Clicks on the slider of a cell where this value is."""
    track = cell.locator(".noUi-base")
    size = track.bounding_box()
    # What catches the click lies on top of it.
    track.click(force=True, position={"x": size["width"] * (value - 1) / 19, "y": size["height"] / 2})


def stands_at(cell, value):
    expect(cell.locator(".widget-readout")).to_have_text(str(value))


def follows(cell, value):
    """The slider of a cell stands at this value, and the curve below has as many waves."""
    stands_at(cell, value)
    expect(cell.locator("svg title")).to_have_text(f"{value} waves")


def save_and_reload(tab):
    """The models in the page are gone with it, the views are in the file."""
    with tab.expect_response(lambda response: "/api/contents/" in response.url and response.request.method == "PUT"):
        tab.keyboard.press("Control+s")
    tab.reload()


@BOTH
def test_the_notebook_as_it_reads(open_widgets, tab, front_end):
    notebook = open_widgets(front_end)
    slider = run(notebook, DEP, MODEL, USE, SLIDER)
    stands_at(slider, 3)
    move(slider, 6)
    stands_at(slider, 6)
    expect(notebook.output(run(notebook, GET, first=5))).to_have_text("Some(6)")
    run(notebook, SET, first=6)
    stands_at(notebook.cell(SLIDER), 5)

    curve = run(notebook, CURVE, first=7)
    follows(curve, 5)
    move(curve, 18)
    follows(curve, 18)
    stands_at(notebook.cell(SLIDER), 18)

    animation = notebook.run(ANIMATION)
    notebook.prompt(animation, "[8]:")
    follows(notebook.cell(CURVE), 5)

    run(notebook, LISTENER, first=9)
    move(notebook.cell(CURVE), 12)
    follows(notebook.cell(CURVE), 12)
    forever = notebook.run(FOREVER)
    expect(notebook.output(forever)).to_have_text("moved to 12\n")
    move(notebook.cell(CURVE), 2)
    follows(notebook.cell(CURVE), 2)
    expect(notebook.output(forever)).to_have_text("moved to 12\nmoved to 2\n")
    notebook.interrupt()
    notebook.prompt(forever, "[10]:")
    expect(notebook.output(forever)).to_contain_text("enough")
    notebook.kernel_is("idle")


def test_widgets_come_back_with_the_page(open_widgets, tab):
    """After a reload, and in a second window, a widget shows the state that the kernel knows; after a restart, a new one."""
    notebook = open_widgets()
    run(notebook, DEP, MODEL, USE, SLIDER, GET, SET, CURVE)
    move(notebook.cell(CURVE), 8)
    follows(notebook.cell(CURVE), 8)
    save_and_reload(tab)
    follows(notebook.cell(CURVE), 8)

    with_both = tab.context.browser.new_page()
    try:
        other = browser.Notebook(with_both, *tab.url.split("/lab/tree/"))
        follows(other.cell(CURVE), 8)
        move(other.cell(CURVE), 18)
        follows(notebook.cell(CURVE), 18)
        move(notebook.cell(CURVE), 4)
        follows(other.cell(CURVE), 4)
    finally:
        with_both.close()

    notebook.restart_and_run_all()
    notebook.prompt(notebook.cell(LISTENER), "[9]:")
    move(notebook.cell(CURVE), 15)
    follows(notebook.cell(CURVE), 15)
    expect(notebook.output(notebook.cell(FOREVER))).to_contain_text("moved to 15")
    notebook.interrupt()
    notebook.prompt(notebook.cell(FOREVER), "[10]:")


def test_a_cell_that_computes_hears_afterwards(open_notebook):
    notebook = open_notebook(*SOURCES[:SLIDER + 1], SOURCES[CURVE], "loop {}")
    curve = run(notebook, 0, 1, 2, 3, 4)
    computing = notebook.run(5)
    notebook.kernel_is("busy")
    move(curve, 12)
    stands_at(curve, 12)
    expect(curve.locator("svg title")).to_have_text("5 waves")
    notebook.interrupt()
    notebook.prompt(computing, "[6]:")
    follows(curve, 12)


# One pixel, and what shows it: bytes have a place in the state, and travel beside it.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
BYTES = f"""
let pixel = vec!{list(base64.b64decode(PIXEL))};
let layout = Widget::new(BASE, "Layout", json!({{"width": "40px"}}));
let state = json!({{
    "_model_module": CONTROLS, "_model_module_version": "2.0.0", "_model_name": "ImageModel", "format": "png",
    "_view_module": CONTROLS, "_view_module_version": "2.0.0", "_view_name": "ImageView", "layout": format!("IPY_MODEL_{{}}", layout.comm.id()),
}});
let image = Comm::opening("jupyter.widget", json!({{"state": state, "buffer_paths": [["value"]]}}))
    .metadata(json!({{"version": "2.1.0"}}))
    .buffer(pixel)
    .open();
display(MimeBundle::new().with("application/vnd.jupyter.widget-view+json", json!({{"version_major": 2, "version_minor": 0, "model_id": image.id()}})));"""
UPLOAD = """
let upload = control("FileUpload", "ButtonStyle", json!({"description": "a file"}));
upload.comm.on_message(|message| {
    let data: Value = message.data().parse().unwrap();
    if data["method"] == "update" && !message.buffers().is_empty() {
        update_display(format!("{} {} {:?}", data["state"]["value"][0]["name"], data["buffer_paths"], message.buffers()), display_id = "heard");
    }
});
display(Text("nothing yet"), display_id = "heard");
display(upload);"""


def test_bytes_in_both_directions(open_notebook, tab, tmp_path):
    notebook = open_notebook(*SOURCES[:SLIDER + 1], BYTES, UPLOAD)
    run(notebook, 0, 1, 2, 3)
    image = run(notebook, 4, first=5).locator("img.widget-image")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") == 1
    upload = run(notebook, 5, first=6)
    expect(notebook.output(upload).first).to_contain_text("nothing yet")
    (tmp_path / "three.bin").write_bytes(b"\x00\x80\xff")
    with tab.expect_file_chooser() as chooser:
        upload.locator("button.jupyter-button").click()
    chooser.value.set_files(tmp_path / "three.bin")
    expect(notebook.output(upload).first).to_contain_text("three.bin")
    expect(notebook.output(upload).first).to_contain_text("[[0, 128, 255]]")


CONTROL = """
static ASKED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
thread_local! { static ALL: RefCell<Vec<Widget>> = RefCell::default(); }
Comm::register_target("jupyter.widget.control", |comm, _| {
    let front_end = comm.clone();
    comm.on_message(move |_| {
        let mut states = json!({});
        ALL.with_borrow(|all| for widget in all {
            let state = widget.state.borrow().clone();
            states[widget.comm.id()] = json!({
                "model_name": state["_model_name"], "model_module": state["_model_module"],
                "model_module_version": state["_model_module_version"], "state": state,
            });
        });
        front_end.send(json!({"method": "update_states", "states": states, "buffer_paths": []}));
        ASKED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    });
});"""


def test_the_front_end_asks_for_all_states_at_once(open_notebook, tab):
    """The control comm: a library that registers its target answers for all its widgets; no model is asked by itself."""
    model = SOURCES[MODEL].replace("        widget\n    }", "        ALL.with_borrow_mut(|all| all.push(widget.clone()));\n        widget\n    }", 1)
    model = model.replace('Some("request_state") =>', 'Some("request_state") if false =>')
    notebook = open_notebook(SOURCES[DEP], model + CONTROL, SOURCES[USE], SOURCES[SLIDER], "ASKED.load(std::sync::atomic::Ordering::Relaxed)")
    move(run(notebook, 0, 1, 2, 3), 14)
    stands_at(notebook.cell(3), 14)
    expect(notebook.output(run(notebook, 4, first=5))).to_have_text("0")
    save_and_reload(tab)
    stands_at(notebook.cell(3), 14)
    expect(notebook.output(run(notebook, 4, first=6))).to_have_text("1")
    move(notebook.cell(3), 7)
    stands_at(notebook.cell(3), 7)
