"""Exactly one record for every way in which an attempt may end.

Each ending is the hooks that mitmproxy 12.2.3 runs for it, in their order.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from mitmproxy import exceptions, http, tcp, udp, websocket
from mitmproxy import flow as mflow
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import taddons, tflow, tutils
from wsproto.frame_protocol import Opcode

from forebay import outcome
from forebay.proxycore.malformed import LOGGER
from forebay.trafficlog.addon import TrafficlogAddon
from trafficlog.support import NOW, lines

REFUSED = "[Errno 111] Connect call failed ('192.0.2.1', 443)"


def run(addon: TrafficlogAddon) -> None:
    """The proxy runs, and so does its loop."""

    async def running() -> None:
        addon.running()

    asyncio.run(running())


def connect(host: str = "h.example") -> http.HTTPFlow:
    """A CONNECT, lazily: no server is connected yet."""
    flow = tflow.tflow(
        req=tutils.treq(method=b"CONNECT", host=host, port=443, authority=b"h.example:443")
    )
    unconnected(flow)
    return flow


def unconnected(flow: mflow.Flow) -> None:
    server = flow.server_conn
    server.timestamp_start = server.timestamp_tcp_setup = server.timestamp_tls_setup = None


def accepted(flow: http.HTTPFlow) -> None:
    flow.response = http.Response(
        b"HTTP/1.1", 200, b"Connection established", http.Headers(), b"", None, NOW, NOW
    )


def within(outer: mflow.Flow, flow: mflow.Flow) -> mflow.Flow:
    """The same client connection."""
    flow.client_conn = outer.client_conn
    outcome.begin(flow)
    return flow


def server_fails(log, flow: mflow.Flow, text: str) -> None:
    flow.server_conn.error = text
    data = ServerConnectionHookData(server=flow.server_conn, client=flow.client_conn)
    log.addon.server_connect(data)
    log.addon.server_connect_error(data)


def tls_data(flow: mflow.Flow, conn) -> SimpleNamespace:
    context = SimpleNamespace(client=flow.client_conn, server=flow.server_conn)
    return SimpleNamespace(conn=conn, context=context)


# The endings.  Each drives the hooks and returns what must stand in the record.


def response(log):
    flow = log.begin(tflow.tflow(resp=True))
    log.addon.requestheaders(flow)
    log.addon.response(flow)
    log.leave(flow)
    return {"kind": "http", "http.response.status_code": 200, "error.type": None}


def blocked(log):
    flow = log.begin(tflow.tflow(resp=http.Response.make(403)))
    unconnected(flow)
    outcome.of(flow).update(answer="blocklist", block={"action": "block", "rule": "||ads^"})
    log.addon.requestheaders(flow)
    log.addon.response(flow)
    log.leave(flow)
    return {
        "kind": "http",
        "http.response.status_code": 403,
        "forebay.answered_by": "blocklist",
        "forebay.block": {"action": "block", "rule": "||ads^"},
    }


def origin_down(log):
    """The flow never learns which connection failed."""
    flow = log.begin(tflow.tflow())
    log.addon.requestheaders(flow)
    other = tflow.tflow()
    other.client_conn = flow.client_conn
    server_fails(log, other, REFUSED)
    flow.error = mflow.Error(REFUSED)
    log.addon.error(flow)
    log.leave(flow)
    return {"kind": "http", "error.type": "connect_failed", "http.response.status_code": None}


def upstream_certificate_bad(log):
    text = "Certificate verify failed: certificate has expired"
    flow = log.begin(tflow.tflow())
    log.addon.requestheaders(flow)
    flow.server_conn.error = text
    log.addon.tls_failed_server(tls_data(flow, flow.server_conn))
    flow.error = mflow.Error(text)
    log.addon.error(flow)
    log.leave(flow)
    return {"kind": "http", "error.type": "server_tls_failed", "error.message": text}


def client_gone_mid_response(log):
    flow = log.begin(tflow.tflow(resp=True))
    log.addon.requestheaders(flow)
    flow.error = mflow.Error("Client disconnected.")
    log.addon.error(flow)
    log.leave(flow)
    return {"error.type": "client_disconnected", "http.response.status_code": 200}


def client_gone_before_the_error_hook(log):
    """An addon before ours took its time."""
    flow = log.begin(tflow.tflow(resp=True))
    log.addon.requestheaders(flow)
    log.leave(flow)
    flow.error = mflow.Error("Client disconnected.")
    log.addon.error(flow)
    return {"error.type": "client_disconnected", "http.response.status_code": 200}


def truncated_origin(log):
    flow = log.begin(tflow.tflow(resp=True))
    log.addon.requestheaders(flow)
    flow.error = mflow.Error(
        "HTTP/1 protocol error: peer closed connection without sending complete message body "
        "(received 3 bytes, expected 100)"
    )
    log.addon.error(flow)
    log.leave(flow)
    return {"error.type": "truncated", "http.response.status_code": 200}


def killed(log):
    flow = log.begin(tflow.tflow())
    log.addon.requestheaders(flow)
    flow.kill()
    log.addon.error(flow)
    log.leave(flow)
    return {"error.type": "killed", "http.response.status_code": None}


def malformed_with_a_head(log):
    flow = log.begin(tflow.tflow())
    flow.error = mflow.Error("invalid content-length header: 'x'")
    log.addon.requestheaders(flow)
    log.addon.error(flow)
    log.leave(flow)
    return {"kind": "http", "error.type": "invalid_request"}


def error_without_requestheaders(log):
    """A request that names no host."""
    flow = log.begin(tflow.tflow())
    flow.error = mflow.Error("HTTP request has no host header, destination unknown.")
    log.addon.error(flow)
    log.leave(flow)
    return {"kind": "http", "error.type": "invalid_request"}


def unreadable(log):
    log_line = "192.0.2.1:5000: Bad HTTP request line: b'GARBAGE /?token=abc'"
    logging.getLogger(LOGGER).warning(log_line, extra={"client": ("192.0.2.1", 5000)})
    return {
        "kind": "malformed",
        "http.response.status_code": 400,
        "client.address": "192.0.2.1",
        "forebay.connection.id": None,
        "error.message": "Bad HTTP request line: b'GARBAGE /?token=REDACTED",
    }


def connect_refused_by_us(log):
    flow = log.begin(connect())
    outcome.of(flow)["answer"] = "blocklist"
    log.addon.http_connect(flow)
    flow.response = http.Response.make(403, b"no")
    log.addon.http_connect_error(flow)
    log.leave(flow)
    return {
        "kind": "tunnel",
        "http.response.status_code": 403,
        "forebay.answered_by": "blocklist",
        "error.type": None,
        "server.address": "h.example",
    }


def connect_to_a_dead_origin(log):
    """Eager: the core answers."""
    flow = log.begin(connect())
    log.addon.http_connect(flow)
    server_fails(log, flow, REFUSED)
    flow.response = http.Response.make(502, b"Cannot connect")
    log.addon.http_connect_error(flow)
    log.leave(flow)
    return {"kind": "tunnel", "http.response.status_code": 502, "error.type": "connect_failed"}


def connect_killed(log):
    """No hook follows but the connection's end."""
    flow = log.begin(connect())
    log.addon.http_connect(flow)
    flow.kill()
    log.leave(flow)
    return {"kind": "tunnel", "error.type": "killed", "http.response.status_code": None}


