"""What a rule asks of a response's fields: the values of ``header``.

======================= ====================================
``name``                the field is there
``name:value``          and it says exactly this
``name:/regex/``        and the regex is found in it; ``/i``: whatever the case
``name:~…``             and not so
======================= ====================================

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from forebay.blocklist.expression import LEAST_CHARS, LIMIT_STEPS, REGEX_WORK
from forebay.errors import RuleError
from forebay.regexes import Regex

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch  # RFC 9110 §5.1
_REGEX = re.compile(r"/(.+)/(i?)").fullmatch
_OWS = " \t"


@dataclass(frozen=True, slots=True)
class FieldMatch:
    """What one rule asks.

    Args:
        name: the field's name in lower case.
        value: what it says; None where that does not matter.
        regex: what is found in it, in place of *value*.
        negated: whether it must not be so.
    """

    name: bytes
    value: str | None = None
    regex: Regex | None = None
    negated: bool = False

    @property
    def is_presence(self) -> bool:
        """Whether it asks for no more than that the field is there."""
        return self.value is None and self.regex is None

    def work(self, fields: Iterable[tuple[bytes, bytes]]) -> int:
        """Return the characters that a search goes through, in the time of a literal."""
        if self.regex is None:
            return 0
        return REGEX_WORK * sum(len(value) for name, value in fields if name.lower() == self.name)

    def holds(self, fields: Iterable[tuple[bytes, bytes]]) -> bool:
        """Return whether a response with *fields* is meant; of several of a name any counts."""
        found = [value for name, value in fields if name.lower() == self.name]
        if self.is_presence or not found:
            return bool(found)
        texts = [value.decode("utf-8", "surrogateescape").strip(_OWS) for value in found]
        if self.regex is not None:
            regex = self.regex
            return any(regex.matches(text, cut=True) for text in texts) is not self.negated
        return (self.value in texts) is not self.negated


def parse_field(value: str) -> FieldMatch:
    """Return what *value* asks.

    Raises:
        RuleError: when it is no such value.

    >>> parse_field("Via:1.1 cdn").value
    '1.1 cdn'
    """
    name, colon, text = value.partition(":")
    if not _NAME(name):
        raise RuleError(f"expected the name of a field after header=, found {value!r:.60}")
    key = name.lower().encode("ascii")
    negated, text = text.startswith("~"), text.removeprefix("~")
    if not text:
        if colon:
            raise RuleError(f"expected a value or a /regex/ after the colon, found {value!r:.60}")
        return FieldMatch(key)
    found = _REGEX(text)
    if found is None:
        return FieldMatch(key, text.strip(_OWS), negated=negated)
    regex = Regex.of(
        found[1],
        ignore_case=bool(found[2]),
        ascii_only=True,
        limit_steps=LIMIT_STEPS,
        least_chars=LEAST_CHARS,
    )
    return FieldMatch(key, regex=regex, negated=negated)
