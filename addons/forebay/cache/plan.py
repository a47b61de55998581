"""What is remembered of a request that was forwarded, until its response comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mitmproxy import http

from forebay import outcome
from forebay.cache.decision import Forward, Revalidate
from forebay.cache.entry import Entry
from forebay.cache.headers import without
from forebay.cache.key import Target
from forebay.cache.variants import Found


@dataclass(slots=True)
class Plan:
    """What the answer to a forwarded request is for; never refers to its flow.

    Args:
        target: where the request was to go when it was looked up.
        requested_at_s: when that was, POSIX seconds.
        found: what the store held; None when it must not be touched.
        refreshed: the stored response as a 304 has updated it, to be stored.
        response: the one that gets its body from the store.
    """

    target: Target
    decision: Revalidate | Forward
    requested_at_s: float
    found: Found | None = None
    refreshed: Entry | None = None
    response: http.Response | None = None


def target_of(request: http.Request) -> Target:
    """Return where *request* goes as things stand."""
    data = request.data
    return Target(data.method, data.scheme, data.host, data.port, data.path)


def add_conditions(request: http.Request, decision: Revalidate) -> None:
    """Make *request* conditional."""
    fields = decision.fields
    if not request.data.http_version.startswith(b"HTTP/1"):
        fields = tuple((name.lower(), value) for name, value in fields)
    request.headers.fields += fields


def remove_conditions(request: http.Request, decision: Revalidate | Forward) -> None:
    """Take our fields out again: a replay or the log must not take them for the client's."""
    if isinstance(decision, Revalidate):
        added = frozenset(name.lower() for name, _ in decision.fields)
        request.headers.fields = without(request.headers.fields, added)


def note(flow: http.HTTPFlow, result: str, reason: str) -> dict[str, Any]:
    """Begin the cache's part of the flow's outcome, and return it."""
    notes: dict[str, Any] = {
        "result": result,
        "reason": reason,
        "age_s": None,
        "ttl_s": None,
        "stored": False,
    }
    outcome.of(flow)["cache"] = notes
    return notes


def notes_of(flow: http.HTTPFlow) -> dict[str, Any]:
    """Return the cache's part of the flow's outcome."""
    notes: dict[str, Any] = outcome.of(flow).setdefault("cache", {})
    return notes