def connect_invalid(log):
    """It fails before it is looked at as one."""
    flow = log.begin(connect())
    flow.error = mflow.Error("Received invalid header name: b' ' from client, refusing to")
    log.addon.requestheaders(flow)
    log.addon.error(flow)
    log.leave(flow)
    return {"kind": "tunnel", "error.type": "invalid_request"}


def connect_then_nothing(log):
    flow = log.begin(connect())
    log.addon.http_connect(flow)
    accepted(flow)
    log.leave(flow)
    return {
        "kind": "tunnel",
        "http.response.status_code": 200,
        "forebay.client.bytes": 0,
        "forebay.server.bytes": 0,
        "error.type": None,
    }


def connect_not_intercepted(log):
    """``ignore_hosts``: nobody counts."""
    flow = log.begin(connect())
    log.addon.http_connect(flow)
    accepted(flow)
    flow.server_conn.timestamp_start = NOW
    log.addon.server_connect(ServerConnectionHookData(flow.server_conn, flow.client_conn))
    log.leave(flow)
    return {"kind": "tunnel", "forebay.client.bytes": None, "error.type": None}


def connect_not_intercepted_and_dead(log):
    flow = log.begin(connect())
    log.addon.http_connect(flow)
    accepted(flow)
    flow.server_conn.timestamp_start = NOW
    server_fails(log, flow, REFUSED)
    log.leave(flow)
    return {"kind": "tunnel", "error.type": "connect_failed", "error.message": REFUSED}


