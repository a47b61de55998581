"""Fetching over HTTP, within bounds."""

from __future__ import annotations

import gzip
import io
import itertools
import socketserver
import ssl
import threading
import zlib
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.transfer import Limits, Received, TransferError, _Gunzip, transfer
from origins import Origin, Reply

TEXT = b"||ads.example^\n" * 200
SMALL = Limits(size_bytes=10_000, timeout_s=10, deadline_s=20)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def fetched(url, **given):
    """Return what was received, and the text."""
    file = io.BytesIO()
    found = transfer(url, file, **{"limits": SMALL} | given)
    return found, file.getvalue()


def refusal(reply, **given):
    """Return the error that *reply* is for us, without its place."""
    with Origin(lambda seen: reply) as origin:
        url = origin.url("/ads.txt")
        with pytest.raises(TransferError) as caught:
            fetched(url, **given)
    assert str(caught.value).endswith(f" at {url}")
    return str(caught.value).removesuffix(f" at {url}")


def field(name, value):
    return [(name, value)]


def test_a_list_comes_with_its_validators():
    fields = [("ETag", '"1"'), ("Last-Modified", "Tue, 24 Nov 2026 10:00:00 GMT")]
    with Origin(lambda seen: Reply(headers=fields, body=TEXT)) as origin:
        found, text = fetched(origin.url("/ads.txt?x=1#part"))

    assert text == TEXT
    assert found == Received(len(TEXT), sha256(TEXT).hexdigest(), *(value for _, value in fields))
    (seen,) = origin.seen
    assert (seen.method, seen.target) == ("GET", "/ads.txt?x=1")
    assert seen.header("accept-encoding") == "gzip"
    assert seen.header("user-agent").startswith("Forebay/")
    assert seen.header("if-none-match") is None
    assert seen.header("if-modified-since") is None


def test_validators_are_sent_and_304_is_no_change():
    with Origin(lambda seen: Reply(status=304)) as origin:
        assert fetched(origin.url(), etag='W/"1"', last_modified="long ago") == (None, b"")

    assert origin.seen[0].header("if-none-match") == 'W/"1"'
    assert origin.seen[0].header("if-modified-since") == "long ago"


@pytest.mark.parametrize("value", ["\xe9", "x" * 1001])
def test_validators_that_cannot_be_sent_back_are_dropped(value):
    with Origin(lambda seen: Reply(headers=field("ETag", value), body=TEXT)) as origin:
        found, _ = fetched(origin.url())

    assert found.etag is None


@pytest.mark.parametrize(
    ("headers", "pieces"),
    [
        pytest.param([], [TEXT[:7], TEXT[7:]], id="chunked"),
        pytest.param(field("Content-Encoding", "gzip"), [gzip.compress(TEXT)], id="gzip"),
        pytest.param(
            field("Content-Encoding", "X-Gzip"),
            [gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:])],
            id="gzip of two members",
        ),
        pytest.param(field("Content-Encoding", "identity"), [TEXT], id="identity"),
    ],
)
def test_bodies(headers, pieces):
    with Origin(lambda seen: Reply(headers=headers, pieces=pieces)) as origin:
        found, text = fetched(origin.url())

    assert text == TEXT
    assert found.size_bytes == len(TEXT)


