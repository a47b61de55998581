"""Keep the last good copy of each downloaded list.

``NAME.txt``   the copy, replaced in one step and only by what passes for a list
``NAME.json``  its `State`, written after it

Importing this imports pydantic (see `forebay.schema`): import it late.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from forebay.blocklist import expiry
from forebay.blocklist.catalog import ListEntry
from forebay.blocklist.transfer import LIMITS, Limits, Received, transfer
from forebay.blocklist.verdict import visible
from forebay.errors import ForebayError
from forebay.regularfile import open_regular

FORMAT = 1

_HEAD_BYTES = 65536
_STATE_BYTES = 65536
_STALE_S = 3600  # of a temporary file that nobody can be writing any more
_BOM = b"\xef\xbb\xbf"

type Measure = Callable[[Path], tuple[int, int]]
"""Return the number of rules in a file, and of lines that are mistakes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known of a copy, and of the last try to renew it.

    Args:
        format: ``FORMAT``; a state of another one counts as none.
        url: what was asked for last.
        checked_at_s: when that was.
        error: what went wrong then; all below is that of the copy all the same.
        fetched_at_s: when the copy came.
        etag: its validator (RFC 9110 §8.8.3).
        last_modified: its other validator (RFC 9110 §8.8.2).
        size_bytes: its size.
        sha256: its hash; that of a file somebody else wrote differs.
        rules: how many rules are in it.
    """

    format: int
    url: str
    checked_at_s: float
    error: str | None = None
    fetched_at_s: float | None = None
    etag: str | None = None
    last_modified: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    rules: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one list; *message* is one line without its name."""

    name: str
    status: Literal["updated", "unchanged", "refused", "failed"]
    message: str


class _RefusedError(ForebayError):
    """What came is no list that could take the place of the copy."""


def copy_path(folder: Path, name: str) -> Path:
    """Return where in *folder* the copy of the list *name* is."""
    return folder / f"{name}.txt"


def read_state(folder: Path, name: str) -> State | None:
    """Return the state of the list *name*, or None when there is none that can be understood."""
    try:
        with open_regular(_state_path(folder, name)) as file:
            state = msgspec.json.decode(file.read(_STATE_BYTES), type=State)
    except (OSError, ValueError, RecursionError):
        return None
    return state if state.format == FORMAT else None


def is_due(entry: ListEntry, folder: Path, now_s: float) -> bool:
    """Return whether the copy of *entry* in *folder* should be renewed at the time *now_s*."""
    state = read_state(folder, entry.name)
    if state is None or state.url != entry.url:
        return True
    failed = state.error is not None
    try:
        with open_regular(copy_path(folder, entry.name)) as file:
            head = file.read(_HEAD_BYTES).decode("utf-8", "replace")
    except OSError:
        return expiry.due(state.checked_at_s, 0, now_s, failed=failed)
    expires_s = entry.expires_s or expiry.header_s(head) or expiry.DEFAULT_S
    return expiry.due(state.checked_at_s, expires_s, now_s, failed=failed)


def update(
    entry: ListEntry, folder: Path, measure: Measure, *, now_s: float, limits: Limits = LIMITS
) -> Result:
    """Ask for the list *entry*, which has a URL, and replace its copy in *folder* if it changed.

    Whatever goes wrong, the copy stays as it is; what went wrong is noted in
    its state.  Another process may do the same at the same time.
    """
    assert entry.url is not None
    try:
        _prepare(folder, now_s)
        return _update(_Copy(entry.name, entry.url, folder, measure), now_s, limits)
    except _RefusedError as error:
        result = Result(entry.name, "refused", str(error))
    except ForebayError as error:
        result = Result(entry.name, "failed", visible(str(error), 500))
    except OSError as error:
        message = f"expected to write in {folder}, found {error.strerror}"
        result = Result(entry.name, "failed", visible(message, 500))
    _note(entry.name, entry.url, folder, result.message, now_s)
    return result


@dataclass(frozen=True, slots=True)
class _Copy:
    name: str
    url: str
    folder: Path
    measure: Measure

    @property
    def path(self) -> Path:
        return copy_path(self.folder, self.name)

    def known(self) -> State | None:
        """Return its state if that tells of this very file and of its URL."""
        state = read_state(self.folder, self.name)
        if state is None or state.url != self.url or state.sha256 is None:
            return None
        try:
            same = _sha256(self.path) == state.sha256
        except OSError:
            return None
        return state if same else None

    def rules_before(self) -> int:
        """Return how many rules it has, 0 when it is absent or not a copy of the same list."""
        state = read_state(self.folder, self.name)
        if state is not None and state.url != self.url:
            return 0
        try:
            return self.measure(self.path)[0]
        except (OSError, ForebayError):
            return 0


