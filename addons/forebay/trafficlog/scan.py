"""What secrets have slipped into a record that is written.

Pure.  Whatever today's rules would mask has slipped through, and on demand
long words that look random, which no rule knows.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forebay.trafficlog import redactbody
from forebay.trafficlog.redact import MASK, Redactor

_MASKED = re.compile(rf"{MASK}(?:-[0-9a-f]{{16}})?").fullmatch
_TARGETS = frozenset({"url.full", "url.path", "url.query"})
_HEADERS = frozenset({"http.request.header", "http.response.header"})
_BODIES = {
    "forebay.request.body": "forebay.request.content_type",
    "forebay.response.body": "forebay.response.content_type",
}
# Names that the proxy gives, in which nothing of the traffic is.
_OURS = frozenset({"forebay.flow.id", "forebay.connection.id", "forebay.server.connection.id"})
_WORD = re.compile(r"[A-Za-z0-9+/_=-]{24,512}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE).fullmatch
_HEX = re.compile(r"[0-9a-fA-F]+").fullmatch
NAMED = "named like a secret"
RANDOM = "looks random"


@dataclass(frozen=True, slots=True)
class Leak:
    """A secret in a record.

    Attributes:
        field: where, such as ``http.request.header.x-note``.
        kind: what it is.
        text: the text that holds it.
    """

    field: str
    kind: str
    text: str


class _Looking(Redactor):
    """Changes what holds a secret, and nothing else."""

    def mask(self, secret: str) -> str:
        return secret if not secret or _MASKED(secret) else MASK


class Scanner:
    """Looks for secrets in records.

    Args:
        redactor: what should have masked them.
        strict: whether words that look random are reported, too.
    """

    def __init__(self, redactor: Redactor, *, strict: bool = False) -> None:
        self._redactor = _Looking(redactor.policy)
        self._strict = strict

    def leaks(self, record: Mapping[str, Any]) -> Iterator[Leak]:
        """Yield what is secret in *record*, a line of the log as JSON has it."""
        for name, value in record.items():
            if name in _OURS or value is None:
                continue
            if name in _HEADERS and isinstance(value, dict):
                yield from self._of_headers(name, value)
            elif name in _BODIES and isinstance(value, dict):
                yield from self._of_body(name, value, str(record.get(_BODIES[name]) or ""))
            elif name in _TARGETS and isinstance(value, str):
                yield from self._of(name, value, self._redactor.target(value))
            else:
                yield from self._of_any(name, value)

    def _of_headers(self, name: str, headers: dict[str, Any]) -> Iterator[Leak]:
        for field, values in headers.items():
            for value in values if isinstance(values, list) else [values]:
                raw = str(value).encode("utf-8", "surrogatepass")
                raw_name = field.encode("utf-8", "surrogatepass")
                clean = self._redactor.fields([(raw_name, raw)], len(raw) + len(raw_name))[0]
                kept = next(iter(clean.values()), [""])[0]
                yield from self._of(f"{name}.{field}", str(value), kept)

    def _of_body(self, name: str, said: dict[str, Any], content_type: str) -> Iterator[Leak]:
        text = said.get("text")
        if isinstance(text, str):
            yield from self._of(name, text, redactbody.body(self._redactor, text, content_type))
        coded = said.get("base64")
        if isinstance(coded, str):
            try:
                text = base64.b64decode(coded).decode("latin-1")
            except binascii.Error:
                return
            for found in self._redactor.looks.found(text):
                yield Leak(name, found.name, text[found.start : found.end])

    def _of_any(self, name: str, value: Any) -> Iterator[Leak]:
        match value:
            case str():
                yield from self._of(name, value, self._redactor.text(value))
            case dict():
                for key, item in value.items():
                    yield from self._of_any(f"{name}.{key}", item)
            case list():
                for item in value:
                    yield from self._of_any(name, item)

    def _of(self, field: str, text: str, clean: str) -> Iterator[Leak]:
        looks = [each for each in self._redactor.looks.found(text) if not _MASKED(text)]
        for each in looks:
            yield Leak(field, each.name, text[each.start : each.end])
        if clean != text and not looks:
            yield Leak(field, NAMED, text)
        elif self._strict and not looks:
            for word in _WORD.findall(text):
                if is_random(word):
                    yield Leak(field, RANDOM, word)


def is_random(word: str) -> bool:
    """Return whether *word* has more in it than words that people choose.

    >>> is_random("getElementsByClassNameAndTag"), is_random("q8Zr1LwX0vNp5TgKd7JmYc2B")
    (False, True)
    """
    if _UUID(word) or _MASKED(word):
        return False
    counts = Counter(word)
    bits = -sum(n / len(word) * math.log2(n / len(word)) for n in counts.values())
    has_digits = any(c.isdigit() for c in word)
    has_letters = any(c.isalpha() for c in word)
    return has_digits and has_letters and bits > (3.2 if _HEX(word) else 4.2)
