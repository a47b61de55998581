"""Files of rules that a person writes: read whole, watched, and read again when edited."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR
from typing import Any

from forebay.errors import ForebayError, RuleError, RuleErrors
from forebay.regularfile import open_regular
from forebay.watch import Watcher

logger = logging.getLogger(__name__)

_LONGEST_COMMENT_BYTES = 16 * 1024

type Stamp = tuple[tuple[object, ...] | None, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read, or a folder of them; *option* is blamed when it cannot be read."""

    path: Path
    option: str = ""
    may_be_absent: bool = False


def stamp(files: Iterable[Source]) -> Stamp:
    """Return what changes when one of *files* is written, replaced or removed."""
    return tuple(_stamp(source.path) for source in files)


def read_all[R](files: Iterable[Source], read: Callable[[Source], Iterable[R]]) -> list[R]:
    """Return the rules of all *files*, each of which is refused whole, and with it all.

    Raises:
        RuleErrors: with all that is wrong in all of them.
    """
    rules: list[R] = []
    errors: list[RuleError] = []
    for source in files:
        try:
            rules += read(source)
        except RuleErrors as error:
            errors += error.errors
        except RuleError as error:
            errors.append(error)
        except ForebayError as error:
            errors.append(RuleError(f"{source.option}: {error}"))
    if errors:
        raise RuleErrors(errors)
    return rules


class RuleFiles[S]:
    """The files that rules are from; the last good rules stay when an edit is a mistake.

    Args:
        name: what log lines begin with.
        load: reads files to a set of rules.
        put: puts a set in force.
        told: returns the size of a set in words.
        clock: POSIX time in seconds.

    Attributes:
        sources: what is read.
        refused: all that is wrong with an edit which is not in force for it.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[Iterable[Source]], S],
        put: Callable[[S], None],
        told: Callable[[S], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name, self._load, self._put, self._told = name, load, put, told
        self._clock = clock
        self.sources: tuple[Source, ...] = ()
        self.refused: tuple[str, ...] = ()
        self._stamp: Stamp = ()
        self._read_at_s: float | None = None
        self._watcher = Watcher(self._folders, self.renew)

    def read(self, sources: tuple[Source, ...], *, running: bool) -> None:
        """Read *sources*, and put their rules in force.

        Raises:
            ForebayError: with all that is wrong in them.
        """
        before = stamp(sources)
        rules = self._load(sources)
        self.sources, self._stamp = sources, before
        self._note_read()
        self._put(rules)
        if running:  # the folders may be others now
            self.stop()
            self.start()

    def start(self) -> None:
        """Begin to watch the files."""
        self._watcher.start()

    def stop(self) -> None:
        """Stop watching."""
        self._watcher.stop()

    async def renew(self) -> None:
        """Read the rules again if their files were edited; keep the last good ones on errors."""
        files = self.sources
        found = await asyncio.to_thread(stamp, files)
        if found == self._stamp:
            return  # some other file of the folder
        try:
            rules = await asyncio.to_thread(self._load, files)
        except ForebayError as error:
            if files is self.sources:
                self._stamp = found  # say it once
                self.refused = tuple(str(error).splitlines())
                for line in self.refused:
                    logger.warning("%s: rules not reloaded: %s", self._name, line)
            return
        if files is self.sources:  # else options were changed meanwhile
            self._stamp = found
            self._note_read()
            self._put(rules)
            logger.info("%s: %s (reloaded)", self._name, self._told(rules))

    def _note_read(self) -> None:
        self.refused = ()
        self._read_at_s = self._clock() if self.sources else None

    def status(self) -> dict[str, Any]:
        """Return in plain types which files were read, and when, and what is wrong with an edit."""
        return {
            "files": _modified([source.path for source in self.sources], self._stamp),
            "read_at_s": self._read_at_s,
            "problems": refusals(self.refused),
        }

    def _folders(self) -> list[Path]:
        places = [source.path.absolute() for source in self.sources]
        folders = [place if place.is_dir() else place.parent for place in places]
        return list(dict.fromkeys(folders))


def refusals(lines: Iterable[str]) -> list[str]:
    """Return what is said of an edit that is not in force for the mistakes in *lines*."""
    return [f"edit refused, rules before it in force: {line}" for line in lines]


def _modified(paths: Iterable[object], stamps: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the files that were there when they were looked at, and when each was modified."""
    found: list[dict[str, Any]] = []
    for path, stamped in zip(paths, stamps, strict=True):
        if stamped and isinstance(stamped[0], int):
            found.append({"path": str(path), "modified_at_s": stamped[0] / 1e9})
        elif stamped:  # a folder
            found += _modified(*zip(*stamped, strict=True))
    return found


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the YAML files of a folder, in the order of their names; of a file itself."""
    return tuple(sorted(path.glob("*.yaml"))) if path.is_dir() else (path,)


def says_nothing(path: Path) -> bool:
    """Return whether *path* is absent or has comments only, as for most users."""
    try:
        with open_regular(path) as file:
            data = file.read(_LONGEST_COMMENT_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False  # what hinders reading it is for the reader to say
    return len(data) <= _LONGEST_COMMENT_BYTES and all(
        not line.strip() or line.lstrip().startswith(b"#") for line in data.splitlines()
    )


def _stamp(path: Path) -> tuple[object, ...] | None:
    try:
        found = path.stat()
        if S_ISDIR(found.st_mode):
            return tuple((str(each), _stamp(each)) for each in files_of(path))
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
