"""Certificates in PEM, and which can be an authority's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import ForebayError
from forebay.trust import certificate
from trust.builders import DAY_S, NOW_S, made


@given(st.lists(st.binary(min_size=1), max_size=4))
def test_what_is_written_is_read(ders):
    text = b"words between\n".join(certificate.pem(der) for der in ders)

    assert certificate.every(text) == ders


@given(st.binary())
def test_any_bytes_are_read(data):
    assert isinstance(certificate.every(data), list)
    assert isinstance(certificate.every(certificate.pem(b"x").replace(b"eA==", data)), list)


def test_an_authority_is_returned():
    text = made()

    assert [certificate.authority(b"key\n" + text, NOW_S)] == certificate.every(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(lambda: b"", "found none", id="nothing"),
        pytest.param(lambda: b"\xff\x00garbage", "found none", id="garbage"),
        pytest.param(lambda: certificate.pem(b"\x00\x01"), "found a broken one", id="no DER"),
        pytest.param(lambda: made()[:200], "found none", id="cut"),
        pytest.param(lambda: made(ca=False), "that may sign no other", id="no CA"),
        pytest.param(lambda: made(ca=None), "that may sign no other", id="no constraints"),
        pytest.param(lambda: made(to_s=-1), "expired on 2027-01-15", id="expired"),
        pytest.param(lambda: made(from_s=DAY_S, to_s=2 * DAY_S), "from 2027-01-16 on", id="early"),
    ],
)
def test_others_are_refused(text, message):
    with pytest.raises(ForebayError, match=message):
        certificate.authority(text(), NOW_S)


def test_a_thumbprint_is_the_sha1():
    """RFC 3174 has this one."""
    assert certificate.thumbprint(b"abc") == "A9993E364706816ABA3E25717850C26C9CD0D89D"
