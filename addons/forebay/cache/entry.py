"""The stored form: bytes with their own proof.

A database or a value file may hand back bytes that were cut, flipped or meant
for another key, and says nothing.  So an encoded record carries magic, format,
key and lengths, and a checksum over all of it; ``decode`` accepts what
is intact and nothing else, and never runs anything that it reads.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import msgspec

from forebay.cache.checksum import CHECKSUM_BYTES, checksum
from forebay.cache.freshness import Validity, validity
from forebay.cache.headers import Fields, Head
from forebay.cache.largebody import Body, LargeBody
from forebay.cache.ranges import Part, content_range
from forebay.cache.staleness import Allowance, allowance
from forebay.cache.targeted import governing
from forebay.cache.vary import Names, Values

MAGIC = b"FBC"
FORMAT = 4
"""Format number of what is written here; a folder of a higher one is refused."""

_PREFIX = struct.Struct(">3sBBIQ")  # magic, format, key length, meta length, body length


class DamagedEntryError(Exception):
    """Bytes that are not an intact record of the key that was asked for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored response.

    Args:
        fields: its end-to-end fields as the origin sent them (§3.1).
        requested_at_s: when its request was sent, POSIX seconds.
        received_at_s: when its head was received, POSIX seconds.
        said: what that request said in the fields of its Vary (§4.1).
        body: the bytes as transferred, without transfer coding; long ones in a file.
        targeted: whether CDN-Cache-Control was obeyed (RFC 9213).
        forced_s: its lifetime by the user's own rules, in seconds.
        url: of its request, as ``selection.url_of`` spells it; for commands, not for lookups.
        part: which bytes they are, for a stored 206.
    """

    status: int
    reason: bytes
    fields: Fields
    requested_at_s: float
    received_at_s: float
    said: Values
    body: Body
    targeted: bool = False
    forced_s: int | None = None
    url: str = ""
    validity: Validity = field(init=False, compare=False, repr=False)
    allowance: Allowance = field(init=False, compare=False, repr=False)
    no_cache: bool = field(init=False, compare=False, repr=False)
    part: Part | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # What a lookup asks for is read once here; the rest stays plain pairs,
        # as a head by name would double what an entry takes in memory.
        head = Head(self.fields)
        control = governing(head, targeted=self.targeted).control
        said = validity(
            head,
            requested_at_s=self.requested_at_s,
            received_at_s=self.received_at_s,
            status=self.status,
            targeted=self.targeted,
            forced_s=self.forced_s,
        )
        object.__setattr__(self, "validity", said)
        object.__setattr__(self, "allowance", allowance(control))
        object.__setattr__(self, "no_cache", control.has("no-cache"))
        object.__setattr__(self, "part", content_range(head) if self.status == 206 else None)


@dataclass(frozen=True, slots=True)
class VaryIndex:
    """What lies under the key of a URL whose responses vary.

    Args:
        name_sets: the sets of names to try.
        begun_at_s: tells it from an earlier index of the same URL, POSIX seconds.
    """

    name_sets: tuple[Names, ...]
    begun_at_s: float


type Record = Entry | VaryIndex


class _EntryMeta(msgspec.Struct, array_like=True, tag="entry", frozen=True):
    status: int
    reason: bytes
    fields: Fields
    requested_at_s: float
    received_at_s: float
    said: Values
    targeted: bool
    forced_s: int | None
    url: str


class _LargeMeta(_EntryMeta, array_like=True, tag="large", frozen=True):
    name: str
    total_bytes: int
    digests: bytes


class _IndexMeta(msgspec.Struct, array_like=True, tag="vary", frozen=True):
    name_sets: tuple[Names, ...]
    begun_at_s: float


_decoder = msgspec.msgpack.Decoder(_EntryMeta | _LargeMeta | _IndexMeta)
_encoder = msgspec.msgpack.Encoder()


def encode(key: bytes, record: Record) -> bytes:
    """Return the bytes to store *record* under *key*; a body in a file is not among them."""
    meta: _EntryMeta | _LargeMeta | _IndexMeta
    body = b""
    if isinstance(record, Entry):
        head = (
            record.status,
            record.reason,
            record.fields,
            record.requested_at_s,
            record.received_at_s,
            record.said,
            record.targeted,
            record.forced_s,
            record.url,
        )
        if isinstance(record.body, LargeBody):
            large = record.body
            meta = _LargeMeta(*head, large.name, large.total_bytes, large.digests)
        else:
            meta, body = _EntryMeta(*head), record.body
    else:
        meta = _IndexMeta(record.name_sets, record.begun_at_s)
    packed = _encoder.encode(meta)
    prefix = _PREFIX.pack(MAGIC, FORMAT, len(key), len(packed), len(body))
    proof = checksum(prefix, key, packed, body)
    return b"".join((prefix, proof, key, packed, body))


def decode(key: bytes, data: bytes) -> Record:
    """Return the record that ``encode`` made *data* from.

    Raises:
        DamagedEntryError: when *data* is not intact, or of another key or format.
    """
    start = _PREFIX.size + CHECKSUM_BYTES
    if len(data) < start:
        raise DamagedEntryError(f"expected at least {start} bytes, found {len(data)}")
    magic, number, key_length, meta_length, body_length = _PREFIX.unpack_from(data)
    if (magic, number) != (MAGIC, FORMAT):
        raise DamagedEntryError(f"expected format {FORMAT}, found {magic!r} {number}")
    if len(data) != start + key_length + meta_length + body_length:
        raise DamagedEntryError(f"expected another length, found {len(data)} bytes")
    rest = memoryview(data)[start:]
    if checksum(data[: _PREFIX.size], rest) != data[_PREFIX.size : start]:
        raise DamagedEntryError("expected another checksum")
    if rest[:key_length] != key:
        raise DamagedEntryError("expected another key")
    try:
        meta = _decoder.decode(rest[key_length : key_length + meta_length])
    except (msgspec.MsgspecError, ValueError) as error:  # a tag may be no UTF-8
        raise DamagedEntryError(f"expected a record, found {error}") from None
    if isinstance(meta, _IndexMeta):
        return VaryIndex(meta.name_sets, meta.begun_at_s)
    body: Body = bytes(rest[key_length + meta_length :])
    if isinstance(meta, _LargeMeta):
        body = LargeBody(meta.name, meta.total_bytes, meta.digests)
        if not body.is_sound or body_length:
            raise DamagedEntryError("expected a digest for each piece of its body")
    return Entry(
        meta.status,
        meta.reason,
        meta.fields,
        meta.requested_at_s,
        meta.received_at_s,
        meta.said,
        body,
        meta.targeted,
        meta.forced_s,
        meta.url,
    )
