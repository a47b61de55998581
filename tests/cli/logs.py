"""Logs for the tests of commands that read them."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import zstandard

from export.records import BEGAN, exchange
from forebay.trafficlog.record import Gap, Record, encode

DAY = timedelta(days=1)
RECORDS = (
    exchange(seq=1, timestamp=BEGAN, url_full="https://a.example/1", status=200),
    exchange(seq=2, timestamp=BEGAN + DAY, url_full="https://b.example/2", status=404,
             server_address="b.example"),
    Record(kind="dns", seq=3, timestamp=BEGAN + 2 * DAY, dns_question="www.a.example"),
)  # fmt: skip
GAP = Gap(lost=7, from_seq=4, to_seq=10)


def lines(items: Iterable[Record | Gap] = RECORDS) -> bytes:
    return b"".join(map(encode, items))


def _frames(data: bytes) -> bytes:
    """Compress as the log is: in several frames."""
    half = len(data) // 2
    return b"".join(map(zstandard.ZstdCompressor().compress, (data[:half], data[half:])))


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": _frames,
}


def written(path: Path, data: bytes | None = None) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lines() if data is None else data)
    return str(path)
