"""The request that ``forebay check`` is about, as the proxy would have it from a client."""

from __future__ import annotations

import argparse
import re
from base64 import b64encode
from ipaddress import ip_address
from urllib.parse import quote, unquote_to_bytes

from mitmproxy import http
from mitmproxy.net.check import is_valid_host

from forebay import bypass, outcome
from forebay.blocklist import resource
from forebay.errors import ForebayError, RuleError
from forebay.names import DEFAULT_PORTS, authority, canonical, is_address
from forebay.proxycore import hopbyhop
from forebay.rewrite.exchange import Exchange, Fields, values
from forebay.rewrite.flows import flow_of
from forebay.rewrite.patterns import method

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#\\]+)(?P<rest>(?:[/?][^#]*)?)(?:#.*)?",
    re.DOTALL,
)
_AUTHORITY = re.compile(
    r"(?:(?P<login>.*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:@\[\]]+)(?::(?P<port>[0-9]{0,5}))?",
    re.DOTALL,
)
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_HTTP = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_HANDSHAKE = (
    (b"Connection", b"Upgrade"),
    (b"Upgrade", b"websocket"),
    (b"Sec-WebSocket-Version", b"13"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what describes a request."""
    parser.add_argument("url", metavar="URL", help="http, https, ws or wss")
    parser.add_argument("--method", default="GET", type=_method, help="(default: GET)")
    parser.add_argument("--request-header", action="append", default=[], type=field,
                        metavar="'NAME: VALUE'",
                        help="a field of the request; may be repeated; those not given are "
                        "absent, save Host, and Authorization by a login in the URL")  # fmt: skip
    parser.add_argument("--type", choices=resource.TYPES, metavar="TYPE",
                        help=f"one of {', '.join(resource.TYPES)} (default: as the proxy "
                        "guesses it from fields and path)")  # fmt: skip
    parser.add_argument("--source", metavar="URL",
                        help="the page that asks (default: by Referer, Origin)")  # fmt: skip
    parser.add_argument("--client", type=_address, metavar="ADDRESS",
                        help="the client, for policies and rules")  # fmt: skip
    parser.add_argument("--user", metavar="NAME", help="the proxy user, for policies and rules")


def flow_for(given: argparse.Namespace) -> http.HTTPFlow:
    """Return the flow of the request, as it is when the proxy's first addon has seen it.

    As a client with the proxy set sends it: https in a tunnel, with the host as
    the server name of TLS; ws and wss with the fields of a handshake.

    Raises:
        ForebayError: when the URL is none that the proxy could be asked for, or the
            option forebay_bypass has a wrong value.
    """
    said, login, host, port, target = _split(given.url)
    scheme = _HTTP[said]
    fields: Fields = tuple(given.request_header)
    if said != scheme:
        fields += tuple(pair for pair in _HANDSHAKE if not values(fields, pair[0].lower()))
    if login.strip(b":") and not values(fields, b"authorization"):
        fields += ((b"Authorization", _basic(login)),)
    if not values(fields, b"host"):
        fields = ((b"Host", authority(scheme, host, port).encode("ascii")), *fields)
    exchange = Exchange(given.method, scheme, host, port, target, fields, client=given.client)
    flow = flow_of(exchange, None)
    if scheme == "http":
        flow.server_conn.address = None  # nothing names it but the request
    elif not is_address(canonical(host)):
        flow.client_conn.sni = host
    if given.user is not None:
        flow.metadata["proxyauth"] = (given.user, "")
    outcome.begin(flow)
    _take_bypass(flow, given)
    hopbyhop.clean_request(flow.request, next_hop_is_proxy=False)
    return flow


def _take_bypass(flow: http.HTTPFlow, given: argparse.Namespace) -> None:
    """Take the field X-Forebay-Bypass out of the request, and note what it may go round.

    Without a client it is one of this machine.
    """
    allowed = bypass.parse_allowed(given.forebay_bypass)
    found = bypass.taken(flow.request.headers.fields)
    if found is None:
        return
    fields, said = found
    flow.request.headers.fields = fields
    doubt = bypass.doubt(fields, client=given.client or "127.0.0.1")
    outcome.of(flow)["bypass"] = bypass.judged(said, allowed, doubt).as_outcome()


def field(text: str) -> tuple[bytes, bytes]:
    """Return a field from what stands on a command line.

    Raises:
        argparse.ArgumentTypeError: when it is none.
    """
    found = _FIELD.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"expected 'Name: value', found {text!r:.70}")
    return found[1].encode("ascii"), found[2].strip(" \t").encode("utf-8", "surrogateescape")


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected an IP address, found {text!r:.70}") from None


def _method(text: str) -> str:
    try:
        return method(text)
    except RuleError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _basic(login: bytes) -> bytes:
    """Return the field value that clients make of the login in a URL (RFC 7617 §2)."""
    name, _, password = login.partition(b":")
    return b"Basic " + b64encode(unquote_to_bytes(name) + b":" + unquote_to_bytes(password))


def _split(url: str) -> tuple[str, bytes, str, int, str]:
    """Return scheme, login, host, port and target; what no request line may hold is encoded."""
    found = _URL.fullmatch(url.strip())
    if found is None:
        raise ForebayError(f"expected an absolute URL, found {url!r:.70}")
    scheme = found["scheme"].lower()
    if scheme not in _HTTP:
        raise ForebayError(f"expected an http, https, ws or wss URL, found {url!r:.70}")
    parts = _AUTHORITY.fullmatch(found["authority"])
    host = "" if parts is None else _host(parts["host"])
    # The proxy answers what it takes for no host 400 itself.
    if not host.isprintable() or not is_valid_host(host.encode("ascii", "replace")):
        raise ForebayError(f"expected a URL with a host, found {url!r:.70}")
    port = int((parts and parts["port"]) or DEFAULT_PORTS[_HTTP[scheme]])
    if not 0 < port < 65536:
        raise ForebayError(f"expected a port from 1 to 65535, found {port} in {url!r:.70}")
    rest = found["rest"] if found["rest"].startswith("/") else "/" + found["rest"]
    try:
        login = ((parts and parts["login"]) or "").encode("utf-8", "surrogateescape")
        return scheme, login, host, port, quote(rest, safe=_PRINTABLE, errors="surrogateescape")
    except UnicodeEncodeError:
        raise ForebayError(f"expected a URL of characters, found halves: {url!r:.70}") from None


def _host(text: str) -> str:
    """Return a host as clients send it: its spelling stays, save that it is ASCII."""
    bare = text.removeprefix("[").removesuffix("]").lower()
    return bare if bare.isascii() else canonical(bare)
