"""The names in a client's first message."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.proxycore.excluded import LIMIT_BYTES
from forebay.proxycore.firstbytes import NEED_MORE, Names, NeedMore, names_in
from forebay.proxycore.tunnels import hello_for

HELLO = hello_for(b"Ads.Example.")
HEAD = b"GET http://a.example/x HTTP/1.1\r\nHost: b.example:80\r\nhost: C.example\r\n\r\n"


def extension(kind: int, body: bytes) -> bytes:
    return kind.to_bytes(2) + len(body).to_bytes(2) + body


def listed(*names: bytes, kind: int = 0) -> bytes:
    """The body of a server_name extension."""
    entries = b"".join(bytes([kind]) + len(name).to_bytes(2) + name for name in names)
    return len(entries).to_bytes(2) + entries


def hello_with(extensions: bytes) -> bytes:
    """A ClientHello in one record."""
    body = b"\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x01\x01\x00"
    body += len(extensions).to_bytes(2) + extensions
    return records(b"\x01" + len(body).to_bytes(3) + body, 2**14)


def records(message: bytes, size: int, version: bytes = b"\x03\x01") -> bytes:
    """Spread a handshake message over records of *size* bytes."""
    return b"".join(
        b"\x16" + version + len(part).to_bytes(2) + part
        for part in (message[at : at + size] for at in range(0, len(message), size))
    )


def real_hello(name: str) -> bytes:
    """What this Python's OpenSSL sends."""
    client, out = ssl.create_default_context(), ssl.MemoryBIO()
    tls = client.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return out.read()


@pytest.mark.parametrize(
    ("hello", "names"),
    [
        (HELLO, ("ads.example",)),
        (real_hello("ads.example"), ("ads.example",)),
        (records(HELLO[5:], 1), ("ads.example",)),
        (records(HELLO[5:], 7), ("ads.example",)),
        (records(HELLO[5:], 999, b"\x03\x04"), ("ads.example",)),
        (records(HELLO[5:], 999, b"\x03\xff"), ("ads.example",)),
        (b"\x16\x03\x01\x00\x00" + HELLO, ("ads.example",)),
        (HELLO + b"\x14\x03\x03\x00\x01\x01", ("ads.example",)),
        (hello_with(b""), ()),
        (hello_with(extension(0, listed(b"a.example", b"b.example"))), ("a.example", "b.example")),
        (hello_with(extension(0, listed(b"a.example")) * 2), ("a.example",)),
        (
            hello_with(extension(0, listed(b"a.example")) + extension(0, listed(b"b.example"))),
            ("a.example", "b.example"),
        ),
        (hello_with(extension(0, listed(b"a.example", kind=1))), ("a.example",)),
        (hello_with(extension(0, b"\x00\x00" + listed(b"a.example")[2:])), ("a.example",)),
        (hello_with(extension(0, listed("bücher.example".encode()))), ("xn--bcher-kva.example",)),
        (hello_with(extension(0, listed(b"a_b.example"))), ("a_b.example",)),
    ],
)
def test_every_server_name_of_a_client_hello(hello, names):
    """In any number of records of any version, in any number of entries of any type."""
    assert names_in(hello) == Names(names)


