"""Bodies of requests whose end nobody has announced."""

from __future__ import annotations

import pytest
from mitmproxy import http
from mitmproxy.net.http.http1.read import expected_http_body_size

from forebay.proxycore import framing
from forebay.proxycore.patch import CoreMismatchError


@pytest.fixture(name="patched")
def _patched():
    framing.PATCH.install()
    yield
    framing.PATCH.uninstall()


def test_the_core_sends_them_behind_a_head_that_announces_none(opts):
    """The gap: the origin takes the body for another request."""
    assert b"Content-Length" not in framing.sent_of(opts, whole=True)
    with pytest.raises(CoreMismatchError, match="expected the body announced"):
        framing.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_the_self_test_passes(opts):
    framing.self_test(opts)


@pytest.mark.usefixtures("patched")
def test_a_request_without_a_body_stays_as_it_is(opts):
    assert framing.sent_of(opts, whole=False).count(b"\r\n") == 3


@pytest.mark.parametrize(
    ("fields", "content", "expected"),
    [
        pytest.param({}, None, None, id="streamed"),
        pytest.param({}, b"abc", 3, id="whole"),
        pytest.param({"content-length": "3"}, b"abc", 3, id="announced"),
        pytest.param({"content-length": "9"}, b"abc", 3, id="edited by a script"),
        pytest.param({"content-length": "9"}, None, 9, id="announced and streamed"),
        pytest.param({"transfer-encoding": "chunked"}, b"abc", None, id="chunked"),
    ],
)
def test_every_body_has_an_end(fields, content, expected):
    """And the request of the flow stays as it is, for log and replay."""
    request = http.Request.make("POST", "http://a.example/", b"", fields)
    if "content-length" not in fields:
        request.headers.pop("content-length", None)
    else:
        request.headers["content-length"] = fields["content-length"]
    request.data.content = content
    before = request.headers.fields

    framed = framing._framed(request)

    assert expected_http_body_size(framed) == expected
    assert request.headers.fields == before
