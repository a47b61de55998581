"""What becomes of an origin's response; the hooks around it are tested with the addon."""

from __future__ import annotations

import pytest

from cache.builders import NOW, Origin, entry, get, large
from forebay.cache.cache_status import Fwd
from forebay.cache.decision import Forward, Revalidate
from forebay.cache.headers import Head
from forebay.cache.intake import Intake
from forebay.cache.key import primary_key
from forebay.cache.plan import Plan, note, notes_of, target_of
from forebay.cache.ram import RamStore
from forebay.cache.storable import SetCookie
from forebay.cache.variants import Found
from forebay.proxycore import bodies


@pytest.fixture
def store():
    return RamStore(10**6)


def intake(store, set_cookie=SetCookie.REFUSE, limit_bytes=100):
    def failed(where, error):
        raise error

    return Intake(store, limit_bytes, set_cookie, failed)


def taken(store, origin, *, set_cookie=SetCookie.REFUSE, stored=None, limit_bytes=100):
    """Return the flow of a response that was taken for a request to ``/``."""
    flow = get()
    target = target_of(flow.request)
    head = Head(flow.request.headers.fields)
    found = Found(primary_key(target), stored)
    decision = Forward(Fwd.URI_MISS, "x") if stored is None else Revalidate((), Fwd.STALE, "stale")
    plan = Plan(target, decision, NOW - 1, head, found.key, found)
    note(flow, "miss", "x")
    flow.response = origin.answer(flow.request)
    intake(store, set_cookie, limit_bytes).take(flow, plan, NOW)
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


class OnDisk(RamStore):
    """Memory whose drafts are done at once, or refused when they end."""

    def __init__(self, is_willing=True):
        super().__init__(10**6)
        self.records, self.discarded, self.is_willing = {}, [], is_willing

    def draft(self):
        return self

    def feed(self, data):
        pass

    def finish(self, done):
        if self.is_willing:
            self.promise = done
        return self.is_willing

    def put(self, key, record):
        self.records[key] = record

    def discard(self, body):
        self.discarded.append(body)


LONG = bytes(2 * 2**20)


@pytest.mark.parametrize("is_willing", [True, False])
def test_a_long_body_is_stored_when_its_file_is_there(is_willing):
    store = OnDisk(is_willing)

    flow = taken(store, Origin(cache_control="max-age=60", body=LONG), limit_bytes=len(LONG))

    assert notes_of(flow)["stored"] is is_willing and store.records == {}
    if is_willing:
        store.promise(large(len(LONG)))
        (found,) = store.records.values()
        assert found.body == large(len(LONG)) and store.discarded == []


def test_a_file_for_what_was_changed_meanwhile_is_discarded(monkeypatch):
    store = OnDisk()
    monkeypatch.setattr(Intake, "_save", lambda *given: False)

    flow = taken(store, Origin(cache_control="max-age=60", body=LONG), limit_bytes=len(LONG))
    store.promise(large(len(LONG)))

    assert store.discarded == [large(len(LONG))] and notes_of(flow)["stored"] is False


def test_a_304_for_a_body_in_a_file_has_it_sent_from_there(monkeypatch):
    told = []
    monkeypatch.setattr(
        "forebay.proxycore.source.attach",
        lambda flow, size_bytes, read, *, over_wire: told.append((size_bytes, over_wire)),
    )

    flow = taken(RamStore(10**6), Origin(status=304, x="1"), stored=entry(body=large(2**21)))

    assert flow.response.status_code == 200 and flow.response.headers["x"] == "1"
    assert told == [(2**21, True)]


class TestOrder:
    """What was asked for earlier never takes the place of what was asked for later (§4)."""

    def taken_at(self, found, asked_s, body):
        flow = get()
        target = target_of(flow.request)
        head = Head(flow.request.headers.fields)
        plan = Plan(
            target,
            Forward(Fwd.URI_MISS, "x"),
            asked_s,
            head,
            key := primary_key(target),
            Found(key),
        )
        note(flow, "miss", "x")
        flow.response = Origin(cache_control="max-age=60", body=body).answer(flow.request)
        found.take(flow, plan, NOW)
        flow.response.raw_content = body
        return flow

    def test_an_older_response_that_ends_later_is_not_stored(self, store):
        found = intake(store)
        older = self.taken_at(found, NOW - 9, b"older")
        newer = self.taken_at(found, NOW - 5, b"newer")

        bodies.finish_response(newer)
        bodies.finish_response(older)

        assert kept(store).body == b"newer"
        assert (notes_of(newer)["stored"], notes_of(older)["stored"]) == (True, False)

    def test_what_was_under_way_during_a_purge_is_not_stored(self, store):
        """And what was stored just before it was known goes."""
        found = intake(store)
        stored = self.taken_at(found, NOW - 1, b"before")
        bodies.finish_response(stored)
        under_way = self.taken_at(found, NOW - 1, b"under way")

        found.outdate(NOW)
        bodies.finish_response(under_way)

        assert kept(store) is None
        later = self.taken_at(found, NOW + 1, b"later")
        bodies.finish_response(later)
        assert kept(store).body == b"later"


def test_an_error_page_of_unknown_length_is_not_read_for_ever(store):
    """Its place is taken by what is stored; so it is kept up to a limit, and no further."""
    stale = entry(cache_control="max-age=0, stale-if-error=60")
    origin = Origin(status=503, length=False, transfer_encoding="chunked")

    flow = taken(store, origin, stored=stale)

    assert flow.response.status_code == 200
    assert flow.response.raw_content == b"hello"
