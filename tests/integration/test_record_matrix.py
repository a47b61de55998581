"""Exactly one record for each attempt, however it ends: a matrix of endings.

Each row says what happens, what the client does, and the records that come of
it; what it does not say is in ``matrix.Case`` and ``matrix.End``.  All rows of
one table share a proxy.  For each row the log is held against the table, the
statuses that the client was told, and the requests and bytes that the origins
counted; for each table, the numbers of the records run from 1 without a gap.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy import io
from mitmproxy.test import tflow, tutils

from integration.matrix import Case, End, Stage, play, times
from integration.matrix_http import (
    DEAD_PORT,
    KB,
    MB,
    crowd,
    expect_continue,
    get,
    getting,
    half_close,
    head,
    keep_alive,
    leave_at_once,
    leave_before_the_answer,
    leave_in_the_body,
    leave_in_the_upload,
    old,
    pipeline,
    raw,
    replay,
    reset_before_the_answer,
    stay_idle,
    stay_in_the_upload,
    upload,
    upload_to_early,
    with_fields,
)
from integration.matrix_http2 import (
    curl,
    http2_go_away,
    http2_head,
    http2_leave,
    http2_reset,
    http2_reset_in_the_body,
    http2_reset_in_the_upload,
    http2_upload,
    streams,
)
from integration.matrix_modes import (
    CREDENTIALS,
    ask_name,
    reverse,
    reverse_garbage,
    reverse_left,
    reverse_raw,
    send_datagram,
    socks_garbage,
    socks_raw,
    socks_secure,
    socks_unused,
    through_socks,
    upstream_get,
    upstream_secure,
)
from integration.matrix_replies import (
    FRESH,
    OLD,
    STALE_IF_ERROR,
    WHILE_REVALIDATING,
    body,
    endless,
    held,
    pieces,
    reply,
    revalidated,
    silent,
    status,
    stored,
)
from integration.matrix_tunnels import (
    broken_hello,
    connect_only,
    distrust,
    excluded,
    half_a_hello,
    listen_in_tunnel,
    plain_in_tunnel,
    secure_get,
    secure_get_of,
    unanswered_connect,
    unused_tunnel,
)
from integration.matrix_websockets import (
    break_websocket,
    closed_websocket,
    refused_websocket,
    stay_in_websocket,
    talk,
    too_long_message,
)
from origins import Authority
from proxies import MAIN, Proxy, read_log

pytestmark = pytest.mark.integration
LIMIT_BYTES = 3 * MB
"""``body_size_limit`` of the first proxy."""
"""``body_size_limit`` of the first proxy."""
OK = End(200)
LEFT = "client_disconnected"
REFUSED = End(None, "connect_failed", told=502)

HTTP1 = [
    Case("200", get, (OK,)),
    Case("404", get, (End(404),), status(404)),
    Case("500", get, (End(500),), status(500)),
    Case("204", get, (End(204),), status(204)),
    Case("304", with_fields('If-None-Match: "a"'), (End(304),), status(304)),
    Case("HEAD", head, (OK,)),
    Case("HTTP/1.0 client", old, (OK,)),
    Case(
        "HTTP/1.0 origin",
        get,
        (End(200, sent=5),),
        reply(b"HTTP/1.0 200 OK\r\n\r\n12345"),
    ),
    Case(
        "103, then 200",
        get,
        (End(200, sent=2),),
        reply(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        ),
    ),
    Case(
        "trailers",
        get,
        (End(200, sent=2),),
        reply(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: a\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n"
        ),
    ),
    Case("large, streamed", get, (OK,), body(2 * MB)),
    Case("chunked", get, (End(200, sent=400 * KB),), pieces(400 * KB)),
    Case(
        "ended by the connection",
        get,
        (End(200, sent=5),),
        reply(b"HTTP/1.1 200 OK\r\n\r\n12345"),
    ),
    Case(
        "more than Content-Length",
        get,
        (End(200, sent=5),),
        reply(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345678"),
    ),
    Case("small upload", upload(10), (OK,)),
    Case("large upload", upload(MB), (OK,)),
    Case("chunked upload", upload(1000, chunked=True), (OK,)),
    Case("100-continue", expect_continue, (OK,)),
    Case("answered before the upload", upload_to_early, (End(413),), status(413), seen=1),
    Case("keep-alive", keep_alive(20), times(20, OK)),
    Case("pipelined", pipeline, times(3, OK)),
    Case("lower-case method", lambda client: get(client, method="get"), (OK,)),
]

ANSWERED_HERE = [
    Case("blocked", getting("http://listed.example"), (End(403, by="blocklist"),)),
    Case("blocked in TLS", secure_get_of("listed.example", 443), (End(403, by="blocklist"),)),
    Case(
        "blocked upload",
        upload(MB, url="http://listed.example"),
        (End(403, by="blocklist"),),
    ),
    Case("literal", getting("http://literal.example"), (End(201, by="rewrite"),)),
    Case("redirect", getting("http://redirected.example"), (End(302, by="rewrite"),)),
    Case("literal in TLS", secure_get_of("literal.example", 443), (End(201, by="rewrite"),)),
]

CACHE = [
    Case("miss, then hit", keep_alive(2), (OK, End(200, by="cache")), stored(FRESH)),
    # The second time the origin sends no body, and the stored one is delivered.
    Case(
        "validated",
        keep_alive(2),
        (
            End(200, sent=6, more={"forebay.response.delivered_size": 6}),
            End(200, sent=0, more={"forebay.response.delivered_size": 6}),
        ),
        revalidated,
    ),
    Case(
        "stale, and refreshed behind it",
        keep_alive(2),
        (OK, End(200, by="cache"), End(200, asked=False, more={"forebay.background": True})),
        (stored(WHILE_REVALIDATING, OLD), stored(FRESH)),
    ),
    Case(
        "stale instead of an error",
        keep_alive(2),
        (OK, End(200, by="cache")),
        (stored(STALE_IF_ERROR, OLD), reply(b"")),
        seen=3,  # the connection was a used one
    ),
    Case("not in the store", with_fields("Cache-Control: only-if-cached"), (End(504, by="cache"),)),
    Case("collapsed", crowd, (OK, *times(4, End(200, by="cache")), REFUSED), held),
]

ORIGIN_FAILS = [
    Case("unknown name", getting("http://unknown.invalid"), (REFUSED,)),
    Case("refused", getting(f"http://127.0.0.1:{DEAD_PORT}"), (REFUSED,)),
    Case("no answer", get, (End(None, "connection_closed", told=502),), reply(b""), seen=1),
    Case(
        "garbage",
        get,
        (End(None, "invalid_response", told=502),),
        reply(b"GARBAGE\r\n\r\n"),
        seen=1,
    ),
    Case(
        "reset before the answer",
        get,
        (End(None, "connection_closed", told=502),),
        reply(b"", reset=True),
        seen=1,
    ),
    Case(
        "cut at Content-Length",
        get,
        (End(200, "truncated", told=502),),
        reply(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123"),
    ),
    Case(
        "cut in the chunks",
        get,
        (End(200, "truncated"),),
        reply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123"),
    ),
    Case(
        "reset while streaming",
        get,
        (End(200, "truncated"),),
        reply(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000, reset=True),
    ),
    Case(
        "smuggled response",
        get,
        (End(200, "invalid_response", told=502),),
        reply(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        seen=1,
    ),
    Case(
        "body over the limit",
        get,
        (End(200, "body_too_large", told=502),),
        body(LIMIT_BYTES + 1),
    ),
    Case(
        "stale connection",
        keep_alive(2),
        (OK, End(200, more={"forebay.retried": True})),
        (body(2), reply(b""), body(2)),
        seen=3,
    ),
    Case(
        "stale connection, POST",
        keep_alive(2, "POST"),
        (OK, End(None, "connection_closed", told=502)),
        (body(2), reply(b"")),
        seen=2,
    ),
    Case(
        "bad certificate",
        secure_get_of("localhost", "untrusted"),
        (End(None, "server_tls_failed", told=502),),
    ),
    Case(
        "TLS to a plain port",
        secure_get_of("localhost", "no_tls"),
        (End(None, "server_tls_failed", told=502),),
    ),
    Case("refused in TLS", secure_get_of("localhost", DEAD_PORT), (REFUSED,)),
]

CLIENT_FAILS = [
    Case("left before the answer", leave_before_the_answer, (End(None, LEFT),), silent, seen=1),
    Case("reset by the client", reset_before_the_answer, (End(None, LEFT),), silent, seen=1),
    Case("half-closed", half_close, (End(None, LEFT),), silent, seen=1),
    Case("left in the body", leave_in_the_body, (End(200, LEFT),), endless),
    Case("left in a small upload", leave_in_the_upload(10), (End(None, LEFT),)),
    Case("left in a large upload", leave_in_the_upload(MB), (End(None, LEFT),)),
    Case(
        "upload over the limit", upload(LIMIT_BYTES + 1), (End(None, "body_too_large", told=413),)
    ),
    Case("asked nothing", leave_at_once, ()),
    Case(
        "garbage line",
        raw("GARBAGE\r\n\r\n"),
        (End(400, "invalid_request", "malformed"),),
    ),
    Case(
        "garbage header",
        raw("GET PLAINPATH HTTP/1.1\r\nno colon\r\n\r\n"),
        (End(400, "invalid_request", "malformed"),),
    ),
    Case("no host", raw("GET PATH HTTP/1.1\r\n\r\n"), (End(None, "invalid_request", told=400),)),
    Case(
        "ftp",
        raw("GET ftp://localhostPATH HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (End(400, "invalid_request", "malformed"),),
    ),
    Case(
        "smuggled request",
        raw(
            "POST PLAINPATH HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        (End(None, "invalid_request", told=400),),
    ),
    Case(
        "answered, then garbage",
        raw("GET PLAINPATH HTTP/1.1\r\nHost: a\r\n\r\nGARBAGE\r\n\r\n"),
        (OK, End(400, "invalid_request", "malformed")),
    ),
]
TUNNEL = "tunnel"

TUNNELS = [
    Case("inside TLS", secure_get, (OK,)),
    Case("plain in a tunnel", plain_in_tunnel, (OK,)),
    Case("unused CONNECT", unused_tunnel, (End(200, None, TUNNEL),)),
    Case(
        "CONNECT to no port",
        connect_only("localhost", 0),
        (End(400, "invalid_request", "malformed"),),
    ),
    Case(
        "raw bytes, server first",
        listen_in_tunnel,
        (End(200, None, TUNNEL, more={"forebay.client.bytes": 4, "forebay.server.bytes": 11}),),
    ),
    Case("not intercepted", excluded, (End(200, None, TUNNEL),), seen=1),
    Case("client without our CA", distrust, (End(200, "client_tls_failed", "tls"),)),
    Case("broken ClientHello", broken_hello, (End(200, "client_tls_failed", "tls"),)),
    Case("half a ClientHello", half_a_hello, (End(200, None, TUNNEL),)),
]

HTTP2 = [
    Case("streams", streams(20), times(20, OK)),
    Case("curl", curl, (OK,)),
    Case("uploaded in a stream", http2_upload, (OK,)),
    Case("large in a stream", streams(1), (OK,), body(MB // 2)),
    Case("stream reset", http2_reset, (End(None, "stream_reset"),), silent, seen=1),
    Case("stream reset in the body", http2_reset_in_the_body, (End(200, "stream_reset"),), endless),
    Case("stream reset in the upload", http2_reset_in_the_upload, (End(None, "stream_reset"), OK)),
    Case("left three streams", http2_leave, times(3, End(None, LEFT)), silent, seen=3),
    Case("GOAWAY", http2_go_away, (End(None, LEFT),), silent, seen=1),
    Case("no path", http2_head(path=""), (End(None, "invalid_request", "malformed"),)),
    Case(
        "upper-case field", http2_head(("Upper", "a")), (End(None, "invalid_request", "malformed"),)
    ),
    Case("reset by the origin", streams(1), (End(200, "stream_reset"),), pieces(400, reset=True)),
    Case(
        "GOAWAY from the origin",
        streams(1),
        (End(None, "connection_closed", told=502),),
        reply(b""),
        seen=1,
    ),
]

WEBSOCKETS = [
    Case(
        "talk",
        talk,
        (
            End(
                101,
                None,
                "websocket",
                more={
                    "forebay.websocket.close_code": 1000,
                    "forebay.client.messages": 3,
                    "forebay.server.bytes": 15,
                },
            ),
        ),
        seen=1,
    ),
    Case(
        "broken off",
        break_websocket,
        (End(101, None, "websocket", more={"forebay.websocket.close_code": 1006}),),
        seen=1,
    ),
    Case(
        "closed by the server",
        closed_websocket,
        (End(101, None, "websocket", more={"forebay.websocket.close_code": 1000}),),
        seen=1,
    ),
    Case(
        "message over the limit",
        too_long_message,
        (End(101, None, "websocket", more={"forebay.websocket.close_code": 1009}),),
        seen=1,
    ),
    Case("handshake refused", refused_websocket, (End(403),), status(403)),
]

SOCKS5 = [
    Case("SOCKS, plain", through_socks("plain"), (OK,)),
    Case("SOCKS, TLS", socks_secure, (OK,)),
    Case("SOCKS, blocked", through_socks("plain", "listed.example"), (End(403, by="blocklist"),)),
    Case("SOCKS, refused", through_socks(DEAD_PORT), (End(None, "connect_failed", told=502),)),
    Case("SOCKS, unused", socks_unused, ()),  # no server was asked for, and no hook tells of it
    Case(
        "SOCKS, raw bytes",
        socks_raw,
        (End(None, None, TUNNEL, more={"forebay.client.bytes": 4, "forebay.server.bytes": 11}),),
    ),
    Case("SOCKS, no such version", socks_garbage, ()),
]

REVERSE = [
    Case("reverse", reverse, (OK,)),
    Case("reverse, garbage", reverse_garbage, (End(400, "invalid_request", "malformed"),)),
    Case("reverse, left", reverse_left, (End(None, LEFT),), silent, seen=1),
    Case(
        "reverse, raw bytes",
        reverse_raw,
        (End(None, None, "tcp", more={"forebay.client.bytes": 4, "forebay.server.bytes": 11}),),
    ),
]

UPSTREAM = [
    Case("upstream", upstream_get, (OK,)),
    Case(
        "upstream refuses CONNECT",
        upstream_secure,
        (End(None, "connect_failed", told=502),),
        status(403),
        seen=0,
    ),
]

DNS = [
    Case("name", ask_name("known.example"), (End(None, None, "dns"),)),
    Case("listed name", ask_name("listed.example"), (End(None, None, "dns"),)),
    Case("name asked twice", ask_name("known.example", 2), times(2, End(None, None, "dns"))),
]

REFUSING = [
    Case("407", get, (End(407, by=None),)),
    Case("407 for CONNECT", connect_only("localhost", 443), (End(407, None, TUNNEL, by=None),)),
    Case("authenticated", with_fields(CREDENTIALS), (End(200, more={"user.name": "anna"}),)),
]

EAGER = [
    Case("eager, answered", secure_get, (OK,)),
    Case(
        "eager, CONNECT refused",
        connect_only("localhost", DEAD_PORT),
        (End(502, "connect_failed", TUNNEL),),
    ),
    Case(
        "eager, CONNECT to a listed host",
        connect_only("listed.example", 443),
        (End(403, None, TUNNEL, by="blocklist"),),
    ),
    Case(
        "eager, dropped", getting("http://listed.example"), (End(None, "killed", by="blocklist"),)
    ),
    Case(
        "eager, bad certificate",
        secure_get_of("localhost", "untrusted"),
        (End(None, "server_tls_failed", told=502),),
    ),
    Case("eager, unused", unused_tunnel, (End(200, None, TUNNEL),)),
    Case("eager, client without our CA", distrust, (End(200, "client_tls_failed", "tls"),)),
]

KILLED = [
    Case(f"killed in {hook}", get, (End(None, "killed"),), seen=0)
    for hook in ("requestheaders", "request")
]
KILLED += [
    Case("killed in responseheaders", get, (End(200, "killed", told=0),), seen=1),
    Case("killed in http_connect", unanswered_connect, (End(None, "killed", TUNNEL),)),
    Case(
        "replayed",
        replay,
        (
            *times(3, End(200, more={"forebay.attempt": 1})),
            End(200, more={"forebay.attempt": 2}, asked=False),
            End(200, more={"forebay.attempt": 3}, asked=False),
        ),
    ),
]
STOPPED = "shutdown"

UNDER_WAY = [
    Case("awaited", leave_before_the_answer, (End(None, STOPPED),), silent, seen=1, stays=True),
    Case("in the body", leave_in_the_body, (End(200, STOPPED),), endless, stays=True),
    Case("in the upload", stay_in_the_upload, (End(None, STOPPED),), silent, seen=1, stays=True),
    Case("tunnel", unused_tunnel, (End(200, STOPPED, TUNNEL),), stays=True),
    Case("raw tunnel", listen_in_tunnel, (End(200, STOPPED, TUNNEL),), stays=True),
    Case("three streams", http2_leave, times(3, End(None, STOPPED)), silent, seen=3, stays=True),
    Case("websocket", stay_in_websocket, (End(101, STOPPED, "websocket"),), seen=1, stays=True),
    Case("datagrams", send_datagram, (End(None, STOPPED, "udp"),), stays=True),
    Case("idle after an answer", stay_idle, (OK,), stays=True),
]


@pytest.fixture(name="stage")
def _stage(authority: Authority, tmp_path: Path) -> Iterator[Stage]:
    other = tmp_path / "other"
    other.mkdir()
    with Stage(authority, Authority(other)) as stage:
        yield stage


RULES = """
rules:
  - {match: {host: literal.example}, request: {answer: {status: 201, body: here}}}
  - {match: {host: redirected.example}, request: {redirect: "https://other.example/"}}