def raw(fields, body):
    return Reply(raw=b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n" + body)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        pytest.param(Reply(status=404), "expected status 200, found 404", id="404"),
        pytest.param(Reply(status=206, body=TEXT), "expected status 200, found 206", id="206"),
        pytest.param(Reply(status=304), "expected status 200, found 304", id="304 unasked"),
        pytest.param(raw(b"Content-Length: 99\r\n", TEXT[:40]), "expected 99 bytes, found 40", id="short"),
        pytest.param(raw(b"", TEXT), "expected a body that says where it ends, found one that does not", id="endless"),
        pytest.param(
            raw(b"Transfer-Encoding: chunked\r\n", b"5\r\n||a.e\r\n"), "expected a list, found a body cut short", id="short chunks"
        ),
        pytest.param(
            raw(b"Transfer-Encoding: chunked\r\n", b"50\r\n||a.e"), "expected a list, found a body cut short", id="short chunk"
        ),
        pytest.param(raw(b"Content-Encoding: gzip\r\n", gzip.compress(TEXT)[:-9]), "expected a whole gzip stream, found one cut short", id="short gzip"),
        pytest.param(Reply(headers=field("Content-Encoding", "gzip")), "expected a whole gzip stream, found one cut short", id="no gzip stream"),
        pytest.param(
            Reply(headers=field("Content-Encoding", "gzip"), body=TEXT), "expected a list, found Error -3 while decompressing data: incorrect header check", id="not gzip"
        ),
        pytest.param(
            Reply(headers=field("Content-Encoding", "br"), body=TEXT), "expected Content-Encoding gzip or none, found 'br'", id="br"
        ),
        pytest.param(Reply(body=b"x" * 10_001), "expected at most 10,000 bytes, found more", id="too large"),
        pytest.param(Reply(pieces=[b"x" * 999] * 11), "expected at most 10,000 bytes, found more", id="too large in chunks"),
        pytest.param(
            Reply(headers=field("Content-Encoding", "gzip"), body=gzip.compress(bytes(10_000_000))), "expected at most 10,000 bytes, found more", id="bomb"
        ),
        pytest.param(Reply(raw=b""), "expected a list, found Remote end closed connection without response", id="hang-up"),
        pytest.param(Reply(raw=b"220 ftp\r\n"), "expected a list, found 220 ftp\\r\\n", id="not HTTP"),
        pytest.param(Reply(status=302), "expected a Location beside status 302, found none", id="nowhere"),
        pytest.param(
            Reply(status=302, headers=field("Location", "http://lists.example/")),
            "redirect: expected https, as what comes over http may have been changed on its way (http only to localhost, 127.0.0.1 and [::1]), found 'http://lists.example/'",
            id="to http",
        ),
        pytest.param(
            Reply(status=302, headers=field("Location", "file:///etc/passwd")),
            "redirect: expected a URL such as https://lists.example/ads.txt, in ASCII, found 'file:///etc/passwd'",
            id="to a file",
        ),
        pytest.param(
            Reply(status=302, headers=field("Location", "//u:p@localhost/")), "redirect: expected a URL without user and password, found one with an @", id="to a user"
        ),
        pytest.param(Reply(status=301, headers=field("Location", "/ads.txt")), "expected at most 5 redirects, found more", id="loop"),
    ],
)  # fmt: skip
def test_what_is_no_list(reply, message):
    assert refusal(reply) == message


def test_a_bomb_is_not_written_beyond_the_limit():
    file = io.BytesIO()
    reply = Reply(headers=field("Content-Encoding", "gzip"), body=gzip.compress(bytes(10_000_000)))

    with Origin(lambda seen: reply) as origin, pytest.raises(TransferError):
        transfer(origin.url(), file, limits=Limits(size_bytes=1_000_000))

    assert len(file.getvalue()) <= 1_000_000


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_with_the_conditions(status):
    def handle(seen):
        if seen.target == "/a/b?c%20d":
            return Reply(status=304)
        number = int(seen.target.rpartition("/")[2])
        to = str(number + 1) if number < 4 else "b?c%20d"
        return Reply(status=status, headers=field("Location", to))

    with Origin(handle) as origin:
        assert fetched(origin.url("/a/0"), etag='"1"') == (None, b"")

    assert origin.targets() == ["/a/0", "/a/1", "/a/2", "/a/3", "/a/4", "/a/b?c%20d"]
    assert {seen.header("if-none-match") for seen in origin.seen} == {'"1"'}


def test_a_redirect_with_a_space_is_followed():
    def handle(seen):
        if seen.target == "/":
            return Reply(status=302, headers=field("Location", "/a b"))
        return Reply(body=TEXT)

    with Origin(handle) as origin:
        assert fetched(origin.url())[1] == TEXT

    assert origin.targets() == ["/", "/a%20b"]


def test_silence_is_not_waited_for():
    hold = threading.Event()
    try:
        assert (
            refusal(Reply(hold=hold), limits=Limits(timeout_s=0.2))
            == "expected a list, found no answer in time"
        )
    finally:
        hold.set()


def test_a_body_that_trickles_ends_at_the_deadline():
    """Although it is never silent."""
    ticks = itertools.count()
    pieces = (b"||ads.example^\n" for _ in itertools.count())

    message = refusal(
        Reply(pieces=pieces),
        limits=Limits(size_bytes=10**9, timeout_s=30, deadline_s=9),
        clock=lambda: float(next(ticks)),
    )

    assert message == "expected a list, found no answer in time"
    assert next(ticks) == 10


