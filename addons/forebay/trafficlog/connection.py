"""Make the records of all that is no HTTP exchange.

Glue: reads mitmproxy's connections and flows.  Everything is redacted and
bounded here, before anything is queued.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mitmproxy import connection, dns, http, tcp, udp

from forebay import outcome
from forebay.proxycore.passed import Traffic
from forebay.trafficlog import failure, parts
from forebay.trafficlog.exchange import Ending, named, peer
from forebay.trafficlog.parts import Draft
from forebay.trafficlog.record import Record
from forebay.trafficlog.redact import Redactor


def of_raw(
    draft: Draft,
    flow: tcp.TCPFlow | udp.UDPFlow,
    kind: str,
    failures: Mapping[str, str],
    *,
    connect: http.HTTPFlow | None,
    traffic: Traffic | None,
    ending: Ending,
) -> Record:
    """Return the record of raw bytes; *connect* is the CONNECT they came through."""
    error = flow.error.msg if flow.error else ending.error
    return Record(
        kind=kind,
        seq=draft.seq,
        instance=draft.instance,
        flow_id=flow.id,
        **(
            _of_traffic(traffic)
            | _of_connection(flow.client_conn, flow.server_conn)
            | _of_connect(draft.redactor, connect, flow.timestamp_created, ending.at_s)
            | _of_error(draft.redactor, error, ending.error_type, failures)
            | _of_block(draft.redactor, flow)
        ),
    )


def of_connection(
    draft: Draft,
    kind: str,
    client: connection.Client,
    server: connection.Server | None,
    failures: Mapping[str, str],
    *,
    connect: http.HTTPFlow | None = None,
    traffic: Traffic | None = None,
    ending: Ending,
) -> Record:
    """Return the record of a connection that no flow tells of."""
    error = ending.error or (None if server is None else server.error)
    return Record(
        kind=kind,
        seq=draft.seq,
        instance=draft.instance,
        **(
            _of_traffic(traffic)
            | _of_connection(client, server)
            | _of_connect(draft.redactor, connect, client.timestamp_start, ending.at_s)
            | _of_error(draft.redactor, error, ending.error_type, failures)
            # A handshake that failed has asked for a name all the same.
            | {"server_name": parts.server_name(client.sni)}
        ),
    )


def of_dns(draft: Draft, flow: dns.DNSFlow) -> Record:
    """Return the record of a DNS query."""
    request = flow.request
    ended_s = flow.response.timestamp if flow.response else None
    error = flow.error.msg if flow.error else None
    return Record(
        kind="dns",
        seq=draft.seq,
        instance=draft.instance,
        timestamp=parts.time_of(request.timestamp),
        duration_s=parts.span(request.timestamp, flow.error.timestamp if flow.error else ended_s),
        flow_id=flow.id,
        dns_question=request.question.name[:255] if request.question else None,
        **(
            _of_connection(flow.client_conn, flow.server_conn)
            | _of_error(draft.redactor, error, None, {})
            | _of_block(draft.redactor, flow)
        ),
    )


def of_malformed(draft: Draft, address: tuple[str, int], message: str, now_s: float) -> Record:
    """Return the record of bytes that were no request."""
    return Record(
        kind="malformed",
        seq=draft.seq,
        instance=draft.instance,
        timestamp=parts.time_of(now_s),
        client_address=address[0],
        client_port=address[1],
        # HTTP/2 has no answer to a broken head, the connection ends (RFC 9113 §8.1.1).
        status=None if message.startswith(("HTTP/2", "Invalid HTTP/2")) else 400,
        error_type=failure.MALFORMED,
        error_message=parts.excerpt(draft.redactor, message, parts.MESSAGE_CHARS),
    )


def _of_block(redactor: Redactor, flow: tcp.TCPFlow | udp.UDPFlow | dns.DNSFlow) -> dict[str, Any]:
    # A connection that was refused for what it asks for, or a name that is denied.
    found = parts.verdict(redactor, outcome.of(flow), "block")
    return {} if found is None else {"block": found}


def _of_traffic(traffic: Traffic | None) -> dict[str, Any]:
    return {} if traffic is None else asdict(traffic)


def _of_connection(client: connection.Client, server: connection.Server | None) -> dict[str, Any]:
    address, port = peer(client)
    kept: dict[str, Any] = {
        "client_address": address,
        "client_port": port,
        "connection_id": client.id,
    }
    if client.timestamp_tls_setup is not None:
        kept["tls_version"] = parts.tls_version(client.tls_version)
        kept["server_name"] = parts.server_name(client.sni)
    if server is None:
        return kept
    if server.address:
        kept |= {"server_address": server.address[0], "server_port": server.address[1]}
    if server.timestamp_start is not None:
        kept |= {
            "server_connection_id": server.id,
            "connect_s": parts.span(server.timestamp_start, server.timestamp_tcp_setup),
            "tls_s": parts.span(server.timestamp_tcp_setup, server.timestamp_tls_setup),
        }
    if server.timestamp_tls_setup is not None:
        kept["server_tls_version"] = parts.tls_version(server.tls_version)
    return kept


def _of_connect(
    redactor: Redactor, connect: http.HTTPFlow | None, started_s: float, ended_s: float
) -> dict[str, Any]:
    """Return the times, and what the CONNECT adds, which began the attempt if there is one."""
    if connect is None:
        return {"timestamp": parts.time_of(started_s), "duration_s": parts.span(started_s, ended_s)}
    request = connect.request
    notes = outcome.of(connect)
    named_host, user_agent, _, _ = named(request)
    return {
        "timestamp": parts.time_of(request.timestamp_start),
        "duration_s": parts.span(request.timestamp_start, ended_s),
        "method": request.data.method.decode("utf-8", "backslashreplace"),
        "status": None if connect.response is None else connect.response.status_code,
        "server_address": request.host,
        "server_port": request.port,
        "host": parts.other_host(redactor, named_host, request.host, request.port),
        "user_agent": parts.excerpt(redactor, user_agent, parts.USER_AGENT_CHARS),
        "protocol_version": parts.version(request.http_version),
        "attempt": notes.get("attempt"),
        "bypass": parts.verdict(redactor, notes, "bypass"),
        "block": parts.verdict(redactor, notes, "block"),
    }


def _of_error(
    redactor: Redactor, error: str | None, error_type: str | None, failures: Mapping[str, str]
) -> dict[str, Any]:
    if error is not None and error_type is None:
        error_type = failure.error_type(error, failures)
    return {
        "error_type": error_type,
        "error_message": parts.excerpt(redactor, error, parts.MESSAGE_CHARS),
    }
