"""Which responses a shared cache may store (RFC 9111 §3, §3.5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from forebay.cache import vary
from forebay.cache.directives import Directives, cache_control
from forebay.cache.freshness import Validity, is_fresh
from forebay.cache.headers import Fields, Head, end_to_end, has_control, without
from forebay.cache.validation import has_validator

# Understood by this cache and cacheable without explicit freshness (RFC 9110 §15.1).
_CACHEABLE_BY_DEFAULT = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
# A 206 needs §3.3, and a 304 is about another response.
_NEVER = frozenset({206, 304})
_BODYLESS = frozenset({204, 304})
# mitmproxy limits no head, and what limits bodies does not count it.
_MAX_HEAD_BYTES = 64 * 1024


class SetCookie(StrEnum):
    """What becomes of a response with Set-Cookie that is not declared to be shared."""

    REFUSE = "refuse"
    STRIP = "strip"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Storable:
    """To be stored with these *fields*."""

    fields: Fields


@dataclass(frozen=True, slots=True)
class Unstorable:
    """Not to be stored; *reason* goes to the log."""

    reason: str


def decide(
    *,
    request: Head,
    status: int,
    response: Head,
    validity: Validity,
    set_cookie: SetCookie,
) -> Storable | Unstorable:
    """Return whether the response to a GET may be stored, and what of its head."""
    control = cache_control(response)
    reason = (
        _status_reason(status)
        or _control_reason(control, request)
        or _use_reason(status, control, response, validity)
    )
    if reason is not None:
        return Unstorable(reason)
    if has_control(response.fields):
        return Unstorable("control character in a field")
    if sum(len(name) + len(value) for name, value in response.fields) > _MAX_HEAD_BYTES:
        return Unstorable("head too large")
    if vary.names(response) is None:
        return Unstorable("vary")
    fields = end_to_end(response)
    if b"set-cookie" in response and set_cookie is not SetCookie.STORE and not _is_shared(control):
        if set_cookie is SetCookie.REFUSE:
            return Unstorable("set-cookie")
        fields = without(fields, frozenset({b"set-cookie"}))
    return Storable(fields)


def _status_reason(status: int) -> str | None:
    # Final, and one that RFC 9110 §15 leaves room for.
    return None if 200 <= status <= 599 and status not in _NEVER else f"status {status}"


def _control_reason(control: Directives, request: Head) -> str | None:
    """Return which directive of either side, or which credentials, forbid it."""
    if cache_control(request).has("no-store"):
        return "request no-store"
    if control.has("no-store"):
        return "no-store"
    if control.has("private"):
        return "private"  # qualified (private="x") too: §5.2.2.7 lets a cache read it so
    if b"authorization" in request and not (
        _is_shared(control) or control.grants("must-revalidate")
    ):
        return "authorization"  # §3.5
    return None


def _is_shared(control: Directives) -> bool:
    return control.grants("public") or bool(control.seconds("s-maxage"))


def _use_reason(status: int, control: Directives, response: Head, v: Validity) -> str | None:
    """Return why the response could never be used, or None."""
    if not v.is_explicit and status not in _CACHEABLE_BY_DEFAULT and not control.grants("public"):
        return f"status {status} without explicit freshness"
    if has_validator(response):
        return None
    if control.has("no-cache"):
        return "no-cache without validator"
    if not is_fresh(v, v.received_at_s):
        return "stale without validator" if v.is_explicit else "no freshness and no validator"
    return None


def framing_reason(http_version: bytes, status: int, response: Head) -> str | None:
    """Return why the end, or the bytes, of a body cannot be relied on, or None.

    A body that the connection's end delimits may have been cut off unseen; one
    with a transfer coding besides ``chunked`` is not the representation.
    """
    codings = response.lines(b"transfer-encoding")
    if codings:
        plain = len(codings) == 1 and codings[0].strip().lower() == b"chunked"
        return None if plain else "transfer coding"
    if b"content-length" in response:
        return None if content_length(response) is not None else "content-length"
    if http_version.startswith(b"HTTP/1") and status not in _BODYLESS:
        return "end of body not proved"
    return None


def content_length(response: Head) -> int | None:
    """Return the announced length of the body in bytes, or None."""
    length = response.only(b"content-length")
    return int(length) if length is not None and length.isdigit() and len(length) < 19 else None