def test_a_head_that_trickles_ends_at_the_deadline():
    ticks = itertools.count()
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(
        b"X-%d: %b\r\n" % (i, b"x" * 60_000) for i in range(90)
    )

    message = refusal(
        Reply(raw=head),
        limits=Limits(timeout_s=30, deadline_s=9),
        clock=lambda: float(next(ticks)),
    )  # fmt: skip

    assert message == "expected a list, found no answer in time"
    assert next(ticks) == 10


def test_nobody_there():
    with Origin() as origin:
        url = origin.url()

    with pytest.raises(TransferError, match=r"^expected a list, found Connection refused at http"):
        fetched(url)


def test_a_full_disk_is_not_blamed_on_the_list():
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    expected = pytest.raises(TransferError, match="expected to write a copy, found No space left")
    with Origin(lambda seen: Reply(body=TEXT)) as origin, expected:
        transfer(origin.url(), Full())


def test_https_is_verified(authority, monkeypatch):
    tls = authority.context(protocols=("http/1.1",))
    with Origin(lambda seen: Reply(body=TEXT), tls=tls) as origin:
        url = origin.url(host="localhost")
        with pytest.raises(TransferError, match="found a certificate that cannot be trusted"):
            fetched(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
        found, text = fetched(url)

    assert text == TEXT
    assert found.size_bytes == len(TEXT)


class Tunnel(socketserver.ThreadingTCPServer):
    """A proxy that answers in place of whatever host is asked for, over TLS."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext, answer: bytes) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.StreamRequestHandler)
        self.context, self.answer, self.heads = context, answer, []

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def finish_request(self, request, address):
        with request.makefile("rb") as file:
            self.heads.append(file.readline())
            while file.readline().strip():
                pass
        request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with self.context.wrap_socket(request, server_side=True) as sock:
            with sock.makefile("rb") as file:
                while file.readline().strip():
                    pass
            sock.sendall(self.answer)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n||a.b", None),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://localhost:1/\r\nContent-Length: 0\r\n\r\n",
            "redirect: expected no URL to this machine, found one at https://lists.example/a",
        ),
    ],
)
def test_the_proxy_of_the_environment_is_used(authority, monkeypatch, answer, expected):
    """And other hosts cannot send us to services of this machine."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    context = authority.context("lists.example", protocols=())
    with Tunnel(context, answer) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.server_address[1]}")
        if expected:
            with pytest.raises(TransferError) as caught:
                fetched("https://lists.example/a")
            assert str(caught.value) == expected
        else:
            assert fetched("https://lists.example/a")[1] == b"||a.b"

    assert proxy.heads == [b"CONNECT lists.example:443 HTTP/1.1\r\n"]


def test_no_proxy_is_asked_for_this_machine(monkeypatch):
    with Origin() as proxy, Origin(lambda seen: Reply(body=TEXT)) as origin:
        monkeypatch.setenv("http_proxy", proxy.url())
        assert fetched(origin.url())[1] == TEXT

    assert proxy.seen == []


@given(
    members=st.lists(st.binary(max_size=200), min_size=1, max_size=3),
    repeats=st.sampled_from([1, 1000]),
    step=st.integers(1, 100),
)
def test_gzip_comes_out_as_it_went_in(members, repeats, step):
    """However it is cut, and also where a piece ends just at its bound."""
    data = b"".join(gzip.compress(member * repeats) for member in members)
    gunzip = _Gunzip()

    pieces = [
        piece for at in range(0, len(data), step) for piece in gunzip.pieces(data[at : at + step])
    ]

    assert b"".join(pieces) == b"".join(member * repeats for member in members)
    assert gunzip.complete
    assert max(map(len, pieces)) <= 65536


@pytest.mark.parametrize("size", [65535, 65536, 65537, 131072])
def test_gzip_that_fills_a_piece(size):
    data = gzip.compress(bytes(size))
    gunzip = _Gunzip()

    assert b"".join(gunzip.pieces(data)) == bytes(size)
    assert gunzip.complete


@given(st.binary())
def test_any_bytes_are_gzip_or_an_error(data):
    try:
        pieces = list(_Gunzip().pieces(data))
    except zlib.error:
        return
    assert all(len(piece) <= 65536 for piece in pieces)