"""


@pytest.fixture(name="listed")
def _listed(tmp_path: Path) -> Path:
    """A list that blocks listed.example, and rules that answer."""
    path = tmp_path / "listed.txt"
    path.write_text("||listed.example^\n", encoding="utf-8")
    rules = tmp_path / "home" / "rules" / "rewrite.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text(RULES, encoding="utf-8")
    return path


def assert_agreed(proxy: Proxy, stage: Stage, *tables: list[Case]) -> None:
    wrong = play(proxy, stage, [case for table in tables for case in table])
    assert not wrong, "\n".join(wrong)


def test_regular(start_proxy, stage, listed):
    """HTTP/1, HTTP/2, the cache, tunnels, WebSockets."""
    proxy = start_proxy(
        blocklist_files=listed,
        body_size_limit=LIMIT_BYTES,
        forebay_server_first_ports=stage.speaking.port,
        ignore_hosts=rf"^127\.0\.0\.1:{stage.secure.port}$",
    )

    assert_agreed(
        proxy,
        stage,
        *(HTTP1, ANSWERED_HERE, CACHE, ORIGIN_FAILS, CLIENT_FAILS, TUNNELS, HTTP2, WEBSOCKETS),
    )


def test_other_modes(start_proxy, stage, listed):
    """SOCKS, reverse (HTTP and TCP), upstream, DNS, in one process."""
    proxy = start_proxy(
        *("--mode", "regular"),
        *("--mode", "socks5@127.0.0.2:0"),
        *("--mode", f"reverse:http://127.0.0.1:{stage.plain.port}@127.0.0.3:0"),
        *("--mode", f"reverse:tcp://127.0.0.1:{stage.speaking.port}@127.0.0.4:0"),
        *("--mode", f"upstream:http://127.0.0.1:{stage.plain.port}@127.0.0.5:0"),
        *("--mode", f"reverse:dns://127.0.0.1:{stage.names_port}@127.0.0.6:0"),
        blocklist_files=listed,
        forebay_server_first_ports=stage.speaking.port,
    )

    assert_agreed(proxy, stage, SOCKS5, REVERSE, UPSTREAM, DNS)


def test_authentication(start_proxy, stage):
    assert_agreed(start_proxy(proxyauth="anna:secret"), stage, REFUSING)


def test_eager(start_proxy, stage, listed):
    """Connected before the request, blocked without a page."""
    proxy = start_proxy(
        forebay_lazy="off",
        blocklist_files=listed,
        blocklist_connect="refuse",
        blocklist_answer="drop",
    )

    assert_agreed(proxy, stage, EAGER)


SCRIPT = """
from mitmproxy import ctx

