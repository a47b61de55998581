"""A stored part completed with its rest, on real connections."""

from __future__ import annotations

import re

import httpx
import pytest

from origins import Origin, Reply

pytestmark = pytest.mark.integration

BODY = bytes(range(256)) * 1200
TAG = ("etag", '"v1"')


def ranged(*, chunked: bool = False, rest: bytes | None = None):
    """Answer ranges; the rest that is asked for with If-Range may be another than was said."""

    def handle(seen):
        fields = [("cache-control", "max-age=600"), TAG]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", seen.header("range") or "")
        if asked is None:
            return Reply(headers=fields, body=BODY)
        first, last = int(asked[1]), int(asked[2] or len(BODY) - 1)
        body = BODY[first : last + 1]
        if seen.header("if-range") and rest is not None:
            body = rest
        fields.append(("content-range", f"bytes {first}-{last}/{len(BODY)}"))
        if chunked:
            return Reply(206, fields, pieces=[body[:99], body[99:]])
        return Reply(206, fields, body)

    return handle


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [1000, len(BODY) - 1000])
def test_only_the_rest_is_asked_for(start_proxy, client_of, authority, http2, chunked, size):
    """Whether it is buffered or would be streamed, of known length or not."""
    proxy = start_proxy()
    with Origin(ranged(chunked=chunked), tls=authority.context() if http2 else None) as origin:
        client, url = client_of(proxy, http2=http2), origin.url("/", "localhost")
        part = client.get(url, headers={"range": f"bytes=0-{size - 1}"})
        assert (part.status_code, part.content) == (206, BODY[:size])

        whole = client.get(url)
        hit = client.get(url, headers={"range": "bytes=5-9"})

    assert (whole.status_code, whole.content) == (200, BODY)
    assert whole.headers["cache-status"] == "forebay; fwd=partial; fwd-status=206; stored"
    assert (hit.status_code, hit.content) == (206, BODY[5:10])
    assert [seen.header("range") for seen in origin.seen] == [
        f"bytes=0-{size - 1}",
        f"bytes={size}-",
    ]


@pytest.mark.parametrize(
    ("status", "fields", "body"),
    [
        (416, [("content-range", "bytes */5")], b"no"),
        (304, [TAG], b""),
        (206, [("etag", '"v2"'), ("content-range", f"bytes 1000-{len(BODY) - 1}/{len(BODY)}")], BODY[1000:]),
        (206, [TAG, ("content-range", f"bytes 0-99/{len(BODY)}")], BODY[:100]),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_the_rest_is_asked_for_again(
    start_proxy, client_of, status, fields, body
):
    """Nobody sees it, and the client, who asked for no range, gets the whole."""
    proxy = start_proxy()
    plain = ranged()

    def handle(seen):
        if seen.header("if-range"):
            return Reply(status, [("cache-control", "max-age=600"), *fields], body)
        return plain(seen)

    with Origin(handle) as origin:
        client, url = client_of(proxy), origin.url()
        client.get(url, headers={"range": "bytes=0-999"})

        whole = client.get(url)

        assert (whole.status_code, whole.content) == (200, BODY)
        assert [seen.header("range") for seen in origin.seen[1:]] == ["bytes=1000-", None]
    assert "Traceback" not in proxy.text()


@pytest.mark.parametrize("rest", [b"short", BODY + b"more than was said"])
def test_a_rest_that_is_none_gives_no_wrong_byte(start_proxy, client_of, rest):
    """Of unknown length, so that it shows only as it comes; the next request is whole."""
    proxy = start_proxy()
    with Origin(ranged(chunked=True, rest=rest)) as origin:
        client, url = client_of(proxy), origin.url()
        client.get(url, headers={"range": "bytes=0-999"})

        try:
            assert client.get(url).status_code == 502
        except httpx.RemoteProtocolError:
            assert len(rest) > len(BODY)  # broken off

        again = client.get(url)

    assert (again.status_code, again.content) == (200, BODY)
    assert "Traceback" not in proxy.text()
