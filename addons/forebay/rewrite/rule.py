"""What a rewrite rule is.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from forebay.rewrite.match import Matcher


class Phase(StrEnum):
    """Which message a rule edits."""

    REQUEST = "request"
    RESPONSE = "response"


class Verb(StrEnum):
    """What is done to a field, in the order in which one rule does it.

    The order is fixed because a YAML mapping has none (YAML 1.2.2 §3.2.1.1):
    an editor that sorts keys must not change what a rule does.
    """

    REMOVE = "remove"
    SET = "set"
    DEFAULT = "default"
    APPEND = "append"


@dataclass(frozen=True, slots=True)
class Operation:
    """One edit of one field, or of all fields whose names begin with *name* (``REMOVE`` only)."""

    verb: Verb
    name: bytes
    value: bytes = b""
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do to the messages that match; *file* and *line* say where it was written."""

    id: str
    file: str
    line: int
    matcher: Matcher
    request: tuple[Operation, ...] = ()
    response: tuple[Operation, ...] = ()
    stop: bool = False

    def operations(self, phase: Phase) -> tuple[Operation, ...]:
        """Return what it does in *phase*."""
        return self.request if phase is Phase.REQUEST else self.response

    def takes_part(self, phase: Phase) -> bool:
        """Return whether it acts in *phase*, or only stops: then it does so in both."""
        return bool(self.operations(phase)) or not (self.request or self.response)
