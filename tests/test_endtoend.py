"""Fields for one hop only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.endtoend import PROTECTED, end_to_end, websocket_only


@pytest.mark.parametrize(
    ("given_fields", "kept"),
    [
        pytest.param([("A", "1")], None, id="nothing to do"),
        pytest.param([("Connection", "keep-alive"), ("A", "1")], None, id="options only"),
        pytest.param(
            [("Connection", "X-A, close"), ("x-a", "1"), ("B", "2")],
            [("Connection", "close"), ("B", "2")],
            id="a named field goes, the option stays",
        ),
        pytest.param([("Connection", "x-a"), ("X-A", "1")], [], id="nothing left of Connection"),
        pytest.param([("Connection", "a"), ("Connection", "b"), ("A", "1"), ("B", "2")], [], id="two lines"),
        pytest.param([("Keep-Alive", "5"), ("A", "1")], [("A", "1")], id="Keep-Alive"),
        pytest.param([("Proxy-Connection", "keep-alive")], [], id="Proxy-Connection"),
        pytest.param(
            [("Connection", "content-length, host, cache-control"), ("Content-Length", "1"), ("Host", "h"), ("Cache-Control", "no-store")],
            [("Content-Length", "1"), ("Host", "h"), ("Cache-Control", "no-store")],
            id="framing, target and cache control are protected",
        ),
        pytest.param(
            [("Connection", "Upgrade, X-A"), ("Upgrade", "websocket"), ("X-A", "1")],
            [("Connection", "Upgrade"), ("Upgrade", "websocket")],
            id="an upgrade survives",
        ),
    ],
)  # fmt: skip
def test_named_fields_end_here(given_fields, kept):
    """RFC 9110 §7.6.1."""
    fields = tuple((name.encode(), value.encode()) for name, value in given_fields)
    expected = None if kept is None else tuple((n.encode(), v.encode()) for n, v in kept)

    assert end_to_end(fields) == expected


field = st.tuples(
    st.sampled_from([b"Connection", b"A", b"B", b"Host", b"Keep-Alive"]),
    st.lists(st.sampled_from([b"a", b"B", b"close", b"host", b""])).map(b",".join),
)


@given(st.lists(field).map(tuple))
def test_doing_it_twice_changes_nothing_more(fields):
    """And no field appears that was not there."""
    once = end_to_end(fields)
    if once is not None:
        assert {name for name, _ in once} <= {name for name, _ in fields}
        assert end_to_end(once) in (None, once)


@pytest.mark.parametrize("name", sorted(PROTECTED - {b"connection", b"upgrade"}))
def test_nobody_can_name_a_field_that_others_rely_on(name):
    """A response whose Vary was dropped would be good for everyone."""
    fields = ((b"Connection", b"close, " + name), (name, b"x"))

    assert end_to_end(fields) == ((b"Connection", b"close"), (name, b"x"))


@pytest.mark.parametrize(
    ("given_fields", "kept"),
    [
        pytest.param([("Connection", "upgrade"), ("A", "1")], None, id="no protocol"),
        pytest.param(
            [("Connection", "Upgrade"), ("Upgrade", "WebSocket"), ("Sec-WebSocket-Version", "13")],
            None,
            id="WebSocket",
        ),
        pytest.param(
            [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("A", "1")],
            [("A", "1")],
            id="WebSocket without its version",
        ),
        pytest.param(
            [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "8")],
            [("Sec-WebSocket-Version", "8")],
            id="WebSocket of another version",
        ),
        pytest.param(
            [("Connection", "Upgrade"), ("Upgrade", "TLS/1.0"), ("A", "1")],
            [("A", "1")],
            id="another one",
        ),
        pytest.param(
            [("Connection", "close,, UPGRADE"), ("UPGRADE", "h2c, foo"), ("Connection", "x")],
            [("Connection", "close"), ("Connection", "x")],
            id="options stay",
        ),
        pytest.param(
            [
                ("Upgrade", "foo, WebSocket"),
                ("Connection", "Upgrade"),
                ("upgrade", "h2c"),
                ("sec-websocket-version", "13"),
            ],
            [("Connection", "Upgrade"), ("sec-websocket-version", "13"), ("Upgrade", "WebSocket")],
            id="WebSocket among others",
        ),
        pytest.param(
            [("Upgrade", "websocket/13"), ("Sec-WebSocket-Version", "13")],
            [("Sec-WebSocket-Version", "13")],
            id="a version in the protocol",
        ),
        pytest.param([("Upgrade", "")], [], id="nothing"),
    ],
)
def test_only_websocket_is_asked_for(given_fields, kept):
    """RFC 9110 §7.8."""
    fields = tuple((name.encode(), value.encode()) for name, value in given_fields)
    expected = None if kept is None else tuple((n.encode(), v.encode()) for n, v in kept)

    assert websocket_only(fields) == expected


upgrade = st.tuples(
    st.sampled_from([b"Upgrade", b"upgrade", b"Connection", b"A"]),
    st.lists(st.sampled_from([b"websocket", b" WebSocket", b"h2c", b"upgrade", b""])).map(
        b",".join
    ),
)


@given(st.lists(upgrade).map(tuple))
def test_whatever_the_fields_one_protocol_is_left_at_most(fields):
    once = websocket_only(fields)
    left = fields if once is None else once

    protocols = [value.strip().lower() for name, value in left if name.lower() == b"upgrade"]
    assert protocols in ([], [b"websocket"])
    assert websocket_only(left) is None
    assert [f for f in left if f[0] == b"A"] == [f for f in fields if f[0] == b"A"]