def connect_intercepted(log):
    """Its request is the record."""
    flow = log.begin(connect())
    log.addon.http_connect(flow)
    accepted(flow)
    request = within(flow, tflow.tflow(resp=True))
    log.addon.requestheaders(request)
    log.addon.response(request)
    log.leave(flow)
    return {
        "kind": "http",
        "http.request.method": "GET",
        "forebay.connection.id": flow.client_conn.id,
    }


def connect_with_bad_client_tls(log):
    flow = log.begin(connect())
    log.addon.http_connect(flow)
    accepted(flow)
    flow.client_conn.timestamp_tls_setup = None
    flow.client_conn.error = "The client does not trust the proxy's certificate for h.example"
    log.addon.tls_failed_client(tls_data(flow, flow.client_conn))
    log.leave(flow)
    return {
        "kind": "tls",
        "error.type": "client_tls_failed",
        "server.address": "h.example",
        "tls.client.server_name": "address",
    }


def bad_client_tls_alone(log):
    """TLS to the proxy itself, or through SOCKS; by a connection that began before us."""
    flow = tflow.tflow()
    flow.client_conn.error = "connection closed"
    log.addon.tls_failed_client(tls_data(flow, flow.client_conn))
    return {"kind": "tls", "error.type": "client_tls_failed"}


def websocket_closed(log):
    """Nothing at the 101; older messages are forgotten by another addon."""
    flow = log.begin(tflow.twebsocketflow())
    flow.websocket.messages.clear()
    log.addon.requestheaders(flow)
    log.addon.response(flow)
    log.addon.websocket_start(flow)
    for from_client, content in ((True, b"12345"), (False, b"123"), (False, b"4567")):
        flow.websocket.messages = [websocket.WebSocketMessage(Opcode.BINARY, from_client, content)]
        log.addon.websocket_message(flow)
    log.addon.websocket_end(flow)
    log.leave(flow)
    return {
        "kind": "websocket",
        "http.response.status_code": 101,
        "forebay.client.messages": 1,
        "forebay.client.bytes": 5,
        "forebay.server.messages": 2,
        "forebay.server.bytes": 7,
        "forebay.websocket.close_code": 1000,
    }


def websocket_client_gone_at_the_handshake(log):
    """Killed between ``response`` and ``websocket_start``: no hook follows."""
    flow = log.begin(tflow.twebsocketflow())
    log.addon.requestheaders(flow)
    log.addon.response(flow)
    log.leave(flow)
    return {"kind": "websocket", "error.type": "client_disconnected"}


def websocket_client_gone_before_the_response_hook(log):
    flow = log.begin(tflow.twebsocketflow())
    log.addon.requestheaders(flow)
    log.leave(flow)
    log.addon.response(flow)
    return {"kind": "websocket", "error.type": "client_disconnected"}


