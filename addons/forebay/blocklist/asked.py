"""What a flow or a connection asks for: the glue between mitmproxy's objects and the policy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mitmproxy import connection, ctx, http
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from forebay.blocklist.facts import Facts
from forebay.blocklist.request import Request, place
from forebay.names import MOST, canonical, every_name, split_authority

_WEBSOCKET = {"http": "ws", "https": "wss"}


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


def too_many(names: Sequence[str]) -> bool:
    """Return whether there are more names than any honest request has, and perhaps more yet."""
    return len(names) > MOST


def requests_of(flow: http.HTTPFlow, names: Sequence[str], facts: Facts) -> list[Request]:
    """Return what is judged: the request of *flow* under each of *names*."""
    request = flow.request
    scheme = request.scheme
    if facts.type == "websocket":
        scheme = _WEBSOCKET.get(scheme, scheme)
    port = str(request.port)
    rest = request.data.path.decode("utf-8", "surrogateescape")
    if not rest.startswith("/"):
        rest = re.sub(r"\A[^:/]*://[^/?#]*", "", rest)
    method = request.data.method.decode("utf-8", "surrogateescape")
    # A reverse proxy's client names another host, and with it another port.
    ports = _ports_named(request) if len(names) > 1 else {}
    found = []
    for name in names:
        where = place(scheme, name, ports.get(name, port))
        source, same_site = facts.source, facts.same_site
        if facts.own_source:
            source = where.text + "/"  # a page is its own source
        found.append(
            Request.at(
                where, rest, source=source, type=facts.type, method=method, same_site=same_site
            )
        )
    return found


def _ports_named(request: http.Request) -> dict[str, str]:
    """Return the port with which Host names a host, empty for the scheme's own."""
    host, port = split_authority(request.host_header or "")
    name = canonical(host)
    return {} if name == canonical(request.host) else {name: "" if port is None else str(port)}


def requests_unseen(names: Iterable[str], port: int) -> list[Request]:
    """Return what is judged when only names are known: requests for ``/``, of whatever kind."""
    return [
        Request.at(
            place("http" if port == 80 else "https", name, ""), "/",
            source=None, type="other", method="GET", same_site=None,
        )
        for name in names
    ]  # fmt: skip


def names_dialled(data: ServerConnectionHookData) -> tuple[str, ...]:
    """Return every name of the server that is about to be connected to."""
    server, mode = data.server, data.client.proxy_mode
    target, sni = server.address[0] if server.address else "", server.sni
    if isinstance(mode, mode_specs.UpstreamMode) and server.address == mode.address:
        # The next proxy, not the target: that was judged by CONNECT and request.
        target, sni = "", None
    return every_name(target=target, host_fields=(), authority="", sni=sni, connect=data.client.sni)


def address_of(client: connection.Client) -> str | None:
    """Return the client's address."""
    return client.peername[0]


def user_of(flow: http.HTTPFlow) -> str | None:
    """Return the name by which the client logged in to the proxy (mitmproxy's proxyauth)."""
    login: object = flow.metadata.get("proxyauth")
    return str(login[0]) if isinstance(login, tuple) else None


def is_lazy() -> bool:
    """Return whether servers are connected when a request needs one."""
    return bool(ctx.options.connection_strategy == "lazy")


def is_decrypted(request: http.Request) -> bool:
    """Return whether the tunnel that *request* opens will be decrypted, if it is TLS.

    The search in ``host:port`` is that of mitmproxy's NextLayer.
    """
    options = ctx.options
    where = f"{request.host}:{request.port}"
    if options.allow_hosts and not _any_matches(options.allow_hosts, where):
        return False
    return not _any_matches(options.ignore_hosts, where)


def _any_matches(patterns: Sequence[str], where: str) -> bool:
    return any(re.search(pattern, where, re.IGNORECASE) for pattern in patterns)
