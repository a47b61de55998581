"""Policies that rules add to pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.policyfields import permissions_policy, security_policy
from forebay.errors import RuleError


@pytest.mark.parametrize(
    "value",
    [
        "script-src 'self' data: 'unsafe-inline' 'unsafe-hashes' 'unsafe-eval'",
        "child-src 'none'; frame-src 'self' *; worker-src 'none'",
        "upgrade-insecure-requests",
        "img-src *;",
        "img-src a, script-src b",
        "script-src https://a.example/report-uri",
    ],
)
def test_a_security_policy_stays_as_it_is(value):
    assert security_policy(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "report-uri https://a.example/",
        "script-src 'none'; report-to x",
        "script-src 'none';REPORT-URI /",
        "img-src a, report-uri /",
    ],
)
def test_no_policy_tells_a_list_what_is_loaded(value):
    with pytest.raises(RuleError, match="without report-uri and report-to"):
        security_policy(value)


@pytest.mark.parametrize("value", ["'none'", "a\r\nb: c", "img-src é", "1=2", ";img-src\x00"])
def test_what_is_no_security_policy(value):
    with pytest.raises(RuleError, match="expected directives after csp="):
        security_policy(value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("autoplay=()", "autoplay=()"),
        ("autoplay=()|usb=(self)", "autoplay=(), usb=(self)"),
        ('a=*, b=( self "https://x.example" )', 'a=*, b=( self "https://x.example" )'),
        ("geolocation=self", "geolocation=self"),
    ],
)
def test_a_permissions_policy_is_a_dictionary(value, said):
    assert permissions_policy(value) == said


@pytest.mark.parametrize(
    "value", ["autoplay", "autoplay=", "autoplay=(", "autoplay 'none'", "a=()|", "A=()", "a=()\n"]
)
def test_one_that_cannot_be_read_would_cancel_the_pages_own(value):
    with pytest.raises(RuleError, match="expected features"):
        permissions_policy(value)


def test_permissions_report_to_nobody():
    with pytest.raises(RuleError, match="without report-to"):
        permissions_policy("usb=();report-to=x")


@pytest.mark.parametrize("value", ["img-src " + "a " * 1000, "a=(" + " " * 30_000])
def test_a_policy_is_of_bounded_length(value):
    """What reads it takes time with the square of that."""
    for parse in (security_policy, permissions_policy):
        with pytest.raises(RuleError, match="at most 2,000 characters"):
            parse(value)


@given(st.text(max_size=60))
def test_nothing_that_is_taken_breaks_out_of_its_field(value):
    for parse in (security_policy, permissions_policy):
        try:
            said = parse(value)
        except RuleError:
            continue
        assert said.isascii()
        assert said.isprintable()