def raw_in_a_connect(log):
    outer = log.begin(connect())
    log.addon.http_connect(outer)
    accepted(outer)
    flow = within(outer, tflow.ttcpflow())
    log.addon.tcp_start(flow)
    for from_client, content in ((True, b"12345"), (False, b"123")):
        flow.messages = [tcp.TCPMessage(from_client, content)]
        log.addon.tcp_message(flow)
    log.addon.tcp_end(flow)
    log.leave(outer)
    return {
        "kind": "tunnel",
        "http.request.method": "CONNECT",
        "server.address": "h.example",
        "forebay.client.bytes": 5,
        "forebay.server.bytes": 3,
    }


def raw_in_a_connect_to_a_dead_origin(log):
    """Lazy: the CONNECT was accepted."""
    outer = log.begin(connect())
    log.addon.http_connect(outer)
    accepted(outer)
    flow = within(outer, tflow.ttcpflow())
    log.addon.tcp_start(flow)
    server_fails(log, flow, REFUSED)
    flow.error = mflow.Error(REFUSED)
    log.addon.tcp_error(flow)
    log.leave(outer)
    return {"kind": "tunnel", "error.type": "connect_failed", "forebay.client.bytes": 0}


def raw_over_socks(log):
    flow = tflow.ttcpflow()
    flow.client_conn.proxy_mode = ProxyMode.parse("socks5")
    log.begin(flow)
    log.addon.tcp_start(flow)
    log.addon.tcp_end(flow)
    log.leave(flow)
    return {"kind": "tunnel", "http.request.method": None}


def raw_by_itself(log):
    flow = tflow.ttcpflow()
    flow.client_conn.proxy_mode = ProxyMode.parse("reverse:tcp://h:1")
    log.begin(flow)
    log.addon.tcp_start(flow)
    log.addon.tcp_end(flow)
    log.leave(flow)
    return {"kind": "tcp"}


def datagrams(log):
    flow = log.begin(tflow.tudpflow())
    log.addon.udp_start(flow)
    flow.messages = [udp.UDPMessage(True, b"123")]
    log.addon.udp_message(flow)
    log.addon.udp_end(flow)
    log.leave(flow)
    return {"kind": "udp", "forebay.client.bytes": 3}


def datagrams_that_fail(log):
    flow = log.begin(tflow.tudpflow(err=True))
    log.addon.udp_start(flow)
    log.addon.udp_error(flow)
    log.leave(flow)
    return {"kind": "udp", "error.type": "_OTHER"}


def dns_answered(log):
    flow = log.begin(tflow.tdnsflow(resp=True))
    log.addon.dns_request(flow)
    log.addon.dns_response(flow)
    return {"kind": "dns", "dns.question.name": "dns.google"}


def dns_failed(log):
    flow = log.begin(tflow.tdnsflow(err=True))
    log.addon.dns_request(flow)
    log.addon.dns_error(flow)
    return {"kind": "dns", "error.type": "_OTHER"}


def under_way_at_the_end(log):
    flow = log.begin(tflow.tflow(resp=True))
    log.addon.requestheaders(flow)
    return {"kind": "http", "error.type": "shutdown", "error.message": "The proxy was stopped."}


def tunnel_under_way_at_the_end(log):
    outer = log.begin(connect())
    log.addon.http_connect(outer)
    accepted(outer)
    flow = within(outer, tflow.ttcpflow())
    log.alive.append(flow)
    log.addon.tcp_start(flow)
    return {"kind": "tunnel", "error.type": "shutdown"}


def connect_under_way_at_the_end(log):
    flow = log.begin(connect())
    log.addon.http_connect(flow)
    return {"kind": "tunnel", "error.type": "shutdown"}


