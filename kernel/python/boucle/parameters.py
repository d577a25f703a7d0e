"""Parameters as Rust: what papermill writes into a notebook for `-p x 1` is `let x = 1;`.

A value is looked at as a whole before it is written, since Rust wants one type for all that is in a list: `[1, 2.5]` are two floats,
and one number that needs 64 bits makes them all `i64`. Used by `papermill.py`; imports nothing of papermill's at first, because papermill
imports this while it is being imported itself.
"""

import math
import re

# What a name cannot be, unless it is written `r#name`.
KEYWORDS = frozenset(
    "abstract as async await become box break const continue do dyn else enum extern false final fn for gen if impl in let loop macro match mod move mut "
    "override priv pub ref return static struct trait true try type typeof unsafe unsized use virtual where while yield".split()
)
NEVER_NAMES = frozenset(["self", "Self", "super", "crate", "_"])
NAME = re.compile(r"[^\W\d]\w*")
# One `let` of a parameters cell, with a comment behind it.
LET = re.compile(r"^\s*let\s+(?:mut\s+)?(?:r#)?(?P<name>[^\W\d]\w*)\s*(?::\s*(?P<type>[^=]+?))?\s*=\s*(?P<value>.*?)\s*;\s*(?://\s*(?P<help>.*?)\s*)?$")

# From narrow to wide; each holds what those before it hold.
INTEGERS = {"i32": (-(2**31), 2**31), "i64": (-(2**63), 2**63), "i128": (-(2**127), 2**127)}
UNKNOWN = "()"  # of the items of an empty list


class NoRustForm(ValueError):
    """A value that Rust has no type for; says which, and what to do."""


class RustTranslator:
    """What papermill asks of a language: Rust for parameters, and the parameters of a cell of Rust."""

    @classmethod
    def codify(cls, parameters, comment="Parameters"):
        """The source of the cell that sets the parameters."""
        lets = [let(name, value) for name, value in parameters.items()]
        return "\n".join([f"// {comment}", *lets]) + "\n"

    @classmethod
    def inspect(cls, parameters_cell):
        """The parameters that a cell tagged `parameters` has: those of its lines that are a whole `let`."""
        from papermill.models import Parameter

        found = [LET.match(line) for line in parameters_cell["source"].splitlines()]
        return [Parameter(let["name"], (let["type"] or "None").strip(), let["value"], let["help"] or "") for let in found if let]


def let(name, value):
    """`let name = value;`, with the type where the value does not show it."""
    if not NAME.fullmatch(name) or name in NEVER_NAMES:
        raise NoRustForm(f"`{name}` cannot be the name of a variable in Rust; rename the parameter")
    try:
        kind = type_of(value)
        annotation = f": {text_of(kind)}" if needs_annotation(kind) else ""
        return f"let {'r#' if name in KEYWORDS else ''}{name}{annotation} = {literal(value, kind)};"
    except NoRustForm as error:
        raise NoRustForm(f"parameter `{name}`: {error}") from None


# ---- types: a name, or a tuple of what it is made by and what it is made of --------------------------------------


def type_of(value):
    if value is None:
        return ("Option", UNKNOWN)
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        fitting = [name for name, (low, high) in INTEGERS.items() if low <= value < high]
        if not fitting:
            raise NoRustForm(f"{value} is too large for any integer of Rust's; give it as a text")
        return fitting[0]
    if isinstance(value, float):
        return "f64"
    if isinstance(value, (list, tuple)):
        return sequence(value)
    if isinstance(value, dict):
        return ("BTreeMap", common_key(value), common(list(value.values()), "the values of a dict"))
    return "&str"


def sequence(values):
    """A `Vec`; of what has no common type, a tuple."""
    try:
        return ("Vec", common(values, "a list"))
    except NoRustForm:
        # A tuple of many things is no sequence any more.
        if len(values) > 12:
            raise
        return ("tuple", *map(type_of, values))


def common_key(value):
    kinds = common(list(value), "the keys of a dict")
    if kinds == "f64" or isinstance(kinds, tuple):
        raise NoRustForm("the keys of a dict have to be texts, whole numbers or bools")
    return "&str" if kinds == UNKNOWN else kinds


def common(values, what):
    """The type that all of these can be written in."""
    kind = UNKNOWN
    for value in values:
        kind = unify(kind, type_of(value), what)
    return kind


def unify(one, other, what):
    if one == other or other == UNKNOWN:
        return one
    if one == UNKNOWN:
        return other
    # `None` in a list makes optional what else is in it.
    if is_option(one) or is_option(other):
        return ("Option", unify(inside(one), inside(other), what))
    numbers = [*INTEGERS, "f64"]
    if one in numbers and other in numbers:
        return max(one, other, key=numbers.index)
    if isinstance(one, tuple) and isinstance(other, tuple) and one[0] == other[0] and len(one) == len(other):
        return (one[0], *(unify(a, b, what) for a, b in zip(one[1:], other[1:])))
    raise NoRustForm(f"{text_of(one)} and {text_of(other)} cannot both be in {what}; give them as parameters of their own, or all as texts")


def is_option(kind):
    return isinstance(kind, tuple) and kind[0] == "Option"


def inside(kind):
    return kind[1] if is_option(kind) else kind


def text_of(kind):
    if isinstance(kind, str):
        return kind
    made_by, *parts = kind
    if made_by == "tuple":
        return f"({', '.join(map(text_of, parts))})"
    path = "std::collections::BTreeMap" if made_by == "BTreeMap" else made_by
    return f"{path}<{', '.join(map(text_of, parts))}>"


def needs_annotation(kind):
    """Whether something in it is empty, so that the value does not show its type."""
    return kind == UNKNOWN or (isinstance(kind, tuple) and any(map(needs_annotation, kind[1:])))


# ---- values ----------------------------------------------------------------------------------------------------------


def literal(value, kind):
    """The value, written so that it has this type."""
    if is_option(kind):
        return "None" if value is None else f"Some({literal(value, kind[1])})"
    if kind == "bool":
        return "true" if value else "false"
    if kind == "f64":
        return float_literal(float(value))
    if kind in INTEGERS:
        return str(value) if kind == "i32" else f"{value}_{kind}"
    if kind == "&str":
        return string_literal(str(value))
    made_by, *parts = kind
    if made_by == "Vec":
        return f"vec![{', '.join(literal(item, parts[0]) for item in value)}]"
    if made_by == "tuple":
        return f"({', '.join(map(literal, value, parts))})"
    pairs = ", ".join(f"({literal(key, parts[0])}, {literal(item, parts[1])})" for key, item in value.items())
    return f"std::collections::BTreeMap::from([{pairs}])"


def float_literal(value):
    if math.isnan(value):
        return "f64::NAN"
    if math.isinf(value):
        return "f64::INFINITY" if value > 0 else "f64::NEG_INFINITY"
    text = repr(value)
    return text if "." in text else f"{text}_f64"


ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


def string_literal(text):
    """On one line, whatever is in it; what cannot be seen, or would turn the text around, as its number."""
    return '"' + "".join(ESCAPES.get(c) or (c if c.isprintable() else f"\\u{{{ord(c):x}}}") for c in text) + '"'
