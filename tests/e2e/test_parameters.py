"""Papermill's parameters as Rust: what is written for each value, and that it compiles and means the same."""

import math
import sys

import pytest

import conftest

sys.path.insert(0, str(conftest.ROOT / "kernel/python"))
from boucle.parameters import NoRustForm, RustTranslator, let  # noqa: E402

# The value, what is written for it, and its Debug form in Rust.
VALUES = [
    (1, "1", "1"),
    (-(2**31), "-2147483648", "-2147483648"),
    (2**31, "2147483648_i64", "2147483648"),
    (2**63, "9223372036854775808_i128", "9223372036854775808"),
    (2.0, "2.0", "2.0"),
    (1e-7, "1e-07_f64", "1e-7"),
    (1e300, "1e+300_f64", "1e300"),
    (math.inf, "f64::INFINITY", "inf"),
    (-math.inf, "f64::NEG_INFINITY", "-inf"),
    (math.nan, "f64::NAN", "NaN"),
    (True, "true", "true"),
    (False, "false", "false"),
    ("Ada", '"Ada"', '"Ada"'),
    ("", '""', '""'),
    ('a "quoted" \\ word', r'"a \"quoted\" \\ word"', r'"a \"quoted\" \\ word"'),
    ("two\nlines\tand\r\0", r'"two\nlines\tand\r\0"', r'"two\nlines\tand\r\0"'),
    ("é 日本 {not} a format", '"é 日本 {not} a format"', '"é 日本 {not} a format"'),
    ("\u202eturned\u00a0", r'"\u{202e}turned\u{a0}"', r'"\u{202e}turned\u{a0}"'),
    ([1, 2], "vec![1, 2]", "[1, 2]"),
    ([1, 2**40], "vec![1_i64, 1099511627776_i64]", "[1, 1099511627776]"),
    ([1, 2.5], "vec![1.0, 2.5]", "[1.0, 2.5]"),
    ([1, None], "vec![Some(1), None]", "[Some(1), None]"),
    ([[1], [], [2.5]], "vec![vec![1.0], vec![], vec![2.5]]", "[[1.0], [], [2.5]]"),
    (["a", "b"], 'vec!["a", "b"]', '["a", "b"]'),
    (["a", 1, True], '("a", 1, true)', '("a", 1, true)'),
    ({"b": 1, "a": 2.5}, 'std::collections::BTreeMap::from([("b", 1.0), ("a", 2.5)])', '{"a": 2.5, "b": 1.0}'),
    ({1: ["x"], 2: []}, 'std::collections::BTreeMap::from([(1, vec!["x"]), (2, vec![])])', '{1: ["x"], 2: []}'),
]
# What is empty says what it could hold.
EMPTY = [
    (None, "let x: Option<()> = None;", "None"),
    ([], "let x: Vec<()> = vec![];", "[]"),
    ([None], "let x: Vec<Option<()>> = vec![None];", "[None]"),
    ({}, "let x: std::collections::BTreeMap<&str, ()> = std::collections::BTreeMap::from([]);", "{}"),
]


@pytest.mark.parametrize("value, source, _", VALUES)
def test_a_value(value, source, _):
    assert let("x", value) == f"let x = {source};"


@pytest.mark.parametrize("value, source, _", EMPTY)
def test_an_empty_value(value, source, _):
    assert let("x", value) == source


def test_rust_reads_the_same(kernel):
    cases = [*VALUES, *EMPTY]
    parameters = {f"x{number}": value for number, (value, _, _) in enumerate(cases)}
    kernel.ok(RustTranslator.codify(parameters))
    # The first cell keeps the variables, as a notebook's next cell uses them.
    printed = kernel.ok("".join(f'println!("{{:?}}", x{number});' for number in range(len(cases)))).text()
    assert printed.splitlines() == [debug for _, _, debug in cases]


@pytest.mark.parametrize("name, written", [("rate", "rate"), ("größe", "größe"), ("type", "r#type"), ("gen", "r#gen")])
def test_a_name(kernel, name, written):
    assert let(name, 1) == f"let {written} = 1;"
    assert kernel.ok(f"{let(name, 1)} {written} + 1").value == "2"


@pytest.mark.parametrize("name", ["a-b", "1a", "", "self", "_", "a b"])
def test_what_cannot_be_a_name(name):
    with pytest.raises(NoRustForm, match="rename the parameter"):
        let(name, 1)


@pytest.mark.parametrize("value, why", [
    (2**127, "too large for any integer"),
    ({"a": 1, "b": "x"}, "i32 and &str cannot both be in the values of a dict"),
    ({1.5: 1}, "the keys of a dict"),
    ([1, "x"] * 7, "cannot both be in a list"),
])
def test_what_has_no_form_in_rust(value, why):
    with pytest.raises(NoRustForm, match=f"parameter `x`: .*{why}"):
        let("x", value)


def test_the_parameters_of_a_cell():
    cell = {"source": "// All of them\nlet x = 1; // how many\nlet mut name: &str = \"A;B\";\nlet r#type: Vec<u8> = vec![1];//kind\nprintln!();\nlet (a, b) = (1, 2);\n"}
    found = [(p.name, p.inferred_type_name, p.default, p.help) for p in RustTranslator.inspect(cell)]
    assert found == [("x", "None", "1", "how many"), ("name", "&str", '"A;B"', ""), ("type", "Vec<u8>", "vec![1]", "kind")]
