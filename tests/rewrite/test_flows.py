"""Between flows and what rules look at."""

from __future__ import annotations

import json

import pytest
from mitmproxy import http
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow, tutils

from forebay import outcome
from forebay.proxycore.filters import compiled
from forebay.rewrite.answer import Answer
from forebay.rewrite.body import Done, Edited, Task
from forebay.rewrite.bodyedits import BodyEdits
from forebay.rewrite.exchange import Exchange
from forebay.rewrite.flows import (
    entry_of,
    exchange_of,
    flow_of,
    hosts,
    note_done,
    put_body,
    put_request,
    put_response,
)
from forebay.rewrite.rule import Mode, Phase, Rule
from forebay.rewrite.run import Applied, Change


def get(host: str = "www.example.com", **fields: str) -> http.HTTPFlow:
    flow = tflow.tflow(
        req=tutils.treq(host=host, path=b"/a?b=c", headers=http.Headers([(b"Host", host.encode())]))
    )
    flow.client_conn.sni = None
    for name, value in fields.items():
        flow.request.headers[name] = value
    outcome.begin(flow)
    return flow


@pytest.mark.parametrize(
    ("target", "sni", "fields", "mode", "expected"),
    [
        pytest.param("WWW.Example.com.", None, {}, "regular", ("www.example.com",), id="canonical"),
        pytest.param("a.example", "b.example", {"Host": "c.example"}, "transparent", ("a.example",), id="Host is not the target"),
        pytest.param("192.0.2.1", "b.example", {"Host": "c.example"}, "transparent", ("192.0.2.1", "b.example"), id="address with TLS"),
        pytest.param("192.0.2.1", None, {"Host": "C.example:80"}, "transparent", ("192.0.2.1", "c.example"), id="address without TLS"),
        pytest.param("192.0.2.1", None, {"Host": "C.example:80"}, "local", ("192.0.2.1", "c.example"), id="of a local program"),
        pytest.param("192.0.2.1", None, {"Host": "c.example"}, "regular", ("192.0.2.1",), id="address that the client chose"),
        pytest.param("192.0.2.1", None, {"Host": "c.example"}, "socks5", ("192.0.2.1",), id="the same by SOCKS"),
        pytest.param("2001:db8::1", None, {"Host": ""}, "transparent", ("2001:db8::1",), id="address alone"),
        pytest.param("server1", "b.example", {}, "transparent", ("server1",), id="a name that ends in a digit"),
    ],
)  # fmt: skip
def test_hosts(target, sni, fields, mode, expected):
    flow = get(target, **fields)
    flow.client_conn.proxy_mode = ProxyMode.parse(mode)
    flow.client_conn.sni = sni

    assert hosts(flow) == expected


def test_with_tls_the_host_field_names_no_host():
    """For without a server name no certificate is asked for."""
    flow = get("192.0.2.1", Host="c.example")
    flow.client_conn.proxy_mode = ProxyMode.parse("transparent")
    flow.client_conn.tls = True

    assert hosts(flow) == ("192.0.2.1",)


def test_what_rules_look_at():
    flow = get()
    flow.metadata["proxyauth"] = ("anna", "secret")
    flow.response = tutils.tresp(status_code=404, http_version=b"HTTP/2.0")

    request, response = (exchange_of(flow, phase) for phase in Phase)

    assert (request.method, request.url) == ("GET", "http://www.example.com:22/a?b=c")
    assert (request.client, request.user, request.flow) == ("127.0.0.1", "anna", flow)
    assert (request.status, request.response, request.lower_case) == (None, (), False)
    assert (response.status, response.lower_case) == (404, True)
    assert response.response == flow.response.headers.fields


def changed(**edits: object) -> http.HTTPFlow:
    flow = get()
    before = exchange_of(flow, Phase.REQUEST)
    given = {name: getattr(before, name) for name in Exchange.__dataclass_fields__}
    put_request(flow, Exchange(**{**given, **edits}))
    return flow


