"""What was decided about the names of a flow, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any

from forebay.blocklist.rule import Cited


class Action(Enum):
    """What becomes of the flow."""

    BLOCK = "block"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision that can explain itself.

    Args:
        action: what becomes of the flow.
        reason: why, in one line.
        name: the name that decided, None when none did.
        matched: the rule that blocks the name, kept when an exception saved it.
        exception: the rule that saved the name.
        redirect: the name of the stub that the rule wants as answer.
        policy: the policy by which it was decided, if one was.
    """

    action: Action
    reason: str
    name: str | None = None
    matched: Cited | None = None
    exception: Cited | None = None
    redirect: str | None = None
    policy: str | None = None

    @property
    def blocked(self) -> bool:
        """Whether the flow is refused."""
        return self.action is Action.BLOCK

    @property
    def place(self) -> str | None:
        """The file name and line of the rule, without the folder, such as ``ads.txt:7``."""
        if self.matched is None:
            return None
        return f"{PurePath(self.matched.path).name}:{self.matched.line}"

    def summary(self) -> str:
        """Return one line for logs and error texts, safe whatever a list holds.

        >>> Verdict(Action.BLOCK, "a.example is listed", "a.example",
        ...         Cited("||a.example^", "ads", "/lists/ads.txt", 7)).summary()
        'blocked by ||a.example^ (ads.txt:7): a.example is listed'
        """
        if self.matched is None:
            return visible(f"blocked: {self.reason}")
        return f"blocked by {visible(self.matched.rule)} ({visible(self.place)}): " + visible(
            self.reason
        )

    def as_outcome(self) -> dict[str, Any]:
        """Return the verdict in plain types, for the flow's outcome."""
        return {
            "action": self.action.value,
            "name": self.name,
            **_cited(self.matched),
            "exception": None if self.exception is None else _cited(self.exception),
            "policy": self.policy,
            "reason": self.reason,
        }


NOT_LISTED = Verdict(Action.ALLOW, "not listed")


def visible(text: str | None, limit: int = 200) -> str:
    r"""Return *text* on one line of at most *limit* characters and without any that hides.

    Control and format characters (also those that turn the direction of
    writing) and lone surrogates are shown as their escapes.

    >>> visible("a\u202eb\n")
    'a\\u202eb\\n'
    """
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in (text or "")[: limit + 1]
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _cited(rule: Cited | None) -> dict[str, Any]:
    if rule is None:
        return {"rule": None, "list": None, "path": None, "line": None, "group": None}
    return {
        "rule": rule.rule,
        "list": rule.list,
        "path": rule.path,
        "line": rule.line,
        "group": rule.group or None,
    }
