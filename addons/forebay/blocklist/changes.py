"""What the rules that change something come down to, for a request under all its names.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from forebay.blocklist.matcher import TOO_MANY_RULES, Change, Matcher
from forebay.blocklist.modifier import FIELDS, Kind
from forebay.blocklist.modifiers import Fields
from forebay.blocklist.policies import Mode, Policy
from forebay.blocklist.removeparam import without
from forebay.blocklist.request import Request
from forebay.blocklist.rule import Cited, TooManyCandidatesError
from forebay.blocklist.verdict import Action, Verdict

MOST_ROUNDS = 8
"""In which a request is judged anew, as rules have taken out more of its query."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change that a rule has made, for the flow's outcome.

    Args:
        kind: what was changed.
        cited: the rule.
        removed: the names of the parameters that it took out.
        added: what the field that it added says.
    """

    kind: Kind
    cited: Cited
    removed: tuple[str, ...] = ()
    added: str | None = None

    def as_outcome(self) -> dict[str, Any]:
        """Return it in plain types."""
        return {
            "kind": self.kind.value,
            "rule": self.cited.rule,
            "list": self.cited.list,
            "path": self.cited.path,
            "line": self.cited.line,
            "group": self.cited.group or None,
            "removed": list(self.removed),
            "added": self.added,
        }


def spared(requests: Iterable[Request], policy: Policy | None) -> list[Request]:
    """Return those of *requests*, one for each name, that rules may change under *policy*."""
    if policy is None:
        return list(requests)
    if policy.mode is Mode.OFF:
        return []
    return [each for each in requests if policy.allow.covers(each.host.name) is None]


def _changes(
    kind: Kind,
    requests: Iterable[Request],
    matcher: Matcher,
    active: int,
    response: Fields | None = None,
) -> list[tuple[Request, Change]]:
    """Return what holds of any of *requests*, each rule once, and is not excepted."""
    found: dict[Cited, tuple[Request, Change]] = {}
    for request in requests:
        spelled = request, request.normal()  # the same URL in another spelling
        for each in filter(None, spelled):
            for change in matcher.changes(kind, each, active, response):
                if change.exception is None:
                    found.setdefault(change.cited, (request, change))
    return list(found.values())


def cleaned(
    target: str, requests: Iterable[Request], matcher: Matcher, active: int
) -> tuple[str, list[Edit]]:
    """Return *target* (path and query) without the parameters that rules take out."""
    if "?" not in target:
        return target, []
    changes = [change for _, change in _changes(Kind.REMOVEPARAM, requests, matcher, active)]
    after, removed = without(target, (change.modifier.parameters for change in changes))
    return after, [
        Edit(Kind.REMOVEPARAM, change.cited, names)
        for change, names in zip(changes, removed, strict=True)
        if names
    ]


def fields_added(requests: Iterable[Request], matcher: Matcher, active: int) -> list[Edit]:
    """Return the fields that rules add to the response, each text once."""
    requests = list(requests)
    found: dict[tuple[Kind, str], Edit] = {}
    for kind in FIELDS:
        for _, change in _changes(kind, requests, matcher, active):
            policy = change.modifier.policy
            found.setdefault((kind, policy), Edit(kind, change.cited, added=policy))
    return list(found.values())


def judge_response(
    requests: Iterable[Request], matcher: Matcher, active: int, response: Fields
) -> Verdict | None:
    """Return the verdict on a response with these fields, None when no rule is about it."""
    try:
        found = _changes(Kind.HEADER, requests, matcher, active, response)
    except TooManyCandidatesError:
        return TOO_MANY_RULES
    for request, change in found:
        name = request.host.name
        return Verdict(
            Action.BLOCK,
            f"{name} has answered with a field that is listed: {change.modifier.value}",
            name,
            change.cited,
        )
    return None
