"""Which responses a shared cache may store (RFC 9111 §3, §3.5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from forebay.cache import vary
from forebay.cache.directives import Directives, cache_control
from forebay.cache.freshness import Validity, is_fresh
from forebay.cache.headers import Fields, Head, end_to_end, has_control, without
from forebay.cache.ranges import content_range
from forebay.cache.statuses import HEURISTIC, UNDERSTOOD, is_final
from forebay.cache.targeted import governing
from forebay.cache.validation import has_validator

# These speak of a range or condition of one request, not of the resource.
_OF_THE_REQUEST = frozenset({412, 416})
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
    targeted: bool = False,
    to_post: bool = False,
) -> Storable | Unstorable:
    """Return whether a response may be stored for later GETs, and what of its head.

    Args:
        request: the head of the GET, or of the POST.
        status: the response's status code.
        response: its head.
        validity: what it says about its lifetime.
        set_cookie: what becomes of one with Set-Cookie.
        targeted: whether CDN-Cache-Control is obeyed (RFC 9213).
        to_post: whether it answers a POST, and says that it represents the
            target itself (RFC 9110 §9.3.3).
    """
    control = governing(response, targeted=targeted).control
    reason = (
        _status_reason(status, request, response)
        or _control_reason(status, control, request)
        or ("POST without explicit freshness" if to_post and not validity.is_explicit else None)
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


def _status_reason(status: int, request: Head, response: Head) -> str | None:
    # 1. a 304 is about another response
    if not is_final(status) or status == 304:
        return f"status {status}"
    # 2. an answer about the range or condition of this request
    if status in _OF_THE_REQUEST and (b"range" in request or b"if-none-match" in request):
        return f"status {status}"
    # 3. a part, of which it must be known which (§3.3)
    if status == 206 and (b"range" not in request or content_range(response) is None):
        return "status 206 without its range"
    return None


def _control_reason(status: int, control: Directives, request: Head) -> str | None:
    """Return which directive of either side, or which credentials, forbid it."""
    if cache_control(request).has("no-store"):
        return "request no-store"
    if control.grants("must-understand"):  # in place of no-store (§5.2.2.3)
        if status not in UNDERSTOOD:
            return "must-understand"
    elif control.has("no-store"):
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
    if not v.is_explicit and status not in HEURISTIC and not control.grants("public"):
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


def body_reason(
    http_version: bytes, status: int, response: Head, *, limit_bytes: int
) -> str | None:
    """Return why the body that this head announces cannot be stored, or None."""
    reason = framing_reason(http_version, status, response)
    if reason is not None:
        return reason
    length = content_length(response)
    if length is not None and length > limit_bytes:
        return "too large"
    part = content_range(response) if status == 206 else None
    # What it says of itself must fit, or later ranges would be of other bytes.
    if part is not None and length not in (None, part.size_bytes):
        return "content-range"
    return None


def content_length(response: Head) -> int | None:
    """Return the announced length of the body in bytes, or None."""
    length = response.only(b"content-length")
    return int(length) if length is not None and length.isdigit() and len(length) < 19 else None
