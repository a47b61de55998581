"""Verdicts explain themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.rule import Cited
from forebay.blocklist.verdict import NOT_LISTED, Action, Verdict, visible

RULE = Cited("||ads.example^", "ads", "/rules/ads.txt", 7, "social")
EXCEPTION = Cited("@@||ads.example^", "own", "/rules/own.txt", 1)


def verdict(**given) -> Verdict:
    return Verdict(
        **{"action": Action.BLOCK, "reason": "listed", "name": "ads.example", "matched": RULE}
        | given
    )


def test_the_outcome_is_flat_and_plain():
    assert verdict().as_outcome() == {
        "action": "block",
        "name": "ads.example",
        "rule": "||ads.example^",
        "list": "ads",
        "path": "/rules/ads.txt",
        "line": 7,
        "group": "social",
        "exception": None,
        "policy": None,
        "reason": "listed",
    }


def test_the_outcome_names_rule_and_exception():
    found = verdict(action=Action.ALLOW, exception=EXCEPTION).as_outcome()

    assert found["action"] == "allow"
    assert found["rule"] == "||ads.example^"
    assert found["exception"] == {
        "rule": "@@||ads.example^",
        "list": "own",
        "path": "/rules/own.txt",
        "line": 1,
        "group": None,
    }


def test_the_outcome_names_the_policy():
    assert verdict(policy="guests (policies.yaml:3)").as_outcome()["policy"] == (
        "guests (policies.yaml:3)"
    )


def test_the_answer_is_not_part_of_the_outcome():
    assert verdict(redirect="noop.js").as_outcome() == verdict().as_outcome()


def test_an_outcome_without_rule_keeps_its_keys():
    found = NOT_LISTED.as_outcome()

    assert found["rule"] is found["path"] is found["line"] is found["group"] is None
    assert found.keys() == verdict().as_outcome().keys()
    assert not NOT_LISTED.blocked


def test_the_place_leaves_out_the_folder():
    assert verdict().place == "ads.txt:7"
    assert verdict(matched=None).place is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (verdict(), "blocked by ||ads.example^ (ads.txt:7): listed"),
        (verdict(matched=None), "blocked: listed"),
        (
            verdict(matched=Cited("/a\u202e\n", "ads", "/x/a\nds.txt", 2)),
            r"blocked by /a\u202e\n (a\nds.txt:2): listed",
        ),
        (verdict(reason="a\r\nb"), r"blocked by ||ads.example^ (ads.txt:7): a\r\nb"),
    ],
)
def test_the_summary_is_one_line(given, expected):
    assert given.summary() == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("ads.example # why", "ads.example # why"),
        ("bücher", "bücher"),
        ("a\u202eb", r"a\u202eb"),
        ("a\x1b[31m", r"a\x1b[31m"),
        ("a\udcff", r"a\udcff"),
        ("a\u2028b", r"a\u2028b"),
        (None, ""),
    ],
)
def test_what_hides_is_shown_as_an_escape(given, expected):
    assert visible(given) == expected


@given(st.text(max_size=300), st.integers(2, 50))
def test_what_is_shown_is_printable_and_bounded(text, limit):
    shown = visible(text, limit)

    assert shown.isprintable()
    assert len(shown) <= limit
