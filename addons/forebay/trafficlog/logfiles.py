"""Which files make up the traffic log of a home, oldest first; `rotation` says their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from forebay.errors import ForebayError
from forebay.trafficlog.rotation import PACKED, PART, Family

_FAMILY = Family("traffic.jsonl")
_STAMP = re.compile(r"-([0-9]{8}T[0-9]{6}Z)-[0-9]+\.")


def default_files(home: Path) -> list[Path]:
    """Return the files of the traffic log in *home*: rotated ones in their order, live ones last.

    A file that was compressed and not removed yet (both hold the same) is left
    out; so is what has the name of a log but is no file.

    Raises:
        ForebayError: when the folder cannot be read; one that is missing has no files.
    """
    folder = home / "log"
    try:
        found = {path.name: path for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ForebayError(f"expected to read {folder}, found: {error.strerror}") from None
    aged = [
        (age, path)
        for name, path in found.items()
        if (age := _age(path)) is not None and name + PACKED not in found and path.is_file()
    ]
    return [path for _, path in sorted(aged)]


def still_there(files: Iterable[Path]) -> Iterator[Path]:
    """Yield each of *files* that is there when its turn comes, or its compressed form.

    To read those before it may take minutes, in which the proxy compresses and deletes.
    """
    for path in files:
        packed = path.with_name(path.name + PACKED)
        if path.exists():
            yield path
        elif packed.exists():
            yield packed


def rotated_at(path: Path) -> datetime | None:
    """Return when a file of the log was rotated, by its name; null for a live one.

    >>> rotated_at(Path("traffic-20260102T030405Z-000001.jsonl.zst")).isoformat()
    '2026-01-02T03:04:05+00:00'
    """
    stamp = _STAMP.search(path.name)
    if stamp is None or _FAMILY.rotated(path.name) is None:
        return None
    try:
        return datetime.strptime(stamp[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:  # the 99th of a month
        return None


def _age(path: Path) -> tuple[bool, int, float] | None:
    """Return what sorts files by age; null for a name that is none of the log's.

    The number of a rotated file says its place even when the clock was set back.
    """
    if _FAMILY.is_live(path.name):
        try:
            return True, 0, path.stat().st_mtime
        except OSError:  # rotated at this moment, so it was in use
            return True, 0, float("inf")
    rotated = _FAMILY.rotated(path.name)
    return None if rotated is None or rotated.ending == PART else (False, rotated.number, 0.0)
