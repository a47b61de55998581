"""Serve, revalidate, forward: what to do with a request (RFC 9111 §4, §5.2.1, §5.4)."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.cache.cache_status import Fwd
from forebay.cache.directives import cache_control
from forebay.cache.entry import Entry
from forebay.cache.freshness import current_age, time_to_live
from forebay.cache.headers import Fields, Head
from forebay.cache.validation import conditional_fields


@dataclass(frozen=True, slots=True)
class Serve:
    """Answer from the store, with this Age (§5.1) and this time left, in seconds."""

    age_s: int
    ttl_s: int
    reason: str = "fresh"


@dataclass(frozen=True, slots=True)
class Revalidate:
    """Ask the origin with these *fields* added; *reason* goes to the log."""

    fields: Fields
    fwd: Fwd
    reason: str


@dataclass(frozen=True, slots=True)
class Forward:
    """Ask the origin as if nothing were stored; *reason* goes to the log."""

    fwd: Fwd
    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer 504: the client wants only what is stored, and nothing fits (§5.2.1.7)."""

    fwd: Fwd
    reason: str


type Decision = Serve | Revalidate | Forward | Refuse


def decide(
    request: Head,
    selected: Entry | None,
    now_s: float,
    *,
    absent: Fwd = Fwd.URI_MISS,
    may_validate: bool = True,
) -> Decision:
    """Return what to do with a GET or HEAD request.

    Args:
        request: its head.
        selected: the stored response that it selects, if any.
        now_s: the time.
        absent: what is missing when nothing was selected.
        may_validate: False for a request whose answer could not update the
            stored response, such as HEAD.
    """
    wanted = cache_control(request)
    decision: Decision
    if wanted.has("no-store"):
        decision = Forward(Fwd.REQUEST, "request no-store")
    elif selected is None:
        decision = Forward(absent, "vary" if absent is Fwd.VARY_MISS else "not stored")
    else:
        unfit = _unfit(request, selected, now_s)
        if unfit is None:
            return Serve(
                age_s=int(current_age(selected.validity, now_s)),
                ttl_s=int(time_to_live(selected.validity, now_s)),
            )
        fwd, reason = unfit
        fields = conditional_fields(Head(selected.fields)) if may_validate else ()
        decision = Revalidate(fields, fwd, reason) if fields else Forward(fwd, reason)
    if wanted.has("only-if-cached"):
        return Refuse(decision.fwd, decision.reason)
    return decision


def _unfit(request: Head, selected: Entry, now_s: float) -> tuple[Fwd, str] | None:
    """Return why the selected may not be served without asking the origin, or None."""
    wanted = cache_control(request)
    # Cases, what the client says first:
    # 1. no-cache, or its HTTP/1.0 spelling where there is no Cache-Control (§5.4)
    if wanted.has("no-cache"):
        return Fwd.REQUEST, "request no-cache"
    if b"cache-control" not in request and _pragma_no_cache(request):
        return Fwd.REQUEST, "request pragma"
    # 2. the response must be validated each time, qualified (no-cache="x") or not
    if selected.no_cache:
        return Fwd.STALE, "no-cache"
    # 3. too old by its own account
    if time_to_live(selected.validity, now_s) <= 0:
        return Fwd.STALE, "stale"
    # 4. too old for this client
    max_age_s = wanted.seconds("max-age")
    if max_age_s is not None and current_age(selected.validity, now_s) > max_age_s:
        return Fwd.REQUEST, "request max-age"
    return None


def _pragma_no_cache(request: Head) -> bool:
    return any(b"no-cache" in line.lower() for line in request.lines(b"pragma"))
