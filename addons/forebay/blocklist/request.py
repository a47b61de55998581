"""What is judged: one request under one of its names, as Adblock rules see it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from forebay.blocklist import resource
from forebay.blocklist.domains import Host, host
from forebay.names import canonical

_URL = re.compile(
    r"([a-zA-Z][a-zA-Z0-9+.-]*)://(?:[^/?#]*@)?(\[[^\]/?#]*\]|[^/?#:]*)(?::(\d*))?([^#]*)"
)
# Everything else in ASCII divides tokens; a translation by a text costs a third of a regex.
_DIVIDED = "".join(chr(i) if chr(i).isalnum() else " " for i in range(128))
_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}

# Percent-encoded unreserved characters (RFC 3986 §2.3): the same URL (§6.2.2.2).
# None that would make another escape with what is before it.
_NEEDLESS = re.compile(
    r"(?<!%)(?<!%[0-9a-fA-F])%(?:2[dDeE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE])"
)
_DOTS = re.compile(r"/\.{1,2}(?=[/?]|\Z)")
# What some servers take for a slash, or for nothing.
_SLOPPY = re.compile(r"\\|//|;|%(?:2[fF]|5[cC])")
_PARAMETERS = re.compile(r";[^/\\]*")
_SLASHES = re.compile(r"(?:[/\\]|%(?:2[fF]|5[cC]))+")

LONGEST = 8192
"""Characters of an URL that are looked at, besides the last `TAIL`."""
TAIL = 512


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """What an URL has before its path: *text*, and where in it the *host* stands."""

    text: str
    host: Host
    host_start: int
    host_end: int


def place(scheme: str, name: str, port: str) -> Place:
    """Return the place of *name*, in any spelling, with *port*, which may be empty."""
    return _place(scheme, name, port) if len(name) < 256 else _made(scheme, name, port)


def _made(scheme: str, name: str, port: str) -> Place:
    scheme, name = scheme.lower(), canonical(name)
    start = len(scheme) + 3
    text = f"{scheme}://[{name}]" if ":" in name else f"{scheme}://{name}"
    end = len(text)
    if port and port != _DEFAULT_PORTS.get(scheme):
        text = f"{text}:{port}"
    return Place(text, host(name), start, end)


_place = lru_cache(maxsize=4096)(_made)


@dataclass(slots=True, eq=False)
class Request:
    """One request under one name.

    Args:
        url: ``scheme://host[:port]/path?query`` with canonical host, without the
            scheme's own port, in lower case.
        cased: the same with path and query as sent.
        host: the name under which it is judged.
        type: one of `resource.TYPES`.
        source: the host of the page that asked; None when that is not known.
        party: one of `resource.THIRD`, ``FIRST`` and ``UNKNOWN``.
        method: as sent.
    """

    url: str
    cased: str
    host: Host
    type: str
    source: Host | None
    party: int
    method: str
    source_url: str | None
    bit: int
    host_start: int
    host_end: int
    work: int = 0
    _tokens: list[str] | None = None

    def tokens(self) -> list[str]:
        """Return the runs of letters and digits in the URL; what is not ASCII counts as letter."""
        if self._tokens is None:
            self._tokens = self.url.translate(_DIVIDED).split(" ")
        return self._tokens

    @classmethod
    def of(
        cls,
        url: str,
        *,
        source: str | None = None,
        type: str = "other",  # noqa: A002  (the word that rules use)
        method: str = "GET",
        same_site: bool | None = None,
    ) -> Request:
        """Return the request for *url*.

        Args:
            url: an absolute URL.
            source: the URL of the page that asks, None when it is not known.
            type: one of `resource.TYPES`.
            method: the request method.
            same_site: whether the client says that the page is of the same site;
                its no counts for more than *source*, which may be a style sheet.

        Raises:
            ValueError: when *url* is not absolute.

        >>> Request.of("HTTPS://Ads.Example.:443/A").url
        'https://ads.example/a'
        """
        found = _URL.match(url)
        if found is None:
            raise ValueError(f"expected an absolute URL, found {url!r:.70}")
        scheme, name, port, rest = found.groups()
        return cls.at(
            place(scheme, name, port or ""), rest,
            source=source, type=type, method=method, same_site=same_site,
        )  # fmt: skip

    @classmethod
    def at(
        cls,
        place: Place,
        rest: str,
        *,
        source: str | None,
        type: str,  # noqa: A002
        method: str,
        same_site: bool | None,
    ) -> Request:
        """Return the request for *rest* (path and query) at *place*."""
        page = None if source is None else _page(source)
        if same_site is False:
            party = resource.THIRD
        elif page is not None:
            party = resource.FIRST if page.site == place.host.site else resource.THIRD
        else:
            party = resource.FIRST if same_site else resource.UNKNOWN
        if "#" in rest:  # no part of an URL that is asked for
            rest = rest.partition("#")[0]
        cased = place.text + (rest if rest[:1] == "/" else "/" + rest)
        if len(cased) > LONGEST:
            cased = f"{cased[:LONGEST]} {cased[-TAIL:]}"
        return cls(
            cased.lower(), cased, place.host, type, page, party, method, source,
            resource.BIT_OF[type, party], place.host_start, place.host_end,
        )  # fmt: skip

    def normal(self) -> Request | None:
        """Return the request with its path in the one form of `normal_path`, or None if it is so.

        Browsers send it so; others may write ``/%61ds/`` or ``/x/../ads/`` for ``/ads/``.
        """
        cased = normal_path(self.cased, self.host_end)
        if cased == self.cased:
            return None
        return Request(
            cased.lower(), cased, self.host, self.type, self.source, self.party, self.method,
            self.source_url, self.bit, self.host_start, self.host_end,
        )  # fmt: skip


def normal_path(url: str, start: int) -> str:
    r"""Return *url* with what follows *start* in the one form that its spellings share.

    Needless escapes and dot segments go (RFC 3986 §6.2.2), and in the path what
    servers are known to take for a slash (``\``, ``//``, ``%2F``) or for nothing
    (``;x``).

    >>> normal_path("http://a/x/../%61ds//%2Fb;c?q=%7e", 8)
    'http://a/ads/b?q=~'
    """
    path, mark, query = url[start:].partition("?")
    if "%" in url:
        path, query = _NEEDLESS.sub(_decoded, path), _NEEDLESS.sub(_decoded, query)
    if _SLOPPY.search(path):
        path = _SLASHES.sub("/", _PARAMETERS.sub("", path))
    if "/." in path and _DOTS.search(path):
        path = _without_dots(path)
    return url[:start] + path + mark + query


def _decoded(escape: re.Match[str]) -> str:
    return chr(int(escape[0][1:], 16))


def _without_dots(path: str) -> str:
    """Remove dot segments (RFC 3986 §5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join(segments[:1] + (kept or [""]))


@lru_cache(maxsize=4096)
def _page(source: str) -> Host | None:
    found = _URL.match(source)
    name = canonical(found[2]) if found else ""
    return host(name) if name else None
