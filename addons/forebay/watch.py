"""Notice that rule files were edited, and call whoever reads them.

mitmproxy's own reload (of the script file) can drop a filter, so rules are
watched by ourselves; what a change leads to is the reader's affair.

The operating system tells of edits in a folder, but not that another folder
has taken its name: a rename, a symlink that is re-pointed above it, a folder
that appears.  So once a second the paths are looked at, too.
"""

from __future__ import annotations

import asyncio
import logging
import stat
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

POLL_S = 1.0
# Between "mv rules old" and "mv new rules" is a moment in which nothing should be read.
SETTLE_S = 0.3


def only(files: set[Path] | None) -> Callable[[object, str], bool]:
    """Return a filter of changes: those of *files*, or with None all."""
    return lambda _, path: files is None or Path(path) in files


@dataclass(frozen=True, slots=True)
class _Identity:
    """What a path leads to, symlinks followed; ``written_ns`` is 0 for folders."""

    is_folder: bool
    device: int
    inode: int
    written_ns: int


type _Sight = dict[Path, _Identity | None]


class Watcher:
    """Await *changed* after anything below one of *folders* was written, or another has its name.

    Args:
        folders: returns what to watch: folders with all that is below them,
            and single files.  What is missing is watched once it is there.
        changed: awaited once for a burst of changes; what it raises is logged
            as a warning, and watching goes on.
        poll_s: how often to look whether a path leads to something else.
    """

    def __init__(
        self,
        folders: Callable[[], list[Path]],
        changed: Callable[[], Awaitable[None]],
        *,
        poll_s: float = POLL_S,
    ) -> None:
        self._folders = folders
        self._changed = changed
        self._poll_s = poll_s
        self._follower: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch; needs a running event loop.  A second call is no second watch."""
        if self._follower is not None:
            return
        paths = [path.absolute() for path in self._folders()]
        if paths:
            follower = _Follower(paths, self._changed, self._poll_s)
            # Looked at before it is watched: what comes in between is seen at the next look.
            self._follower = asyncio.get_running_loop().create_task(follower.run(_look(paths)))

    def stop(self) -> None:
        """Stop watching; may come twice, or before ``start``."""
        if self._follower is not None:
            self._follower.cancel()
            self._follower = None


class _Follower:
    """Watch what is at *paths* now, and begin anew whenever that is something else."""

    def __init__(
        self, paths: list[Path], changed: Callable[[], Awaitable[None]], poll_s: float
    ) -> None:
        self._paths = paths
        self._changed = changed
        self._poll_s = poll_s
        self._noticed = asyncio.Event()
        self._lost = False

    async def run(self, sight: _Sight) -> None:
        begun = False
        while True:
            self._lost = False
            watches = self._watch_all(sight)
            try:
                if begun:
                    await asyncio.sleep(0)  # first the watches begin, then files are read
                    await self._tell()
                sight = await self._replaced(sight)
            finally:
                for watch in watches:
                    watch.cancel()
            begun = True

    async def _replaced(self, before: _Sight) -> _Sight:
        """Return what is there once it is not *before* any more; tell of edits until then."""
        while True:
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._noticed.wait()
            except TimeoutError:
                pass
            edited = self._noticed.is_set()
            self._noticed.clear()
            if await asyncio.to_thread(_look, self._paths) != before or self._lost:
                await asyncio.sleep(SETTLE_S)
                self._noticed.clear()
                return await asyncio.to_thread(_look, self._paths)
            if edited:
                await self._tell()

    async def _tell(self) -> None:
        try:
            await self._changed()
        except Exception as error:
            logger.warning("rules: not reloaded: %s", error)

    def _watch_all(self, sight: _Sight) -> list[asyncio.Task[None]]:
        folders = {path for path in self._paths if _is_folder(sight[path])}
        # A file is watched through its folder: editors replace files by others of the same name.
        files = {path for path in self._paths if _is_file(sight[path])}
        watched = [(folders, None), ({file.parent for file in files}, files)]
        loop = asyncio.get_running_loop()
        return [loop.create_task(self._watch(*each)) for each in watched if each[0]]

    async def _watch(self, folders: set[Path], files: set[Path] | None) -> None:
        # Imported late: it costs start-up time and nothing waits for it.
        from watchfiles import Change, awatch

        def takes_away(change: Change, path: str) -> bool:
            # A new folder may have the inode of the one that was removed, and look the same.
            return change is Change.deleted and Path(path) in folders

        edits = only(files)
        bursts = awatch(
            *folders,
            watch_filter=lambda change, path: edits(change, path) or takes_away(change, path),
            debounce=200,
            step=50,
            recursive=files is None,
        )
        try:
            async with aclosing(bursts):
                async for burst in bursts:
                    self._lost = self._lost or any(takes_away(*change) for change in burst)
                    self._noticed.set()
        except FileNotFoundError:
            self._lost = True  # gone since it was looked at: looked for again in a moment
        except (OSError, RuntimeError) as error:
            logger.warning(
                "rules: expected to watch %s, found %s: edits take effect at the next start",
                ", ".join(map(str, folders)),
                error,
            )


def _look(paths: Iterable[Path]) -> _Sight:
    sight: _Sight = {}
    for path in paths:
        sight[path] = _identity(path)
        if _is_file(sight[path]):
            sight[path.parent] = _identity(path.parent)
    return sight


def _identity(path: Path) -> _Identity | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    is_folder = stat.S_ISDIR(status.st_mode)
    written_ns = 0 if is_folder else status.st_mtime_ns
    return _Identity(is_folder, status.st_dev, status.st_ino, written_ns)


def _is_folder(identity: _Identity | None) -> bool:
    return identity is not None and identity.is_folder


def _is_file(identity: _Identity | None) -> bool:
    return identity is not None and not identity.is_folder
