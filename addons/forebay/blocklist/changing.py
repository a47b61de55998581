"""Change requests, and the heads of what answers them, by the rules that block nothing."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from mitmproxy import http

from forebay import outcome
from forebay.blocklist import changes
from forebay.blocklist.current import Rules
from forebay.blocklist.modifier import FIELDS, PAGES, Kind
from forebay.blocklist.policies import Policy
from forebay.blocklist.request import Request
from forebay.blocklist.verdict import Verdict


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a response is judged by, by the rules of the time when it comes."""

    requests: list[Request]
    policy: Policy | None


class Changing:
    """Remembers what was asked for, where a rule may be about what comes."""

    def __init__(self) -> None:
        self._asked: WeakKeyDictionary[http.HTTPFlow, _Asked] = WeakKeyDictionary()

    def forget(self, flow: http.HTTPFlow) -> None:
        """Forget an earlier attempt of *flow*."""
        if self._asked:
            self._asked.pop(flow, None)

    def request(
        self, flow: http.HTTPFlow, asked: list[Request], rules: Rules, policy: Policy | None
    ) -> None:
        """Take out of the query what rules name, and remember the request if they ask for it."""
        kinds = rules.lists.matcher.modifiers.keys()
        has_query = Kind.REMOVEPARAM in kinds and b"?" in flow.request.data.path
        is_judged = Kind.HEADER in kinds
        is_page = any(each.type in PAGES for each in asked[:1]) and not kinds.isdisjoint(FIELDS)
        if not (has_query or is_judged or is_page):
            return
        requests = changes.spared(asked, policy)
        if not requests:
            return
        if has_query:
            _clean(flow, requests, rules, policy)
        if is_judged or is_page:
            self._asked[flow] = _Asked(requests, policy)

    def remembers(self, flow: http.HTTPFlow) -> bool:
        """Return whether a rule may be about the response of *flow*."""
        return bool(self._asked) and flow in self._asked

    def verdict(self, flow: http.HTTPFlow, rules: Rules) -> tuple[Verdict, Policy | None] | None:
        """Return the verdict on the response of *flow*, by its fields, and by which policy."""
        asked = self._asked.get(flow)
        if asked is None or flow.response is None:
            return None
        matcher, active = rules.lists.matcher, rules.active(asked.policy)
        fields = flow.response.headers.fields
        found = changes.judge_response(asked.requests, matcher, active, fields)
        return None if found is None else (found, asked.policy)

    def response(self, flow: http.HTTPFlow, rules: Rules) -> None:
        """Add the fields that rules add to a page."""
        asked = self._asked.get(flow)
        response = flow.response
        if asked is None or response is None or asked.requests[0].type not in PAGES:
            return
        matcher, active = rules.lists.matcher, rules.active(asked.policy)
        edits = changes.fields_added(asked.requests, matcher, active)
        if not edits:
            return
        lower_case = response.is_http2 or response.is_http3
        more = []
        for edit in edits:
            name = FIELDS[edit.kind]
            more.append((name.lower() if lower_case else name, (edit.added or "").encode("ascii")))
        response.headers.fields = (*response.headers.fields, *more)
        _note(flow, edits)


def _clean(
    flow: http.HTTPFlow, requests: list[Request], rules: Rules, policy: Policy | None
) -> None:
    data = flow.request.data
    target = data.path.decode("utf-8", "surrogateescape")
    after, edits = changes.cleaned(target, requests, rules.lists.matcher, rules.active(policy))
    if not edits:
        return
    data.path = after.encode("utf-8", "surrogateescape")
    notes = outcome.of(flow)
    notes["redirected"] = True  # it is judged again under its new URL
    _note(flow, edits)


def _note(flow: http.HTTPFlow, edits: list[changes.Edit]) -> None:
    outcome.of(flow).setdefault("edits", []).extend(edit.as_outcome() for edit in edits)
