"""Status codes: RFC 9110 §15."""

from __future__ import annotations

import pytest

from forebay.cache.statuses import HEURISTIC, SERVER_ERRORS, UNDERSTOOD, is_final


@pytest.mark.parametrize("status", [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501])
def test_these_may_be_guessed_to_stay_fresh(status):
    assert status in HEURISTIC


@pytest.mark.parametrize("status", [201, 202, 302, 303, 307, 400, 403, 500, 502, 503, 504, 599])
def test_these_must_not(status):
    assert status not in HEURISTIC


@pytest.mark.parametrize(
    ("status", "expected"), [(199, False), (200, True), (599, True), (600, False)]
)
def test_which_end_an_exchange(status, expected):
    assert is_final(status) is expected


def test_what_is_guessed_or_stood_in_for_is_understood():
    assert HEURISTIC <= UNDERSTOOD and SERVER_ERRORS <= UNDERSTOOD
    assert 599 not in UNDERSTOOD and 299 not in UNDERSTOOD
