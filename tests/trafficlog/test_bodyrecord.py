"""What a record says of a body."""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.trafficlog.bodyrecord import Captured, described
from forebay.trafficlog.redact import DEFAULT

JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxIn0" + ".c2ln"


def of(data, content_type="text/plain", encoding="", *, whole=True, limit=1000):
    return described(Captured(data, whole, content_type, encoding), limit, DEFAULT)


def test_text_as_text():
    said, size = of("grüße".encode())

    assert said == {
        "sha256": hashlib.sha256("grüße".encode()).hexdigest(),
        "size": 7,
        "truncated": False,
        "text": "grüße",
    }
    assert size == 7


def test_binary_as_base64():
    said, size = of(b"\x00\xff\x01", "image/png")

    assert base64.b64decode(said["base64"]) == b"\x00\xff\x01"
    assert "text" not in said
    assert size == 3


@pytest.mark.parametrize(
    ("content_type", "data", "text"),
    [
        ("text/plain; charset=iso-8859-1", b"gr\xfc\xdfe", "grüße"),
        ('text/plain; charset="utf-16"', "grüße".encode("utf-16"), "grüße"),
        ("text/plain; charset=shift_jis", "日本".encode("shift_jis"), "日本"),
        ("text/plain; charset=bz2", b"plain", "plain"),
        ("text/plain; charset=no-such", b"plain", "plain"),
        ("", b"plain", "plain"),
    ],
)
def test_charsets(content_type, data, text):
    assert of(data, content_type)[0]["text"] == text


def test_a_character_that_was_cut_off_makes_no_binary():
    assert of("aé".encode()[:2], whole=False)[0]["text"] == "a"


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress)],
)
def test_coded_bodies_are_decoded(coding, pack):
    packed = pack(b'{"token": "x"}')

    said, size = of(packed, "application/json", coding)

    assert said["text"] == '{"token":"REDACTED"}'
    assert said["redacted"] is True
    assert "sha256" not in said  # of what was transferred, which tells the secret
    assert size == 14


def test_a_bomb_costs_its_cap():
    said, size = of(gzip.compress(b"a" * 50_000_000), "text/plain", "gzip")

    assert said["text"] == "a" * 1000
    assert said["truncated"] is True
    assert size is None


def test_a_coded_body_that_was_cut_off_is_decoded_as_far_as_it_goes():
    packed = gzip.compress(bytes(range(65, 91)) * 9)[:30]

    said, size = of(packed, "text/plain", "gzip", whole=False)

    assert said["text"].startswith("ABCDEFGHIJKL")
    assert said["truncated"] is True
    assert size is None


@pytest.mark.parametrize("encoding", ["gzip", "no-such", ", ".join(["gzip"] * 9)])
def test_what_cannot_be_decoded_stays_coded(encoding):
    said, size = of(b"\x00damaged", "text/plain", encoding)

    assert said["coding"] == encoding
    assert said["note"]
    assert base64.b64decode(said["base64"]) == b"\x00damaged"
    assert size is None


def test_more_than_the_limit_is_cut():
    said, size = of(b"x" * 1001)

    assert (said["size"], said["truncated"], size) == (1000, True, None)


def test_secrets_in_what_is_no_text():
    said, _ = of(b"\x00" + JWT.encode() + b"\x00", "application/x-protobuf")
    form = (
        b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n'
        b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n\xff\x00\r\n--b--'
    )
    parts, _ = of(form, "multipart/form-data; boundary=b")

    assert base64.b64decode(said["base64"]) == b"\x00REDACTED\x00"
    assert said["redacted"]
    assert b"hunter2" not in base64.b64decode(parts["base64"])
    assert b"\xff\x00" in base64.b64decode(parts["base64"])
    assert "sha256" not in parts


@given(
    st.binary(max_size=300),
    st.sampled_from(["", "application/json", "text/html; charset=utf-16", "image/png"]),
    st.sampled_from(["", "gzip", "br", "zstd", "deflate"]),
    st.booleans(),
)
def test_any_bytes_are_taken(data, content_type, encoding, whole):
    said, size = of(data, content_type, encoding, whole=whole)

    assert ("text" in said) != ("base64" in said)
    assert said["size"] <= 1000
    assert size is None or size <= 1000
