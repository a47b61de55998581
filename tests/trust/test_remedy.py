"""The line that helps."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.trust import remedy
from forebay.trust.rejections import Kind


def line(**given):
    return remedy.mistrust(
        given.get("client", "192.0.2.1"),
        given.get("place", ("a.example", 443)),
        given.get("kind", Kind.ALERT),
        agent=given.get("agent", "curl/8.5.0"),
        may_pass=given.get("may_pass", True),
        is_last=given.get("is_last", False),
    )


def test_it_names_who_what_and_what_to_do():
    assert line() == (
        "curl/8.5.0 at 192.0.2.1 does not trust the proxy's certificate for a.example:443: "
        'set CURL_CA_BUNDLE (eval "$(forebay ca env)"), or forebay ca install; '
        r"or let the host pass undecrypted: --set 'ignore_hosts=^a\.example:443$'"
    )


@pytest.mark.parametrize(
    ("given_parts", "expected"),
    [
        ({"agent": ""}, "a client at 192.0.2.1 does not trust"),
        ({"kind": Kind.CLOSED}, "may not trust"),
        ({"agent": "Mozilla/5.0 (X11)"}, "forebay ca install, then start the browser again"),
        (
            {"agent": "Java/21"},
            'JAVA_TOOL_OPTIONS (eval "$(forebay ca env)"), or forebay ca install',
        ),
        ({"agent": "node"}, "set NODE_EXTRA_CA_CERTS"),
        ({"is_last": True}, "; more hosts of this client are not named"),
        ({"place": ("2001:db8::1", 443)}, "for [2001:db8::1]:443: "),
    ],
)
def test_it_fits_the_client(given_parts, expected):
    assert expected in line(**given_parts)


@pytest.mark.parametrize("given_parts", [{"may_pass": False}, {"place": ("a'; rm -rf ~ #", 443)}])
def test_no_command_is_offered_that_does_not_work_or_does_harm(given_parts):
    assert "--set" not in line(**given_parts)


@given(st.text(max_size=300), st.text(max_size=300), st.booleans())
def test_it_is_one_line_that_can_be_printed(host, agent, may_pass):
    found = line(place=(host, 443), agent=agent, may_pass=may_pass)

    assert found.isprintable()
    assert len(found) < 900


@given(st.from_regex(r"[a-z0-9._:-]{1,30}", fullmatch=True), st.integers(1, 65535))
def test_the_pattern_is_for_that_host_alone(host, port):
    found = re.fullmatch(r"--set 'ignore_hosts=(.+)'", remedy.ignoring((host, port)))
    pattern = re.compile(found[1])

    assert pattern.search(f"{host}:{port}")
    assert not pattern.search(f"x{host}:{port}")
    assert not pattern.search(f"{host}:{port}0")
    assert not pattern.search(f"{host.replace('.', 'x')}:{port}") or "." not in host


def test_the_line_of_what_passes_names_the_option():
    found = remedy.passed("192.0.2.1", ("a.example", 443), agent="", times=3)

    assert "3 times in a row" in found
    assert "(forebay_passthrough_after)" in found
