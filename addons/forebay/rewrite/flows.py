"""Between mitmproxy's flows and what rules look at: there and back."""

from __future__ import annotations

import http.client
from functools import lru_cache
from typing import Any

from mitmproxy import connection
from mitmproxy import http as mhttp

from forebay import outcome
from forebay.names import canonical, is_address, split_authority
from forebay.outcome import Outcome
from forebay.rewrite import body
from forebay.rewrite.body import Done
from forebay.rewrite.exchange import Exchange
from forebay.rewrite.rule import Mode, Phase, Rule
from forebay.rewrite.run import Applied
from forebay.rewrite.trial import Answered

_TRANSPARENT = frozenset({"transparent", "local", "wireguard", "tun"})
_is_address = lru_cache(maxsize=1024)(is_address)  # asked twice for each flow


def exchange_of(flow: mhttp.HTTPFlow, phase: Phase) -> Exchange:
    """Return what rules look at in *flow*."""
    request, response = flow.request, flow.response
    of_response = phase is Phase.RESPONSE and response is not None
    message = response if of_response and response is not None else request
    login: object = flow.metadata.get("proxyauth")
    client: tuple[str, int] | None = flow.client_conn.peername
    return Exchange(
        method=request.data.method.decode("utf-8", "surrogateescape"),  # .method is upper-cased
        scheme=request.scheme,
        host=request.host,
        port=request.port,
        target=request.data.path.decode("utf-8", "surrogateescape"),
        request=request.headers.fields,
        hosts=hosts(flow),
        status=response.status_code if of_response and response is not None else None,
        response=response.headers.fields if of_response and response is not None else (),
        client=None if client is None else client[0],
        user=str(login[0]) if isinstance(login, tuple) else None,
        flow=flow,
        lower_case=message.is_http2 or message.is_http3,
    )


def hosts(flow: mhttp.HTTPFlow) -> tuple[str, ...]:
    """Return the canonical names of the host the request goes to.

    That is the target and not what ``Host`` says, for a client may write there
    what it likes, and a rule may set what only its host shall see.  Where the
    target is an address (transparent mode, a tunnel to an IP) nothing else
    names the host: there the TLS server name counts too, which the origin's
    certificate must bear out, and without TLS, where clients connect to
    addresses only, the Host field.
    """
    target = canonical(flow.request.host)
    if not (target[-1:].isdigit() or ":" in target) or not _is_address(target):
        return (target,)
    named = flow.client_conn.sni or ""
    is_open = not flow.client_conn.tls and flow.client_conn.proxy_mode.type_name in _TRANSPARENT
    if not named and is_open:
        named = split_authority(flow.request.host_header or "")[0]
    return (target, canonical(named)) if named else (target,)


def put_request(flow: mhttp.HTTPFlow, after: Exchange) -> None:
    """Give the request of *flow* what rules have made of it."""
    request = flow.request
    before = exchange_of(flow, Phase.REQUEST)
    if after.request != before.request:
        request.headers.fields = after.request
    is_elsewhere = (after.scheme, after.host, after.port) != (
        before.scheme,
        before.host,
        before.port,
    )
    if after.method != before.method:
        request.data.method = after.method.encode("utf-8", "surrogateescape")
    if after.target != before.target:
        request.data.path = after.target.encode("utf-8", "surrogateescape")
    if is_elsewhere:
        data = request.data
        data.scheme, data.host, data.port = after.scheme.encode("ascii"), after.host, after.port
        # mitmproxy's own setters would write an IPv6 address without brackets.
        if data.authority:
            data.authority = after.authority.encode("ascii")
        if "host" in request.headers:
            request.headers["host"] = after.authority
    if is_elsewhere or after.target != before.target or after.method != before.method:
        outcome.of(flow)["redirected"] = True


def put_response(response: mhttp.Response, after: Exchange) -> None:
    """Give a response's head what rules have made of it."""
    if after.response != response.headers.fields:
        response.headers.fields = after.response
    if after.status is not None and after.status != response.status_code:
        response.status_code = after.status
        reason = "" if response.is_http2 else http.client.responses.get(after.status, "")
        response.data.reason = reason.encode("ascii")


def put_body(message: mhttp.Message, edited: body.Edited, entries: list[Outcome]) -> None:
    """Give a message the body that rules have made of it, and note what each has done."""
    if edited.body is not None:
        message.raw_content = edited.body
        message.headers.fields = edited.fields
        if "transfer-encoding" not in message.headers:
            message.headers["content-length"] = str(len(edited.body))
    note_done(edited.done, entries)


def note_done(done: tuple[Done, ...], entries: list[Outcome]) -> None:
    """Add to the outcome of each rule what became of its edits of the body."""
    for one in done:
        for entry in entries:
            if (entry["file"], entry["id"]) != (one.task.rule.file, one.task.rule.id):
                continue
            if one.skipped is not None:
                entry["skipped"] = one.skipped
            if one.before_bytes or one.after_bytes:
                entry["changes"].append(
                    {
                        "field": "body",
                        "before": f"{one.before_bytes} bytes",
                        "after": f"{one.after_bytes} bytes",
                    }
                )


def entry_of(applied: Applied, phase: Phase) -> Outcome:
    """Return what the outcome says of an applied rule."""
    rule: Rule = applied.rule
    entry: dict[str, Any] = {
        "id": rule.id,
        "file": rule.file,
        "line": rule.line,
        "phase": str(phase),
        "changes": [change.as_plain() for change in applied.changes],
    }
    if rule.mode is Mode.SHADOW:
        entry["mode"] = str(rule.mode)
    if applied.failed is not None:
        entry["failed"] = applied.failed
    if applied.answer is not None:
        entry["answer"] = applied.answer[0].status
    return entry


def flow_of(exchange: Exchange, answered: Answered | None) -> mhttp.HTTPFlow:
    """Return a flow for what is only written down, for filters to look at."""
    client = connection.Client(
        peername=(exchange.client or "192.0.2.1", 0), sockname=("192.0.2.2", 0)
    )
    flow = mhttp.HTTPFlow(client, connection.Server(address=(exchange.host, exchange.port)))
    flow.request = mhttp.Request(
        host=exchange.host,
        port=exchange.port,
        method=exchange.method.encode("utf-8", "surrogateescape"),
        scheme=exchange.scheme.encode("ascii"),
        authority=b"",
        path=exchange.target.encode("utf-8", "surrogateescape"),
        http_version=b"HTTP/1.1",
        headers=mhttp.Headers(exchange.request),
        content=b"",
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=0.0,
    )
    if answered is not None:
        status, fields, text = answered
        content = text.encode("utf-8", "surrogateescape")
        flow.response = mhttp.Response.make(status, content, mhttp.Headers(fields))
    return flow
