"""Serve, revalidate, forward: what to do with a request (RFC 9111 §4, §5.2.1, §5.4)."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.cache.cache_status import Fwd
from forebay.cache.directives import Directives, cache_control
from forebay.cache.entry import Entry
from forebay.cache.freshness import current_age, time_to_live
from forebay.cache.headers import Fields, Head
from forebay.cache.ranges import request_for_rest
from forebay.cache.shape import AS_STORED, Shape, shape
from forebay.cache.staleness import Failure
from forebay.cache.validation import conditional_fields


@dataclass(frozen=True, slots=True)
class Serve:
    """Answer from the store in this *shape*, with this Age (§5.1) and this time left, in seconds.

    With *refresh* the origin is to be asked afterwards (RFC 5861 §3).
    """

    age_s: int
    ttl_s: int
    reason: str = "fresh"
    shape: Shape = AS_STORED
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class Revalidate:
    """Ask the origin with these *fields* in place of the client's own conditions."""

    fields: Fields
    fwd: Fwd
    reason: str


@dataclass(frozen=True, slots=True)
class Complete:
    """Ask the origin for what is lacking of a stored part, with these *fields* (§3.4)."""

    fields: Fields
    fwd: Fwd = Fwd.PARTIAL
    reason: str = "part stored"


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


type Decision = Serve | Revalidate | Complete | Forward | Refuse


def decide(
    request: Head,
    selected: Entry | None,
    now_s: float,
    *,
    absent: Fwd = Fwd.URI_MISS,
    is_get: bool = True,
    may_refresh: bool = False,
    may_complete: bool = False,
) -> Decision:
    """Return what to do with a GET or HEAD request.

    Args:
        request: its head.
        selected: the stored response that it selects, if any.
        now_s: the time.
        absent: what is missing when nothing was selected.
        is_get: False for HEAD, whose answer has no body to be stored.
        may_refresh: whether the origin can be asked after the answer.
        may_complete: whether a part can be completed.
    """
    wanted = cache_control(request)
    decision: Decision
    if wanted.has("no-store"):
        decision = Forward(Fwd.REQUEST, "request no-store")
    elif selected is None:
        decision = Forward(absent, "vary" if absent is Fwd.VARY_MISS else "not stored")
    else:
        form = shape(request, selected, now_s, is_get=is_get)
        if form is None:
            decision = _lacking(request, selected, may_complete=may_complete and is_get)
        else:
            found = _fitness(request, wanted, selected, now_s, form, may_refresh=may_refresh)
            if isinstance(found, Serve):
                return found
            fwd, reason = found
            fields = conditional_fields(Head(selected.fields)) if is_get else ()
            decision = Revalidate(fields, fwd, reason) if fields else Forward(fwd, reason)
    if wanted.has("only-if-cached"):
        return Refuse(decision.fwd, decision.reason)
    return decision


def _lacking(request: Head, selected: Entry, *, may_complete: bool) -> Complete | Forward:
    """Return how to come by what the stored part does not hold."""
    if may_complete and selected.part is not None and b"range" not in request:
        fields = request_for_rest(selected.part, Head(selected.fields))
        if fields:
            return Complete(fields)
    return Forward(Fwd.PARTIAL, "part stored")


