"""What is said of a request that was checked; the whole is in test_check.py."""

from __future__ import annotations

import argparse

import pytest

from forebay import outcome
from forebay.blocklist.verdict import NOT_LISTED
from forebay.cli import asking, judged, proxyoptions
from forebay.cli.checked import Checked, as_plain, in_words
from forebay.cli.inforce import Lists
from forebay.errors import ForebayError

URL = "http://a.example/x"


def checked(**more):
    parser = argparse.ArgumentParser()
    asking.add_arguments(parser)
    proxyoptions.add_arguments(parser)
    given = parser.parse_args([URL, "--confdir", "/no/such"])
    proxyoptions.fill(given)
    flow = asking.flow_for(given)
    return flow, Checked(judged.of_flow(flow, Lists(), given), **more)


def test_what_was_not_come_to_is_none():
    flow, found = checked()

    plain = as_plain(found, flow, URL)

    assert (plain["action"], plain["answered_by"]) == ("allow", "origin")
    assert {plain[name] for name in ("rewrite", "sent", "cache", "cache_rule", "storing")} == {None}
    assert in_words(found, URL)[:2] == [f"allowed: {URL}", f"  because   {NOT_LISTED.reason}"]


def test_whoever_answers_is_named():
    flow, found = checked()
    outcome.of(flow)["answer"] = "cache"

    assert as_plain(found, flow, URL)["answered_by"] == "cache"


@pytest.mark.parametrize(
    ("done", "ignored", "words"),
    [
        (["cache", "rewrite"], None, "cache, rewrite"),
        (["cache"], "unknown: x", "cache; ignored: unknown: x"),
        ([], "the client is not on this machine", "nothing; ignored: the client is not on this"),
    ],
)
def test_a_bypass_is_told_and_why_not(done, ignored, words):
    _, found = checked(bypass={"asked": [], "done": done, "ignored": ignored})

    (line,) = [line for line in in_words(found, URL) if "bypass" in line]
    assert line.startswith(f"  bypass    {words}")


def test_every_line_of_what_is_wrong_is_a_warning():
    _, found = checked()

    found.warn("cache", ForebayError("one\ntwo\x1b"))

    assert found.warnings == ["cache: one", "cache: two\\x1b"]
