"""What the blocklist does with a request: the verdict, and every rule that matches."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from typing import Any

from mitmproxy import http

from forebay import bypass, outcome
from forebay.blocklist import asked, changes, resource
from forebay.blocklist.changes import Edit
from forebay.blocklist.facts import Facts, facts
from forebay.blocklist.judge import TOO_MANY_NAMES, active_lists, judge
from forebay.blocklist.matcher import Match
from forebay.blocklist.modifier import FIELDS, PAGES, Kind
from forebay.blocklist.policies import Policy
from forebay.blocklist.request import Request
from forebay.blocklist.verdict import NOT_LISTED, Action, Verdict, visible
from forebay.cli.inforce import Lists
from forebay.errors import ForebayError
from forebay.names import every_name

_PARTIES = {resource.THIRD: "third", resource.FIRST: "first", resource.UNKNOWN: "unknown"}
UNKNOWN = Verdict(Action.ALLOW, "the blocklist cannot be read")
"""The proxy refuses all, or goes by what it has read before."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and what it is about.

    Args:
        requests: the request under each of its names; that of its target first.
        verdict: the verdict.
        policy: by which it was decided.
        matches: the rules that match, in the order of lists and lines.
        of_tunnel: whether it was decided for all requests of the tunnel, by its host alone,
            and otherwise than the request itself would be.
        passes: whether it goes round what would block it.
        edits: what rules change of the request, and of what answers it.
        target: path and query as they leave them; None where they do not change them.
    """

    requests: list[Request]
    verdict: Verdict
    policy: Policy | None
    matches: list[Match]
    of_tunnel: bool = False
    passes: bool = False
    edits: tuple[Edit, ...] = ()
    target: str | None = None

    @property
    def action(self) -> str | None:
        """What becomes of the request, as the log says it; None when that is not known."""
        if self.verdict is UNKNOWN:
            return None
        return "bypass" if self.passes else self.verdict.action.value

    @property
    def blocked(self) -> bool:
        """Whether it is refused."""
        return self.verdict.blocked and not self.passes


def of_flow(flow: http.HTTPFlow, by: Lists, given: argparse.Namespace) -> Judged:
    """Return the verdict on the request of *flow*, as the proxy's hooks come to it.

    Raises:
        ForebayError: when ``--source`` is no URL.
    """
    names = asked.names_of(flow, sni=flow.client_conn.sni)
    requests = asked.requests_of(flow, names, _told(flow, given))
    if given.source and requests[0].source is None:
        raise ForebayError(f"--source: expected an absolute URL, found {given.source!r:.70}")
    if by.lists is None:
        return Judged(requests, NOT_LISTED if by.is_known else UNKNOWN, None, [])
    matcher, active = by.lists.matcher, active_lists(by.lists.matcher, by.policy)
    if asked.too_many(names):
        return Judged(requests, TOO_MANY_NAMES, by.policy, [])
    own = judge(requests, matcher, active, by.policy)
    verdict = _of_tunnel(flow, by, active) or own
    matches = {
        (match.cited.path, match.cited.line): match
        for each in reversed(requests)
        for match in matcher.explain(each, active)
    }
    is_other = (verdict.matched, verdict.reason) != (own.matched, own.reason)
    # What neither a rule nor a policy has refused could not be judged.
    is_judged = verdict.matched is not None or verdict.policy is not None
    passes = verdict.blocked and is_judged and outcome.bypasses(flow, bypass.BLOCK)
    found = list(matches.values())
    if verdict.blocked or outcome.bypasses(flow, bypass.BLOCK):
        return Judged(requests, verdict, by.policy, found, is_other, passes)
    target, edits = _edits(flow, requests, by, active)
    return Judged(requests, verdict, by.policy, found, is_other, passes, edits, target)


def _edits(
    flow: http.HTTPFlow, requests: list[Request], by: Lists, active: int
) -> tuple[str | None, tuple[Edit, ...]]:
    """Return the target that rules make of that of *flow*, if they do, and what they change."""
    assert by.lists is not None
    matcher = by.lists.matcher
    if not matcher.modifiers:
        return None, ()
    requests = changes.spared(requests, by.policy)
    before = flow.request.data.path.decode("utf-8", "surrogateescape")
    after, edits = changes.cleaned(before, requests, matcher, active)
    if requests and requests[0].type in PAGES:
        edits += changes.fields_added(requests, matcher, active)
    return (None if after == before else after), tuple(edits)


def take_out(flow: http.HTTPFlow, found: Judged) -> None:
    """Take the parameters out of the request that rules name."""
    if found.target is not None:
        flow.request.data.path = found.target.encode("utf-8", "surrogateescape")
        outcome.of(flow)["redirected"] = True


def of_both(first: Judged, again: Judged) -> tuple[Edit, ...]:
    """Return what rules change of a request that is judged *again*, as it was changed."""
    removed = [edit for edit in first.edits if edit.kind is Kind.REMOVEPARAM]
    return (*removed, *again.edits)


def _of_tunnel(flow: http.HTTPFlow, by: Lists, active: int) -> Verdict | None:
    """Return the verdict on the tunnel of *flow*, where that is the one on all requests in it."""
    if flow.request.scheme != "https" or flow.server_conn.address is None or by.lists is None:
        return None
    host, port = flow.server_conn.address[:2]
    names = every_name(target=host, host_fields=(), authority="", sni=None, connect=None)
    requests = asked.requests_unseen(names, port)
    matcher = by.lists.matcher
    verdict = judge(requests, matcher, active, by.policy)
    if verdict.blocked and any(
        matcher.is_certain(each, verdict, strictly=True) for each in requests
    ):
        return verdict
    return None


def _told(flow: http.HTTPFlow, given: argparse.Namespace) -> Facts:
    """Return what the proxy would guess of the request, save what is given."""
    request = flow.request
    told = facts(request.headers.fields, method=request.data.method, path=request.data.path)
    if given.type is not None:
        is_page = given.type == "document"
        told = told._replace(type=given.type, own_source=is_page, stated=True)
    if given.source is not None:
        told = told._replace(source=given.source, own_source=False, same_site=None)
    return told


def as_plain(found: Judged) -> dict[str, Any]:
    """Return it in plain types."""
    request, policy = found.requests[0], found.policy
    return {
        "url": request.cased,
        "method": request.method,
        "type": request.type,
        "source": request.source_url,
        "party": _PARTIES[request.party],
        "names": [each.host.name for each in found.requests],
        **found.verdict.as_outcome(),
        "action": found.action,
        "policy": None if policy is None else f"{policy.id} ({policy.place})",
        "redirect": found.verdict.redirect,
        "tunnel": found.of_tunnel,
        "edits": [edit.as_outcome() for edit in found.edits],
        "matches": [
            {
                **asdict(match.cited),
                "group": match.cited.group or None,
                "effect": match.effect,
                "fate": match.fate,
            }
            for match in found.matches
        ],
    }


def _edit_in_words(edit: Edit) -> str:
    place = visible(f"{edit.cited.list}:{edit.cited.line}")
    if edit.kind is Kind.REMOVEPARAM:
        return f"  removes   {visible(', '.join(edit.removed))} ({place})"
    name = FIELDS[edit.kind].decode("ascii")
    return f"  adds      {name}: {visible(edit.added)} ({place})"


def in_words(found: Judged) -> list[str]:
    """Return lines for why it was decided so."""
    request, *others = found.requests
    verdict, policy = found.verdict, found.policy
    lines = [f"  because   {visible(verdict.reason)}"]
    for word, cited in (("rule", verdict.matched), ("exception", verdict.exception)):
        if cited is not None:
            lines.append(f"  {word:<9} {visible(cited.rule)}")
            lines.append(f"            {visible(cited.path)}:{cited.line}")
    if verdict.redirect:
        lines.append(f"  answer    {visible(verdict.redirect)}")
    if others:
        lines.append(f"  also as   {', '.join(visible(each.host.name) for each in others)}")
    if policy is not None:
        lines.append(f"  policy    {visible(policy.id)} ({visible(policy.place)})")
    lines += [_edit_in_words(edit) for edit in found.edits]
    party = _PARTIES[request.party]
    lines.append(f"  asked as  {request.type}, {party} party, {visible(request.method)}")
    if found.of_tunnel:
        lines.append("  decided   for the whole tunnel, by its host")
    if found.matches:
        lines.append("rules that match, in the order of lists and lines:")
        places = [visible(f"{match.cited.list}:{match.cited.line}") for match in found.matches]
        width = max(map(len, places))
        lines += [
            f"  {place:<{width}}  {match.effect}: {visible(match.cited.rule)} ({match.fate})"
            for place, match in zip(places, found.matches, strict=True)
        ]
    return lines