ENDINGS = [
    response, blocked, origin_down, upstream_certificate_bad, client_gone_mid_response,
    client_gone_before_the_error_hook, truncated_origin, killed, malformed_with_a_head,
    error_without_requestheaders, unreadable, connect_refused_by_us, connect_to_a_dead_origin,
    connect_killed, connect_invalid, connect_then_nothing, connect_not_intercepted,
    connect_not_intercepted_and_dead, connect_intercepted, connect_with_bad_client_tls,
    bad_client_tls_alone, websocket_closed, websocket_client_gone_at_the_handshake,
    websocket_client_gone_before_the_response_hook, raw_in_a_connect,
    raw_in_a_connect_to_a_dead_origin, raw_over_socks, raw_by_itself, datagrams,
    datagrams_that_fail, dns_answered, dns_failed, under_way_at_the_end,
    tunnel_under_way_at_the_end, connect_under_way_at_the_end,
]  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
def test_exactly_one_record(log, ending):
    """Whatever the end."""
    expected = ending(log)

    (found,) = log.records()
    assert {name: found[name] for name in expected} == expected
    assert (found["v"], found["seq"]) == (1, 1)


def test_all_endings_in_one_process_are_numbered_without_a_gap(log):
    for ending in ENDINGS:
        ending(log)

    assert [found["seq"] for found in log.records()] == list(range(1, len(ENDINGS) + 1))


def test_a_switch_of_protocols_is_an_exchange_and_raw_bytes(log):
    """A 101 for anything but WebSocket."""
    flow = log.begin(tflow.tflow(resp=http.Response.make(101)))
    log.addon.requestheaders(flow)
    log.addon.response(flow)
    raw = within(flow, tflow.ttcpflow())
    log.addon.tcp_start(raw)
    log.addon.tcp_end(raw)
    log.leave(flow)

    assert [found["kind"] for found in log.records()] == ["http", "tcp"]


def test_raw_bytes_over_socks_after_something_understood_are_no_tunnel(log):
    flow = tflow.tflow(resp=http.Response.make(101))
    flow.client_conn.proxy_mode = ProxyMode.parse("socks5")
    log.begin(flow)
    log.addon.requestheaders(flow)
    log.addon.response(flow)
    raw = within(flow, tflow.ttcpflow())
    log.addon.tcp_start(raw)
    log.addon.tcp_end(raw)

    assert [found["kind"] for found in log.records()] == ["http", "tcp"]


def test_a_replayed_flow_is_a_new_attempt(log):
    """On a client connection that no hook announced; the flow and its metadata are the same."""
    flow = log.begin(tflow.tflow(resp=True))
    log.addon.requestheaders(flow)
    log.addon.response(flow)
    log.addon.error(flow)
    log.leave(flow)
    outcome.begin(flow)
    log.addon.requestheaders(flow)
    log.addon.http_connect(flow)
    server_fails(log, flow, REFUSED)
    log.addon.tls_failed_server(tls_data(flow, flow.server_conn))
    log.addon.response(flow)

    assert [found["forebay.attempt"] for found in log.records()] == [1, 2]


def test_hooks_of_a_connection_that_began_before_us(log):
    """The script may be loaded while traffic flows."""
    refused, upgraded = connect(), tflow.twebsocketflow()
    refused.response = http.Response.make(403)
    log.addon.http_connect_error(refused)
    log.addon.websocket_start(upgraded)
    log.addon.websocket_end(upgraded)

    assert [found["kind"] for found in log.records()] == ["tunnel", "websocket"]


def test_header_fields_are_recorded_on_demand(log):
    log.tctx.configure(log.addon, trafficlog_headers=True)
    response(log)

    (found,) = log.records()
    assert found["http.request.header"]["header"] == ["qvalue"]


def test_the_default_file_is_in_the_home(tmp_path):
    """In folders of the user's alone."""
    addon = TrafficlogAddon()
    with taddons.context(addon) as tctx:
        tctx.configure(addon, forebay_home=str(tmp_path / "home"))
        path = tmp_path / "home" / "log" / "traffic.jsonl"
        assert addon.summary() == f"log {path}"
        addon.done()

    assert path.exists()
    assert path.parent.stat().st_mode & 0o077 == 0


def test_the_summary_is_short_in_the_users_home(log, monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)

    assert log.addon.summary() == f"log {Path('~/log/traffic.jsonl')}"


