"""Staleness: RFC 9111 §4.2.4, RFC 5861."""

from __future__ import annotations

import pytest

from forebay.cache.directives import parse
from forebay.cache.staleness import Failure, allowance


@pytest.mark.parametrize(
    ("control", "forbidden"),
    [
        (b"max-age=1", False),
        (b"max-age=1, must-revalidate", True),
        (b"max-age=1, Proxy-Revalidate", True),
        (b"max-age=1, proxy-revalidate=x", True),
        (b"s-maxage=1", True),
        (b"s-maxage=junk", True),
        (b'no-cache="x"', True),
        (b"no-cache", True),
        (b'extension="must-revalidate"', False),
    ],
)
def test_what_forbids_it_in_any_case(control, forbidden):
    found = allowance(parse(control + b", stale-while-revalidate=60, stale-if-error=60"))

    assert found.is_forbidden is forbidden
    assert found.covers_failure(Failure.UNREACHABLE, 1) is not forbidden
    assert found.covers_failure(Failure.SERVER_ERROR, 1) is not forbidden
    assert found.covers_refresh(1) is not forbidden


@pytest.mark.parametrize(
    ("control", "stale_s", "expected"),
    [
        (b"", 1, False),
        (b"stale-while-revalidate=10", 9.9, True),
        (b"stale-while-revalidate=10", 10, False),
        (b"stale-while-revalidate=x", 0, False),
        (b"stale-while-revalidate=10, stale-while-revalidate=60", 5, False),
        (b"stale-if-error=60", 1, False),
    ],
)
def test_the_window_of_stale_while_revalidate(control, stale_s, expected):
    assert allowance(parse(control)).covers_refresh(stale_s) is expected


@pytest.mark.parametrize(
    ("control", "stale_s", "request_s", "expected"),
    [
        (b"", 1, 0, False),
        (b"stale-if-error=10", 9, 0, True),
        (b"stale-if-error=10", 10, 0, False),
        (b"", 9, 10, True),
        (b"stale-if-error=5", 9, 10, True),
    ],
)
def test_a_server_error_is_covered_only_when_somebody_says_so(
    control, stale_s, request_s, expected
):
    found = allowance(parse(control))

    assert found.covers_failure(Failure.SERVER_ERROR, stale_s, request_s=request_s) is expected


def test_an_origin_that_cannot_be_reached_is_covered_for_any_time():
    """§4.2.4: disconnected."""
    assert allowance(parse(b"")).covers_failure(Failure.UNREACHABLE, 10**9)