kept = []


def kill(hook):
    def act(flow):
        if flow.request.path == f"/killed-in-{hook}" or flow.request.port == 9 and hook == "http-connect":
            flow.kill()
        if hook == "requestheaders" and kept and flow.request.path.endswith("?again"):
            ctx.master.commands.call("replay.client", kept)
        if hook == "response" and flow.request.path == "/replayed" and not kept:
            kept.append(flow)
    return act


for name in ("requestheaders", "request", "responseheaders", "response"):
    globals()[name] = kill(name)
http_connect = kill("http-connect")
"""


@pytest.mark.parametrize("order", ["before", "behind"])
def test_killed_and_replayed(start_proxy, stage, tmp_path, order):
    """By a script before ours, or behind them."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    if order == "behind":
        proxy = start_proxy("-s", str(script))
    else:
        proxy = start_proxy("-s", str(MAIN), script=script)

    # What comes behind the log in the hook that ends an attempt comes after its record.
    error = "killed" if order == "before" else None
    in_response = Case("killed in response", get, (End(200, error, told=0),), seen=1)

    assert_agreed(proxy, stage, [*KILLED, in_response])


def test_stopped(start_proxy, stage):
    """All that is under way when the proxy ends."""
    proxy = start_proxy(
        *("--mode", "regular"),
        *("--mode", f"reverse:udp://127.0.0.1:{stage.names_port}@127.0.0.2:0"),
        forebay_server_first_ports=stage.speaking.port,
    )

    assert_agreed(proxy, stage, UNDER_WAY)


def test_replayed_from_a_file(prepare_proxy, stage, tmp_path):
    """What was saved is sent once more by ``--client-replay``: one record each."""
    saved = tmp_path / "flows"
    case = Case("saved", get, (OK,))
    stage.cast([case])
    with saved.open("wb") as file:
        for _ in range(3):
            request = tutils.treq(
                host="127.0.0.1", port=stage.plain.port, path=case.path.encode(), headers=()
            )
            io.FlowWriter(file).add(tflow.tflow(req=request))
    proxy = prepare_proxy("-n", "--client-replay", str(saved))

    subprocess.run(proxy.command(), capture_output=True, timeout=60, check=True)

    records = read_log(proxy.home / "log" / "traffic.jsonl")
    assert [record["seq"] for record in records] == [1, 2, 3]
    assert {record["http.response.status_code"] for record in records} == {200}
    assert {record["forebay.answered_by"] for record in records} == {"origin"}
    assert len(stage.seen()[case.path]) == 3
