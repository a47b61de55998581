"""What a flow or a connection asks for: the glue between mitmproxy's objects and `names`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mitmproxy import ctx, http
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from forebay.names import every_name


def names_of(flow: http.HTTPFlow, *, sni: str | None) -> tuple[str, ...]:
    """Return every name that the request carries; *sni* is that of TLS to the origin."""
    request = flow.request
    address = flow.server_conn.address
    fields = [
        value.decode("utf-8", "surrogateescape")
        for key, value in request.headers.fields
        if len(key) == 4 and key.lower() == b"host"
    ]
    _, absolute, rest = request.data.path.partition(b"://")
    if absolute and not request.data.path.startswith(b"/"):
        # An HTTP/2 :path may be absolute, and an HTTP/1 origin takes its host from there.
        fields.append(rest.decode("utf-8", "surrogateescape"))
    return every_name(
        target=request.host,
        host_fields=fields,
        authority=request.data.authority.decode("utf-8", "surrogateescape"),
        sni=sni,
        connect=address[0] if address else None,
    )


def names_dialled(data: ServerConnectionHookData) -> tuple[str, ...]:
    """Return every name of the server that is about to be connected to."""
    server, mode = data.server, data.client.proxy_mode
    target, sni = server.address[0] if server.address else "", server.sni
    if isinstance(mode, mode_specs.UpstreamMode) and server.address == mode.address:
        # The next proxy, not the target: that was judged by CONNECT and request.
        target, sni = "", None
    return every_name(target=target, host_fields=(), authority="", sni=sni, connect=data.client.sni)


def is_intercepted(request: http.Request) -> bool:
    """Return whether the tunnel that *request* opens will be decrypted before anything is dialled.

    The search in ``host:port`` is that of mitmproxy's NextLayer.
    """
    options = ctx.options
    if options.connection_strategy == "eager":
        return False
    place = f"{request.host}:{request.port}"
    if options.allow_hosts and not _any_matches(options.allow_hosts, place):
        return False
    return not _any_matches(options.ignore_hosts, place)


def _any_matches(patterns: Sequence[str], place: str) -> bool:
    return any(re.search(pattern, place, re.IGNORECASE) for pattern in patterns)
