"""When the log begins a new file, what the old ones are called, and which have to go.

Pure: no files, no clock.  A log ``traffic.jsonl`` has a family of files in its
folder, and no other is ever touched:

* ``traffic.jsonl``, and ``traffic-PID.jsonl`` of a process that found it in
  use (``traffic-PID-2.jsonl`` of a second log in that process): *live*;
* ``traffic[-PID]-20250131T235959Z-000042.jsonl``: *rotated*, at that time in
  UTC.  The number is greater than that of all that were there, so that it says
  the order even when the clock was set back;
* the same with ``.zst``: compressed; with ``.zst.part``: not yet whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath

PACKED = ".zst"
PART = ".zst.part"


@dataclass(frozen=True, slots=True)
class Rotation:
    """How the log is cut into files, and what is kept of them.

    Args:
        at_bytes: size at which a new file begins; 0: at none.
        every_s: length of the periods, counted from 1970 in UTC, of which each
            gets files of its own; 0: no such periods.
        total_bytes: how much all files of the log may hold; 0: any number.
        pack: whether what is rotated is compressed.
    """

    at_bytes: int = 100 * 1024 * 1024
    every_s: int = 0
    total_bytes: int = 1024 * 1024 * 1024
    pack: bool = True

    @property
    def limit_bytes(self) -> int:
        """Size at which a new file begins: half of what is kept, at most; 0: at none.

        >>> Rotation(at_bytes=100, total_bytes=50).limit_bytes
        25
        """
        if self.at_bytes and self.total_bytes:
            return max(1, min(self.at_bytes, self.total_bytes // 2))
        return self.at_bytes

    def is_due(self, size_bytes: int, more_bytes: int, written_at_s: float, now_s: float) -> bool:
        """Return whether a new file begins before *more_bytes* are written.

        A clock that was set back into another period is a reason too: else
        none would come until it has caught up.

        Args:
            size_bytes: of the file; one that is empty is not rotated.
            more_bytes: what is to be written next; may be 0.
            written_at_s: POSIX time when something was written to the file.
            now_s: POSIX time.

        >>> Rotation(every_s=3600).is_due(10, 0, written_at_s=3599, now_s=3600)
        True
        """
        if not size_bytes:
            return False
        if self.limit_bytes and size_bytes + more_bytes > self.limit_bytes:
            return True
        return bool(self.every_s) and now_s // self.every_s != written_at_s // self.every_s

    def surplus(self, rotated: Iterable[Rotated], live_bytes: int) -> list[Rotated]:
        """Return those to be deleted, the oldest first, so that all fit.

        The live file may grow to its limit until the next look, so room for
        that is left.
        """
        files = sorted(rotated, key=lambda file: (file.number, file.name))
        if not self.total_bytes:
            return []
        over = sum(file.size_bytes for file in files) - self.total_bytes
        over += max(live_bytes, self.limit_bytes)
        gone = []
        for file in files:
            if over <= 0:
                break
            gone.append(file)
            over -= file.size_bytes
        return gone


@dataclass(frozen=True, slots=True)
class Rotated:
    """A file that is not written any more.

    Args:
        name: its name.
        number: its place in the order.
        ending: what follows the log's own ending: ````, ``.zst`` or ``.zst.part``.
        size_bytes: its size.
    """

    name: str
    number: int
    ending: str
    size_bytes: int = 0

    @property
    def plain_name(self) -> str:
        """Name of the same file before it was compressed."""
        return self.name.removesuffix(self.ending) if self.ending else self.name


class Family:
    """The names that the files of one log have.

    Args:
        wanted: name of the log, such as ``traffic.jsonl``.
    """

    def __init__(self, wanted: str) -> None:
        path = PurePath(wanted)
        stem, suffix = re.escape(path.stem), re.escape(path.suffix)
        self._suffix = path.suffix
        self._main = wanted
        process = r"-[0-9]+(?:-[0-9]+)?"
        self._process = re.compile(f"{stem}{process}{suffix}")
        self._rotated = re.compile(
            rf"{stem}(?:{process})?-[0-9]{{8}}T[0-9]{{6}}Z-([0-9]{{6,}}){suffix}(\.zst(?:\.part)?)?"
        )

    def is_of_a_process(self, name: str) -> bool:
        """Return whether a process wrote it because the log was in use.

        >>> [Family("t.jsonl").is_of_a_process(n) for n in ("t.jsonl", "t-7.jsonl", "t-x.jsonl")]
        [False, True, False]
        """
        return self._process.fullmatch(name) is not None

    def is_live(self, name: str) -> bool:
        """Return whether records are, or were at last, written to it."""
        return name == self._main or self.is_of_a_process(name)

    def rotated(self, name: str, size_bytes: int = 0) -> Rotated | None:
        """Return what the name says; None when it is none of a rotated file.

        >>> Family("t.jsonl").rotated("t-7-20250131T235959Z-000042.jsonl.zst").number
        42
        """
        match = self._rotated.fullmatch(name)
        if match is None:
            return None
        return Rotated(name, int(match[1]), match[2] or "", size_bytes)

    def name(self, live: str, now_s: float, number: int) -> str:
        """Return what the file *live* is called once it is rotated.

        >>> Family("t.jsonl").name("t-7.jsonl", 0, 42)
        't-7-19700101T000000Z-000042.jsonl'
        """
        at = datetime.fromtimestamp(now_s, UTC)
        stem = live.removesuffix(self._suffix) if self._suffix else live
        return f"{stem}-{at:%Y%m%dT%H%M%SZ}-{number:06}{self._suffix}"
