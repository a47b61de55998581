"""Adblock rules that are regular expressions: ``/…/``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from forebay.blocklist.request import Request
from forebay.regexes import CostlyRegexError, Regex

LIMIT_STEPS = 4_500_000
"""About as many as are done in 5 ms."""
LEAST_CHARS = 256
"""Of an URL, for regexes that would take longer on more of it."""
REGEX_WORK = 16
"""How often a search may go through its text, in the time of a literal."""

# What a search ends with adds nothing to what it finds, and much to its bound.
_ANYTHING_AT_END = re.compile(r"(?<!\\)(?:\.\*)+\Z")


@dataclass(frozen=True, slots=True)
class Expression:
    """A regex that is searched for in the whole URL.

    Args:
        regex: for URLs up to its limit, and beyond where there is no *linear*.
        linear: the same for the engine that takes linear time, which is slower
            on short texts; None where it is not installed, or cannot do it.
        cased: whether the case counts.
    """

    regex: Regex
    linear: Regex | None
    cased: bool

    @property
    def work(self) -> int:
        """How often it may go through the URL, in the time of a literal."""
        return REGEX_WORK

    def matches(self, request: Request) -> bool:
        """Return whether it is found; without *linear*, in the beginning of a very long URL."""
        url = request.cased if self.cased else request.url
        if self.linear is not None and len(url) > self.regex.limit_chars:
            return self.linear.matches(url)
        return self.regex.matches(url, cut=True)


def parse_expression(text: str, *, match_case: bool) -> Expression:
    """Return the regex *text*, as written between the slashes.

    Raises:
        RuleError: when it is none, or one that could stall the proxy.
    """
    text = _ANYTHING_AT_END.sub("", text)
    linear = Regex.linear(text, ignore_case=not match_case)
    try:
        regex = Regex.of(
            text,
            ignore_case=not match_case,
            ascii_only=True,
            limit_steps=LIMIT_STEPS,
            least_chars=LEAST_CHARS,
        )
    except CostlyRegexError:
        if linear is None:
            raise
        regex = linear
    return Expression(regex, linear, match_case)


def literal_of(text: str) -> str:
    r"""Return the longest text that every match of the regex *text* has, in lower case.

    >>> literal_of(r"^https?:\/\/[a-z]+\.example\.com\/(ad|pop)s?")
    '.example.com/'
    """
    best, run = "", ""
    for kind, value in _flat(list(parser.parse(_ANYTHING_AT_END.sub("", text)))):
        if kind is op.LITERAL and value < 128:
            run += chr(value).lower()
        else:
            best, run = max(best, run, key=len), ""
    return max(best, run, key=len)


def _flat(items: list[Any]) -> list[Any]:
    """Return *items* with those of groups that must match in their place."""
    found: list[Any] = []
    for item in items:
        kind, value = item
        if kind is op.SUBPATTERN and not value[1]:
            found += _flat(list(value[3]))
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT) and value[0] > 0:
            found += [(op.ANY, None), *_flat(list(value[2])), (op.ANY, None)]
        elif kind is not op.AT:
            found.append(item)
    return found
