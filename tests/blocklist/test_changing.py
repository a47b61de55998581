"""Requests, and heads of responses, changed by rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from mitmproxy.test import tflow

from forebay import outcome
from forebay.blocklist import load, reading
from forebay.blocklist.changing import Changing
from forebay.blocklist.current import Rules
from forebay.blocklist.policies import Mode, Policies, Policy
from forebay.blocklist.request import Request


@pytest.fixture(name="rules")
def _rules(tmp_path):
    def made(*lines: str) -> Rules:
        path: Path = tmp_path / "own.txt"
        path.write_text("\n".join(lines), encoding="utf-8")
        return Rules(load.load((reading.ListFile("own", path),)), Policies.of())

    return made


def asked(flow, **given):
    return [Request.of(f"http://a.example{flow.request.path}", **given)]


def requested(path="/?x=1&y=%7e"):
    flow = tflow.tflow(resp=True)
    flow.request.data.path = path.encode()
    outcome.begin(flow)
    return flow


def test_the_query_loses_what_rules_name(rules):
    """And whoever judges it again knows that it must be."""
    flow = requested()

    Changing().request(flow, asked(flow), rules("$removeparam=x"), None)

    assert flow.request.data.path == b"/?y=%7e"
    assert outcome.of(flow)["redirected"]
    assert outcome.of(flow)["edits"][0]["removed"] == ["x"]


@pytest.mark.parametrize(
    ("line", "policy"),
    [
        ("$removeparam=none", None),
        ("||b.example^", None),
        ("$removeparam=x", Policy("off", "policies.yaml", 1, mode=Mode.OFF)),
    ],
)
def test_what_no_rule_is_about_stays(rules, line, policy):
    flow = requested()

    Changing().request(flow, asked(flow), rules(line), policy)

    assert flow.request.data.path == b"/?x=1&y=%7e"
    assert outcome.of(flow) == {"attempt": 1}


def test_a_page_gets_fields_behind_its_own(rules):
    changing, flow = Changing(), requested()
    flow.response.headers.fields = ((b"Content-Security-Policy", b"img-src *"),)

    found = rules("||a.example^$csp=font-src *")
    changing.request(flow, asked(flow, type="document"), found, None)
    changing.response(flow, found)

    assert flow.response.headers.fields == (
        (b"Content-Security-Policy", b"img-src *"),
        (b"Content-Security-Policy", b"font-src *"),
    )
    assert outcome.of(flow)["edits"][0]["added"] == "font-src *"


def test_names_of_fields_are_in_lower_case_in_http2(rules):
    changing, flow = Changing(), requested()
    flow.response.http_version = "HTTP/2.0"

    found = rules("||a.example^$csp=font-src *")
    changing.request(flow, asked(flow, type="document"), found, None)
    changing.response(flow, found)

    assert flow.response.headers.fields[-1] == (b"content-security-policy", b"font-src *")


def test_a_response_is_judged_by_the_rules_that_are_in_force(rules):
    """Those before may be empty by then."""
    changing, flow = Changing(), requested()
    flow.response.headers["X-A"] = "1"
    found = rules("||a.example^$header=x-a")

    assert changing.verdict(flow, found) is None
    changing.request(flow, asked(flow), found, None)
    verdict, policy = changing.verdict(flow, found)
    changing.response(flow, found)

    assert verdict.matched.line == 1
    assert policy is None
    assert "edits" not in outcome.of(flow)
    assert changing.remembers(flow)
    assert changing.verdict(flow, rules("||a.example^$header=x-b")) is None
    changing.forget(flow)
    assert changing.verdict(flow, found) is None
