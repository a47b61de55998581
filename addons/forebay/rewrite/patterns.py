"""The patterns of a rule's ``match``, from text to something that matches fast.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

from forebay.errors import RuleError
from forebay.names import canonical, is_address
from forebay.regexes import Regex

REGEX = "regex:"
LONGEST_URL = 65536
"""In so many characters of a URL a regex is searched for at most."""

_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*").fullmatch
_GLOB = re.compile(r"[a-z0-9_.*-]+").fullmatch
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+*-]+/[a-z0-9!#$&^_.+*-]+", re.ASCII).fullmatch
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII).fullmatch
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch  # RFC 9110 §9.1: a token
_STATUS = re.compile(r"([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?|([1-9])[xX]{2}", re.ASCII).fullmatch
# Of these, lower case is a slip of the pen: no server knows them.
BODILESS_METHODS = frozenset({"HEAD", "CONNECT"})
"""Methods whose answers have no body; no rule makes one of them, or of them another."""
_COMMON_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"}


@dataclass(frozen=True, slots=True)
class Glob:
    """Text in which each ``*`` stands for any characters, or none.

    Matches in linear time, as each piece is best taken where it is first found.

    >>> Glob.of("/api/*/items").matches("/api/v1/items"), Glob.of("/api").matches("/api/")
    (True, False)
    """

    first: str
    middle: tuple[str, ...] = ()
    last: str | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the glob that *text* says."""
        first, *rest = text.split("*")
        return cls(first, tuple(filter(None, rest[:-1])), rest[-1]) if rest else cls(first)

    def matches(self, text: str) -> bool:
        """Return whether all of *text* fits."""
        if self.last is None:
            return text == self.first
        at, end = len(self.first), len(text) - len(self.last)
        if at > end or not (text.startswith(self.first) and text.endswith(self.last)):
            return False
        for piece in self.middle:
            at = text.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True


type Pattern = Glob | Regex


