"""Jupyter's own conformance suite, `jupyter_kernel_test`, with every capability filled in: nothing of it may be skipped."""

import unittest

import jupyter_kernel_test
import pytest

import processes


class Boucle(jupyter_kernel_test.KernelTests):
    __test__ = False  # run below, one by one

    kernel_name = "boucle"
    language_name = "rust"
    file_extension = ".rs"
    code_hello_world = 'println!("hello, world");'
    code_stderr = 'eprintln!("trouble");'
    completion_samples = [{"text": ":versi", "matches": {":version"}}, {"text": "get_event_l"}]
    complete_code_samples = ["1 + 1", "fn f() {}", "let text = \"{\";", "println!(\"{}\", 1);", "// {", ":vars", "#[derive(Debug)]\nstruct S;"]
    incomplete_code_samples = ["fn f() {", "let text = \"begun", "/* begun", "f(1,", "match 1 {\n    1 =>", "println!(\"{}\",", "r#\"begun\""]
    invalid_code_samples = ["fn f() }", "let = 1;", "1 + / 2"]
    code_page_something = "?ensure_future"
    code_generate_error = "panic!()"
    code_execute_result = [
        {"code": "1 + 1", "result": "2"},
        {"code": '"text"', "result": '"text"'},
        {"code": "sleep(0).await; vec![1.5, 2.0]", "result": "[1.5, 2.0]"},
        {"code": 'Html("<b>b</b>")', "mime": "text/html", "result": "<b>b</b>"},
    ]
    code_display_data = [
        {"code": 'display(Html("<b>b</b>"));', "mime": "text/html"},
        {"code": 'display(Markdown("*b*"));', "mime": "text/markdown"},
        {"code": r'display(Png(b"\x89PNG"));', "mime": "image/png"},
    ]
    code_history_pattern = "1 + *"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "ensure_future"
    code_clear_output = "clear_output();"


class Welcome(jupyter_kernel_test.IopubWelcomeTests):
    __test__ = False

    kernel_name = "boucle"
    support_iopub_welcome = True


NAMES = [(suite, name) for suite in (Boucle, Welcome) for name in unittest.defaultTestLoader.getTestCaseNames(suite)]


@pytest.mark.parametrize("suite, name", NAMES, ids=[name for _, name in NAMES])
def test_the_suite_passes(installation, session_mark, monkeypatch, suite, name):
    monkeypatch.setenv(processes.MARK, session_mark)
    result = unittest.TestResult()
    unittest.TestSuite([suite(name)]).run(result)
    assert not result.failures + result.errors, "\n".join(text for _, text in result.failures + result.errors)
    assert result.testsRun == 1 and not result.skipped


def test_nothing_of_the_suite_is_missing():
    assert len(NAMES) == 13
