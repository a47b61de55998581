"""What became of a request that was checked: in plain types, and in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mitmproxy import http

from forebay import outcome
from forebay.blocklist.verdict import visible
from forebay.cli import judged, lookedup, rewritten, storing
from forebay.cli.judged import Judged
from forebay.cli.rewritten import Rewritten
from forebay.errors import ForebayError
from forebay.outcome import Outcome

_ACTIONS = {"block": "blocked", "allow": "allowed", "bypass": "bypassed", None: "unknown"}


@dataclass(slots=True)
class Checked:
    """What became of a request; None for what it never came to, or what is not known.

    Args:
        judged: the verdict, the last one that says anything.
        rewritten: what rules for requests made of it.
        sent: its method and URL after that.
        is_moved: whether the verdict is on what a rule made of the request.
        cache: the cache's decision.
        cache_rule: the user's rule for the request.
        storing: whether a response would be stored.
        bypass: what it goes round by a field of its own, as the outcome has it.
        warnings: what is wrong with files that others can do without.
    """

    judged: Judged
    rewritten: Rewritten | None = None
    sent: str | None = None
    is_moved: bool = False
    cache: dict[str, Any] | None = None
    cache_rule: dict[str, Any] | None = None
    storing: dict[str, Any] | None = None
    bypass: Outcome | None = None
    warnings: list[str] = field(default_factory=list)

    def warn(self, of: str, error: ForebayError) -> None:
        """Remember what is wrong; what the other addons do is known all the same."""
        self.warnings += [f"{of}: {visible(line, 500)}" for line in str(error).splitlines()]


def as_plain(found: Checked, flow: http.HTTPFlow, url: str) -> dict[str, Any]:
    """Return it in plain types; ``asked`` is the URL as given."""
    ours = "blocklist" if found.judged.blocked else outcome.answered_by(flow)
    return {
        "asked": url,
        **judged.as_plain(found.judged),
        "moved": found.is_moved,
        "answered_by": ours or "origin",
        "bypass": found.bypass,
        "rewrite": None if found.rewritten is None else found.rewritten.as_plain(),
        "sent": found.sent,
        "cache": found.cache,
        "cache_rule": found.cache_rule,
        "storing": found.storing,
        "warnings": found.warnings,
    }


def in_words(found: Checked, url: str) -> list[str]:
    """Return the lines for people."""
    judged_ = found.judged
    action = _ACTIONS[judged_.action]
    named = visible(url.strip() if found.is_moved else judged_.requests[0].cased, 500)
    lines = [f"{action}: {named}"]
    if found.is_moved:
        lines.append(f"  sent to   {visible(judged_.requests[0].cased, 500)}")
    elif found.sent is not None and any(edit.removed for edit in judged_.edits):
        lines.append(f"  sent as   {visible(found.sent, 500)}")
    lines += judged.in_words(judged_)
    if found.bypass is not None:
        lines.append(f"  bypass    {_bypass_in_words(found.bypass)}")
    if found.rewritten is not None:
        lines += rewritten.in_words(found.rewritten)
    if found.cache_rule is not None:
        lines.append(storing.rule_in_words(found.cache_rule))
    if found.cache is not None:
        lines += lookedup.in_words(found.cache)
    if found.storing is not None:
        lines.append(storing.in_words(found.storing))
    return lines


def _bypass_in_words(found: Outcome) -> str:
    done = ", ".join(found["done"]) or "nothing"
    return f"{done}; ignored: {visible(found['ignored'], 500)}" if found["ignored"] else done