def test_switched_off_it_does_nothing(tmp_path):
    """Not even look at mitmproxy's log, nor make a folder."""
    addon = TrafficlogAddon()
    with taddons.context(addon) as tctx:
        tctx.configure(addon, trafficlog=False, forebay_home=str(tmp_path / "home"))
        run(addon)
        flow = tflow.tflow(resp=True)
        addon.requestheaders(flow)
        addon.response(flow)
        addon.done()

        assert addon.summary() == "log off"
    assert not (tmp_path / "home").exists()
    assert "logged" not in outcome.of(flow)


def test_it_can_be_switched_at_run_time(log):
    """And another option of the proxy is none of its business."""
    response(log)
    log.tctx.configure(log.addon, trafficlog=False)
    response(log)
    log.tctx.configure(log.addon, trafficlog=True)
    response(log)
    log.addon.configure({"anticache"})

    assert [found["seq"] for found in log.records()] == [1, 2]


def test_a_file_that_cannot_be_written_refuses_the_start(tmp_path, caplog):
    """One line at level ERROR, on which mitmproxy leaves."""
    addon = TrafficlogAddon()
    with taddons.context(addon) as tctx:
        tctx.configure(addon, trafficlog_file=str(tmp_path))
        addon.done()

    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == [
        f"trafficlog_file: expected a writable file, found {tmp_path}: Is a directory"
    ]


def test_at_run_time_it_is_rolled_back(log, tmp_path):
    """The file before stays."""
    run(log.addon)
    with pytest.raises(exceptions.OptionsError, match="expected a writable file"):
        log.tctx.configure(log.addon, trafficlog_file=str(tmp_path))
    response(log)

    assert len(log.records()) == 1


@pytest.mark.parametrize("level", [logging.DEBUG, logging.ERROR])
def test_it_says_when_unreadable_requests_cannot_be_seen(log, caplog, level):
    """mitmproxy's programs log all; a program of one's own may not."""
    core = logging.getLogger(LOGGER)
    before = core.level
    core.setLevel(level)
    run(log.addon)
    core.setLevel(before)

    warned = [r.getMessage() for r in caplog.records if "go unrecorded" in r.getMessage()]
    assert len(warned) == (level == logging.ERROR)


def test_an_error_of_ours_costs_a_record_not_the_traffic(log, caplog):
    """One warning, and its number in a gap."""
    flow = log.begin(tflow.tflow(resp=True))
    flow.request.timestamp_start = "then"
    log.addon.requestheaders(flow)
    log.addon.response(flow)
    log.leave(flow)

    (found,) = log.records()
    assert (found["kind"], found["from_seq"], found["to_seq"]) == ("gap", 1, 1)
    assert sum("a record is lost" in r.getMessage() for r in caplog.records) == 1


def test_done_comes_twice_and_after_a_half_start(log):
    """And leaves nothing in mitmproxy's logger."""
    log.addon.done()
    log.addon.done()
    TrafficlogAddon().done()

    unreadable(log)
    assert lines(log.path) == []


def test_two_addons_in_one_process_do_not_share_a_file(log, tmp_path):
    """The script may be loaded twice."""
    other = TrafficlogAddon()
    with taddons.context(other) as tctx:
        tctx.configure(other, trafficlog_file=str(log.path))
        assert other.summary() != log.addon.summary()
        other.done()


def test_options_are_none_of_mitmproxys_own():
    with taddons.context() as tctx:
        names = tctx.options.keys()

    assert not [name for name in names if name.startswith("trafficlog")]


class TestStatus:
    def test_what_was_recorded(self, log):
        flow = log.begin(tflow.tflow(resp=True))
        log.addon.requestheaders(flow)
        log.addon.response(flow)

        found = log.addon.status()

        assert found["on"] is True
        assert (found["file"], found["last_seq"], found["problems"]) == (str(log.path), 1, [])

    def test_off(self, log):
        log.tctx.configure(log.addon, trafficlog=False)

        assert log.addon.status() == {"on": False, "problems": []}
