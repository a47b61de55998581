"""Several responses under one URL: RFC 9111 §4.1."""

from __future__ import annotations

import asyncio

import pytest

from cache.builders import NOW, entry, head, key
from forebay.cache import variants, vary
from forebay.cache.entry import VaryIndex
from forebay.cache.ram import RamStore
from forebay.cache.variants import Found


@pytest.fixture
def store():
    return RamStore(10**6)


def save(store, request, *, on=(), known=None, body=b"x", received_at_s=NOW):
    said = vary.values(on, request)
    record = entry(said=said, body=body, received_at_s=received_at_s, cache_control="max-age=60")
    variants.save(store, key(), known, record)
    return record


def find(store, request):
    return asyncio.run(variants.find(store, key(), request))


def test_a_response_without_vary_is_one_record(store):
    saved = save(store, head())

    assert find(store, head(accept="a")) == Found(key(), saved)
    assert len(store) == 1


def test_nothing_is_found_in_an_empty_store(store):
    assert find(store, head()) == Found(key())


def test_two_variants_live_side_by_side(store):
    german = save(store, head(lang="de"), on=(b"lang",), body=b"de")
    none = save(store, head(), on=(b"lang",), body=b"-")

    assert find(store, head(lang="de")).entry == german
    assert find(store, head()).entry == none
    missing = find(store, head(lang="fr"))
    assert missing.entry is None and missing.index == VaryIndex(((b"lang",),), NOW)


def test_of_several_matches_the_most_recent_is_taken(store):
    request = head(a="1", b="2")
    save(store, request, on=(b"a",), received_at_s=NOW)
    newest = save(store, request, on=(b"b",), received_at_s=NOW + 9)
    save(store, request, on=(b"a", b"b"), received_at_s=NOW + 5)

    assert find(store, request).entry == newest


def test_a_response_without_vary_joins_those_with_it(store):
    save(store, head(lang="de"), on=(b"lang",))
    plain = save(store, head(lang="fr"), received_at_s=NOW + 9)

    assert find(store, head(lang="de")).entry == plain
    assert find(store, head(lang="xx")).entry == plain


def test_an_index_that_was_lost_is_written_again(store):
    known = VaryIndex(((b"lang",), (b"a",)), 5.0)

    save(store, head(lang="de"), on=(b"lang",), known=known)

    assert store.peek(key()) == known


def test_values_beyond_all_bounds_select_nothing(store):
    save(store, head(lang="de"), on=(b"lang",))

    assert find(store, head(lang="x" * 20_000)).entry is None


def test_a_record_that_says_something_else_is_not_taken(store):
    """A clash of keys, or a store that was tampered with."""
    said = ((b"lang", b"de"),)
    save(store, head(lang="de"), on=(b"lang",))
    store.put(vary.variant_key(key(), said, NOW), entry(said=((b"lang", b"fr"),)))

    assert find(store, head(lang="de")).entry is None


def test_no_variant_outlives_its_index():
    """So deleting one record forgets all of a URL."""
    store = RamStore(10**6)
    save(store, head(lang="de"), on=(b"lang",), received_at_s=NOW)
    store.delete(key())

    save(store, head(lang="fr"), on=(b"lang",), received_at_s=NOW + 1)

    assert find(store, head(lang="fr")).entry is not None
    assert find(store, head(lang="de")).entry is None
