"""The part of an Adblock rule before the ``$``: which URLs it is about.

================ ======================================================
``ads/x``        anywhere in the URL
``|http://a``    at its beginning; ``a|`` at its end
``||a.example^`` the host and all below it; behind it as below
``^``            a separator: no letter, digit or ``_-.%``; or the end
``*``            anything
================ ======================================================

No pattern becomes one regular expression: between two ``*`` the leftmost place
is searched for, which is enough, and takes time linear in the URL.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from forebay import names
from forebay.blocklist.request import Request
from forebay.errors import RuleError

LONGEST_WILD = 64
"""Most ``*`` and ``^`` in one pattern."""
LONGEST_SEPARATED = 512
"""Most characters of a pattern with ``^``: finding it takes its length times that of the URL."""

_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[^\[\]^/:?*|&=$,;!()'\"<>\\{}~#@%\s]+")
_WHOLE_HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}").fullmatch
_TOKEN = re.compile(r"[^\x00-/:-`{-\x7f]+")  # as in `Request.tokens`
_SEPARATOR = r"[\x00-$&-,/:-@\[-^`{-\x7f]"
# What says nothing, since every URL has it.
_SCHEME = re.compile(r"(?:(?:https?|wss?|s|)(?=[:^*]|\Z)[:^*/]*)?", re.IGNORECASE)


class Start(Enum):
    """Where a pattern begins."""

    ANYWHERE = "anywhere"
    URL = "at the beginning of the URL"
    LABEL = "at the beginning of a label of the host"
    HOST = "right behind the host"


@dataclass(frozen=True, slots=True)
class Pattern:
    """What one pattern asks of an URL.

    Args:
        host: only URLs of this host, and of hosts below it.
        literal: what must be in the URL once that is in lower case.
        glob: what is to be found besides, None where *literal* says it all.
        tokens: runs of letters and digits that the URL must have, whole.
        letters: how many characters of the URL are given.
    """

    host: str | None
    literal: str
    glob: Glob | None
    tokens: tuple[str, ...]
    letters: int


@dataclass(frozen=True, slots=True)
class _Text:
    """A piece between two ``*`` that has no ``^``."""

    text: str

    def find(self, url: str, start: int) -> int:
        """Return where the leftmost match from *start* on ends, or -1."""
        found = url.find(self.text, start)
        return -1 if found < 0 else found + len(self.text)

    def at(self, url: str, start: int) -> int:
        """Return where a match that begins at *start* ends, or -1."""
        return start + len(self.text) if url.startswith(self.text, start) else -1

    def ends(self, url: str, start: int) -> bool:
        """Return whether it matches at the end, beginning at *start* or later."""
        return len(url) - len(self.text) >= start and url.endswith(self.text)


class _Separated:
    """A piece with ``^`` in it; compiled when it is first needed."""

    __slots__ = ("_at_end", "_inside", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._inside: re.Pattern[str] | None = None
        self._at_end: re.Pattern[str] | None = None

    def find(self, url: str, start: int) -> int:
        found = self._pattern().search(url, start)
        return -1 if found is None else found.end()

    def at(self, url: str, start: int) -> int:
        found = self._pattern().match(url, start)
        return -1 if found is None else found.end()

    def ends(self, url: str, start: int) -> bool:
        if self._at_end is None:
            self._at_end = re.compile(_as_regex(self.text) + r"\Z", re.DOTALL)
        return self._at_end.search(url, start) is not None

    def _pattern(self) -> re.Pattern[str]:
        if self._inside is None:
            self._inside = re.compile(_as_regex(self.text), re.DOTALL)
        return self._inside


type _Piece = _Text | _Separated


@dataclass(frozen=True, slots=True)
class Glob:
    """Pieces that follow one another, with anything between them."""

    start: Start
    pieces: tuple[_Piece, ...]
    to_the_end: bool
    cased: bool

    @property
    def work(self) -> int:
        """How often it may go through the URL, in the time of a literal."""
        return sum(1 if isinstance(piece, _Text) else 8 for piece in self.pieces)

    def matches(self, request: Request) -> bool:
        """Return whether the pattern is in the URL of *request*."""
        url = request.cased if self.cased else request.url
        match self.start:
            case Start.ANYWHERE:
                return self._from(url, 0, self.pieces)
            case Start.URL:
                return self._anchored(url, (0,))
            case Start.HOST:
                return self._anchored(url, (request.host_end,))
            case Start.LABEL:
                return self._anchored(url, _labels(request))

    def _anchored(self, url: str, places: Iterable[int]) -> bool:
        first, *rest = self.pieces
        for place in places:
            end = first.at(url, place)
            if end >= 0 and rest:
                # Behind a later place there is no more to be found.
                return self._from(url, end, rest)
            if end >= 0 and (end == len(url) or not self.to_the_end):
                return True
        return False

    def _from(self, url: str, place: int, pieces: tuple[_Piece, ...] | list[_Piece]) -> bool:
        if not pieces:
            return True
        *inner, last = pieces
        for piece in inner:
            place = piece.find(url, place)
            if place < 0:
                return False
        return last.ends(url, place) if self.to_the_end else last.find(url, place) >= 0


def _labels(request: Request) -> Iterator[int]:
    """Yield where the labels of the host begin."""
    place = request.host_start
    while True:
        yield place
        place = request.url.find(".", place, request.host_end) + 1
        if not place:
            return


def parse_pattern(text: str, *, match_case: bool = False) -> Pattern:
    """Return what *text* asks of an URL.

    Raises:
        RuleError: when it can match nothing, or is too complex.

    >>> parse_pattern("||ads.example^").host, parse_pattern("/banner/*/ad").tokens
    ('ads.example', ('banner',))
    """
    if text.count("*") + text.count("^") > LONGEST_WILD:
        raise RuleError(
            f"expected at most {LONGEST_WILD} * and ^ in a pattern, found more: {text!r:.60}"
        )
    if "^" in text and len(text) > LONGEST_SEPARATED:
        raise RuleError(
            f"expected at most {LONGEST_SEPARATED} characters in a pattern with ^, "
            f"found more: {text!r:.60}"
        )
    if any(char <= " " or char == "\x7f" for char in text):
        raise RuleError(f"expected a pattern without spaces, found {text!r:.60}")
    host: str | None = None
    start = Start.ANYWHERE
    if text.startswith("||"):
        start, host, text = _hosted(text[2:])
    elif text.startswith("|"):
        start, text = Start.URL, text[1:]
    to_the_end = text.endswith("|")
    if to_the_end:
        text = text[:-1]
    if not match_case:
        text = text.lower()
    if text.startswith("*") and start is not Start.HOST:
        start = Start.ANYWHERE
    if text.endswith("*"):
        to_the_end = False
    if start is Start.HOST and text in ("^", "^*"):  # ``||host^|`` is how DNS filters write it
        return Pattern(host, "", None, (), len(host or ""))
    return _compiled(text, start, host, to_the_end=to_the_end, cased=match_case)


def _hosted(text: str) -> tuple[Start, str | None, str]:
    """Return how a pattern behind ``||`` begins: with a whole host, or with a part of one."""
    if ":" in text and names.is_address(address := names.canonical(text.removesuffix("^"))):
        return Start.HOST, address, "^"  # also ``||::1^``, without brackets
    found = _HOST.match(text)
    rest = text[found.end() :] if found else text
    if found is None or not rest or rest[0] not in "^/:?|":
        # ``||ads`` and ``||ads.*``: the beginning of a label.
        return Start.LABEL, None, text
    host = names.canonical(found[0])
    if not names.is_address(host) and not _WHOLE_HOST(host):
        raise RuleError(f"expected a host after ||, found {found[0]!r:.60}")
    return Start.HOST, host, rest


def _compiled(
    text: str, start: Start, host: str | None, *, to_the_end: bool, cased: bool
) -> Pattern:
    texts = [piece for piece in text.split("*") if piece]
    pieces = tuple(_Separated(piece) if "^" in piece else _Text(piece) for piece in texts)
    plain = [part for piece in texts for part in piece.split("^")]
    literal = max(plain, key=len, default="")
    anchored = start is not Start.ANYWHERE and not text.startswith("*")
    whole = len(pieces) == 1 and isinstance(pieces[0], _Text) and not anchored and not to_the_end
    if start is Start.HOST and not anchored:
        start = Start.ANYWHERE  # ||host/*: what follows may be anywhere, the host is looked up
    glob = Glob(start, pieces, to_the_end, cased) if pieces and (cased or not whole) else None
    tokens = () if host else tuple(_tokens(text.lower(), anchored, to_the_end))
    given = sum(map(len, plain)) - _in_every_url(text)
    return Pattern(host, literal.lower(), glob, tokens, given + len(host or ""))


def _in_every_url(text: str) -> int:
    found = _SCHEME.match(text)
    return sum(char not in "*^" for char in found[0]) if found else 0


def _tokens(text: str, anchored: bool, to_the_end: bool) -> list[str]:
    """Return the runs of letters and digits that are whole in every URL that matches."""
    found = []
    for run in _TOKEN.finditer(text):
        before, after = run.start() - 1, run.end()
        begins = text[before] != "*" if before >= 0 else anchored
        ends = text[after] != "*" if after < len(text) else to_the_end
        if begins and ends:
            found.append(run[0])
    return found


def _as_regex(text: str) -> str:
    pieces = [re.escape(part) for part in text.split("^")]
    body = _SEPARATOR.join(pieces[:-1])
    if len(pieces) == 1:
        return pieces[0]
    last = f"(?:{_SEPARATOR}|\\Z)" if not pieces[-1] else _SEPARATOR + pieces[-1]
    return body + last