@pytest.mark.parametrize(("kind", "ech"), [(0xFE0D, True), (0xFE0C, False)])
def test_an_encrypted_client_hello_is_noted(kind, ech):
    """The name is the outer one."""
    hello = hello_with(extension(0, listed(b"outer.example")) + extension(kind, b"\x00"))

    assert names_in(hello) == Names(("outer.example",), ech=ech)


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (HEAD, ("a.example", "b.example", "c.example")),
        (HEAD.replace(b"\r\n", b"\n"), ("a.example", "b.example", "c.example")),
        (b"\r\n\n" + HEAD, ("a.example", "b.example", "c.example")),
        (HEAD.replace(b" ", b"\t"), ("a.example", "b.example", "c.example")),
        (HEAD + b"Host: body.example\r\n\r\n", ("a.example", "b.example", "c.example")),
        (b"GET / HTTP/1.1\r\n\r\n", ()),
        (b"get / http/1.0\r\nHost: a.example\r\n\r\n", ("a.example",)),
        (b"M-X * HTTP/1.1\r\nHost: a.example\r\n\r\n", ("a.example",)),
        (b"GET / HTTP/1.1\r\nHost:\r\n a.example\r\n\r\n", ("a.example",)),
        (b"GET / HTTP/1.1\r\nHost : a.example\r\n\r\n", ("a.example",)),
        (b"GET / HTTP/1.1\r\nX: y\rHost: a.example\r\n\r\n", ("a.example",)),
        (b"GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n", ("a.example", "b.example")),
        (b"GET / HTTP/1.1\r\nXHost: a.example\r\n\r\n", ()),
        (b"CONNECT a.example:443 HTTP/1.1\r\n\r\n", ("a.example",)),
        (b"GET https://u@a.example:8?x HTTP/1.1\r\n\r\n", ("a.example",)),
        (b"SSH-2.0-x\r\n", ()),
        (b"EHLO ads.example\r\n", ()),
        (b"OPTIONS sip:a.example SIP/2.0\r\n", ()),
        (b"0032git-upload-pack /x\0host=h.example\0", ()),
        (b"\x00\x01", ()),
        (b"\x16\x04", ()),
        (b"HTTP/1.1 200 OK\r\n", ()),
    ],
)
def test_every_host_of_a_request(data, names):
    """Each Host field in each spelling and the target; other protocols have no names."""
    assert names_in(data) == Names(names)


@pytest.mark.parametrize("message", [HELLO, HEAD, records(HELLO[5:], 3), b"\r\n" + HEAD])
def test_what_is_not_complete_is_waited_for(message):
    """Wherever it is cut."""
    found = {cut: names_in(message[:cut]) for cut in range(1, len(message))}

    assert [cut for cut, names in found.items() if names != NEED_MORE] == []


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2 without TLS"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * LIMIT_BYTES, "a long request head"),
        (b"GET /" + b"x" * LIMIT_BYTES, "a long request line"),
        (b"\r\n" * 50, "a long request line"),
        (b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + bytes(LIMIT_BYTES), "a broken ClientHello"),
        (
            records(b"\x01\xff\xff\xff" + bytes(LIMIT_BYTES), 2**14),
            "a long ClientHello",
        ),
        (records(b"\x02\x00\x00\x00", 9), "a broken ClientHello"),
        (records(b"\x01\x00\x00\x01\x03", 9), "a broken ClientHello"),
        (b"\x16\x03\x01\x00\x01\x01\x17\x03\x03\x00\x01", "a broken ClientHello"),
        (hello_with(extension(0, b"\x00\x04\x00\x00\x09x")), "a broken ClientHello"),
    ],
)
def test_what_cannot_be_read_says_why(data, what):
    """So that the caller may refuse it."""
    assert names_in(data) == Names(unreadable=what)


@given(
    st.binary(max_size=200),
    st.sampled_from(
        [b"", b"\x16\x03\x01", HELLO[:60], b"GET ", b"GET / HTTP/1.1\r\nHost:", b"PRI "]
    ),
    st.sampled_from([b"", b"\r\n\r\n"]),
)
def test_any_bytes_get_an_answer(middle, start, end):
    """And waiting has an end."""
    data = start + middle + end

    assert isinstance(names_in(data), Names | NeedMore)
    assert isinstance(names_in(data + bytes(2 * LIMIT_BYTES)), Names)


@given(st.integers(0, len(HELLO) - 1), st.binary(min_size=1, max_size=4))
def test_a_damaged_client_hello_gets_an_answer(at, damage):
    """Whatever is overwritten."""
    data = HELLO[:at] + damage + HELLO[at + len(damage) :]

    assert isinstance(names_in(data), Names | NeedMore)


@pytest.mark.parametrize(
    "data",
    [
        b" \r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"GET\xa0/\xa0HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"GET\t/\x85HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"GET\xa0http://a.example/\xa0HTTP/1.1\r\n\r\n",
    ],
)
def test_what_lenient_servers_take_for_a_request_is_one(data):
    assert names_in(data).names == ("a.example",)
