"""What an origin's answer makes of the stored response, and what the client gets of it then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mitmproxy import http

from forebay.cache import answer, storable, validation
from forebay.cache.completion import Completion
from forebay.cache.decision import Serve, stand_in
from forebay.cache.entry import Entry
from forebay.cache.freshness import initial_age
from forebay.cache.headers import Head
from forebay.cache.judge import judged
from forebay.cache.largebody import Body
from forebay.cache.plan import Plan
from forebay.cache.shape import shape
from forebay.cache.staleness import Failure
from forebay.cache.statuses import SERVER_ERRORS

_OTHER_304 = "304 for another response"
_OTHER_HEAD = "HEAD for another response"
OUTDATING = frozenset({_OTHER_304, _OTHER_HEAD})
"""Reasons that say that the stored response is no longer the origin's."""


def refresh(
    request: http.Request,
    response: http.Response,
    plan: Plan,
    now_s: float,
    set_cookie: storable.SetCookie,
) -> Entry | str:
    """Make the answer of a 304 to our own validation (§4.3.3).

    Returns:
        The stored response as it is updated (§4.3.4), or why it is not.
    """
    assert plan.found is not None
    stored = plan.found.entry
    assert stored is not None
    news = Head(response.headers.fields)
    # First of all an answer to what the client has asked, whatever goes wrong
    # below.  With a body in place nobody streams it.
    _give(response, stored, plan, now_s)
    if not validation.selects(news, Head(stored.fields)):
        return _OTHER_304  # it calls ours current and names another: good for this once
    fields = validation.merge(stored.fields, news)
    complete = judged(request, stored.status, stored.reason, Head(fields), plan, now_s, set_cookie)
    if isinstance(complete, str):
        passing = replace(stored, fields=fields, requested_at_s=now_s, received_at_s=now_s)
        _give(response, passing, plan, now_s)
        return complete
    refreshed = complete(stored.body)
    # What must not be stored, such as Set-Cookie, is this client's all the same.
    _give(response, replace(refreshed, fields=fields), plan, now_s)
    if b"age" in news:
        _append_age(response, int(initial_age(refreshed.validity)))
    return refreshed


def complete(
    request: http.Request,
    response: http.Response,
    plan: Plan,
    found: Completion,
    now_s: float,
    set_cookie: storable.SetCookie,
) -> Callable[[Body], Entry] | str:
    """Make a 206 the head of the whole, whose body comes later, into ``plan.completion`` (§3.4).

    Returns:
        What makes an entry of that body, or why it must not be stored.
    """
    response.data.http_version = b"HTTP/1.1"
    response.status_code, response.data.reason = 200, b"OK"
    response.headers = http.Headers(found.fields)
    plan.response, plan.completion = response, found
    return judged(request, 200, b"OK", Head(found.fields), plan, now_s, set_cookie)


def fail_to_complete(response: http.Response, plan: Plan) -> None:
    """Make a 502 of an answer to a request for the rest that is not the rest.

    The client has asked for the whole, and gets it when it asks again.
    """
    body = b"The origin's answer does not fit what is stored. Please try again.\n"
    failed = http.Response.make(502, body, answer.TEXT_UNSTORED)
    response.data.http_version = b"HTTP/1.1"
    response.status_code, response.data.reason = 502, failed.data.reason
    response.headers = failed.headers
    response.raw_content = plan.body = body
    plan.response, plan.completion = response, None


def confirm(
    request: http.Request,
    response: http.Response,
    plan: Plan,
    now_s: float,
    set_cookie: storable.SetCookie,
) -> Entry | str:
    """Return the stored GET as a 200 to HEAD updates it (§4.3.5), or why it does not."""
    assert plan.found is not None
    stored = plan.found.entry
    if stored is None or response.status_code != 200:
        return "method HEAD"
    news = Head(response.headers.fields)
    size = len(stored.body) if stored.part is None else stored.part.total
    if not validation.head_confirms(news, Head(stored.fields), size):
        return _OTHER_HEAD
    if not validation.has_validator(news):
        return "HEAD without validator"  # whether it is about the same bytes nobody knows
    head = Head(validation.merge(stored.fields, news))
    complete = judged(request, stored.status, stored.reason, head, plan, now_s, set_cookie)
    return complete if isinstance(complete, str) else complete(stored.body)


def stand_in_for_error(
    response: http.Response, plan: Plan, now_s: float, limit_bytes: int
) -> Serve | None:
    """Put the stored answer in place of a server error, if both sides allow it (RFC 5861 §4).

    Not of one with more than *limit_bytes*, which would be read into memory to be dropped.
    """
    assert plan.found is not None
    stored = plan.found.entry
    if stored is None or response.status_code not in SERVER_ERRORS:
        return None
    length = storable.content_length(Head(response.headers.fields))
    if length is not None and length > limit_bytes:
        return None
    serve = stand_in(plan.asked, stored, now_s, Failure.SERVER_ERROR, is_get=plan.is_get)
    if serve is not None:
        _give(response, stored, plan, now_s)
        _append_age(response, serve.age_s)
    return serve


def _give(response: http.Response, entry: Entry, plan: Plan, now_s: float) -> None:
    """Turn *response* into the answer to what the client asked, from *entry*."""
    found = shape(plan.asked, entry, now_s, is_get=plan.is_get)
    if found is None:
        return  # a part that fitted until it was updated: what was given stays
    form = answer.formed(entry, found)
    response.data.http_version = b"HTTP/1.1"
    response.status_code, response.data.reason = form.status, form.reason
    response.headers = http.Headers(form.fields)
    plan.body = form.body if plan.is_get else b""
    response.raw_content = plan.body if isinstance(plan.body, bytes) else b""
    plan.response = response


def _append_age(response: http.Response, age_s: int) -> None:
    response.headers.fields = (*response.headers.fields, (b"Age", b"%d" % age_s))
