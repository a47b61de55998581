"""Adblock rules that are regular expressions: ``/…/``."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from forebay.blocklist.request import Request
from forebay.errors import RuleError
from forebay.regexes import Regex

LIMIT_STEPS = 4_500_000
"""About as many as are done in 5 ms."""
LEAST_CHARS = 256
"""Of an URL, for regexes that would take longer on more of it."""

# What a search ends with adds nothing to what it finds, and much to its bound.
_ANYTHING_AT_END = re.compile(r"(?<!\\)(?:\.\*)+\Z")


@dataclass(frozen=True, slots=True)
class Expression:
    """A regex that is searched for in the whole URL."""

    regex: Regex
    cased: bool

    def matches(self, request: Request) -> bool:
        """Return whether it is found; of a very long URL the beginning is searched."""
        return self.regex.matches(request.cased if self.cased else request.url, cut=True)


def parse_expression(text: str, *, match_case: bool) -> Expression:
    """Return the regex *text*, as written between the slashes.

    Raises:
        RuleError: when it is none, or one that could stall the proxy.
    """
    text = _ANYTHING_AT_END.sub("", text)
    regex = Regex.linear(text, ignore_case=not match_case)
    if regex is None:
        regex = Regex.of(
            text,
            ignore_case=not match_case,
            ascii_only=True,
            limit_steps=LIMIT_STEPS,
            least_chars=LEAST_CHARS,
        )
    else:
        _require_python(text)
    return Expression(regex, match_case)


def _require_python(text: str) -> None:
    """Refuse what only one of the two engines reads, or each in its own way."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            parser.parse(text)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        raise RuleError(f"expected a regex, found {text!r:.70}: {error}") from None


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
