"""Rules that block nothing but change something: queries, heads of pages, whole responses."""

from __future__ import annotations

import asyncio
import socket
import subprocess

import httpx
import pytest

from origins import Origin, Reply, cacheable, ok
from proxies import until

pytestmark = pytest.mark.integration
PAGE = {"Accept": "text/html"}
CSP = "content-security-policy"
MB = 1_000_000
WIRES = [(False, False), (True, False), (True, True)]


@pytest.fixture(name="write")
def _write(tmp_path):
    """Write a list of the user's own."""
    folder = tmp_path / "home" / "rules" / "blocklists"
    folder.mkdir(parents=True)

    def write(*lines: str) -> None:
        (folder / "own.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")

    return write


def edits(proxy):
    return [
        [(each["kind"], each["line"]) for each in record["forebay.edits"] or ()]
        for record in proxy.records()
    ]


@pytest.mark.parametrize(("secure", "http2"), WIRES)
def test_parameters_do_not_reach_the_origin(
    write, start_proxy, client_of, authority, secure, http2
):
    """What stays, stays byte for byte; the log has rule and line, and what was sent."""
    write("! x", "$removeparam=utm_source", "$removeparam=/^fb/i", "@@/kept?$removeparam")
    proxy = start_proxy()
    with Origin(tls=authority.context() if secure else None) as origin:
        client = client_of(proxy, http2=http2)
        for path in (
            "/a?x=%7e+%2F&utm_source=1&FBclid=2&y",
            "/?utm_source=1",
            "/kept?utm_source=1",
        ):
            client.get(origin.url(path, "localhost"))

        assert origin.targets() == ["/a?x=%7e+%2F&y", "/", "/kept?utm_source=1"]

    proxy.stop()
    records = [record for record in proxy.records() if record["kind"] == "http"]
    records = [record for record in records if record["http.request.method"] == "GET"]
    assert [[e["line"] for e in r["forebay.edits"] or ()] for r in records] == [[2, 3], [2], []]
    assert records[0]["url.query"] == "x=%7e+%2F&y"
    assert records[0]["forebay.edits"][1]["removed"] == ["FBclid"]


def test_the_store_is_keyed_by_what_is_sent(write, start_proxy, client_of):
    write("$removeparam=utm_source")
    proxy = start_proxy()
    with Origin(cacheable()) as origin:
        client = client_of(proxy)
        first = client.get(origin.url("/a?utm_source=1&b=2"))
        second = client.get(origin.url("/a?b=2&utm_source=9"))

        assert first.text == second.text == "stored /a?b=2"
        assert origin.targets() == ["/a?b=2"]
        assert "hit" in second.headers["cache-status"]


def test_what_is_left_is_judged(write, start_proxy, client_of):
    """No parameter hides a URL from a rule, however many rules take out one after the other."""
    chain = [f"/q?p{n}=1$removeparam=p{n}" for n in range(20)]
    write("$removeparam=x", "/ads?b=1|", *chain, "/q?end|")
    proxy = start_proxy()
    with Origin() as origin:
        client = client_of(proxy)
        for path in ("/ads?x=2&b=1", "/q?p0=1&p1=1&p2=1&end"):
            assert client.get(origin.url(path)).status_code == 403
        many = "&".join(f"p{n}=1" for n in range(20))
        assert client.get(origin.url(f"/q?{many}")).status_code == 403
        assert origin.connections == 0
        assert client.get(origin.url("/q?p0=1&p1=1&p2=1&p3=1&fine")).status_code == 200
        assert origin.targets() == ["/q?fine"]


@pytest.mark.parametrize(("secure", "http2"), WIRES)
@pytest.mark.parametrize("framing", ["length", "pieces"])
def test_pages_get_policies(write, start_proxy, client_of, authority, secure, http2, framing):
    """Several, behind the page's own, on streamed bodies too; other types get none."""
    write(
        "||localhost^$csp=script-src 'none'",
        "||localhost^$csp=img-src *",
        "||localhost^$permissions=usb=()|midi=()",
        "@@||localhost^*/free$csp=img-src *",
    )
    body = b"x" * MB

    def page(_seen):
        own = [(CSP, "font-src *"), ("content-type", "text/html")]
        if framing == "length":
            return Reply(headers=own, body=body)
        return Reply(headers=own, pieces=[body[:1000], body[1000:]])

    proxy = start_proxy()
    with Origin(page, tls=authority.context() if secure else None) as origin:
        client = client_of(proxy, http2=http2)
        answer = client.get(origin.url("/", "localhost"), headers=PAGE)
        free = client.get(origin.url("/free", "localhost"), headers=PAGE)
        image = client.get(origin.url("/i", "localhost"), headers={"Accept": "image/png"})

        assert answer.headers.get_list(CSP) == ["font-src *", "script-src 'none'", "img-src *"]
        assert answer.headers["permissions-policy"] == "usb=(), midi=()"
        assert answer.content == body
        assert free.headers.get_list(CSP) == ["font-src *", "script-src 'none'"]
        assert image.headers.get_list(CSP) == ["font-src *"]


