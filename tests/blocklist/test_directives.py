"""Lines of a list that are about other lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.directives import CONSTANTS, MOST_NESTED, Directives, holds
from forebay.blocklist.options import UnsupportedRuleError
from forebay.errors import RuleError


def counted(*lines: str) -> tuple[list[str], list[str]]:
    """Return the lines that count, and what is wrong, each with its line."""
    directives, kept, wrong = Directives(), [], []
    for number, line in enumerate(lines, start=1):
        if line.startswith("!#"):
            try:
                name = directives.take(line, number)
            except RuleError as error:
                wrong.append(f"{number}: {error.message}")
            else:
                kept += [f"<{name}>"] if name else []
        elif not directives.skips:
            kept.append(line)
    wrong += [f"{number}: {error.message}" for number, error in directives.ended()]
    return kept, wrong


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("true", True),
        ("false", False),
        ("ext_forebay", True),
        ("ext_ublock", False),
        ("adguard", False),
        ("cap_html_filtering", False),
        ("!env_firefox", True),
        ("!!true", True),
        ("true && false", False),
        ("true||false", True),
        ("false && true || true", True),
        ("true || true && false", True),
        ("!(false || true)", False),
        ("(true)", True),
        ("!false&&!(adguard&&true)", True),
    ],
)
def test_what_a_condition_comes_to(condition, expected):
    """``&&`` binds before ``||``."""
    assert holds(condition) == (expected, None)


@pytest.mark.parametrize(
    "condition",
    ["", "&&", "true true", "true &&", "(true", "true)", "tr ue", "true & false", "1", "!",
     "true" * 500, "(" * 99 + "true" + ")" * 99],
)  # fmt: skip
def test_what_is_no_condition(condition):
    with pytest.raises(RuleError, match=r"^expected "):
        holds(condition)


def test_a_constant_that_nobody_knows_is_false_and_said():
    assert holds("env_netscape") == (False, "env_netscape")
    assert holds("!env_netscape && true") == (True, "env_netscape")


def test_nothing_that_is_true_of_a_browser_extension_is_true_here():
    assert {name for name, value in CONSTANTS.items() if value} == {"true", "ext_forebay"}


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (["!#if true", "a", "!#endif", "b"], ["a", "b"]),
        (["!#if false", "a", "!#endif", "b"], ["b"]),
        (["!#if false", "a", "!#else", "b", "!#endif"], ["b"]),
        (["!#if true", "a", "!#else", "b", "!#endif"], ["a"]),
        (["!#if false", "!#if true", "a", "!#else", "b", "!#endif", "!#endif", "c"], ["c"]),
        (["!#if true", "!#if false", "a", "!#else", "b", "!#endif", "c", "!#endif"], ["b", "c"]),
        (["!#include x.txt", "!#if false", "!#include y.txt", "!#endif"], ["<x.txt>"]),
        (["!#safari_cb_affinity(general)", "a"], ["a"]),
        (["!#iffy", "a"], ["a"]),
        (["!#if true\r\n", "a", "!#endif \n"], ["a"]),
    ],
)
def test_which_lines_count(lines, kept):
    assert counted(*lines) == (kept, [])


@pytest.mark.parametrize(
    ("lines", "kept", "wrong"),
    [
        (["!#endif", "a"], ["a"], "1: expected an open !#if above !#endif, found none"),
        (["!#else", "a"], ["a"], "1: expected an open !#if above !#else, found none"),
        (["!#if true", "a"], ["a"], "1: expected !#endif below this !#if, found none"),
        (["!#if tr ue", "a", "!#else", "b", "!#endif"], ["b"],
         "1: expected constants, !, && and || after !#if, found 'tr ue'"),
        (["!#if !new", "a", "!#endif"], ["a"],
         "1: expected a constant that is known here, found 'new'"),
        (["!#if true", "!#else", "a", "!#else", "b", "!#endif"], [],
         "4: expected an open !#if above !#else, found none"),
    ],
)  # fmt: skip
def test_a_mistake_costs_its_line(lines, kept, wrong):
    assert counted(*lines) == (kept, [wrong])


def test_conditions_are_nested_so_deep():
    """What is deeper is a mistake, and takes its end with it."""
    deep = ["!#if true"] * (MOST_NESTED + 1) + ["a"] + ["!#endif"] * (MOST_NESTED + 1)

    kept, (wrong,) = counted(*deep, "b")

    assert kept == ["a", "b"]
    assert wrong.startswith(f"{MOST_NESTED + 1}: expected at most {MOST_NESTED} !#if")


@pytest.mark.parametrize(
    "name",
    ["", "../x.txt", "/etc/passwd", "a/b.txt", "https://x.example/a.txt", "a\\b", ".hidden", "..",
     "a\x00b", "x.txt?y", "x" * 300],
)  # fmt: skip
def test_a_file_is_included_from_the_same_folder_only(name):
    with pytest.raises(RuleError, match="expected a file in the same folder after !#include"):
        Directives().take(f"!#include {name}", 1)


def test_an_unknown_constant_is_counted_by_its_kind():
    with pytest.raises(UnsupportedRuleError) as caught:
        Directives().take("!#if env_netscape", 1)

    assert caught.value.kind == "unknown constant"


@given(st.text("tf!&|() ", max_size=30))
def test_any_condition(text):
    """Either way, or a mistake."""
    text = text.replace("t", " true ").replace("f", " false ")
    try:
        found, unknown = holds(text)
    except RuleError:
        return
    assert unknown is None
    words = text.replace("!", " not ").replace("&&", " and ").replace("||", " or ")
    assert found == eval(words.replace("true", "True").replace("false", "False").strip())


@pytest.mark.parametrize("line", ["!#if(false)", "!#if!true", "!#if (false)"])
def test_a_condition_may_follow_without_a_space(line):
    """As other filters read it."""
    assert counted(line, "a", "!#else", "b", "!#endif") == (["b"], [])
