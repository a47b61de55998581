"""Which stored responses somebody means: those of a URL, of a host, below a prefix, or all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from forebay.cache.headers import Head
from forebay.cache.key import DEFAULT_PORTS, Target
from forebay.cache.rule import Rule, key_for, rule_for
from forebay.errors import ForebayError
from forebay.names import authority, canonical

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#\\]+)(?P<path>(?:[/?][^#]*)?)(?:#.*)?",
    re.IGNORECASE | re.DOTALL,
)
_AUTHORITY = re.compile(
    r"(?:.*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:@\[\]]+)(?::(?P<port>[0-9]{1,5})?)?"
)
_HOST = re.compile(r"[0-9a-z._:-]+")
_AS_IT_IS = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class Selection:
    """What is meant; of *url*, *host* and *prefix* one or none is said, none for all.

    Args:
        url: in the spelling of ``url_of``.
        key: that of *url*; empty when a rule makes request fields a part of it.
        host: canonical; names below it are others.
        prefix: of URLs in the spelling of ``url_of``.
    """

    url: str = ""
    key: bytes = b""
    host: str = ""
    prefix: str = ""

    @property
    def is_all(self) -> bool:
        """Whether every response is meant."""
        return not (self.url or self.host or self.prefix)

    def covers(self, url: str) -> bool:
        """Return whether the response of *url* is meant; of an unknown one, ``""``, only with all.

        >>> Selection(host="a.example").covers("https://a.example:8443/x")
        True
        """
        if self.is_all:
            return True
        if self.url:
            return url == self.url
        if self.prefix:
            return url.startswith(self.prefix)
        try:
            return bool(url) and canonical(target_of(url).host) == self.host
        except ForebayError:
            return False  # no URL, so of no host


def of_url(text: str, rules: Iterable[Rule] = ()) -> Selection:
    """Return the selection of one URL, with its key as *rules* have it.

    Raises:
        ForebayError: when *text* is no absolute HTTP URL.
    """
    target = target_of(text)
    rule = rule_for(rules, target)
    is_split = rule is not None and rule.key_fields
    return Selection(url_of(target), b"" if is_split else key_for(rule, target, Head(())))


def of_host(text: str) -> Selection:
    """Return the selection of all URLs of one host.

    Raises:
        ForebayError: when *text* is no host.
    """
    host = canonical(text)
    if not _HOST.fullmatch(host):
        raise ForebayError(f"expected a host such as www.example, found {text!r:.70}")
    return Selection(host=host)


def below(text: str) -> Selection:
    """Return the selection of all URLs that begin with *text*.

    Raises:
        ForebayError: when *text* is no absolute HTTP URL.
    """
    return Selection(prefix=url_of(target_of(text)))


def of_url_or_host(text: str, rules: Iterable[Rule] = ()) -> Selection:
    """Return the selection of a URL, or of a host where there is no ``://``.

    Raises:
        ForebayError: when *text* is neither.
    """
    return of_url(text, rules) if "://" in text else of_host(text)


def target_of(text: str) -> Target:
    """Return where a GET of the URL *text* goes; its fragment and user do not count.

    >>> target_of("HTTP://a.example?q#top").path
    b'/?q'

    Raises:
        ForebayError: when *text* is no absolute HTTP URL.
    """
    found = _URL.fullmatch(text.strip())
    authority = found and _AUTHORITY.fullmatch(found["authority"])
    if not found or not authority or not _HOST.fullmatch(canonical(authority["host"])):
        raise ForebayError(f"expected an absolute http or https URL, found {text!r:.70}")
    scheme = found["scheme"].lower().encode("ascii")
    port = int(authority["port"] or DEFAULT_PORTS[scheme])
    # What no request line may hold is what browsers encode.
    path = quote(found["path"], safe=_AS_IT_IS, errors="surrogatepass")
    if not path.startswith("/"):
        path = "/" + path
    return Target(b"GET", scheme, canonical(authority["host"]), port, path.encode("ascii"))


def url_of(target: Target) -> str:
    """Return the one spelling of the URL of *target* under which it is listed.

    >>> url_of(Target(b"GET", b"https", "A.example", 443, b"/x?y"))
    'https://a.example/x?y'
    """
    scheme = target.scheme.decode("latin-1")
    shown = authority(scheme, canonical(target.host), target.port)
    return f"{scheme}://{shown}{target.path.decode('latin-1')}"
