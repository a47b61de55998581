"""What a report reads of a record: the fields it counts, and no more.

Pure.  Fields that are not named here cost next to nothing, as the decoder
skips them.  What is no duration or size (negative, a text) is damage.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from forebay.trafficlog.record import VERSION, Gap, Record

type Bytes = Annotated[int, msgspec.Meta(ge=0)]
type Seconds = Annotated[float, msgspec.Meta(ge=0)]
type Moment = Annotated[datetime, msgspec.Meta(tz=True)]

_NAMES = {
    **dict(zip(Record.__struct_fields__, Record.__struct_encode_fields__, strict=True)),
    **dict(zip(Gap.__struct_fields__, Gap.__struct_encode_fields__, strict=True)),
}


class Block(msgspec.Struct, frozen=True, gc=False):
    """The blocklist's verdict."""

    action: str | None = None
    rule: str | None = None
    list: str | None = None
    path: str | None = None
    line: int | None = None
    reason: str | None = None


class Applied(msgspec.Struct, frozen=True, gc=False):
    """A rewrite rule that applied."""

    id: str | None = None
    file: str | None = None
    line: int | None = None
    mode: str | None = None
    failed: str | None = None
    skipped: str | None = None


class Cache(msgspec.Struct, frozen=True, gc=False):
    """The cache's verdict."""

    result: str | None = None
    reason: str | None = None
    age_s: float | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename=_NAMES.get):
    """A record, or a gap, as far as a report looks at it; see ``trafficlog.record``."""

    v: Annotated[int, msgspec.Meta(le=VERSION)]
    kind: str
    seq: int | None = None
    timestamp: Moment | None = None
    instance: str | None = None
    method: str | None = None
    url_full: str | None = None
    url_path: str | None = None
    status: int | None = None
    error_type: str | None = None
    error_message: str | None = None
    duration_s: Seconds | None = None
    first_byte_s: Seconds | None = None
    answered_by: str | None = None
    client_address: str | None = None
    server_address: str | None = None
    server_port: int | None = None
    server_name: str | None = None
    dns_question: str | None = None
    user: str | None = None
    request_body_bytes: Bytes | None = None
    response_body_bytes: Bytes | None = None
    delivered_bytes: Bytes | None = None
    client_bytes: Bytes | None = None
    server_bytes: Bytes | None = None
    response_content_type: str | None = None
    attempt: int | None = None
    retried: bool | None = None
    background: bool | None = None
    block: Block | None = None
    rewrite: list[Applied] | None = None
    cache: Cache | None = None
    sample_rate: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    truncated: list[str] | None = None
    lost: Annotated[int, msgspec.Meta(ge=0)] | None = None
    from_seq: int | None = None
    to_seq: int | None = None


decode = msgspec.json.Decoder(Line).decode
"""Return the `Line` of a line; raises `msgspec.MsgspecError`."""


def cache_word(cache: Cache) -> str:
    """Return in one word what the cache did.

    ``stale`` is an answer from the store that had expired; a request that was
    to revalidate one, and got a new response, is ``refetched``.

    >>> cache_word(Cache(result="stale", age_s=70)), cache_word(Cache(result="stale"))
    ('stale', 'refetched')
    """
    if cache.result == "stale" and cache.age_s is None:
        return "refetched"
    return cache.result or "unknown"