@dataclass(frozen=True, slots=True)
class Hosts:
    """Host patterns, to be asked with canonical names.

    ``example.com`` is that host, ``*.example.com`` any host below it,
    ``.example.com`` both; elsewhere ``*`` stands for any characters, dots included.
    """

    names: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    globs: tuple[Glob, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Return what all *texts* together say.

        Raises:
            RuleError: for the first that is no pattern for hosts.
        """
        names, suffixes, globs = set(), [], []
        for text in texts:
            pattern = _host_pattern(text)
            if "*" not in pattern.removeprefix("*."):
                if not pattern.startswith("*"):
                    names.add(pattern.removeprefix("."))
                if pattern.startswith(("*", ".")):
                    suffixes.append(pattern.removeprefix("*"))
            else:
                globs.append(Glob.of(pattern))
        return cls(frozenset(names), tuple(suffixes), tuple(globs))

    def matches(self, host: str) -> bool:
        """Return whether the canonical name *host* fits one of them."""
        return (
            host in self.names
            or host.endswith(self.suffixes)
            or any(glob.matches(host) for glob in self.globs)
        )


def path_pattern(text: str) -> Glob | Regex:
    """Return the pattern for paths that *text* says.

    A glob fits the whole path as it was sent, without the query; what follows
    ``regex:`` is searched for in it.

    Raises:
        RuleError: when it can match no path, or is no regex or a dangerous one.
    """
    if text.startswith(REGEX):
        return Regex.of(text.removeprefix(REGEX))
    if not text.startswith(("/", "*")):
        raise RuleError(f"expected a path that begins with / or *, found {text!r:.70}")
    if "?" in text or "#" in text:
        raise RuleError(f"expected a path without query, found {text!r:.70}")
    sent = quote(text, safe=_PRINTABLE, errors="replace")
    if sent != text:
        raise RuleError(f"expected the path as it is sent, such as {sent}, found {text!r:.70}")
    return Glob.of(text)


def url_pattern(text: str) -> Glob | Regex:
    """Return the pattern for whole URLs that *text* says, their query included.

    A glob fits all of the URL; what follows ``regex:`` is searched for in it.
    URLs are long, so a regex sees as much of one as it can in bounded time.

    Raises:
        RuleError: when it can match no URL, or is no regex or a dangerous one.

    >>> url_pattern("https://*.example/*?a=1").matches("https://x.example/b?a=1")
    True
    """
    if text.startswith(REGEX):
        return Regex.of(text.removeprefix(REGEX), most_chars=LONGEST_URL)
    if not text.startswith(("http://", "https://", "*")):
        raise RuleError(
            f"expected a URL that begins with http://, https:// or *, found {text!r:.70}"
        )
    sent = quote(text, safe=_PRINTABLE.replace("#", ""), errors="replace")
    if sent != text:
        raise RuleError(f"expected the URL as it is sent, such as {sent}, found {text!r:.70}")
    return Glob.of(text)


def edited_method(text: str) -> str:
    """Return *text* as the method that a request is given.

    Raises:
        RuleError: when it is none, or HEAD or CONNECT, whose answers have no body:
            the client that asked otherwise would wait for one.
    """
    if method(text) in BODILESS_METHODS:
        raise RuleError(f"expected a method whose answer has a body, found {text}")
    return text


def method(text: str) -> str:
    """Return *text* as a method.

    Raises:
        RuleError: when it is none, or a common one in lower case.
    """
    if not _METHOD(text) or (text.upper() in _COMMON_METHODS and not text.isupper()):
        raise RuleError(
            f"expected a method such as GET, in upper case (RFC 9110 §9.1), found {text!r:.70}"
        )
    return text


def statuses(text: str) -> frozenset[int]:
    """Return the status codes that *text* says.

    Raises:
        RuleError: when it is no code, class or range.

    >>> sorted(statuses("500-503")), len(statuses("4xx"))
    ([500, 501, 502, 503], 100)
    """
    found = _STATUS(text)
    if found is None:
        raise RuleError(f"expected a status such as 404, 4xx or 500-599, found {text!r:.70}")
    low, high, hundreds = found.groups()
    if hundreds:
        low, high = hundreds + "00", hundreds + "99"
    codes = frozenset(range(int(low), int(high or low) + 1))
    if not codes:
        raise RuleError(f"expected a range from the lower to the higher, found {text!r:.70}")
    return codes


def scheme(text: str) -> str:
    """Return *text* as a scheme.

    Raises:
        RuleError: when it is neither http nor https.
    """
    if text not in ("http", "https"):
        raise RuleError(f"expected http or https, found {text!r:.70}")
    return text


def ports(text: str) -> range:
    """Return the ports that *text* says.

    Raises:
        RuleError: when it is no port and no range of them.

    >>> ports("8000-8099")
    range(8000, 8100)
    """
    found = _PORTS(text)
    low, high = (0, 0) if found is None else (int(found[1]), int(found[2] or found[1]))
    if not 0 < low <= high < 65536:
        raise RuleError(f"expected a port such as 443, or 8000-8099, found {text!r:.70}")
    return range(low, high + 1)


def media_type(text: str) -> Glob:
    """Return the pattern for media types that *text* says, without parameters.

    Raises:
        RuleError: when no type fits it.

    >>> media_type("text/*").matches("text/html")
    True
    """
    if not _MEDIA_TYPE(text.lower()):
        raise RuleError(
            f"expected a media type such as text/html or text/*, without parameters, "
            f"found {text!r:.70}"
        )
    return Glob.of(text.lower())


def value_pattern(text: str) -> Glob | Regex:
    """Return the pattern for values of fields and parameters that *text* says.

    A glob fits the whole value; what follows ``regex:`` is searched for in it.

    Raises:
        RuleError: when it is no regex or a dangerous one.
    """
    return Regex.of(text.removeprefix(REGEX)) if text.startswith(REGEX) else Glob.of(text)


def _host_pattern(text: str) -> str:
    """Return *text* with canonical names around its ``*`` and leading dot."""
    rest = text.removeprefix("*.") if text.startswith("*.") else text.removeprefix(".")
    head = text.removesuffix(rest) if rest else text
    if "*" not in rest:
        name = canonical(rest)
        if _NAME(name) or (not head and is_address(name)):
            return head + name
    else:
        labels = text.lower().rstrip(".").split(".")
        pattern = ".".join(one if one.isascii() else canonical(one) for one in labels)
        if _GLOB(pattern) and ".." not in pattern:
            return pattern
    raise RuleError(
        "expected a host such as www.example.com, *.example.com or .example.com, "
        f"without scheme, port and path, found {text!r:.70}"
    )
