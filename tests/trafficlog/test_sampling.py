"""Which records are written."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import RuleError
from forebay.trafficlog.sampling import Sampling, parse, takes


def rate(texts, kind="http", status=200, **given) -> float:
    return parse(texts).rate(
        kind, status, **{"blocked": False, "failed": False, "hit": False, **given}
    )


@pytest.mark.parametrize(
    ("texts", "given", "expected"),
    [
        ([], {}, 1),
        (["0.1"], {}, 0.1),
        (["0.1"], {"blocked": True}, 1),
        (["0.1"], {"failed": True}, 1),
        (["0"], {"failed": True, "blocked": True}, 1),
        (["0.1", "blocked=0.5"], {"blocked": True, "failed": True}, 0.5),
        (["failed=0"], {"failed": True}, 0),
        (["2xx=0.2"], {}, 0.2),
        (["2xx=0.2"], {"status": 304}, 1),
        (["2xx=0.2", "204=.5"], {"status": 204}, 0.5),
        (["2xx=0.2", "hit=0"], {"hit": True}, 0),
        (["0.1", "dns=1"], {"kind": "dns", "status": None}, 1),
        (["0.1", "websocket=1"], {"kind": "websocket", "status": 101}, 1),
        ([" 2XX = 0.5 "], {}, 0.5),
    ],
)
def test_the_first_that_fits_counts(texts, given, expected):
    assert rate(texts, **given) == expected


@pytest.mark.parametrize(
    "text", ["", "2", "1.5", "-1", "x", "2xx", "2xx=2", "6xx=1", "nan", "a=1", "=1x"]
)
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(RuleError, match=r"expected a rate from 0 to 1 such as 0\.1"):
        parse([text])


def test_all():
    assert Sampling().is_all
    assert parse(["1"]).is_all
    assert not parse(["hit=1"]).is_all


@given(st.uuids(version=4), st.floats(0, 1), st.floats(0, 1))
def test_who_is_among_few_is_among_many(id_, one, other):
    few, many = sorted([one, other])

    assert takes(str(id_), 1)
    assert not takes(str(id_), 0)
    assert takes(str(id_), many) or not takes(str(id_), few)


def test_the_share_is_the_rate():
    taken = sum(takes(str(uuid.UUID(int=n << 96 | 1)), 0.25) for n in range(0, 2**32, 2**22))

    assert taken == 256


def test_an_id_that_is_none_is_taken():
    """Rather one record too much."""
    assert takes("no-id", 0.1)