def _fitness(
    request: Head,
    wanted: Directives,
    selected: Entry,
    now_s: float,
    form: Shape,
    *,
    may_refresh: bool,
) -> Serve | tuple[Fwd, str]:
    """Return the answer from the store, or why the origin must be asked first."""
    # Cases, what the client says first:
    # 1. no-cache, or its HTTP/1.0 spelling where there is no Cache-Control (§5.4)
    if wanted.has("no-cache"):
        return Fwd.REQUEST, "request no-cache"
    if b"cache-control" not in request and _pragma_no_cache(request):
        return Fwd.REQUEST, "request pragma"
    # 2. the response must be validated each time, qualified (no-cache="x") or not
    if selected.no_cache:
        return Fwd.STALE, "no-cache"
    ttl_s, age_s = time_to_live(selected.validity, now_s), current_age(selected.validity, now_s)
    # 3. too old for this client
    max_age_s = wanted.seconds("max-age")
    if max_age_s is not None and age_s > max_age_s:
        return Fwd.REQUEST, "request max-age"
    min_fresh_s = wanted.seconds("min-fresh")
    if min_fresh_s is not None and ttl_s < min_fresh_s:
        return Fwd.REQUEST, "request min-fresh"
    # 4. fresh by its own account
    if ttl_s > 0:
        return Serve(int(age_s), int(ttl_s), shape=form)
    # 5. stale, which one of the two sides may allow
    if not selected.allowance.is_forbidden and -ttl_s <= _max_stale(wanted):
        return Serve(int(age_s), int(ttl_s), "request max-stale", form)
    # A client that names a lifetime has said what it takes (§5.2.1.1).
    if (
        may_refresh
        and max_age_s is min_fresh_s is None
        and selected.allowance.covers_refresh(-ttl_s)
    ):
        return Serve(int(age_s), int(ttl_s), "stale-while-revalidate", form, refresh=True)
    return Fwd.STALE, "stale"


def told(decision: Decision) -> tuple[str, str]:
    """Return what the log says of a decision: the cache's result, and the reason.

    >>> told(Refuse(Fwd.URI_MISS, "not stored"))
    ('miss', 'only-if-cached, not stored')
    """
    match decision:
        case Serve():
            return "hit", decision.reason
        case Revalidate():
            return "stale", decision.reason
        case Refuse():
            return "miss", f"only-if-cached, {decision.reason}"
        case Forward(Fwd.BYPASS):
            return "bypass", decision.reason
        case _:
            return "miss", decision.reason


def may_be_refreshed(request: Head, entry: Entry) -> bool:
    """Return whether *entry* may answer while it is stale, and the origin be asked after that."""
    return (
        entry.allowance.while_revalidate_s > 0
        and entry.part is None  # the refresh would fetch the whole, for nobody
        and not cache_control(request).has("only-if-cached")
    )


def can_be_completed(entry: Entry | None, limit_bytes: int) -> bool:
    """Return whether the whole of a part can be put together in so much memory."""
    return (
        entry is not None
        and entry.part is not None
        and isinstance(entry.body, bytes)
        and entry.part.total <= limit_bytes
    )


def stand_in(
    request: Head, selected: Entry, now_s: float, failure: Failure, *, is_get: bool = True
) -> Serve | None:
    """Return the stored answer in place of one that the origin failed to give, or None.

    Args:
        request: the head of the request as the client sent it.
        selected: the stored response that it selects.
        now_s: the time.
        failure: how the origin failed (RFC 9111 §4.2.4, RFC 5861 §4).
        is_get: False for HEAD.
    """
    wanted = cache_control(request)
    # A client that wants the origin's word, or names a lifetime, takes nothing stale.
    if wanted.has("no-cache") or wanted.has("no-store") or wanted.has("min-fresh"):
        return None
    if wanted.has("max-age") and not wanted.has("max-stale"):
        return None
    if b"cache-control" not in request and _pragma_no_cache(request):
        return None
    ttl_s = time_to_live(selected.validity, now_s)
    if wanted.has("max-stale") and -ttl_s > _max_stale(wanted):
        return None
    request_s = wanted.seconds("stale-if-error") or 0
    if not selected.allowance.covers_failure(failure, max(0.0, -ttl_s), request_s=request_s):
        return None
    form = shape(request, selected, now_s, is_get=is_get)
    if form is None:
        return None
    age_s = current_age(selected.validity, now_s)
    reason = "unreachable" if failure is Failure.UNREACHABLE else "stale-if-error"
    return Serve(int(age_s), int(ttl_s), reason, form)


def _max_stale(wanted: Directives) -> float:
    """Return for how many seconds a response may have been stale; minus one for not at all."""
    if wanted.grants("max-stale"):
        return float("inf")
    seconds = wanted.seconds("max-stale")
    return -1.0 if not seconds else float(seconds)


def _pragma_no_cache(request: Head) -> bool:
    return any(b"no-cache" in line.lower() for line in request.lines(b"pragma"))
