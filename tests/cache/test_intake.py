"""What becomes of an origin's response; the hooks around it are tested with the addon."""

from __future__ import annotations

import pytest

from cache.builders import NOW, Origin, entry, get
from forebay.cache.cache_status import Fwd
from forebay.cache.decision import Forward, Revalidate
from forebay.cache.headers import Head
from forebay.cache.intake import Intake
from forebay.cache.key import primary_key
from forebay.cache.plan import Plan, note, target_of
from forebay.cache.ram import RamStore
from forebay.cache.storable import SetCookie
from forebay.cache.variants import Found
from forebay.proxycore import bodies


@pytest.fixture
def store():
    return RamStore(10**6)


def intake(store, set_cookie=SetCookie.REFUSE):
    def failed(where, error):
        raise error

    return Intake(store, 100, set_cookie, failed)


def taken(store, origin, *, set_cookie=SetCookie.REFUSE, stored=None):
    """Return the flow of a response that was taken for a request to ``/``."""
    flow = get()
    target = target_of(flow.request)
    head = Head(flow.request.headers.fields)
    found = Found(primary_key(target), stored)
    decision = Forward(Fwd.URI_MISS, "x") if stored is None else Revalidate((), Fwd.STALE, "stale")
    plan = Plan(target, decision, NOW - 1, head, found.key, found)
    note(flow, "miss", "x")
    flow.response = origin.answer(flow.request)
    intake(store, set_cookie).take(flow, plan, NOW)
    if origin.status != 304:
        flow.response.raw_content = origin.body
    bodies.finish_response(flow)
    intake(store, set_cookie).finish(flow, plan)
    return flow


def kept(store):
    return store.peek(primary_key(target_of(get().request)))


def test_the_entry_is_what_the_origin_sent_and_when(store):
    taken(store, Origin(status=404, cache_control="max-age=60", connection="x-hop", x_hop="1"))

    found = kept(store)
    assert (found.status, found.reason, found.body) == (404, b"OK", b"hello")
    assert found.fields == ((b"Cache-Control", b"max-age=60"), (b"Content-Length", b"5"))
    assert (found.requested_at_s, found.received_at_s) == (NOW - 1, NOW)


@pytest.mark.parametrize(
    ("set_cookie", "expected"),
    [(SetCookie.REFUSE, None), (SetCookie.STRIP, False), (SetCookie.STORE, True)],
)
def test_cookies_are_kept_by_choice_and_always_passed_on(store, set_cookie, expected):
    flow = taken(store, Origin(cache_control="max-age=60", set_cookie="a=1"), set_cookie=set_cookie)

    assert flow.response.headers["set-cookie"] == "a=1"
    if expected is None:
        assert kept(store) is None
    else:
        assert (b"Set-Cookie" in dict(kept(store).fields)) is expected


def test_a_cookie_of_a_304_is_for_this_client_only(store):
    """The stored response stays as it was."""
    stored = entry()

    flow = taken(store, Origin(status=304, set_cookie="a=1"), stored=stored)

    assert flow.response.headers["set-cookie"] == "a=1"
    assert flow.response.raw_content == stored.body
    assert kept(store) is None


def test_a_body_beyond_the_limit_is_given_up(store):
    taken(
        store,
        Origin(
            length=False, transfer_encoding="chunked", cache_control="max-age=60", body=bytes(101)
        ),
    )

    assert kept(store) is None
