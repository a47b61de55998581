"""What one line of a list says, and where it stands."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from enum import Enum


class Scope(Enum):
    """Which names a rule covers."""

    HOST = "the host itself"
    SUBTREE = "the host and all names below it"


class Effect(Enum):
    """What a rule does to the names it covers."""

    BLOCK = "block"
    EXCEPT = "except from blocking"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one line says; a hosts-file line may name several hosts, all canonical."""

    hosts: tuple[str, ...]
    scope: Scope
    effect: Effect


@dataclass(frozen=True, slots=True)
class Cited:
    """A rule as a verdict names it: its source text and its place (*line* from 1)."""

    rule: str
    list: str
    path: str
    line: int


class Source:
    """One list, kept as the bytes of its file, so that half a million rules stay small.

    A rule is stored as its line number only; the text comes from here when a
    verdict needs it, and is what was loaded even if the file has changed since.
    """

    __slots__ = ("_starts", "_text", "name", "path")

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path
        self._text = bytearray()
        self._starts = array("Q")

    def append(self, line: bytes) -> int:
        """Keep *line* as the next one and return its number, from 1."""
        self._starts.append(len(self._text))
        self._text += line
        return len(self._starts)

    def cite(self, line: int) -> Cited:
        """Return the rule that stands in *line*."""
        start = self._starts[line - 1]
        end = self._starts[line] if line < len(self._starts) else len(self._text)
        text = self._text[start:end].decode("utf-8", "replace").strip()
        return Cited(text, self.name, self.path, line)