def _update(copy: _Copy, now_s: float, limits: Limits) -> Result:
    known = copy.known()
    etag, last_modified = (known.etag, known.last_modified) if known else (None, None)
    with _draft(copy.folder, copy.name) as (path, file):
        found = transfer(
            copy.url, file, etag=etag, last_modified=last_modified, limits=limits
        )  # fmt: skip
        if known and (found is None or found.sha256 == known.sha256):
            _write_state(copy.folder, copy.name, _renewed(known, found, now_s))
            return Result(copy.name, "unchanged", "not modified")
        assert found is not None  # nothing was asked that 304 could answer
        _finish(file)
        rules, errors = _accepted(path, copy, known)
        path.replace(copy.path)
    state = State(
        format=FORMAT,
        url=copy.url,
        checked_at_s=now_s,
        fetched_at_s=now_s,
        etag=found.etag,
        last_modified=found.last_modified,
        size_bytes=found.size_bytes,
        sha256=found.sha256,
        rules=rules,
    )
    _write_state(copy.folder, copy.name, state)
    mistakes = f", {errors:,} line{'s' * (errors != 1)} with mistakes" if errors else ""
    return Result(copy.name, "updated", f"{rules:,} rule{'s' * (rules != 1)}{mistakes}")


def _renewed(known: State, found: Received | None, now_s: float) -> State:
    state = dataclasses.replace(known, checked_at_s=now_s, error=None)
    if found is None:
        return state
    return dataclasses.replace(state, etag=found.etag, last_modified=found.last_modified)


def _accepted(path: Path, copy: _Copy, known: State | None) -> tuple[int, int]:
    """Return the rules and mistakes of what came.

    Raises:
        _RefusedError: when it is no list, or has lost too much of one.
    """
    url = visible(copy.url)
    with path.open("rb") as file:
        head = file.read(1024).removeprefix(_BOM).lstrip()
    if head.startswith(b"<"):
        raise _RefusedError(f"expected a list, found HTML or XML at {url}")
    try:
        rules, errors = copy.measure(path)
    except ForebayError as error:
        message = str(error).removeprefix(f"{visible(str(path))}: ")
        raise _RefusedError(visible(f"{message} at {url}", 500)) from None
    if not rules:
        raise _RefusedError(f"expected rules, found none at {url}")
    if errors > rules:
        raise _RefusedError(
            f"expected a list, found {rules:,} rules and {errors:,} mistakes at {url}"
        )
    before = known.rules if known and known.rules else copy.rules_before()
    if 2 * rules < before:
        raise _RefusedError(
            f"expected at least half of the {before:,} rules before, found {rules:,} at {url} "
            f"(to accept that, delete {visible(str(copy.path))})"
        )
    return rules, errors


def _note(name: str, url: str, folder: Path, error: str, now_s: float) -> None:
    """Keep *error* in the state; where even that cannot be written, the caller knows it anyway."""
    state = read_state(folder, name)
    if state is None:
        noted = State(format=FORMAT, url=url, checked_at_s=now_s, error=error)
    elif state.url == url:
        noted = dataclasses.replace(state, checked_at_s=now_s, error=error)
    else:
        noted = dataclasses.replace(
            state, url=url, checked_at_s=now_s, error=error, etag=None, last_modified=None
        )  # fmt: skip
    with contextlib.suppress(OSError):
        _write_state(folder, name, noted)


def _prepare(folder: Path, now_s: float) -> None:
    """Make *folder*, and remove what tries that were killed have left in it."""
    # One by one: the mode given holds for the last of several only.
    for each in (*reversed(folder.parents), folder):
        try:
            each.mkdir(mode=0o700, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
    folder.chmod(0o700)
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if abs(now_s - path.stat().st_mtime) > _STALE_S:
                path.unlink()


@contextlib.contextmanager
def _draft(folder: Path, name: str) -> Iterator[tuple[Path, BinaryIO]]:
    """Open a private file beside the one it is to replace; it goes away unless it does."""
    number, text = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".tmp")
    path = Path(text)
    try:
        with os.fdopen(number, "wb") as file:
            yield path, file
    finally:
        path.unlink(missing_ok=True)


def _finish(file: BinaryIO) -> None:
    """Bring *file* to the disk and close it: Windows does not rename an open one."""
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while data := file.read(_HEAD_BYTES):
            digest.update(data)
    return digest.hexdigest()


def _state_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def _write_state(folder: Path, name: str, state: State) -> None:
    with _draft(folder, name) as (path, file):
        file.write(msgspec.json.format(msgspec.json.encode(state)) + b"\n")
        _finish(file)
        path.replace(_state_path(folder, name))