def test_policies_are_on_hits_and_renewed_responses_and_in_no_store(write, start_proxy, client_of):
    """Once each: they are added behind the cache, which keeps what the origin said."""
    write("||127.0.0.1^$csp=img-src 'none'")

    def page(seen):
        status = 304 if seen.header("if-none-match") else 200
        fields = [("etag", '"1"'), ("cache-control", "max-age=100"), ("content-type", "text/html")]
        if "stale" in seen.target:
            fields[1] = ("cache-control", "max-age=0")
        return Reply(status, fields, b"" if status == 304 else b"page")

    proxy = start_proxy()
    with Origin(page) as origin:
        client = client_of(proxy)
        for path, says in (("/", "hit"), ("/stale", "fwd=stale")):
            answers = [client.get(origin.url(path), headers=PAGE) for _ in range(3)]
            assert [answer.headers.get_list(CSP) for answer in answers] == [["img-src 'none'"]] * 3
            assert [answer.text for answer in answers] == ["page"] * 3
            assert says in answers[2].headers["cache-status"]

        write("||127.0.0.1^$csp=font-src 'none'")
        until(lambda: "reloaded" in proxy.text())
        answer = client.get(origin.url("/"), headers=PAGE)

        assert "hit" in answer.headers["cache-status"]
        assert answer.headers.get_list(CSP) == ["font-src 'none'"]


SECRET = b"SECRET" * 1000


@pytest.mark.parametrize(("secure", "http2"), WIRES)
@pytest.mark.parametrize("body", ["none", "short", "long", "pieces", "endless"])
def test_a_response_is_refused_by_its_fields(
    write, start_proxy, client_of, authority, secure, http2, body
):
    """Nothing of it reaches the client, which does not wait for its end, either."""
    write("||localhost^$header=x-ad:/^yes/i", "@@||localhost^$header=x-sort:good")

    async def pieces():
        yield SECRET
        if body == "endless":
            await asyncio.Event().wait()

    def reply(seen):
        fields = [("content-type", "video/mp4")]
        if "/ad" in seen.target:
            fields.append(("x-ad", "YES, it is"))
        if "good" in seen.target:
            fields.append(("x-sort", "good"))
        if seen.target != "/ad":
            return Reply(headers=fields, body=b"fine")
        if body in ("pieces", "endless"):
            return Reply(headers=fields, pieces=pieces())
        return Reply(headers=fields, body=SECRET * {"none": 0, "short": 1, "long": 1000}[body])

    proxy = start_proxy()
    with Origin(reply, tls=authority.context() if secure else None) as origin:
        client = client_of(proxy, http2=http2)
        refused = client.get(origin.url("/ad", "localhost"))
        fine = [client.get(origin.url(path, "localhost")) for path in ("/x", "/ad/good", "/ad")]

        assert [refused.status_code, *(each.status_code for each in fine)] == [403, 200, 200, 403]
        assert b"SECRET" not in refused.content
        assert "x-ad" not in refused.headers
        assert "own.txt" in refused.text
        assert "x-ad:/^yes/i" in refused.text
        assert fine[0].text == fine[1].text == "fine"

    proxy.stop()
    records = [r for r in proxy.records() if (r["url.full"] or "").endswith("/ad")]
    assert [r["forebay.block"]["line"] for r in records if r["forebay.block"]] == [1, 1]
    assert {r["forebay.answered_by"] for r in records} == {"blocklist"}
    assert "Traceback" not in proxy.text()


