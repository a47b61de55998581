"""What a rewrite rule is.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from forebay.rewrite.answer import Answer
from forebay.rewrite.bodyedits import BodyEdits
from forebay.rewrite.edits import Edit
from forebay.rewrite.match import Matcher
from forebay.rewrite.partedits import parts_of


class Phase(StrEnum):
    """Which message a rule edits."""

    REQUEST = "request"
    RESPONSE = "response"


class Mode(StrEnum):
    """Whether a rule acts."""

    ACT = "act"
    SHADOW = "shadow"
    """What it would do is recorded, and not done."""


@dataclass(frozen=True, slots=True)
class Edits:
    """What a rule does to one message: at its head, in its body, in its stead.

    *secrets* is what the edits of its head make of secrets (see `Edit.secrets`),
    *steps* those edits, each as small as it can be made alone.
    """

    head: tuple[Edit, ...] = ()
    body: BodyEdits | None = None
    answer: Answer | None = None
    secrets: frozenset[str] = field(init=False, compare=False, repr=False)
    steps: tuple[Edit, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        steps = tuple(part for edit in self.head for part in parts_of(edit))
        object.__setattr__(self, "steps", steps)
        made = frozenset(name for edit in self.head for name in edit.secrets)
        object.__setattr__(self, "secrets", made)

    def __bool__(self) -> bool:
        return bool(self.head or self.body or self.answer)


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do to the messages that match.

    Args:
        id: its name, its own in its file.
        file: where it was written.
        line: the line there, from 1.
        matcher: which messages it is for.
        request: what it does to requests.
        response: what it does to responses.
        stop: whether later rules are skipped when it matched.
        group: the group with which it is switched on and off; empty for none.
        is_default_on: whether it is on when nobody says anything of its group.
        mode: whether it acts.
    """

    id: str
    file: str
    line: int
    matcher: Matcher = field(default_factory=Matcher)
    request: Edits = field(default_factory=Edits)
    response: Edits = field(default_factory=Edits)
    stop: bool = False
    group: str = ""
    is_default_on: bool = True
    mode: Mode = Mode.ACT

    def edits(self, phase: Phase) -> Edits:
        """Return what it does in *phase*."""
        return self.request if phase is Phase.REQUEST else self.response

    def takes_part(self, phase: Phase) -> bool:
        """Return whether it acts in *phase*, or only stops: then it does so in both."""
        return bool(self.edits(phase)) or not (self.request or self.response)

    def is_on(self, groups_on: frozenset[str], groups_off: frozenset[str]) -> bool:
        """Return whether it is in force when these groups are switched on and off."""
        if not self.group:
            return self.is_default_on
        if self.group in groups_off:
            return False
        return self.is_default_on or self.group in groups_on
