"""Finding and keeping the responses of one URL in a store (RFC 9111 §4.1).

A URL without Vary is one record.  With it, the URL's own record lists the
sets of field names to try, and each response has a record of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from forebay.cache import vary
from forebay.cache.entry import Entry, Record, VaryIndex
from forebay.cache.headers import Head

if TYPE_CHECKING:
    from forebay.cache.store import Store


class Readable(Protocol):
    """As much of a store as finding needs."""

    def peek(self, key: bytes) -> Record | None:
        """Return the record of *key* if that needs no waiting, or None."""

    async def get(self, key: bytes) -> Record | None:
        """Return the record of *key*, or None when there is no intact one."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a store holds for a request: the selected response and its key, and the URL's index."""

    key: bytes
    entry: Entry | None = None
    index: VaryIndex | None = None


async def find(store: Readable, primary: bytes, request: Head) -> Found:
    """Return what *store* holds for *request*; of several matches the most recent (§4)."""
    record = await _get(store, primary)
    if record is None:
        return Found(primary)
    if isinstance(record, Entry):
        return Found(primary, record)
    best = Found(primary, index=record)
    for names in record.name_sets:
        said = vary.values(names, request)
        if said is None:
            continue
        key = vary.variant_key(primary, said, record.begun_at_s)
        entry = await _get(store, key)
        if (
            isinstance(entry, Entry)
            and entry.said == said
            and (best.entry is None or _recency(entry) > _recency(best.entry))
        ):
            best = Found(key, entry, record)
    return best


def save(store: Store, primary: bytes, known: VaryIndex | None, entry: Entry) -> None:
    """Keep *entry*, which carries what its request said; *known* is the index last seen."""
    present = store.peek(primary)
    index = present if isinstance(present, VaryIndex) else known
    if not entry.said and index is None:
        store.put(primary, entry)
        return
    before = () if index is None else index.name_sets
    begun_at_s = entry.received_at_s if index is None else index.begun_at_s
    names = tuple(name for name, _ in entry.said)
    after = vary.with_names(before, names)
    if after != before or not isinstance(present, VaryIndex):
        store.put(primary, VaryIndex(after, begun_at_s))
    store.put(vary.variant_key(primary, entry.said, begun_at_s), entry)


async def _get(store: Readable, key: bytes) -> Record | None:
    found = store.peek(key)
    return found if found is not None else await store.get(key)


def _recency(entry: Entry) -> tuple[float, float]:
    return entry.validity.date_s, entry.received_at_s
