"""Parameters that a rule takes out of a query: the values of ``removeparam``.

============= ==================================================
(no value)    all parameters
``name``      those of this name, as it stands in the URL
``/regex/``   those whose ``name=value``, decoded, the regex is found in
``/regex/i``  the same, whatever the case
``|prefix``   those that begin so, whatever the case (an old spelling)
``~…``        all but those
============= ==================================================

As uBlock Origin reads them.  What stays in a query stays byte for byte, and in
its order.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from forebay.blocklist.expression import LEAST_CHARS, LIMIT_STEPS
from forebay.errors import RuleError
from forebay.regexes import Regex

MOST_PARAMETERS = 256
"""Of a query; regexes look at no more, as each of them goes through all."""

MOST_CHARS = 400_000
"""Of a query, times regexes: those for which there is no room take nothing out."""

_REGEX = re.compile(r"/(.+)/(i?)").fullmatch
_TOKEN = re.compile(r"[^\x00-/:-`{-\x7f]+")  # as in `Request.tokens`


@dataclass(frozen=True, slots=True)
class Parameters:
    """Which parameters are meant.

    Args:
        name: those of this name; None for those that *regex* finds, or for all.
        regex: what is searched for in ``name=value``.
        negated: whether all others are meant.
    """

    name: str | None = None
    regex: Regex | None = None
    negated: bool = False

    @property
    def is_all(self) -> bool:
        """Whether the whole query is meant."""
        return self.name is None and self.regex is None

    def tokens(self) -> tuple[str, ...]:
        """Return runs of letters and digits that a URL must have for something to be meant."""
        if self.name is None or self.negated or "%" in self.name:
            return ()
        return tuple(_TOKEN.findall(self.name.lower()))

    def mean(self, pairs: Sequence[str]) -> list[bool]:
        """Return of each of *pairs*, such as ``a=1``, whether it is meant."""
        if self.name is not None:
            return [
                bool(pair) and (_name_of(pair) == self.name) is not self.negated for pair in pairs
            ]
        regex = self.regex
        if regex is None:
            return [True] * len(pairs)
        seen = [
            bool(pair) and regex.matches(_decoded(pair), cut=True) is not self.negated
            for pair in pairs[:MOST_PARAMETERS]
        ]
        return seen + [False] * (len(pairs) - len(seen))


ALL = Parameters()


def parse_parameters(value: str) -> Parameters:
    """Return which parameters *value* means.

    Raises:
        RuleError: when it is no such value.

    >>> parse_parameters("~q").negated, parse_parameters("/^utm_/").name
    (True, None)
    """
    if value in ("", "*"):
        return ALL
    negated = value.startswith("~")
    text = value.removeprefix("~")
    found = _REGEX(text)
    if found is not None:
        return Parameters(regex=_regex(found[1], ignore_case=bool(found[2])), negated=negated)
    if text.startswith("|") and "|" not in text[1:] and text != "|":
        return Parameters(regex=_regex(f"^{text[1:]}", ignore_case=True), negated=negated)
    if not text or "|" in text or "&" in text or "=" in text or " " in text:
        raise RuleError(f"expected one name or a /regex/ after removeparam=, found {value!r:.60}")
    return Parameters(name=text, negated=negated)


def _regex(text: str, *, ignore_case: bool) -> Regex:
    return Regex.of(
        text,
        ignore_case=ignore_case,
        ascii_only=True,
        limit_steps=LIMIT_STEPS,
        least_chars=LEAST_CHARS,
    )


def without(target: str, meant: Iterable[Parameters]) -> tuple[str, list[tuple[str, ...]]]:
    """Return *target* (path and query) less the parameters that are *meant*.

    Beside it the names of those that each of *meant* has taken out.  A query
    that is left empty goes with its question mark.

    >>> without("/a?utm_id=1&q=%7e", [Parameters("utm_id")])
    ('/a?q=%7e', [('utm_id',)])
    """
    meant = list(meant)
    asked, hash_, fragment = target.partition("#")
    path, mark, query = asked.partition("?")
    pairs = query.split("&")
    # Those of one name all at once: there may be thousands of either.
    gone = {each.name for each in meant if not each.negated} & {*map(_name_of, pairs)}
    pairs = [pair for pair in pairs if _name_of(pair) not in gone]
    room_chars = MOST_CHARS
    removed: list[tuple[str, ...]] = []
    for each in meant:
        if each.name is not None and not each.negated:
            removed.append((each.name,) if each.name in gone else ())
            gone.discard(each.name)
            continue
        if each.regex is not None:
            room_chars -= len(query)
        is_meant = each.mean(pairs) if query and room_chars >= 0 else [False] * len(pairs)
        both = list(zip(pairs, is_meant, strict=True))
        removed.append(tuple(dict.fromkeys(_name_of(pair) for pair, goes in both if goes)))
        pairs = [pair for pair, goes in both if not goes]
    if not any(removed):
        return target, removed
    query = "&".join(pairs)
    return path + (mark + query if query else "") + hash_ + fragment or "/", removed


def _name_of(pair: str) -> str:
    return pair.partition("=")[0]


def _decoded(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return f"{name}{equals or '='}{unquote(value) if '%' in value else value}"
