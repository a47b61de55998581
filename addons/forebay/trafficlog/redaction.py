"""The rules of redact.yaml in force, its files watched, and the key of the hash.

The shipped file comes first, the user's own after it; a mistake in either costs
an edit, never what is masked by default.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from forebay.errors import ForebayError
from forebay.regularfile import open_regular
from forebay.rulefiles import RuleFiles, Source, read_all, says_nothing
from forebay.trafficlog.redact import DEFAULT, Mode, Policy, Redactor

FILE = "redact.yaml"
KEY_FILE = "redact.key"
_KEY_BYTES = 32


class Redaction:
    """What masks secrets, by rules that may be edited at any time.

    Args:
        put: is given each new one.
    """

    def __init__(self, put: Callable[[Redactor], None]) -> None:
        self._home = Path()
        self._put = put
        self._files = RuleFiles("redact", self._load, put, _told)

    def configure(self, shipped: Path, user: Path, home: Path, *, running: bool) -> None:
        """Read the files.

        Args:
            shipped: the folder of the rules that ship.
            user: the folder of the user's own.
            home: where the key is.
            running: whether the proxy runs.

        Raises:
            ForebayError: with all that is wrong in them.
        """
        self._home = home
        self._files.read(sources(shipped, user), running=running)

    @property
    def refused(self) -> tuple[str, ...]:
        """What is wrong with an edit which is not in force for it."""
        return self._files.refused

    def start(self) -> None:
        """Begin to watch the files."""
        self._files.start()

    def stop(self) -> None:
        """Stop watching."""
        self._files.stop()

    def _load(self, files: Iterable[Source]) -> Redactor:
        return load(files, self._home)


def sources(shipped: Path, user: Path) -> tuple[Source, ...]:
    """Return the files in their order, each file once."""
    found = (Source(shipped / FILE, "forebay_rules"), Source(user / FILE, "forebay_home"))
    return found if found[0].path.absolute() != found[1].path.absolute() else found[:1]


def load(files: Iterable[Source], home: Path) -> Redactor:
    """Return what masks by the rules of *files*; one that is absent says nothing.

    Raises:
        ForebayError: with all that is wrong in them, or with the key in *home*.
    """
    said = [source for source in files if not says_nothing(source.path)]
    if not said:
        return DEFAULT
    # Imported late: they import pydantic, and no start waits for it without such a file.
    from forebay import rulefile
    from forebay.trafficlog import redactparse

    found = read_all(
        said, lambda source: [redactparse.parse(rulefile.read(source.path), source.path)]
    )
    policy = redactparse.combined(found)
    return Redactor(with_key(policy, home))


def with_key(policy: Policy, home: Path) -> Policy:
    """Return *policy* with the key of *home*, made at its first use, if it needs one.

    Raises:
        ForebayError: when there is none, and none can be written.
    """
    if policy.mode is not Mode.HASH:
        return policy
    path = home / KEY_FILE
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            _make(path)
        with open_regular(path) as file:
            key = file.read(2 * _KEY_BYTES + 1)
    except OSError as error:
        raise ForebayError(
            f"redact.yaml: expected the key of mode: hash in {path}, found {error.strerror}"
        ) from None
    if not _KEY_BYTES <= len(key) <= 2 * _KEY_BYTES:
        raise ForebayError(
            f"redact.yaml: expected a key of {_KEY_BYTES} to {2 * _KEY_BYTES} bytes in {path}, "
            f"found {len(key)}"
        )
    return replace(policy, key=key)


def _make(path: Path) -> None:
    # Written whole before it has its name: another process may read it at once.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
    try:
        os.write(fd, secrets.token_bytes(_KEY_BYTES))
    finally:
        os.close(fd)
    try:
        if path.exists():
            return
        os.link(draft, path)
    finally:
        draft.unlink()


def _told(redactor: Redactor) -> str:
    return f"mode {redactor.policy.mode}"