def test_a_stored_response_is_refused_too(write, start_proxy, client_of):
    """The store keeps it, as it keeps what the origin says; a rule may come or go."""
    write("||127.0.0.1^$header=x-none")

    def reply(_seen):
        return Reply(headers=[("cache-control", "max-age=100"), ("x-ad", "1")], body=b"ad")

    proxy = start_proxy()
    with Origin(reply) as origin:
        client = client_of(proxy)
        assert client.get(origin.url("/")).text == "ad"
        write("||127.0.0.1^$header=x-ad")
        until(lambda: "reloaded" in proxy.text())
        refused = client.get(origin.url("/"))
        write("||127.0.0.1^$header=x-none")
        until(lambda: proxy.text().count("reloaded") == 2)
        again = client.get(origin.url("/"))

        assert refused.status_code == 403
        assert again.text == "ad"
        assert len(origin.seen) == 1


def test_a_renewed_response_is_refused_too(write, start_proxy, client_of):
    """By the fields of the stored one, with those of the 304 in it."""
    write("||127.0.0.1^$header=x-ad:2")

    def reply(seen):
        is_renewed = seen.header("if-none-match") is not None
        fields = [("etag", '"1"'), ("cache-control", "max-age=0"), ("x-ad", "12"[is_renewed])]
        return Reply(304 if is_renewed else 200, fields, b"" if is_renewed else b"SECRET")

    proxy = start_proxy()
    with Origin(reply) as origin:
        client = client_of(proxy)
        assert client.get(origin.url("/")).text == "SECRET"
        refused = client.get(origin.url("/"))

        assert refused.status_code == 403
        assert b"SECRET" not in refused.content


@pytest.mark.parametrize("way", ["origin", "store"])
def test_a_refused_answer_to_head_has_no_body(write, start_proxy, way):
    """Else the client would take it for the next answer."""
    write("||127.0.0.1^$header=x-ad" if way == "origin" else "||127.0.0.1^$header=x-none")

    def reply(_seen):
        return Reply(headers=[("cache-control", "max-age=100"), ("x-ad", "1")], body=b"ad" * MB)

    proxy = start_proxy()
    with Origin(reply) as origin, socket.create_connection(("127.0.0.1", proxy.port)) as raw:
        raw.settimeout(20)
        if way == "store":
            assert httpx.get(origin.url("/"), proxy=proxy.url).content == b"ad" * MB
            write("||127.0.0.1^$header=x-ad")
            until(lambda: "reloaded" in proxy.text())
        head = f"HEAD {origin.url('/')} HTTP/1.1\r\nHost: x\r\n\r\n"
        last = "OPTIONS * HTTP/1.0\r\n\r\n"
        raw.sendall((2 * head + last).encode())
        said = b""
        while data := raw.recv(65536):
            said += data

        first, second, *_ = said.split(b"\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 403")
        assert second.startswith(b"HTTP/1.1 403")
        assert b"ad" * 100 not in said


def test_a_refused_handshake_opens_nothing(write, start_proxy):
    """101 is an answer as any; what a server sends behind it goes nowhere."""
    write("||127.0.0.1^$header=x-ad")
    head = (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nX-Ad: 1\r\n\r\n"
    )
    proxy = start_proxy()
    with Origin(lambda _: Reply(raw=head + b"SECRET")) as origin:
        fields = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
        fields.append("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
        done = subprocess.run(
            ["curl", "-sS", "-i", "--noproxy", "", "-x", proxy.url, "--max-time", "20"]
            + [part for field in fields for part in ("-H", field)]
            + [origin.url("/")],
            capture_output=True,
            text=True,
            check=True,
        )

        assert done.stdout.startswith("HTTP/1.1 403")
        assert "SECRET" not in done.stdout
    assert "Traceback" not in proxy.text()


def test_a_request_may_go_round_them(write, start_proxy, client_of):
    write("$removeparam=x", "||127.0.0.1^$header=x-ad", "||127.0.0.1^$csp=img-src *")
    proxy = start_proxy(forebay_bypass="block")
    with Origin(lambda seen: Reply(headers=[("x-ad", "1")], body=seen.target.encode())) as origin:
        answer = client_of(proxy).get(
            origin.url("/?x=1"), headers={"X-Forebay-Bypass": "block", **PAGE}
        )

        assert answer.text == "/?x=1"
        assert CSP not in answer.headers


def test_mistakes_cost_their_line(write, start_proxy, client_of):
    """And are said, as those of blocks are."""
    write("$removeparam=/(a+)+$/", "||127.0.0.1^$csp=report-uri /x", "$removeparam=x")
    proxy = start_proxy()
    with Origin(ok) as origin:
        client_of(proxy).get(origin.url("/?x=1"))

        assert origin.targets() == ["/"]
    said = proxy.text()
    assert "left out 2 malformed lines" in said
    assert "line 2: expected a policy without report-uri and report-to" in said