@pytest.mark.parametrize(
    ("edits", "url", "host"),
    [
        ({"target": "/x"}, "http://www.example.com:22/x", "www.example.com"),
        ({"host": "b.example", "port": 80}, "http://b.example/a?b=c", "b.example"),
        ({"scheme": "https", "port": 443}, "https://www.example.com/a?b=c", "www.example.com"),
        ({"host": "::1", "port": 81}, "http://[::1]:81/a?b=c", "[::1]:81"),
        ({"method": "PUT"}, "http://www.example.com:22/a?b=c", "www.example.com"),
    ],
)
def test_a_request_goes_where_rules_send_it(edits, url, host):
    """With a Host that agrees; it is marked, so that the blocklist looks again."""
    flow = changed(**edits)

    assert exchange_of(flow, Phase.REQUEST).url == url
    assert flow.request.headers["Host"] == host
    assert outcome.of(flow)["redirected"] is True
    assert flow.request.data.method == edits.get("method", "GET").encode()


def test_what_stays_is_not_marked():
    flow = changed(request=((b"Host", b"www.example.com"), (b"X", b"1")))

    assert flow.request.headers["X"] == "1"
    assert "redirected" not in outcome.of(flow)


@pytest.mark.parametrize(("version", "reason"), [(b"HTTP/1.1", b"Not Found"), (b"HTTP/2.0", b"")])
def test_a_status_brings_its_reason(version, reason):
    flow = get()
    flow.response = tutils.tresp(http_version=version)
    after = exchange_of(flow, Phase.RESPONSE)
    put_response(
        flow.response, Exchange("GET", "http", "a", 80, "/", status=404, response=after.response)
    )

    assert (flow.response.status_code, flow.response.data.reason) == (404, reason)


RULE = Rule("r", "f.yaml", 3)


def test_an_entry_is_plain():
    shadow = Rule("r", "f.yaml", 3, mode=Mode.SHADOW)
    change = Change("url", "http://a.example/", "http://b.example/")

    entry = entry_of(Applied(shadow, (change,), "why", (Answer(418), {})), Phase.REQUEST)

    assert json.loads(json.dumps(entry)) == {
        "id": "r",
        "file": "f.yaml",
        "line": 3,
        "phase": "request",
        "changes": [{"field": "url", "before": "http://a.example/", "after": "http://b.example/"}],
        "mode": "shadow",
        "failed": "why",
        "answer": 418,
    }


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ({"before_bytes": 5, "after_bytes": 7}, {"changes": 1}),
        ({"skipped": "why"}, {"changes": 0, "skipped": "why"}),
        ({"before_bytes": 5, "after_bytes": 7, "skipped": "why"}, {"changes": 1, "skipped": "why"}),
    ],
)
def test_what_became_of_a_body_is_added_to_its_rule(done, expected):
    other = entry_of(Applied(Rule("other", "f.yaml", 9)), Phase.RESPONSE)
    own = entry_of(Applied(RULE), Phase.RESPONSE)

    note_done((Done(Task(RULE, BodyEdits(()), {}), **done),), [other, own])

    assert other["changes"] == []
    assert {**own, "changes": len(own["changes"])}.items() >= expected.items()


def test_a_body_is_put_with_its_head():
    message = http.Response.make(200, b"before", {"X": "1"})
    put_body(message, Edited(()), [])
    assert message.raw_content == b"before"

    put_body(message, Edited((), b"after", ((b"X", b"2"),)), [])

    assert (message.raw_content, message.headers.fields) == (
        b"after",
        ((b"X", b"2"), (b"content-length", b"5")),
    )


def test_a_body_in_chunks_says_no_length():
    """Both would be a message that two readers cut at different places (RFC 9112 §6.1)."""
    message = http.Response.make(200, b"before")
    fields = ((b"Transfer-Encoding", b"chunked"),)

    put_body(message, Edited((), b"after", fields), [])

    assert message.headers.fields == fields


def test_what_is_only_written_down_can_be_filtered():
    """As flows of traffic can."""
    exchange = Exchange(
        "POST", "https", "a.example", 443, "/x?y", ((b"X-A", b"1"),), client="192.0.2.9"
    )

    asked, answered = flow_of(exchange, None), flow_of(exchange, (404, ((b"X-B", b"2"),), "text"))

    matching = "~m POST & ~d a.example & ~u x.y & ~hq X-A.*1 & ~src 192.0.2.9"
    assert compiled(matching)(asked)
    assert not compiled("~c 404")(asked)
    assert compiled("~c 404 & ~hs X-B")(answered)
    assert answered.response.text == "text"


@pytest.mark.parametrize("host", ["a" * 63, "xn--0", "a" * 64, "-a.example"])
def test_any_host_can_be_written_down(host):
    """Also one that is no name of a host, as a record may say."""
    assert flow_of(Exchange("GET", "http", host, 80, "/"), None).request.host == host
