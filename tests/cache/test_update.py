"""What an answer makes of the stored response: RFC 9111 §4.3.3 to §4.3.5, RFC 5861 §4."""

from __future__ import annotations

import pytest

from cache.builders import NOW, Origin, entry, get
from forebay.cache import update
from forebay.cache.cache_status import Fwd
from forebay.cache.decision import Revalidate
from forebay.cache.headers import Head
from forebay.cache.key import primary_key
from forebay.cache.plan import Plan, target_of
from forebay.cache.storable import SetCookie
from forebay.cache.variants import Found

STALE = {"cache_control": "max-age=10", "etag": '"a"', "x": "old"}


def planned(flow, stored):
    target = target_of(flow.request)
    key = primary_key(target)
    decision = Revalidate((), Fwd.STALE, "stale")
    asked = Head(flow.request.headers.fields)
    return Plan(target, decision, NOW + 20, asked, key, Found(key, stored))


def refreshed(stored, origin, **asked):
    flow = get(**asked)
    plan = planned(flow, stored)
    response = origin.answer(flow.request)
    found = update.refresh(flow.request, response, plan, NOW + 20, SetCookie.REFUSE)
    assert plan.response is response and response.raw_content == plan.body
    return found, plan, response


def test_a_304_updates_the_head_and_answers_with_the_body():
    origin = Origin(status=304, etag='"a"', x="new", age="5")

    found, plan, response = refreshed(entry(**STALE), origin)

    assert found.body == b"hello"
    assert (response.status_code, response.headers["x"]) == (200, "new")
    assert response.headers["age"] == "5" and plan.body == b"hello"


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [({"if_none_match": '"a"'}, 304, b""), ({"range": "bytes=1-2"}, 206, b"el")],
)
def test_the_client_gets_what_it_asked_for(asked, status, body):
    found, plan, response = refreshed(entry(**STALE), Origin(status=304), **asked)

    assert (response.status_code, plan.body) == (status, body)
    assert found.body == b"hello"
    assert "age" not in response.headers


def test_a_part_is_refreshed_as_one():
    part = entry(status=206, body=b"cdefg", content_range="bytes 2-6/10", **STALE)

    found, plan, response = refreshed(part, Origin(status=304), range="bytes=3-4")

    assert found.part == part.part
    assert (response.status_code, plan.body) == (206, b"de")


def test_a_part_that_no_longer_fits_is_given_as_it_was():
    """Its date is that of the 304 now, and no longer a minute old."""
    old = "Tue, 14 Nov 2023 21:13:20 GMT"
    part = entry(
        status=206,
        body=b"cdefg",
        content_range="bytes 2-6/10",
        cache_control="max-age=10",
        last_modified=old,
        date="Tue, 14 Nov 2023 22:13:20 GMT",
    )
    origin = Origin(status=304, last_modified=old, date=old)

    _, plan, response = refreshed(part, origin, range="bytes=3-4", if_range=old)

    assert (response.status_code, plan.body) == (206, b"de")


def test_a_304_about_another_response_updates_nothing():
    found, _, response = refreshed(entry(**STALE), Origin(status=304, etag='"b"', x="new"))

    assert found in update.OUTDATING
    assert (response.status_code, response.headers["x"]) == (200, "old")


def test_one_that_forbids_storing_is_passed_on_once():
    origin = Origin(status=304, cache_control="no-store", x="new")

    found, plan, response = refreshed(entry(**STALE), origin)

    assert found == "no-store"
    assert response.headers["x"] == "new" and plan.body == b"hello"


@pytest.mark.parametrize(
    ("stored", "origin", "expected"),
    [
        (None, Origin(), "method HEAD"),
        (entry(**STALE), Origin(status=404), "method HEAD"),
        (entry(**STALE), Origin(etag='"b"'), "HEAD for another response"),
        (entry(**STALE), Origin(etag='"a"', cache_control="private"), "private"),
        (entry(**STALE), Origin(), "HEAD without validator"),
        (entry(**STALE), Origin(length=False), "HEAD without validator"),
        (entry(**STALE), Origin(body=b"longer"), "HEAD for another response"),
    ],
)
def test_a_head_that_confirms_nothing(stored, origin, expected):
    flow = get(method="HEAD")

    found = update.confirm(
        flow.request,
        origin.answer(flow.request),
        planned(flow, stored),
        NOW + 20,
        SetCookie.REFUSE,
    )

    assert found == expected


def test_a_head_that_confirms_updates_the_stored_get():
    flow = get(method="HEAD")
    response = Origin(etag='"a"', x="new").answer(flow.request)

    found = update.confirm(
        flow.request, response, planned(flow, entry(**STALE)), NOW + 20, SetCookie.REFUSE
    )

    assert dict(found.fields)[b"X"] == b"new" and found.body == b"hello"
    assert found.received_at_s == NOW + 20


def test_what_is_not_stored_of_a_304_is_the_clients_all_the_same():
    """Its cookie, where cookies are stripped of what is stored."""
    flow = get()
    plan = planned(flow, entry(**STALE))
    response = Origin(status=304, set_cookie="session=new").answer(flow.request)

    found = update.refresh(flow.request, response, plan, NOW + 20, SetCookie.STRIP)

    assert response.headers["set-cookie"] == "session=new"
    assert b"set-cookie" not in Head(found.fields)


@pytest.mark.parametrize(
    ("control", "status", "limit_bytes", "stands"),
    [
        ("max-age=10, stale-if-error=60", 503, 100, True),
        ("max-age=10", 503, 100, False),
        ("max-age=10, stale-if-error=60", 404, 100, False),
        ("max-age=10, stale-if-error=60", 503, 4, False),
    ],
)
def test_a_server_error_is_stood_in_for(control, status, limit_bytes, stands):
    flow = get()
    plan = planned(flow, entry(cache_control=control))
    response = Origin(status=status, body=b"broke").answer(flow.request)

    serve = update.stand_in_for_error(response, plan, NOW + 20, limit_bytes)

    assert (serve is not None) is stands is (plan.response is response)
    assert response.status_code == (200 if stands else status)
    if stands:
        assert response.headers["age"] == "20" and plan.body == b"hello"
