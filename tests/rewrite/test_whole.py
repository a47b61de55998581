"""What is asked for where a rule will edit the body of the response."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebay.rewrite.body import BodyEdits
from forebay.rewrite.bodyedits import WholeText
from forebay.rewrite.index import RuleIndex
from forebay.rewrite.rule import Edits, Mode
from forebay.rewrite.whole import asked_whole
from rewrite.builders import exchange, fields, rule, template


def body_rule(**given):
    edits = Edits(body=BodyEdits((WholeText(template("x")),)))
    return replace(rule(path="/x"), response=edits, **given)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (("Range: bytes=0-3", 'If-Range: "1"', "A: b"), ("A: b",)),
        (("Accept-Encoding: dcb, gzip ,br;q=0.5",), ("Accept-Encoding: gzip, br;q=0.5",)),
        (("accept-encoding: dcb",), ("accept-encoding: identity",)),
    ],
)
def test_fields_that_would_hinder_are_changed(given, kept):
    """And which they were is told."""
    asked = exchange("https://www.example.com/x", request=fields(*given))

    applied, found = asked_whole(RuleIndex([body_rule()]), asked, asked)

    assert found == fields(*kept)
    assert applied.rule.id == "r"
    assert len(applied.changes) == len(given) - (kept == ("A: b",))


@pytest.mark.parametrize(
    ("path", "given", "rules"),
    [
        ("/x", ("Accept-Encoding: gzip",), [body_rule()]),
        ("/y", ("Range: bytes=0-3",), [body_rule()]),
        ("/x", ("Range: bytes=0-3",), [body_rule(mode=Mode.SHADOW)]),
        ("/x", ("Range: bytes=0-3",), []),
    ],
)
def test_other_requests_stay_as_they_are(path, given, rules):
    asked = exchange(f"https://www.example.com{path}", request=fields(*given))

    assert asked_whole(RuleIndex(rules), asked, asked) == (None, fields(*given))


def test_it_is_what_will_be_sent_that_is_changed():
    """Rules match what they see; the fields are those after edits."""
    asked = exchange("https://www.example.com/x", request=fields("Host: a", "Range: bytes=0-3"))
    sent = replace(asked, request=fields("Host: b", "Range: bytes=0-3"))

    assert asked_whole(RuleIndex([body_rule()]), asked, sent)[1] == fields("Host: b")
