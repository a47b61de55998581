"""Structured field values: items, lists and dictionaries (RFC 9651 §4.2).

A value is read whole or not at all: a field that breaks the grammar anywhere
counts as absent, as the RFC wants it.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from decimal import Decimal


class StructuredFieldError(ValueError):
    """A value that breaks the grammar; the text says what was expected and where."""


class Token(str):
    """A token (§3.3.4), which is not the string of the same characters."""

    __slots__ = ()


class DisplayString(str):
    """A string of any characters (§3.3.8)."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Date:
    """A date (§3.3.7), in POSIX seconds."""

    seconds: int


type Bare = int | Decimal | str | Token | bytes | bool | Date | DisplayString
type Parameters = dict[str, Bare]


@dataclass(frozen=True, slots=True)
class Item:
    """A bare item with its parameters (§3.3)."""

    value: Bare
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class InnerList:
    """Items in parentheses, with the parameters of all (§3.1.1)."""

    items: tuple[Item, ...]
    parameters: Parameters


type Member = Item | InnerList

_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]*))?", re.ASCII)
_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*+)"')
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~:/0-9A-Za-z]*")
_BYTES = re.compile(r":(?:([A-Za-z0-9+/]++)={0,2})?:")
_BOOLEAN = re.compile(r"\?([01])")
_DISPLAY = re.compile(r'%"((?:[\x20\x21\x23\x24\x26-\x7e]|%[0-9a-f]{2})*+)"')
_HEX = re.compile(rb"%([0-9a-f]{2})")
_OWS = re.compile(r"[ \t]*")
_SP = re.compile(r" *")


def parse_item(value: bytes) -> Item:
    """Return the item that *value* spells.

    >>> parse_item(b'"a b";q=1.5')
    Item(value='a b', parameters={'q': Decimal('1.5')})

    Raises:
        StructuredFieldError: when it spells none.
    """
    reader = _Reader(value)
    found = reader.item()
    reader.finish()
    return found


def parse_list(value: bytes) -> tuple[Member, ...]:
    """Return the members of the list that *value* spells; lines are joined before.

    Raises:
        StructuredFieldError: when it spells none.
    """
    reader = _Reader(value)
    found: list[Member] = []
    while not reader.at_end():
        found.append(reader.member())
        if not reader.comma():
            break
    reader.finish()
    return tuple(found)


def parse_dictionary(value: bytes) -> dict[str, Member]:
    """Return the members of the dictionary that *value* spells; of equal keys the last counts.

    >>> parse_dictionary(b"max-age=60, public")["max-age"].value
    60

    Raises:
        StructuredFieldError: when it spells none.
    """
    reader = _Reader(value)
    found: dict[str, Member] = {}
    while not reader.at_end():
        key = reader.key()
        if reader.take("="):
            found[key] = reader.member()
        else:
            found[key] = Item(True, reader.parameters())
        if not reader.comma():
            break
    reader.finish()
    return found


class _Reader:
    """The input and how far it is read; each method is one algorithm of §4.2."""

    __slots__ = ("_at", "_text")

    def __init__(self, value: bytes) -> None:
        # A byte beyond ASCII becomes a character that no part of the grammar has.
        self._text = value.decode("latin-1")
        self._at = 0
        self._skip(_SP)

    def at_end(self) -> bool:
        return self._at == len(self._text)

    def finish(self) -> None:
        self._skip(_SP)
        if not self.at_end():
            raise self._error("the end")

    def take(self, character: str) -> bool:
        if not self._text.startswith(character, self._at):
            return False
        self._at += 1
        return True

    def comma(self) -> bool:
        """Return whether another member follows."""
        self._skip(_OWS)
        if self.at_end():
            return False
        if not self.take(","):
            raise self._error("a comma")
        self._skip(_OWS)
        if self.at_end():
            raise self._error("a member after the comma")
        return True

    def key(self) -> str:
        return self._match(_KEY, "a key").group()

    def member(self) -> Member:
        if not self.take("("):
            return self.item()
        items: list[Item] = []
        while True:
            self._skip(_SP)
            if self.take(")"):
                return InnerList(tuple(items), self.parameters())
            items.append(self.item())
            if not self._text.startswith((" ", ")"), self._at):
                raise self._error("a space or )")

    def item(self) -> Item:
        return Item(self._bare(), self.parameters())

    def parameters(self) -> Parameters:
        found: Parameters = {}
        while self.take(";"):
            self._skip(_SP)
            key = self.key()
            found[key] = self._bare() if self.take("=") else True
        return found

    def _bare(self) -> Bare:
        first = self._text[self._at : self._at + 1]
        match first:
            case '"':
                return re.sub(r"\\(.)", r"\1", self._match(_STRING, "a string")[1])
            case ":":
                return self._bytes()
            case "?":
                return self._match(_BOOLEAN, "a boolean")[1] == "1"
            case "@":
                self._at += 1
                seconds = self._number()
                if not isinstance(seconds, int):
                    raise self._error("a date of whole seconds")
                return Date(seconds)
            case "%":
                return self._display_string()
        if first == "-" or (first.isascii() and first.isdigit()):
            return self._number()
        return Token(self._match(_TOKEN, "an item").group())

    def _number(self) -> int | Decimal:
        found = self._match(_NUMBER, "a number")
        sign, whole, fraction = found.groups()
        if fraction is None:
            if len(whole) > 15:
                raise self._error("at most 15 digits")
            return int(sign + whole)
        if len(whole) > 12 or not 1 <= len(fraction) <= 3:
            raise self._error("at most 12 digits and 1 to 3 after the point")
        return Decimal(found.group())

    def _bytes(self) -> bytes:
        digits = self._match(_BYTES, "base64 between colons")[1] or ""
        try:
            # Padding may be left out (§4.2.7).
            return binascii.a2b_base64(digits + "=" * (-len(digits) % 4))
        except binascii.Error:
            raise self._error("base64 of whole bytes") from None

    def _display_string(self) -> DisplayString:
        raw = self._match(_DISPLAY, "a display string")[1].encode("ascii")
        try:
            return DisplayString(_HEX.sub(lambda hit: bytes([int(hit[1], 16)]), raw).decode())
        except UnicodeDecodeError:
            raise self._error("a display string of UTF-8") from None

    def _skip(self, spaces: re.Pattern[str]) -> None:
        found = spaces.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _match(self, pattern: re.Pattern[str], expected: str) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise self._error(expected)
        self._at = found.end()
        return found

    def _error(self, expected: str) -> StructuredFieldError:
        found = self._text[self._at : self._at + 20]
        return StructuredFieldError(f"expected {expected} at {self._at}, found {found!r}")
